"""Hair: a shell that grows out of the scalp, a curtain for long hair, and the texture both wear."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .head import Array, Pack
from .people import Person
from .skin import WIDTH, blood, noise, smooth, tone, unwrap

# Hair lies in coordinates of its own: around an axis tilted back, whose pole is the whorl at the crown.
TILT = 0.66
CENTRE_UP, CENTRE_Z = 0.25, 0.50
SPAN, TOP, BOTTOM = 2.83, 1.15, -0.62
DENSITY = WIDTH / (2 * SPAN)
ROWS = int((TOP - BOTTOM) * DENSITY)

# The hairline over |s|, forehead to nape.
_LINE = np.array(
    [
        [0.0, 0.55, 0.68, 0.91, 1.22, 1.42, 1.52, 1.68, 2.13, 2.83],
        [-0.10, -0.10, -0.13, -0.235, -0.31, -0.40, -0.40, -0.28, -0.33, -0.50],
    ]
)

# Half-width of a curtain over the drop below the eyes.
_CURTAIN = np.array(
    [[-0.55, -0.42, -0.25, -0.05, 0.3, 0.8, 1.6, 2.6], [0.68, 0.79, 0.85, 0.885, 0.89, 0.88, 0.97, 1.03]]
)


@dataclass(frozen=True)
class Style:
    """How a hair style differs from the plain one.

    Args:
        thick: decimetres above the scalp at the crown.
        side: the same at the temples.
        rise: how far the hairline recedes, at the middle and at the temples.
        length: how far a curtain hangs below the eyes, 0 for none.
        front: degrees from the nose at which the curtain begins.
    """

    thick: float
    side: float
    rise: tuple[float, float] = (0.0, 0.0)
    length: float = 0.0
    front: float = 0.0


STYLES = {
    "short": Style(0.15, 0.07),
    "buzz": Style(0.04, 0.03, (0.02, 0.04)),
    "receding": Style(0.10, 0.06, (0.05, 0.16)),
    "tied": Style(0.10, 0.05),
    "bob": Style(0.16, 0.14, length=1.0, front=43),
    "long": Style(0.15, 0.12, length=2.4, front=100),
}


@dataclass(frozen=True, eq=False)
class Hair:
    """Hair as more vertices behind those of the head.

    Args:
        parents: (N, 2) head vertices each new vertex rides halfway between.
        offset: (N, 3) added to the parents' mean.
        triangles: (F, 3) into head vertices followed by the new ones.
        texel: (N, 2) column and row in the hair part of the texture.
        shade: (N,) multiplied with the light its parents see.
    """

    parents: NDArray[np.int64]
    offset: Array
    triangles: NDArray[np.int64]
    texel: Array
    shade: Array


@lru_cache(maxsize=1)
def _coordinates(pack: Pack) -> tuple[Array, NDArray[np.bool_]]:
    """(V, 2) hair coordinates of the head's vertices, and which belong to the ears."""
    _, level = unwrap(pack)
    q = pack.mean - [0.0, level + CENTRE_UP, CENTRE_Z]
    up = q[:, 1] * np.cos(TILT) - q[:, 2] * np.sin(TILT)
    ahead = q[:, 1] * np.sin(TILT) + q[:, 2] * np.cos(TILT)
    ears = np.zeros(len(q), dtype=bool)
    for side in "lr":
        index, delta = pack.shapes[f"id/{side}-ear-wing-incr"]
        move = np.sqrt((delta**2).sum(axis=1))
        ears[index[move > 0.08 * move.max()]] = True
    return np.stack([0.9 * np.arctan2(q[:, 0], ahead), up], axis=1), ears


def _hairline(a: Array, style: Style) -> Array:
    middle, temple = style.rise
    base = np.interp(a, *_LINE)
    out: Array = base + middle * smooth(1 - a / 0.5) + temple * np.exp(-(((a - 0.62) / 0.28) ** 2))
    return out


def texel(coordinates: Array) -> Array:
    """(..., 2) hair coordinates to (column, row) within the hair part of the texture."""
    column = np.clip((coordinates[..., 0] + SPAN) * DENSITY, 1.0, WIDTH - 2.5)
    row = np.clip((TOP - coordinates[..., 1]) * DENSITY, 1.0, ROWS - 2.5)
    return np.stack([column, row], axis=-1)


def grow(pack: Pack, person: Person, vertices: Array, normals: Array) -> Hair:
    """The hair of one person on their neutral head.

    Args:
        vertices, normals: (V, 3) of the head.
    """
    style = STYLES[person.style]
    coordinates, ears = _coordinates(pack)
    skin = pack.triangles[pack.part == 0]
    depth = coordinates[:, 1] - _hairline(np.abs(coordinates[:, 0]), style)
    scalp = skin[(depth[skin].max(axis=1) > -0.03) & ~ears[skin].any(axis=1)]
    parents, triangles = _subdivide(scalp)
    shell = triangles + len(vertices)
    where = coordinates[parents].mean(axis=1)
    grown = depth[parents].mean(axis=1)
    out = normals[parents].sum(axis=1)
    out /= np.maximum(np.sqrt((out**2).sum(axis=1, keepdims=True)), 1e-9)
    side = smooth((np.abs(where[:, 0]) - 0.5) / 0.7)
    thick = (style.thick * (1 - side) + style.side * side) * smooth(grown / 0.34)
    table = np.random.default_rng(person.paint + 1).random((256, 256)) * 2 - 1
    thick = thick * (1 + 0.10 * noise(table, where[:, 0] * 3.0, where[:, 1] * 2.0))
    bulge = _bulge(vertices, normals, parents)
    lift = [0.0, 0.25, -0.05]
    offset = bulge + thick[:, None] * (out + np.array(lift) * (1 - side)[:, None])
    root = 1 - 0.35 * smooth(1 - grown / 0.10) * smooth((grown + 0.02) / 0.03)
    hair = Hair(parents, offset, shell, texel(where), root)
    ear = float(np.abs(vertices[ears, 0]).max())
    return _with_curtain(hair, vertices, ear, style, table) if style.length else hair


def _subdivide(triangles: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One round of midpoint subdivision: (N, 2) parents of each new vertex, and triangles into them."""
    edges = np.concatenate([triangles[:, [i, j]] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))])
    edges = np.sort(edges, axis=1)
    parents, inverse = np.unique(edges, axis=0, return_inverse=True)
    a, b, c, ab, bc, ca = inverse.reshape(6, -1)
    faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return parents, faces


def _bulge(vertices: Array, normals: Array, parents: NDArray[np.int64]) -> Array:
    """What a curved surface adds at the middle of an edge (Phong tessellation, Boubekeur and Alexa 2008)."""
    middle = vertices[parents].mean(axis=1)
    out = np.zeros_like(middle)
    for i in range(2):
        n = normals[parents[:, i]]
        gap = ((middle - vertices[parents[:, i]]) * n).sum(axis=1, keepdims=True)
        out -= 0.375 * gap * n
    return np.asarray(out)


def _with_curtain(hair: Hair, vertices: Array, ear: float, style: Style, table: Array) -> Hair:
    """Add hair that hangs around the back from `front` degrees either side of the nose."""
    crown = int(np.argmax(vertices[:, 1]))
    columns, rows = 49, 15
    angle, fall = np.meshgrid(np.radians(np.linspace(style.front, 360 - style.front, columns)), np.linspace(0, 1, rows))
    ragged = style.length * (1 + 0.07 * noise(table, angle * 5, angle * 0 + 0.5))
    y = 0.55 - (0.55 + ragged) * fall
    wide = np.interp(-y, *_CURTAIN)
    if style.front < 90:  # over the ears
        wide = np.maximum(wide, smooth((0.62 - y) / 0.7) * (ear + 0.04))
    wide = wide * np.where(style.length < 1.3, 1 - 0.10 * smooth((-y - 0.45) / 0.5), 1.0)
    wide = wide * (1 + 0.02 * noise(table, angle * 9, y * 1.5))
    points = np.stack([wide * np.sin(angle), y, -0.95 + 0.95 * wide * np.cos(angle)], axis=-1).reshape(-1, 3)
    index = np.arange(len(points)).reshape(rows, columns)
    a, b, c, d = (q.ravel() for q in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    behind = np.cos(angle.ravel()[faces].mean(axis=1)) < 0  # there the camera sees the inside
    faces[behind] = faces[behind][:, [0, 2, 1]]
    start = len(vertices) + len(hair.parents)
    where = np.stack([(angle.ravel() - np.pi) * 0.9, 1.05 - 0.5 * fall.ravel()], axis=1)
    shade = np.where(np.cos(angle.ravel()) < 0, 0.3, 1.0)
    return Hair(
        parents=np.concatenate([hair.parents, np.full((len(points), 2), crown)]),
        offset=np.concatenate([hair.offset, points - vertices[crown]]),
        triangles=np.concatenate([hair.triangles, faces + start]),
        texel=np.concatenate([hair.texel, texel(where)]),
        shade=np.concatenate([hair.shade, shade]),
    )


def paint(person: Person) -> Array:
    """The hair's albedo, ``float64 (ROWS, WIDTH, 3)`` linear RGB, fading into skin at the hairline."""
    style = STYLES[person.style]
    table = np.random.default_rng(person.paint + 2).random((256, 256)) * 2 - 1
    s = np.broadcast_to(-SPAN + np.arange(WIDTH) / DENSITY, (ROWS, WIDTH))
    v = np.broadcast_to((TOP - np.arange(ROWS) / DENSITY)[:, None], (ROWS, WIDTH))
    bend = s + 0.05 * noise(table, s * 3, v * 3 + 40)
    strands = noise(table, bend * 24, v * 2.2) * 0.5 + noise(table, bend * 55 + 9, v * 3.5) * 0.5
    locks = noise(table, bend * 6 + 70, v * 1.1)
    colour = np.array(person.hair) * np.clip(1 + 0.55 * strands + 0.28 * locks, 0.25, 2.5)[..., None]
    edge = v - _hairline(np.abs(s), style)
    wisp = 0.030 * noise(table, s * 38 + 5, v * 6 + 90) + 0.018 * noise(table, s * 9, v * 4 + 15)
    soft = 0.10 if person.style == "buzz" else 0.055
    cover = smooth((edge + wisp) / soft)[..., None]
    if person.style == "buzz":
        cover = cover * 0.86
    bare = tone(person.melanin) * (1 + 0.12 * blood(person.melanin)) * 0.97
    return colour * cover + (1 - cover) * bare
