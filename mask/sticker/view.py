"""Where a sticker appears in a frame: the window of pixels it can touch, and the resolution of its art.

Convention of every renderer:
  * a pose is a 2 x 3 affine from sticker coordinates, the canvas from -1 to 1 in (x, y), y down, to pixels;
  * pixel centres lie at integers; the canvas reaches from edge to edge of the art's texels, so that a drawing of
    w x w texels seen at scale 1 with its first texel on pixel (0, 0) has the pose ``[[w/2, 0, (w-1)/2],
    [0, w/2, (w-1)/2]]``, and art of any resolution covers the same pixels;
  * art is premultiplied RGBA: filtering it leaves no dark fringe.

The art is averaged down to about `DENSITY` texels a pixel and sampled once a pixel, bilinearly. Art that is no finer
than the pixels is sampled as it is: under a shift, bilinear sampling of texels as large as pixels is exact area
coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .texture import Level, nearest_level

DENSITY = math.sqrt(3)
"""Texels a pixel, each way. A box of width w has variance w^2 / 12; a texel's own box and the two that bilinear
sampling adds on average come to 3 w^2 / 12: at w = 1 / sqrt(3) the art is blurred just as the pixel's box blurs."""

NOTHING = 1e-4
"""Alpha below this is none: 1/40 of an 8-bit step, the size of rounding errors in the warp."""

_FLAT = 1e-6


@dataclass(frozen=True)
class View:
    """What is seen of a sticker.

    Args:
        top, left: the window's first pixel; it may lie outside the frame.
        rows, columns: the window's size, at most the frame's.
        level: the art's size.
    """

    top: int
    left: int
    rows: int
    columns: int
    level: Level

    @classmethod
    def of(
        cls, pose: NDArray[np.floating[Any]], art: tuple[int, ...], reach: tuple[float, float], frame: tuple[int, ...]
    ) -> View:
        """The view of art of a shape (..., h, w) that reaches so far on its canvas, in a frame of a shape (H, W).

        Raises:
            ValueError: for a pose that is not finite or has no area.
        """
        check_pose(pose)
        if is_flat(pose):
            raise ValueError("a pose has no area: the sticker is seen edge on")
        (xx, xy, x), (yx, yy, y) = pose.tolist()
        level = nearest_level(art, 2 * DENSITY * math.hypot(xx, yx), 2 * DENSITY * math.hypot(xy, yy))
        # What is drawn may lie half a texel of this level further out, and bilinear sampling reaches one texel.
        across, down = (min(r + 3 / n, 1 + 1 / n) for r, n in zip(reach, level[::-1], strict=True))
        left, columns = _span(x, abs(xx) * across + abs(xy) * down, frame[1])
        top, rows = _span(y, abs(yx) * across + abs(yy) * down, frame[0])
        return cls(top, left, rows, columns, level)

    def corner(self, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
        """The first pixel, (row, column), of a window of `size` that holds this one and lies in the frame."""
        return min(self.top, shape[0] - size[0]), min(self.left, shape[1] - size[1])


def check_pose(pose: NDArray[np.floating[Any]]) -> None:
    """Raise `ValueError` unless this is a finite 2 x 3 matrix."""
    if pose.shape != (2, 3) or not np.isfinite(pose).all():
        raise ValueError("a pose is not a finite 2 x 3 matrix; are there landmarks in this frame?")


def is_flat(pose: NDArray[np.floating[Any]]) -> bool:
    """Whether a sticker is seen edge on: its canvas covers no area to speak of."""
    (xx, xy, _), (yx, yy, _) = pose.tolist()
    return bool(abs(xx * yy - xy * yx) < _FLAT)


def _span(middle: float, reach: float, length: int) -> tuple[int, int]:
    """The first pixel within reach that the frame does not begin after, and how many follow, at most the frame's."""
    low, high = max(middle - reach, -1e9), min(middle + reach, 1e9)
    return max(math.floor(low), 0), min(max(math.ceil(high) - math.floor(low) + 1, 1), length)
