"""Farneback and DIS, the two dense flow methods in OpenCV's core since version 3 and still there in version 5.

The defaults were chosen for motion of 0.1 to 3 px on faces of 128 to 256 px, on analytically warped textures and a
photographed face with sensor noise of 1.5 to 2 grey levels: OpenCV's own defaults are made for street scenes. No method
here has a gradient; `mask.flow.tvl1` has.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Grey = NDArray[np.uint8]


def farneback(
    onset: Grey,
    apex: Grey,
    *,
    window: int = 21,
    levels: int = 3,
    iterations: int = 3,
    neighbourhood: int = 5,
    sigma: float = 1.1,
) -> Field:
    """Flow by local polynomials (Farneback, SCIA 2003).

    Args:
        onset, apex: ``uint8 (H, W)``, grey, at least 16 x 16 pixels.
        window: side of the averaging window, pixels. Larger is steadier under noise (on a noisy face, 15 has 15 % more
            error than 21) and blurs where motions meet.
        levels: levels of the pyramid besides the finest, each half the size.
        iterations: per level.
        neighbourhood: side of the neighbourhood a polynomial is fitted to, 5 or 7.
        sigma: of its Gaussian weights, pixels.

    Returns:
        ``float32 (H, W, 2)``, (u, v) in pixels.
    """
    if window < 1 or levels < 0 or iterations < 1 or neighbourhood not in (5, 7) or not sigma > 0:
        raise ValueError(
            f"window {window}, iterations {iterations} and sigma {sigma} must be positive, levels {levels} must not be "
            f"negative, and neighbourhood {neighbourhood} must be 5 or 7"
        )
    # At its far borders OpenCV compares the onset with nothing, and sees up to .03 px of motion between equal frames.
    onset, apex = (np.pad(f, window, mode="edge") for f in (onset, apex))
    arguments = (0.5, levels + 1, window, iterations, neighbourhood, sigma, 0)
    field: Field = cv2.calcOpticalFlowFarneback(onset, apex, None, *arguments)  # type: ignore[call-overload]
    return np.ascontiguousarray(field[window:-window, window:-window])


def dis(
    onset: Grey,
    apex: Grey,
    *,
    finest: int = 0,
    patch: int = 8,
    stride: int = 3,
    refinements: int = 20,
    smoothness: float = 40.0,
    gradient: float = 5.0,
) -> Field:
    """Flow by dense inverse search with variational refinement (Kroeger et al., ECCV 2016).

    OpenCV's medium preset stops at half the size (`finest` 1) with 5 refinements at `smoothness` 20 and `gradient` 10:
    about 20 % more error on small motions, and motions met at a border are blurred.

    Args:
        onset, apex: ``uint8 (H, W)``, grey, at least 16 x 16 pixels.
        finest: the finest level searched, 0 for full size.
        patch: side of a patch, pixels.
        stride: between patches, pixels, below `patch`.
        refinements: fixed-point iterations of the variational refinement.
        smoothness: its weight of the smoothness term.
        gradient: its weight of gradient constancy.

    Returns:
        ``float32 (H, W, 2)``, (u, v) in pixels.
    """
    if not (0 <= finest <= 3 and 4 <= patch <= 16 and 1 <= stride < patch and 0 <= refinements <= 100):
        raise ValueError(
            f"finest {finest}, patch {patch}, stride {stride} or refinements {refinements} is out of range; expected "
            "0 to 3, 4 to 16, 1 to patch - 1, 0 to 100"
        )
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(finest)
    search.setPatchSize(patch)
    search.setPatchStride(stride)
    search.setVariationalRefinementIterations(refinements)
    search.setVariationalRefinementAlpha(smoothness)
    search.setVariationalRefinementGamma(gradient)
    field: Field = search.calc(onset, apex, None)  # type: ignore[call-overload]
    return field
