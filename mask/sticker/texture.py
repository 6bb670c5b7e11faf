"""A drawing at the resolution it is seen at: area-averaged before it is warped, so that small stickers do not alias."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import art

_PER_OCTAVE = 4
"""Levels per halving: a drawing is at most 9 % larger or smaller than asked for."""

Level = tuple[int, int]
"""The size of a drawing in (rows, columns)."""


class Texture:
    """Premultiplied RGBA, with what was made smaller of it remembered.

    Args:
        rgba: ``float32 (4, h, w)``, red, green and blue premultiplied by alpha, in [0, 1]; at least 2 x 2 texels. The
            canvas reaches from edge to edge of the texels.

    Attributes:
        reach: how far from the middle of the canvas, as (x, y), there is anything to see; 1 is its edge.

    Raises:
        ValueError: for another shape or dtype.
    """

    def __init__(self, rgba: NDArray[np.float32]) -> None:
        check_art(rgba.shape, str(rgba.dtype))
        self.rgba = rgba
        self.reach = reach(rgba[3])
        self._smaller: dict[Level, NDArray[np.float32]] = {}

    def at(self, level: Level) -> NDArray[np.float32]:
        """The drawing in that many rows and columns, ``float32 (4, rows, columns)``."""
        if level not in self._smaller:
            self._smaller[level] = shrink(self.rgba, *level)
        return self._smaller[level]


@lru_cache(maxsize=64)
def named(name: str) -> Texture:
    """The texture of a drawing of `mask.sticker.art`."""
    return Texture(art.load(name))


def check_art(shape: tuple[int, ...], dtype: str) -> None:
    """Raise `ValueError` unless this is the shape and type of a drawing."""
    if len(shape) != 3 or shape[0] != 4 or min(shape[1:]) < 2 or "float" not in dtype:
        raise ValueError(f"the art is {dtype} {shape}; expected float (4, h, w), 2 texels or more")


def nearest_level(shape: tuple[int, ...], width: float, height: float) -> Level:
    """The size, as (rows, columns), of art of `shape` (..., h, w) closest to `height` x `width`; never enlarged."""
    rows, columns = shape[-2:]
    return _nearest(rows, height), _nearest(columns, width)


def shrink(rgba: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Average over areas: each new texel is the exact mean of what it covers.

    Args:
        rgba: ``float (C, h, w)``.
        rows, columns: the new size, at most the old.

    Returns:
        ``float (C, rows, columns)`` of the same type; `rgba` itself when the size is the same.
    """
    if rgba.shape[1:] == (rows, columns):
        return rgba
    return np.asarray(averages(rgba.shape[1], rows) @ rgba @ averages(rgba.shape[2], columns).T, dtype=rgba.dtype)


def averages(old: int, new: int) -> NDArray[np.float64]:
    """Weights ``(new, old)``: how much of each old texel lies in each new one, rows summing to 1."""
    edges = np.arange(new + 1) * (old / new)
    start = np.arange(old, dtype=np.float64)
    overlap = np.minimum(edges[1:, None], start + 1) - np.maximum(edges[:-1, None], start)
    return np.asarray(overlap.clip(0) * (new / old))


def reach(alpha: NDArray[np.float32]) -> tuple[float, float]:
    """How far from the middle of the canvas anything is drawn, as (x, y)."""
    drawn = alpha > 0
    return _furthest(np.asarray(drawn.any(axis=0))), _furthest(np.asarray(drawn.any(axis=1)))


def _furthest(line: NDArray[np.bool_]) -> float:
    """How far from the middle of a line of texels, in halves of its length, one is set; 0 when none is."""
    away = np.abs(2 * np.flatnonzero(line) + 1 - len(line))
    return float((away.max() + 1) / len(line)) if len(away) else 0.0


def _nearest(texels: int, pixels: float) -> int:
    steps = max(0, round(_PER_OCTAVE * math.log2(texels / max(pixels, 1.0))))
    return max(2, round(texels / 2 ** (steps / _PER_OCTAVE)))
