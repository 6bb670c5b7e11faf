"""What STSTNet reads: u, v and optical strain at 28 x 28, each stretched to 0..255.

Liong, Gan, See, Khor, Huang, "Shallow Triple Stream Three-dimensional CNN (STSTNet) for Micro-expression Recognition",
FG 2019. The paper does not say at which size the strain is taken, nor how the maps are made small. Both can be read
off the published maps of CASME II and SAMM: strain taken from their own u and v at 28 x 28, the unknown ratio of the
two fitted per map, correlates with their strain channel by .87 in the median; strain really taken there would give
.999. On other faces, strain taken at full size and then averaged gives .86 to .88, and picked at single pixels .65. So:
strain first, at the size of the flow, then the mean over each cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .strain import strain

SIZE = 28
"""Side of a flow map."""

STILL = 1e-4
"""A channel whose values differ by less (pixels; for strain, pixels per pixel) shows no motion and becomes 0."""


def encode(flow: Tensor) -> Tensor:
    """Flow maps of flow fields, differentiable.

    Each channel of each map is stretched on its own, its least value to 0 and its greatest to 255, so that neither the
    strength nor the mean of the motion remains. A channel that is constant within `STILL` is 0 everywhere: the still
    face, and every channel of a face that only shifts as a whole.

    Args:
        flow: ``float (N, 2, H, W)``, (u, v) in pixels, H and W at least 2.

    Returns:
        ``float (N, 3, 28, 28)``, (u, v, strain), in [0, 255].

    Raises:
        ValueError: for another shape or values that are not finite.

    >>> encode(torch.ones(1, 2, 56, 56)).abs().max().item()
    0.0
    """
    magnitude = strain(flow)
    if not bool(torch.isfinite(flow).all()):
        raise ValueError("the flow holds values that are not finite; expected pixels")
    small = functional.interpolate(torch.cat([flow, magnitude[:, None]], dim=1), (SIZE, SIZE), mode="area")
    low, high = small.amin(dim=(2, 3), keepdim=True), small.amax(dim=(2, 3), keepdim=True)
    moves = high - low > STILL
    span = torch.where(moves, high - low, torch.ones_like(low))
    return (small - low) / span * (255.0 * moves)


def encode_uint8(flow: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """The flow map of one flow field, as `mask.clip.Clip.flow` holds it.

    Args:
        flow: ``float (H, W, 2)``, (u, v) in pixels.

    Returns:
        ``uint8 (28, 28, 3)``, (u, v, strain); `encode`, rounded.

    Raises:
        ValueError: for another shape or values that are not finite.
    """
    if flow.ndim != 3 or flow.shape[-1] != 2:
        raise ValueError(f"flow has shape {flow.shape}; expected (H, W, 2)")
    field = torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1)))
    found: NDArray[np.uint8] = to_uint8(encode(field[None]))[0]
    return found


def to_uint8(maps: Tensor) -> NDArray[np.uint8]:
    """Maps ``float (N, 3, 28, 28)`` in [0, 255] as ``uint8 (N, 28, 28, 3)``."""
    rounded: NDArray[np.uint8] = maps.detach().permute(0, 2, 3, 1).round().to(torch.uint8).contiguous().cpu().numpy()
    return rounded
