"""What a sticker covers, on the face box and on the cells of a flow map."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mask.errors import InvalidPlan
from mask.geometry import BOX_MM
from mask.plan import Placement

Space = Literal["frames", "flow"]
"""Where a sticker is put: on frames, in millimetres of skin, or on a 28 x 28 flow map, in cells."""

GRID = 28
"""Cells a side of a flow map."""


def extent(area: float, space: Space) -> tuple[float, float]:
    """Width and height of an upright sticker, in shares of the face box.

    On frames a sticker is square in millimetres. A flow map does not know the box's aspect: there it is a square of
    whole cells.

    Args:
        area: share of the face box.
        space: see `Space`.

    Raises:
        InvalidPlan: when the sticker is smaller than half a cell of a flow map, or larger than the face box.

    >>> width, height = extent(0.046, "frames")
    >>> round(width, 3), round(height, 3)
    (0.245, 0.188)
    """
    if space == "flow":
        return cells(area) / GRID, cells(area) / GRID
    side = math.sqrt(area * BOX_MM[0] * BOX_MM[1])
    return side / BOX_MM[0], side / BOX_MM[1]


def cells(area: float) -> int:
    """The side of a sticker on a flow map, in cells.

    >>> cells(0.046)
    6
    """
    side = round(GRID * math.sqrt(area))
    if not 1 <= side <= GRID:
        raise InvalidPlan(
            f"a sticker of {area:.5f} of the face is {GRID * math.sqrt(area):.2f} cells wide on a flow map; "
            f"expected 1 to {GRID}"
        )
    return side


def footprint(placement: Placement, space: Space) -> NDArray[np.float64]:
    """The corners of a sticker in face-box coordinates, ``float64 (4, 2)``, clockwise in the picture from the top left.

    The square has the sticker's area; its art may reach further where it is not square (`mask.sticker.art`).

    Raises:
        InvalidPlan: for a sticker on a flow map that is not upright, or that is no whole cell.
    """
    unit: NDArray[np.float64] = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    if space == "flow":
        side = cells(placement.area)
        column, row = corner(placement)
        return (unit + 0.5) * side / GRID + np.array([column, row]) / GRID
    side_mm = math.sqrt(placement.area * BOX_MM[0] * BOX_MM[1])
    turn = math.radians(placement.angle)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    around = unit @ rotation.T * side_mm / np.array(BOX_MM)
    return np.asarray(around + np.array([placement.x, placement.y]), dtype=np.float64)


def corner(placement: Placement) -> tuple[int, int]:
    """The top left cell of a sticker on a flow map, (column, row): the whole cells nearest to where it was put.

    Raises:
        InvalidPlan: for a sticker that is not upright, that is no whole cell, or that is put outside the face box.

    >>> corner(Placement(x=3 / 28, y=25 / 28, area=0.046))
    (0, 22)
    """
    if placement.angle % 90 != 0:
        raise InvalidPlan(
            f"the plan turns its sticker by {placement.angle:g} degrees; on a flow map stickers are upright"
        )
    if not (0 <= placement.x <= 1 and 0 <= placement.y <= 1):
        raise InvalidPlan(f"the plan puts the sticker at ({placement.x:.2f}, {placement.y:.2f}), outside the face box")
    side = cells(placement.area)
    return round(placement.x * GRID - side / 2), round(placement.y * GRID - side / 2)
