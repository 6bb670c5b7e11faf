"""Which triangle is seen where: a scanline rasteriser in numpy, exact at its sample points and watertight.

A pixel is sampled once, at its centre, or at four points in distinct sub-rows and sub-columns (a "rooks" pattern),
so that an edge that creeps through a pixel uncovers its samples one by one whichever way it runs. Triangles are drawn
back to front, later over earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Single = NDArray[np.float32]

# Four samples in a pixel: their offsets from its centre, x and y.
SAMPLES = np.array([-0.125, 0.375, -0.375, 0.125]), np.array([-0.375, -0.125, 0.125, 0.375])

# glibc hands freed arrays of this size back to the system, and asking for them again costs a third of the time; once
# a large allocation has been freed, it keeps them.
np.empty(31 << 20, dtype=np.uint8)


def front_facing(corners: Array, slack: float = 0.0) -> NDArray[np.bool_]:
    """Triangles wound counter-clockwise as seen from the camera.

    Args:
        corners: (F, 3, 2) pixels, y down.
        slack: also keep triangles turned away by up to half this many square pixels.
    """
    (ax, ay), (bx, by), (cx, cy) = np.ascontiguousarray(corners.transpose(1, 2, 0))
    area: Array = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    out: NDArray[np.bool_] = area < slack - 1e-9
    return out


@dataclass(frozen=True, eq=False)
class Cut:
    """Triangles cut at the height of their middle corner into an upper and a lower half, each between two edges.

    The line of an edge is computed from its upper end to its lower end, so the two triangles that share it agree to
    the last bit: no gap, no overlap.

    Args:
        x, y: (3, F) corners from top to bottom.
        left, right: (2, F, 2) intercept and slope of x over y, of the upper and the lower half.
    """

    x: Array
    y: Array
    left: Array
    right: Array

    def cover(self, ids: Index, size: int) -> Index:
        """The last triangle drawn at every pixel centre.

        Args:
            ids: (F,) what to write for each triangle, in drawing order.
            size: width and height of the picture.

        Returns:
            ``int64 (size * size,)``, -1 where nothing is drawn.
        """
        first, end = np.clip(np.ceil(self.y[::2]), 0, size).astype(np.int64)
        tri, row = _each(first, end)
        left, right = self._between(tri, row, 0.0, size)
        row *= size
        left += row
        right += row
        return _drawn(left, right, ids, tri, size * size)

    def sample(self, ids: Index, size: int, pixels: Index) -> Index:
        """The last triangle drawn at each of four samples in some pixels.

        Args:
            ids: (F,) what to write for each triangle, in drawing order.
            size: width and height of the picture.
            pixels: flat indices, rising.

        Returns:
            ``int64 (4, len(pixels))``, -1 where nothing is drawn.
        """
        rank = np.zeros(size * size + 1, dtype=np.int64)  # how many of the pixels lie before a place
        rank[pixels + 1] = 1
        np.cumsum(rank, out=rank)
        tri, row = self._near(size, rank)
        y = (row + SAMPLES[1][:, None]).ravel()
        tri, row, k = np.tile(tri, 4), np.tile(row, 4), np.repeat(np.arange(4), len(row))
        inside = np.flatnonzero((self.y[0].take(tri) <= y) & (y < self.y[2].take(tri)))
        tri, row, k, y = tri[inside], row[inside], k[inside], y[inside]
        left, right = self._between(tri, y, SAMPLES[0][k], size)
        row *= size
        k *= len(pixels)
        # Among the pixels alone, a run of columns is a run as well.
        start, end = rank.take(row + left) + k, rank.take(row + right) + k
        return _drawn(start, end, ids, tri, 4 * len(pixels)).reshape(4, -1)

    def _between(self, tri: Index, y: Array | Index, dx: Array | float, size: int) -> tuple[Index, Index]:
        """The first column and the one after the last whose samples, `dx` right of the centre, lie in triangles at
        heights they reach."""
        half = 2 * tri
        half += y >= self.y[1].take(tri)
        ends = []
        for edge in (self.left, self.right):
            intercept, slope = edge.reshape(2, -1)
            x = slope.take(half)
            x *= y
            x += intercept.take(half)
            x -= dx
            np.clip(np.ceil(x, out=x), 0, size, out=x)
            ends.append(x.astype(np.int64))
        return ends[0], ends[1]

    def _near(self, size: int, rank: Index) -> tuple[Index, Index]:
        """Every triangle and pixel row in which its bounding box touches one of the pixels that `rank` counts."""
        x0, x1 = (np.clip(np.floor(x), 0, size).astype(np.int64) for x in _span(self.x))
        y0, y1 = (np.clip(np.floor(y), 0, size).astype(np.int64) for y in _span(self.y))
        tri, row = _each(y0, y1)
        line = row * size
        near = np.flatnonzero(rank.take(line + x0.take(tri)) != rank.take(line + x1.take(tri)))
        return tri[near], row[near]


def cut(corners: Array) -> Cut:
    """Cut (F, 3, 2) triangles, in drawing order, at the height of their middle corners."""
    (xa, ya), (xb, yb), (xc, yc) = np.ascontiguousarray(corners.transpose(1, 2, 0))
    xa, xb, ya, yb = _lower_second(xa, xb, ya, yb)
    xb, xc, yb, yc = _lower_second(xb, xc, yb, yc)
    xa, xb, ya, yb = _lower_second(xa, xb, ya, yb)
    left, right = np.empty((2, 2, len(xa), 2))
    long, upper, lower = _edge(xa, ya, xc, yc), _edge(xa, ya, xb, yb), _edge(xb, yb, xc, yc)
    bends_left = xb < long[0] + long[1] * yb
    for i in range(2):
        for half, short in enumerate((upper, lower)):
            left[i, :, half] = np.where(bends_left, short[i], long[i])
            right[i, :, half] = np.where(bends_left, long[i], short[i])
    return Cut(np.stack([xa, xb, xc]), np.stack([ya, yb, yc]), left, right)


def _lower_second(x0: Array, x1: Array, y0: Array, y1: Array) -> tuple[Array, Array, Array, Array]:
    turn = y1 < y0
    return np.where(turn, x1, x0), np.where(turn, x0, x1), np.minimum(y0, y1), np.maximum(y0, y1)


def _edge(x0: Array, y0: Array, x1: Array, y1: Array) -> tuple[Array, Array]:
    """Intercept and slope of x over y; zero slope for a level edge, which no sample line crosses."""
    height = y1 - y0
    slope = x1 - x0
    slope /= np.where(height > 0, height, np.inf)
    return x0 - y0 * slope, slope


def _span(corners: Array) -> tuple[Array, Array]:
    """Where the pixels of which (3, F) corners reach a sample begin and end."""
    a, b, c = corners
    return np.minimum(np.minimum(a, b), c) + 0.625, np.maximum(np.maximum(a, b), c) + 1.375


def _each(first: Index, end: Index) -> tuple[Index, Index]:
    """Every whole number of each range ``first <= number < end``, beside the number of the range."""
    count = end - first
    which = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(which))
    number += (end - np.cumsum(count))[which]
    return which, number


def _drawn(start: Index, end: Index, ids: Index, tri: Index, count: int) -> Index:
    """Write runs of places, later over earlier, into `count` times -1."""
    kept = np.flatnonzero(start < end)
    start = start[kept]
    places, values = _runs(start, end[kept] - start, ids[tri[kept]])
    seen = np.full(count, -1, dtype=np.int64)
    seen[places] = values
    return seen


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
