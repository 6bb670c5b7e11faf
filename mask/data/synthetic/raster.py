"""Which triangle is seen where: a scanline rasteriser in numpy, exact at its sample points and watertight.

A pixel is sampled once, at its centre, or at four points in distinct sub-rows and sub-columns (a "rooks" pattern),
so that an edge that creeps through a pixel uncovers its samples one by one whichever way it runs. Triangles are drawn
back to front, later over earlier.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Single = NDArray[np.float32]

# Samples per pixel -> their offsets from its centre, x and y, from top to bottom and evenly spaced in y.
OFFSETS: dict[int, tuple[Array, Array]] = {
    1: (np.zeros(1), np.zeros(1)),
    4: (np.array([-0.125, 0.375, -0.375, 0.125]), np.array([-0.375, -0.125, 0.125, 0.375])),
}

# glibc hands freed arrays of this size back to the system, and asking for them again costs a third of the time; once
# a large allocation has been freed, it keeps them.
np.empty(31 << 20, dtype=np.uint8)


def front_facing(corners: Array, slack: float = 0.0) -> NDArray[np.bool_]:
    """Triangles wound counter-clockwise as seen from the camera.

    Args:
        corners: (F, 3, 2) pixels, y down.
        slack: also keep triangles turned away by up to half this many square pixels.
    """
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area: Array = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    out: NDArray[np.bool_] = area < slack - 1e-9
    return out


def cover(corners: Array, ids: Index, size: int, samples: int) -> Index:
    """The last triangle drawn at every sample.

    Args:
        corners: (F, 3, 2) pixels, in drawing order.
        ids: (F,) what to write.
        size: width and height of the picture.
        samples: per pixel, one of `OFFSETS`.

    Returns:
        ``int64 (samples, size * size)``, -1 where nothing is drawn.
    """
    half, line, left, right = _spans(corners, size, samples)
    row = line
    if samples > 1:
        plane = line & (samples - 1)
        offset = OFFSETS[samples][0][plane]
        left -= offset
        right -= offset
        row = plane * size
        row += line >> (samples // 2)
    np.maximum(np.ceil(left, out=left), 0, out=left)
    np.minimum(np.ceil(right, out=right), size, out=right)
    keep = np.flatnonzero(left < right)
    left = left[keep]
    length = (right[keep] - left).astype(np.int64)
    start = row[keep] * size
    start += left.astype(np.int64)
    where, what = _runs(start, length, ids[half[keep] >> 1])
    seen = np.full(samples * size * size, -1, dtype=np.int64)
    seen[where] = what
    return seen.reshape(samples, size * size)


def touching(corners: Array, pixels: Index, size: int) -> Index:
    """Triangles whose bounding box touches any of some pixels.

    Args:
        corners: (F, 3, 2) pixels.
        pixels: flat indices.
    """
    marked = np.zeros((size + 1, size + 1), dtype=np.int32)
    marked[pixels // size + 1, pixels % size + 1] = 1
    total = marked.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    x0, y0 = np.clip(np.floor(np.minimum(np.minimum(a, b), c) + 0.5), 0, size).astype(np.int64).T
    x1, y1 = np.clip(np.floor(np.maximum(np.maximum(a, b), c) + 1.5), 0, size).astype(np.int64).T
    return np.flatnonzero(total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0])


def _runs(start: Index, length: Index, value: Index) -> tuple[Index, Index]:
    """Each run written out: its places one after another, and its value at each of them.

    Place and value travel as the low and the high half of one number, so that a single running sum makes both.
    """
    if not len(start):
        return start, value
    both = start + (value << 32)
    steps = np.ones(int(length.sum()), dtype=np.int64)
    steps[0] = both[0]
    steps[np.cumsum(length[:-1])] = both[1:] - both[:-1] - length[:-1] + 1
    np.cumsum(steps, out=steps)
    return steps & 0xFFFFFFFF, steps >> 32


def _spans(corners: Array, size: int, samples: int) -> tuple[Index, Index, Array, Array]:
    """Every crossing of a triangle with a sample line, ``left <= x < right``, and on which line.

    Lines count the samples of the first pixel row, then those of the next. Each triangle is cut at its middle corner:
    index ``2 t`` is the upper and ``2 t + 1`` the lower half of triangle t. The line of an edge is computed from its
    upper end to its lower end, so the two triangles that share it agree to the last bit: no gap, no overlap.
    """
    x, y = corners[..., 0].T, (corners[..., 1].T - OFFSETS[samples][1][0]) * samples
    (xa, xb, xc), (ya, yb, yc) = _by_height(*x, *y)
    long, upper, lower = _edge(xa, ya, xc, yc), _edge(xa, ya, xb, yb), _edge(xb, yb, xc, yc)
    bends_left = xb < long[0] + long[1] * yb
    line = np.clip(np.ceil(np.stack([ya, yb, yc])), 0, size * samples).astype(np.int64)
    first, count = line[:2].T.ravel(), np.diff(line, axis=0).T.ravel()
    short, long = np.stack([upper, lower], axis=2), np.repeat(long[:, :, None], 2, axis=2)
    left = np.where(bends_left[:, None], short, long).reshape(2, -1)
    right = np.where(bends_left[:, None], long, short).reshape(2, -1)
    half = np.repeat(np.arange(len(count)), count)
    lines = np.arange(len(half))
    lines += (first + count - np.cumsum(count))[half]
    return half, lines, _along(left, half, lines), _along(right, half, lines)


def _along(edge: Array, half: Index, line: Index) -> Array:
    """x of each half triangle's edge at given lines."""
    out: Array = edge[1][half]
    out *= line
    out += edge[0][half]
    return out


def _by_height(
    xa: Array, xb: Array, xc: Array, ya: Array, yb: Array, yc: Array
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """The corners of each triangle from top to bottom."""

    def swap(x0: Array, x1: Array, y0: Array, y1: Array) -> tuple[Array, Array, Array, Array]:
        turn = y1 < y0
        return np.where(turn, x1, x0), np.where(turn, x0, x1), np.where(turn, y1, y0), np.where(turn, y0, y1)

    xa, xb, ya, yb = swap(xa, xb, ya, yb)
    xb, xc, yb, yc = swap(xb, xc, yb, yc)
    xa, xb, ya, yb = swap(xa, xb, ya, yb)
    return (xa, xb, xc), (ya, yb, yc)


def _edge(x0: Array, y0: Array, x1: Array, y1: Array) -> Array:
    """(2, F) intercept and slope of x over y; zero for a level edge, which no sample line crosses."""
    height = y1 - y0
    slope = np.divide(x1 - x0, height, out=np.zeros_like(height), where=height > 0)
    return np.stack([x0 - y0 * slope, slope])
