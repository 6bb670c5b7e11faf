"""The drawings a sticker can show.

Every drawing covers the same share of its canvas, `FILL`, so that stickers of equal area hide equally much whatever
they show: a plain square of that area has a side of 1 / sqrt(2) of the canvas, and stays in it however it is turned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .draw import Shape, paint, rgb, shape

FILL = 0.5
"""The share of the canvas that a drawing covers: its alpha, averaged over the canvas."""

SIZE = 512
"""The default side of a drawing in texels."""

_WHITE = "#ffffff"


def names() -> tuple[str, ...]:
    """The drawings by name.

    >>> names()
    ('grey', 'dot', 'heart', 'star', 'sun', 'plaster')
    """
    return tuple(_DRAWINGS)


def load(name: str, size: int = SIZE) -> NDArray[np.float32]:
    """A drawing.

    Args:
        name: one of `names`.
        size: side of the canvas in texels, 8 to 2048.

    Returns:
        ``float32 (4, size, size)``, read-only: red, green and blue premultiplied by alpha, and alpha, in [0, 1]. The
        canvas reaches from edge to edge of the texels.

    Raises:
        ValueError: for an unknown name or size.

    >>> bool(abs(load("heart")[3].mean() - FILL) < 0.005)
    True
    """
    if name not in _DRAWINGS:
        raise ValueError(f"there is no sticker {name!r}; there are {', '.join(_DRAWINGS)}")
    if not 8 <= size <= 2048:
        raise ValueError(f"size is {size}; expected 8 to 2048 texels")
    return _drawn(name, size)


@cache
def _drawn(name: str, size: int) -> NDArray[np.float32]:
    picture = paint(_shapes(name), size)
    picture.flags.writeable = False
    return picture


@cache
def _shapes(name: str) -> tuple[Shape, ...]:
    """A drawing scaled to cover `FILL` of the canvas."""
    loose = [s.scaled(0.5) for s in _DRAWINGS[name]()]
    covered = float(paint(loose, SIZE)[3].mean())
    return tuple(s.scaled(float(np.sqrt(FILL / covered))) for s in loose)


def _cut_out(silhouette: Shape, *inside: Shape) -> list[Shape]:
    """A die-cut sticker: a white rim around the drawing."""
    return [silhouette.grown(0.09, rgb(_WHITE)), silhouette, *inside]


def _grey() -> list[Shape]:
    return [shape([(-1, -1), (1, -1), (1, 1), (-1, 1)], "#808080")]


def _dot() -> list[Shape]:
    return _cut_out(
        shape([(0, 0)], "#2a9d8f", 0.9),
        shape(_arc(0.64, 200, 250), "#ffffff", 0.06, closed=False, opacity=0.75),
    )


def _heart() -> list[Shape]:
    lobe = [
        _curve((0, 0.92), (-0.3, 0.68), (-1, 0.26), (-1, -0.32)),
        _curve((-1, -0.32), (-1, -0.7), (-0.74, -0.92), (-0.48, -0.92)),
        _curve((-0.48, -0.92), (-0.26, -0.92), (-0.08, -0.8), (0, -0.6)),
    ]
    left = np.concatenate(lobe)
    outline = np.concatenate([left, left[::-1] * (-1, 1)])
    gleam = [(-0.62, -0.33), (-0.55, -0.47), (-0.43, -0.55)]
    return _cut_out(
        shape(outline, "#e63946", 0.06),
        shape(gleam, "#ffffff", 0.065, closed=False, opacity=0.8),
        shape([(-0.68, -0.14)], "#ffffff", 0.06, opacity=0.8),
    )


def _star() -> list[Shape]:
    return _cut_out(
        shape(_rays(5, 0.92, 0.55), "#ffc52e", 0.1),
        shape(_rays(5, 0.5, 0.3), "#ffd967", 0.08),
        shape([(-0.17, -0.05)], "#5b3a00", 0.06),
        shape([(0.17, -0.05)], "#5b3a00", 0.06),
        shape(_arc(0.16, 25, 155, down=0.07), "#5b3a00", 0.035, closed=False),
    )


def _sun() -> list[Shape]:
    return _cut_out(
        shape(_rays(11, 0.9, 0.66), "#ff9f1c", 0.06),
        shape([(0, 0)], "#ffd23f", 0.62),
        shape([(-0.22, -0.1)], "#5b3a00", 0.075),
        shape([(0.22, -0.1)], "#5b3a00", 0.075),
        shape(_arc(0.26, 20, 160, down=0.06), "#5b3a00", 0.045, closed=False),
        shape([(-0.38, 0.1)], "#ff8c69", 0.09, opacity=0.8),
        shape([(0.38, 0.1)], "#ff8c69", 0.09, opacity=0.8),
    )


def _plaster() -> list[Shape]:
    turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)

    def turned(points: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(np.asarray(points) @ turn.T, dtype=np.float64)

    holes = [(x, y) for x in (-0.8, -0.6, 0.6, 0.8) for y in (-0.2, 0, 0.2)]
    dimples = [(x, y) for x in (-0.16, 0.16) for y in (-0.16, 0.16)]
    return [
        shape(turned([(-0.6, 0), (0.6, 0)]), "#c98b5e", 0.5, closed=False),
        shape(turned([(-0.6, 0), (0.6, 0)]), "#eebb8f", 0.46, closed=False),
        shape(turned([(-0.3, -0.3), (0.3, -0.3), (0.3, 0.3), (-0.3, 0.3)]), "#f7d9ba", 0.06),
        *(shape(turned([hole]), "#c98b5e", 0.04) for hole in holes),
        *(shape(turned([dimple]), "#dfb188", 0.045) for dimple in dimples),
    ]


def _curve(*controls: tuple[float, float]) -> NDArray[np.float64]:
    """Points on a cubic Bezier curve, its end left out."""
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    return np.asarray(weights @ np.array(controls), dtype=np.float64)


def _arc(radius: float, start: float, end: float, down: float = 0.0) -> NDArray[np.float64]:
    """Points on a circle between two angles in degrees, clockwise in the picture from the right, moved down."""
    t = np.radians(np.linspace(start, end, 24))
    return np.asarray(np.stack([radius * np.cos(t), radius * np.sin(t) + down], axis=1))


def _rays(count: int, outer: float, inner: float) -> NDArray[np.float64]:
    """The corners of a star that points up, moved so that it sits in the middle of the canvas."""
    t = np.pi * np.arange(2 * count) / count - np.pi / 2
    radius = np.where(np.arange(2 * count) % 2 == 0, outer, inner)
    corners = radius[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)
    corners[:, 1] -= (corners[:, 1].max() + corners[:, 1].min()) / 2
    return np.asarray(corners)


_DRAWINGS: dict[str, Callable[[], list[Shape]]] = {
    "grey": _grey,
    "dot": _dot,
    "heart": _heart,
    "star": _star,
    "sun": _sun,
    "plaster": _plaster,
}
