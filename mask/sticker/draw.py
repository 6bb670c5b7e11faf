"""Vector drawing: round-cornered shapes and strokes, anti-aliased at any size.

A shape is what lies within a radius of a polygon or of an open line, so that one formula, the distance to an edge,
draws discs, capsules, rounded stars and smiles. Coordinates are the sticker's own: (x, y), y down, the canvas from -1
to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.regions.polygon import fill

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """One flat shape.

    Args:
        points: corners, (V, 2); one point draws a disc.
        colour: RGB in [0, 1].
        radius: how far the shape reaches beyond its points: round corners, or half the width of a stroke.
        closed: a filled polygon; else an open line.
        opacity: in [0, 1].
    """

    points: tuple[tuple[float, float], ...]
    colour: Colour
    radius: float = 0.0
    closed: bool = True
    opacity: float = 1.0

    def scaled(self, by: float) -> Shape:
        """The same shape, larger or smaller about the middle of the canvas."""
        return replace(self, points=tuple((x * by, y * by) for x, y in self.points), radius=self.radius * by)

    def grown(self, by: float, colour: Colour) -> Shape:
        """The same shape with another colour and a wider outline."""
        return replace(self, radius=self.radius + by, colour=colour)


def shape(points: ArrayLike, colour: str, radius: float = 0.0, *, closed: bool = True, opacity: float = 1.0) -> Shape:
    """A `Shape` from any (V, 2) array and a colour as ``"#rrggbb"``."""
    corners = tuple((float(x), float(y)) for x, y in np.asarray(points, dtype=np.float64).reshape(-1, 2))
    return Shape(corners, rgb(colour), radius, closed, opacity)


def rgb(colour: str) -> Colour:
    """A colour in [0, 1] from ``"#rrggbb"``."""
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def paint(shapes: Sequence[Shape], size: int) -> NDArray[np.float32]:
    """Draw shapes over one another.

    Args:
        shapes: from the lowest to the topmost.
        size: side in texels.

    Returns:
        ``float32 (4, size, size)``: red, green and blue premultiplied by alpha, and alpha, in [0, 1]; the canvas
        -1..1 spans the outer edges of the texels.
    """
    picture = np.zeros((4, size, size))
    for one in shapes:
        rows, columns, share = _coverage(one, size)
        part = picture[:, rows, columns]
        part *= 1 - share
        part += share * np.array([*one.colour, 1.0])[:, None, None]
    return picture.astype(np.float32)


def _coverage(one: Shape, size: int) -> tuple[slice, slice, NDArray[np.float64]]:
    """The texels a shape can touch, and the share of each that it covers, from the distance to its edge."""
    corners = (np.array(one.points) + 1) * size / 2 - 0.5
    reach = one.radius * size / 2 + 1
    rows, columns = _window(corners, reach, (slice(0, size), slice(0, size)))
    corners -= (columns.start, rows.start)
    away = _distance(corners, reach, (rows.stop - rows.start, columns.stop - columns.start), one.closed)
    if one.closed and len(corners) > 2:
        away = np.where(fill([corners], away.shape), -away, away)
    return rows, columns, np.clip(reach - 0.5 - away, 0, 1) * one.opacity


def _distance(corners: NDArray[np.float64], reach: float, shape: tuple[int, ...], closed: bool) -> NDArray[np.float64]:
    """How far each texel is from a line through the corners; infinite where that is more than `reach`."""
    ends = np.roll(corners, -1, axis=0) if closed else corners[1:]
    starts = corners if closed or len(corners) == 1 else corners[:-1]
    shortest = np.full(shape, np.inf)
    for start, end in zip(starts, ends, strict=True):
        near = _window(np.stack([start, end]), reach, (slice(0, shape[0]), slice(0, shape[1])))
        y, x = np.mgrid[near]
        along = end - start
        length = max(float(along @ along), 1e-30)
        share = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length, 0, 1)
        away = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        shortest[near] = np.minimum(shortest[near], away)
    return shortest


def _window(corners: NDArray[np.float64], reach: float, within: tuple[slice, slice]) -> tuple[slice, slice]:
    """Rows and columns that hold everything nearer than `reach` to the corners' bounding box."""
    low = np.floor(corners.min(axis=0) - reach).astype(int)
    high = np.ceil(corners.max(axis=0) + reach).astype(int) + 1
    (top, bottom), (left, right) = (np.clip((low[i], high[i]), 0, within[1 - i].stop) for i in (1, 0))
    return slice(int(top), int(bottom)), slice(int(left), int(right))
