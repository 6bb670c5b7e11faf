"""The drawings a sticker can show.

Every drawing covers the same share of its canvas, `FILL`, so that stickers of equal area hide equally much whatever
they show: a plain square of that area has a side of 1 / sqrt(2) of the canvas, and stays in it however it is turned.

Content that was optimised is a drawing too: ``tiles:N:HEX`` is that square in N x N opaque cells, row by row from the
top left, six hexadecimal digits each; ``heart:tiles:N:HEX`` is the heart, rim, gleam and all, with its red replaced by
such cells over the whole canvas. So a plan stays text that a person can read, write down and print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .draw import Shape, paint, rgb, shape

FILL = 0.5
"""The share of the canvas that a drawing covers: its alpha, averaged over the canvas."""

SIZE = 512
"""The default side of a drawing in texels."""

_WHITE = "#ffffff"
_MOST_TILES = 16


def names() -> tuple[str, ...]:
    """The drawings by name.

    >>> names()
    ('grey', 'dot', 'heart', 'star', 'sun', 'plaster', 'stripes', 'bars')
    """
    return tuple(_DRAWINGS)


MISLEADING = ("stripes", "bars")
"""The drawings that flow methods do not follow as they follow skin: the flow-map model of a sticker is not theirs."""

PATTERNED = ("dot", "heart", "star", "sun")
"""The drawings whose main colour tiles can replace."""


class Layers(NamedTuple):
    """A drawing with its main colour left open.

    Args:
        under: what lies below it, ``float32 (4, size, size)``, premultiplied.
        mask: where it is seen, ``float32 (size, size)``.
        over: what lies above it, as `under`.
    """

    under: NDArray[np.float32]
    mask: NDArray[np.float32]
    over: NDArray[np.float32]


def load(name: str, size: int = SIZE) -> NDArray[np.float32]:
    """A drawing.

    Args:
        name: one of `names`, or what `tiles` names.
        size: side of the canvas in texels, 8 to 2048.

    Returns:
        ``float32 (4, size, size)``, read-only: red, green and blue premultiplied by alpha, and alpha, in [0, 1]. The
        canvas reaches from edge to edge of the texels.

    Raises:
        ValueError: for an unknown name or size.

    >>> bool(abs(load("heart")[3].mean() - FILL) < 0.005)
    True
    """
    if name not in _DRAWINGS and not _split(name)[1].startswith("tiles:"):
        raise ValueError(
            f"there is no sticker {name[:40]!r}; there are {', '.join(_DRAWINGS)}, tiles:N:HEX, and either of "
            f"{', '.join(PATTERNED)} with :tiles:N:HEX"
        )
    if not 8 <= size <= 2048:
        raise ValueError(f"size is {size}; expected 8 to 2048 texels")
    return _drawn(name, size)


def tiles(colours: NDArray[np.uint8], on: str = "") -> str:
    """The name of a drawing of square cells.

    Args:
        colours: ``uint8 (N, N, 3)`` RGB, N 2 to 16, the first row on top.
        on: one of `PATTERNED` to take their place in; none for a plain square of them.

    Raises:
        ValueError: for another type or shape.

    >>> tiles(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [16, 16, 16]]], dtype=np.uint8))
    'tiles:2:ff000000ff000000ff101010'
    """
    rows, columns, channels = colours.shape if colours.ndim == 3 else (0, 0, 0)
    if colours.dtype != np.uint8 or rows != columns or channels != 3 or not 2 <= rows <= _MOST_TILES:
        raise ValueError(
            f"the tiles are {colours.dtype} {colours.shape}; expected uint8 (N, N, 3), N 2 to {_MOST_TILES}"
        )
    return f"{on}{':' if on else ''}tiles:{rows}:{colours.tobytes().hex()}"


def layers(on: str, size: int = SIZE) -> Layers:
    """One of `PATTERNED` with its main colour left open; `fill_in` fills it."""
    rim, silhouette, *inside = _shapes(on)
    return Layers(paint([rim], size), paint([silhouette], size)[3], paint(inside, size))


def fill_in(drawing: tuple[Any, Any, Any], pattern: Any) -> Any:
    """A drawing, ``(4, size, size)``, with an opaque pattern ``(4, size, size)`` in it; both NumPy, or both torch."""
    under, mask, over = drawing
    return over + (1 - over[3:]) * (mask * pattern + (1 - mask) * under)


def tile_weights(count: int, size: int, *, whole: bool = False) -> NDArray[np.float64]:
    """How much of each texel in a line each of `count` tiles in a line covers, ``float64 (size, count)``.

    A drawing of tiles is linear in them: a channel c is ``weights @ c @ weights.T``, alpha that of ones.

    Args:
        count: tiles in a line.
        size: texels in a line.
        whole: whether they take up the whole canvas, or the square of area `FILL`.
    """
    side = size * (1 if whole else np.sqrt(FILL))
    edges = (size - side) / 2 + side / count * np.arange(count + 1)
    texel = np.arange(size, dtype=np.float64)[:, None]
    return np.asarray((np.minimum(edges[1:], texel + 1) - np.maximum(edges[:-1], texel)).clip(0))


def _read_tiles(name: str) -> NDArray[np.uint8]:
    """The colours that `tiles` wrote; the text may come from anywhere."""
    found = re.fullmatch(r"tiles:([1-9][0-9]?):([0-9a-f]+)", name, re.ASCII)
    count = int(found[1]) if found else 0
    if found is None or not 2 <= count <= _MOST_TILES or len(found[2]) != 6 * count * count:
        raise ValueError(
            f"{name[:40]!r} names no tiles; expected tiles:N:HEX with N 2 to {_MOST_TILES} and 6 * N * N digits 0-9a-f"
        )
    return np.frombuffer(bytes.fromhex(found[2]), dtype=np.uint8).reshape(count, count, 3)


def _split(name: str) -> tuple[str, str]:
    """The drawing that tiles lie on, empty for none, and the tiles."""
    on, colon, rest = name.partition(":")
    return (on, rest) if colon and on in PATTERNED else ("", name)


@lru_cache(maxsize=64)  # tiles are as many as anybody cares to try
def _drawn(name: str, size: int) -> NDArray[np.float32]:
    if name in _DRAWINGS:
        picture = paint(_shapes(name), size)
    else:
        on, rest = _split(name)
        colours = _read_tiles(rest)
        weights = tile_weights(len(colours), size, whole=bool(on))
        cells = np.concatenate([colours / 255, np.ones_like(colours[..., :1])], axis=2).transpose(2, 0, 1)
        pattern = weights @ cells @ weights.T
        picture = np.clip(fill_in(layers(on, size), pattern) if on else pattern, 0, 1).astype(np.float32)
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


def _stripes() -> list[Shape]:
    """Six bars across, as on a sailor's shirt: along them nothing tells a flow method how far they have moved."""
    tops = (np.arange(6) - 2.75) / 3
    return _barred([[(-0.97, y), (0.97, y), (0.97, y + 1 / 6), (-0.97, y + 1 / 6)] for y in tops])


def _bars() -> list[Shape]:
    """The stripes, upright."""
    starts = (np.arange(6) - 2.75) / 3
    return _barred([[(x, -0.97), (x + 1 / 6, -0.97), (x + 1 / 6, 0.97), (x, 0.97)] for x in starts])


def _barred(bars: Sequence[Sequence[tuple[float, float]]]) -> list[Shape]:
    square = shape([(-1, -1), (1, -1), (1, 1), (-1, 1)], _WHITE)
    return [square, *(shape(bar, "#14213d") for bar in bars)]


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
    "stripes": _stripes,
    "bars": _bars,
}
