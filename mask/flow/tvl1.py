"""TV-L1 optical flow in torch: batched, coarse to fine, differentiable.

Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007; the numbers and the order of
the steps follow Sanchez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation", IPOL 2013/26, which is what the
micro-expression field uses. Where it differs: each warp runs a fixed number of iterations where IPOL stops by a
tolerance, so that a pair's flow does not depend on its neighbours in the batch; grey values are used as they are, where
IPOL stretches each pair to 0..255; the gradient is that of the warped apex, where IPOL warps the gradient. There is no
median filter between the warps (OpenCV's TV-L1 has one): it would lower the error by 3 % on small motions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ._relax import Weights, relax, relax_
from ._sample import sample

SMALLEST = 16
"""The shortest side, in pixels, of a picture whose flow can be found."""

_CPU_CHUNK = 1 << 16  # pixels; about 25 floats each are in flight


def tvl1(
    onset: Tensor,
    apex: Tensor,
    *,
    attachment: float = 0.15,
    theta: float = 0.3,
    tau: float = 0.25,
    warps: int = 5,
    iterations: int = 15,
    levels: int = 10,
    smoothing: float = 0.8,
) -> Tensor:
    """The displacement of every pixel from onset to apex, by TV-L1.

    Convention: ``apex(x + flow(x)) = onset(x)``; (u, v) in pixels, u to the right, v down.

    With a gradient the iterations are unrolled, and recomputed one warp at a time on the way back: a 140 x 140 pair
    takes about 50 MB (300 MB if nothing were recomputed), in proportion to its pixels and to `iterations`. The flow is
    the same with and without a gradient, to rounding. On the CPU it is deterministic, and independent of the batch and
    of the number of threads; on a GPU the backward pass adds in no fixed order, and the last digits differ.

    Brightness is taken as constant: on a texture of standard deviation 30 grey levels, a frame brighter by 1 level
    moves the flow by .04 px in the mean, by 5 levels .3 px. Farneback and DIS (`mask.flow.flow`) do not mind.

    Args:
        onset: ``float32 or float64 (N, 1, H, W)``, grey, in [0, 1], H and W at least 16.
        apex: the same.
        attachment: weight of the data term, lambda, for grey values in 0..255; smaller is smoother.
        theta: coupling of data term and regulariser.
        tau: step of the inner projection, at most 1/4.
        warps: linearisations per level.
        iterations: inner iterations per warp. Fewer make a lighter graph and a flow that lags behind large motions.
        levels: the most levels of the pyramid, each half the size of the one before, none under 16 pixels.
        smoothing: standard deviation of the Gaussian that takes sensor noise off the pictures, pixels; 0 for none.

    Returns:
        ``float (N, 2, H, W)`` in pixels, on the device and of the type of `onset`.

    Raises:
        ValueError: for shapes that differ or are too small, values that are not finite or far outside [0, 1], or
            parameters out of range.

    >>> still = torch.linspace(0, 1, 20).expand(1, 1, 20, 20)
    >>> float(tvl1(still, still).abs().max())
    0.0
    """
    _check(onset, apex)
    _check_parameters(attachment, theta, tau, warps, iterations, levels, smoothing)
    if not len(onset):
        return onset.new_zeros(0, 2, *onset.shape[-2:])
    weights = Weights(attachment, theta, tau)
    pyramid = _pyramid(_smooth(torch.stack([onset[:, 0], apex[:, 0]]) * 255, smoothing), levels)
    u = onset.new_zeros(2, *pyramid[-1].shape[1:])
    for pictures in reversed(pyramid):
        u = _enlarge(u, pictures.shape[-2:])
        many = _at_once(pictures)
        parts = zip(*(torch.split(t, many, dim=1) for t in (pictures, u)), strict=True)
        u = torch.cat([_level(p[0], p[1], part, weights, warps, iterations) for p, part in parts], dim=1)
    return u.transpose(0, 1).contiguous()


def _at_once(pictures: Tensor) -> int:
    """How many of the pairs ``(2, N, H, W)`` to relax together: on a CPU, as many as its caches hold."""
    count, height, width = pictures.shape[1:]
    return max(1, _CPU_CHUNK // (height * width) if pictures.device.type == "cpu" else count)


def _level(onset: Tensor, apex: Tensor, u: Tensor, weights: Weights, warps: int, iterations: int) -> Tensor:
    """Improve the flow ``(2, N, H, W)`` of pictures ``(N, H, W)`` in 0..255."""
    p = u.new_zeros(2, *u.shape)
    again = torch.is_grad_enabled() and (onset.requires_grad or apex.requires_grad)
    for _ in range(warps):
        if again:
            arguments = (onset, apex, u, p, weights, iterations)
            u, p = checkpoint(_warp, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            u, p = _warp(onset, apex, u, p, weights, iterations)
    return u


def _warp(
    onset: Tensor, apex: Tensor, u: Tensor, p: Tensor, weights: Weights, iterations: int
) -> tuple[Tensor, Tensor]:
    """Linearise about the current flow, and relax."""
    warped = sample(apex, u)
    g = torch.stack(torch.gradient(warped, dim=(2, 1)))
    c = warped - onset - g[0] * u[0] - g[1] * u[1]
    if torch.is_grad_enabled() and c.requires_grad:
        return relax(u, p, c, g, weights, iterations)
    return relax_(u, p, c, g, weights, iterations)


def _pyramid(pictures: Tensor, levels: int) -> list[Tensor]:
    """``(2, N, H, W)`` and its halvings, finest first."""
    pyramid = [pictures]
    while len(pyramid) < levels:
        size = [math.ceil(side / 2) for side in pyramid[-1].shape[-2:]]
        if min(size) < SMALLEST:
            break
        half = functional.interpolate(pyramid[-1], size, mode="bilinear", align_corners=False, antialias=True)
        pyramid.append(half)
    return pyramid


def _enlarge(u: Tensor, size: torch.Size) -> Tensor:
    """Flow ``(2, N, h, w)`` at another size, in the pixels of that size."""
    # One channel each: torch's kernel for several channels rounds differently with their number.
    flat = u.reshape(-1, 1, *u.shape[-2:])
    large = functional.interpolate(flat, size, mode="bilinear", align_corners=False)
    scale = u.new_tensor([size[1] / u.shape[-1], size[0] / u.shape[-2]])
    return large.view(*u.shape[:2], *size) * scale.view(2, 1, 1, 1)


def _smooth(pictures: Tensor, sigma: float) -> Tensor:
    if sigma == 0:
        return pictures
    reach = math.ceil(3 * sigma)
    steps = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    count, height, width = pictures.shape[1:]
    flat = pictures.reshape(2 * count, 1, height, width)
    padded = functional.pad(flat, (reach, reach, reach, reach), mode="replicate")
    done = functional.conv2d(functional.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return done.view_as(pictures)


def _check(onset: Tensor, apex: Tensor) -> None:
    if onset.ndim != 4 or onset.shape[1] != 1 or onset.shape != apex.shape:
        raise ValueError(
            f"onset and apex have shapes {tuple(onset.shape)} and {tuple(apex.shape)}; expected (N, 1, H, W) twice"
        )
    if min(onset.shape[-2:]) < SMALLEST:
        raise ValueError(f"the pictures are {onset.shape[-1]} x {onset.shape[-2]}; expected at least 16 x 16 pixels")
    for name, picture in (("onset", onset), ("apex", apex)):
        if picture.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{name} is {picture.dtype}; expected float32 or float64 in [0, 1]")
        if picture.numel() == 0:
            continue
        low, high = (float(v) for v in picture.detach().aminmax())
        if not (low >= -0.1 and high <= 1.1):
            raise ValueError(f"{name} ranges from {low:g} to {high:g}; expected finite grey values in [0, 1]")
    if onset.dtype != apex.dtype or onset.device != apex.device:
        raise ValueError("onset and apex differ in type or device; expected the same for both")


def _check_parameters(
    attachment: float, theta: float, tau: float, warps: int, iterations: int, levels: int, smoothing: float
) -> None:
    if not (attachment > 0 and theta > 0 and 0 < tau <= 0.25):
        raise ValueError(f"attachment {attachment}, theta {theta} and tau {tau} must be positive, and tau at most 0.25")
    if min(warps, iterations, levels) < 1:
        raise ValueError(f"warps {warps}, iterations {iterations} and levels {levels} must be at least 1")
    if not 0 <= smoothing <= 10:
        raise ValueError(f"smoothing is {smoothing}; expected 0 to 10 pixels")
