"""Optical strain: how much the skin stretches and shears, whatever the head does as a whole.

Shreve et al., "Macro- and Micro-Expression Spotting in Long Videos Using Spatio-Temporal Strain", FG 2011; Liong et
al., "Subtle Expression Recognition Using Optical Strain Weighted Features", ACCV Workshops 2014.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@overload
def strain(flow: Tensor) -> Tensor: ...
@overload
def strain(flow: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]: ...
def strain(flow: Tensor | NDArray[np.floating[Any]]) -> Tensor | NDArray[np.floating[Any]]:
    """The magnitude of the optical strain, ``sqrt(e_xx^2 + e_yy^2 + 2 e_xy^2)``.

    ``e_xx = du/dx``, ``e_yy = dv/dy``, ``e_xy = (du/dy + dv/dx) / 2``, by central differences, one-sided at the border.
    Where there is no strain its gradient is taken as zero.

    Args:
        flow: a tensor ``float (N, 2, H, W)`` or an array ``float (..., H, W, 2)``, (u, v) in pixels, u to the right, v
            down, H and W at least 2.

    Returns:
        A tensor ``float (N, H, W)`` or an array ``float (..., H, W)``, pixels per pixel, of the type given.

    Raises:
        ValueError: for another shape.

    >>> y, x = np.mgrid[:4, :4] * 1.0
    >>> expanding = np.stack([0.1 * x, 0.1 * y], axis=-1)
    >>> round(float(strain(expanding)[1, 1]), 4)  # sqrt(2) / 10
    0.1414
    """
    if isinstance(flow, Tensor):
        if flow.ndim != 4 or flow.shape[1] != 2 or min(flow.shape[-2:]) < 2:
            raise ValueError(f"flow has shape {tuple(flow.shape)}; expected (N, 2, H, W) with H and W at least 2")
        return _magnitude(flow[:, 0], flow[:, 1])
    if flow.ndim < 3 or flow.shape[-1] != 2 or min(flow.shape[-3:-1]) < 2:
        raise ValueError(f"flow has shape {flow.shape}; expected (..., H, W, 2) with H and W at least 2")
    u, v = torch.from_numpy(np.ascontiguousarray(np.moveaxis(flow, -1, 0)))
    result: NDArray[np.floating[Any]] = _magnitude(u, v).numpy()
    return result


def _magnitude(u: Tensor, v: Tensor) -> Tensor:
    uy, ux = torch.gradient(u, dim=(-2, -1))
    vy, vx = torch.gradient(v, dim=(-2, -1))
    squared = ux**2 + vy**2 + 0.5 * (uy + vx) ** 2
    # A root has no gradient at zero; there the root of one is taken instead, and dropped.
    still = squared == 0
    return torch.where(still, torch.ones_like(squared), squared).sqrt() * ~still
