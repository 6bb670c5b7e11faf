"""Polygons on a pixel grid: which pixel centres lie inside, how much of a cell is covered, centre, distance.

The rule is even-odd and half-open: a point on a left or an upper edge is inside, one on a right or a lower edge is
not. Polygons that share an edge therefore share no pixel and leave none out, whatever the edge's direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Loop = NDArray[np.float64]
"""The corners of a closed polygon in order, ``float64 (V, 2)`` as (x, y); the last joins the first."""


def fill(loops: Sequence[ArrayLike], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixel centres lie inside.

    Args:
        loops: polygons of shape (V, 2), (x, y) in pixels, pixel centres at integers; a point inside an even number
            of them is outside.
        shape: (H, W).

    Returns:
        ``bool (H, W)``.

    Raises:
        ValueError: for corners that are not finite.

    >>> fill([[(0, 0), (2, 0), (2, 1), (0, 1)]], (2, 3)).astype(int).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    height, width = shape
    low, high = _edges(loops)
    first = np.clip(np.ceil(low[:, 1]), 0, height).astype(np.int64)
    last = np.clip(np.ceil(high[:, 1]), 0, height).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(low)), count)
    start = np.repeat(np.cumsum(count) - count, count)
    row = np.repeat(first, count) + np.arange(len(edge)) - start
    cut = np.clip(np.ceil(_cut(low[edge], high[edge], row)), 0, width).astype(np.int64)
    flips = np.zeros((height, width + 1), dtype=np.int64)
    np.add.at(flips, (row, cut), 1)
    inside: NDArray[np.bool_] = np.cumsum(flips, axis=1)[:, :width] % 2 == 1
    return inside


def cover(loops: Sequence[ArrayLike], shape: tuple[int, int], samples: int = 16) -> NDArray[np.float64]:
    """The share of each pixel's square that lies inside, ``float64 (H, W)``, to about 1 in `samples` squared.

    >>> cover([[(-0.5, -0.5), (0, -0.5), (0, 0.5), (-0.5, 0.5)]], (1, 2)).tolist()
    [[0.5, 0.0]]
    """
    height, width = shape
    fine = [(np.asarray(loop, dtype=np.float64) + 0.5) * samples - 0.5 for loop in loops]
    inside = fill(fine, (height * samples, width * samples))
    share: NDArray[np.float64] = inside.reshape(height, samples, width, samples).mean(axis=(1, 3))
    return share


def contains(loops: Sequence[ArrayLike], points: ArrayLike) -> NDArray[np.bool_]:
    """Whether each of the points, ``(P, 2)``, lies inside, by the rule of `fill`; ``bool (P,)``."""
    at = np.asarray(points, dtype=np.float64)
    low, high = (end[:, None] for end in _edges(loops))
    crosses = (low[..., 1] <= at[:, 1]) & (at[:, 1] < high[..., 1])
    left = _cut(low, high, at[:, 1]) <= at[:, 0]
    inside: NDArray[np.bool_] = (crosses & left).sum(axis=0) % 2 == 1
    return inside


def centre(loops: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """The centre of area of polygons that do not overlap, ``float64 (2,)``; of their corners when they have no area."""
    parts = [_moments(np.asarray(loop, dtype=np.float64)) for loop in loops]
    total = sum(area for area, _ in parts)
    middle = np.zeros(2)
    if total <= 0:
        middle += np.concatenate([np.asarray(loop, dtype=np.float64) for loop in loops]).mean(axis=0)
    for area, at in parts:
        middle += area / total * at if total > 0 else 0
    return middle


def distance(loops: Sequence[ArrayLike], points: ArrayLike) -> NDArray[np.float64]:
    """How far each of the points, ``(P, 2)``, is from the nearest edge; ``float64 (P,)``."""
    at = np.asarray(points, dtype=np.float64)[:, None]
    start = np.concatenate([np.asarray(loop, dtype=np.float64) for loop in loops])
    end = np.concatenate([np.roll(np.asarray(loop, dtype=np.float64), -1, axis=0) for loop in loops])
    along = end - start
    length = np.maximum((along**2).sum(axis=1), 1e-30)
    share = np.clip(((at - start) * along).sum(axis=2) / length, 0, 1)
    away = start + share[..., None] * along - at
    shortest: NDArray[np.float64] = np.hypot(away[..., 0], away[..., 1]).min(axis=1)
    return shortest


def _edges(loops: Sequence[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every edge that is not level, as its upper and its lower end, ``(E, 2)`` each: equal for both directions."""
    ends = []
    for loop in loops:
        corners = np.asarray(loop, dtype=np.float64)
        if not np.isfinite(corners).all():
            raise ValueError("a polygon has corners that are not finite; are there landmarks in this frame?")
        ends.append(np.stack([corners, np.roll(corners, -1, axis=0)], axis=1))
    both = np.concatenate(ends)
    down = both[:, 0, 1] < both[:, 1, 1]
    low, high = np.where(down[:, None], both[:, 0], both[:, 1]), np.where(down[:, None], both[:, 1], both[:, 0])
    sloped = low[:, 1] < high[:, 1]
    return low[sloped], high[sloped]


def _cut(low: NDArray[np.float64], high: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Where an edge crosses a level, x of shape broadcast."""
    with np.errstate(over="ignore"):
        share = np.clip((y - low[..., 1]) / (high[..., 1] - low[..., 1]), 0, 1)
    crossing: NDArray[np.float64] = low[..., 0] + share * (high[..., 0] - low[..., 0])
    return crossing


def _moments(loop: Loop) -> tuple[float, NDArray[np.float64]]:
    """Area and centre of area of one polygon (shoelace formula)."""
    origin = loop.mean(axis=0)
    here = loop - origin
    there = np.roll(here, -1, axis=0)
    cross = here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1]
    area = cross.sum() / 2
    if abs(area) < 1e-12:
        return 0.0, origin
    return abs(float(area)), origin + ((here + there) * cross[:, None]).sum(axis=0) / (6 * area)
