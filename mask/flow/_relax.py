"""The inner iteration of TV-L1: soft threshold on the linearised data term, one step of Chambolle's projection.

With the warped apex linearised about the current flow, its residual is ``rho(u) = c + gx u + gy v``; one iteration is

    w = u - clamp(rho(u) / |g|^2, -lambda theta, lambda theta) g        (data term, in closed form)
    u = w + theta div p                                                (coupling)
    p = (p + tau/theta grad u) / (1 + tau/theta |grad u|)              (total variation, its dual p)

with forward differences for the gradient, zero at the far border, and their negative adjoint for the divergence. It is
written twice. `relax_` works in place and moves about 50 floats per pixel and iteration, in one pass per operation over
rows laid end to end: where a row meets the next, p is zero, so that the divergence needs no border case. `relax`
allocates and can be differentiated. A test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Weights:
    """The constants of the iteration, for grey values in 0..255.

    Args:
        attachment: lambda, the weight of the data term against the total variation.
        theta: the coupling of the two halves, square pixels.
        tau: the step of the projection; stable up to 1/4.
    """

    attachment: float
    theta: float
    tau: float


def relax(u: Tensor, p: Tensor, c: Tensor, g: Tensor, weights: Weights, iterations: int) -> tuple[Tensor, Tensor]:
    """Iterate, differentiably.

    Args:
        u: ``float (2, N, H, W)``, the flow.
        p: ``float (2, 2, N, H, W)``, the dual: (along x or y, of u or v).
        c: ``float (N, H, W)``, the constant part of the residual.
        g: ``float (2, N, H, W)``, the gradient of the warped picture.
        weights, iterations: see `Weights`.

    Returns:
        The new u and p.
    """
    reach, inverse = weights.attachment * weights.theta, weights.theta / weights.tau
    norm = _norm(g)
    c, a = c / norm, g / norm
    for _ in range(iterations):
        t = (c + a[0] * u[0] + a[1] * u[1]).clamp(-reach, reach)
        px, py = p
        divergence = px - functional.pad(px[..., :-1], (1, 0)) + py - functional.pad(py[..., :-1, :], (0, 0, 1, 0))
        u = u - t * g + weights.theta * divergence
        du = torch.stack([functional.pad(u.diff(dim=-1), (0, 1)), functional.pad(u.diff(dim=-2), (0, 0, 0, 1))])
        # The small constant gives the square root a gradient where the flow is flat.
        length = (du[0] * du[0] + du[1] * du[1] + _TINY).sqrt()
        p = (p * inverse + du) / (length + inverse)
    return u, p


def relax_(u: Tensor, p: Tensor, c: Tensor, g: Tensor, weights: Weights, iterations: int) -> tuple[Tensor, Tensor]:
    """As `relax`, in place on copies of `u` and `p`; its results carry no gradient."""
    shape = u.shape
    u, p = u.detach().clone(memory_format=torch.contiguous_format), p.detach().clone()
    height, width = shape[-2:]
    theta, reach, inverse = weights.theta, weights.attachment * weights.theta, weights.theta / weights.tau
    norm = _norm(g)
    ax, ay = (g / norm).reshape(2, -1)
    c = (c / norm).reshape(-1)
    gx, gy = g.reshape(2, -1)
    t = torch.empty_like(c)
    u, p, du = u.view(2, -1), p.view(2, 2, -1), torch.zeros_like(p).view(2, 2, -1)
    length = torch.empty_like(u)
    # Views are made once: in the loop they would cost as much as the arithmetic on small pictures.
    (ux, uy), (px, py), (dx, dy) = u, p, du
    u_right, u_left, u_below, u_above = u[:, 1:], u[:, :-1], u[:, width:], u[:, :-width]
    p_left, p_above = px[:, :-1], py[:, :-width]
    d_left, d_above = dx[:, :-1], dy[:, :-width]
    last_column, last_row = dx.view(2, -1, height, width)[..., -1], dy.view(2, -1, height, width)[..., -1, :]
    for _ in range(iterations):
        torch.addcmul(c, ax, ux, out=t).addcmul_(ay, uy).clamp_(-reach, reach)
        ux.addcmul_(t, gx, value=-1)
        uy.addcmul_(t, gy, value=-1)
        u.add_(px, alpha=theta).add_(py, alpha=theta)
        u_right.sub_(p_left, alpha=theta)
        u_below.sub_(p_above, alpha=theta)
        torch.sub(u_right, u_left, out=d_left)
        torch.sub(u_below, u_above, out=d_above)
        last_column.zero_()
        last_row.zero_()
        torch.mul(dx, dx, out=length).addcmul_(dy, dy).sqrt_().add_(inverse)
        torch.add(du, p, alpha=inverse, out=p).div_(length)
    return u.view(shape), p.view(2, *shape)


_TINY = 1e-12


def _norm(g: Tensor) -> Tensor:
    """The squared length of the gradient, kept off zero: where it is zero the data term moves nothing."""
    return (g[0] * g[0] + g[1] * g[1]).clamp_min(1e-8)
