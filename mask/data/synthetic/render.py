"""From posed vertices to a picture: what is seen, its colour, lens and film.

Geometry and light are elementwise float64, what is read off them at a pixel is elementwise float32, and everything
after that is exact integer arithmetic: no matrix product, no sum whose order is left open. So a frame does not depend
on threads, on the order of frames or on which vector instructions the machine has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame

from . import raster
from .camera import HeadPose, place, project, turn
from .head import PARTS, Array
from .light import shade
from .raster import Index, Single
from .stage import FULL, Stage

_STEP = 0.06  # decimetres: a jump in depth inside one pixel that makes it an edge
_EYES = PARTS.index("eyes")
CHANNEL_BITS = 21
_TEXEL = 32.0
_OFFSETS = tuple(offset.astype(np.float32) for offset in raster.SAMPLES)
_ONES = 1 << 42 | 1 << 21 | 1
_KEEP = {bits: (0x1FFFFF >> bits) * _ONES for bits in (2, 6)}


@dataclass(frozen=True, eq=False)
class Planes:
    """What each triangle of the stage shows, as linear functions of the picture: depth, column and row in the texture
    (in `_TEXEL`), and red, green and blue light. ``(6, F + 1)`` values at the picture's origin, and their slopes; the
    last entry is the backdrop, far behind, so that the index -1 finds it."""

    start: Single
    dx: Single
    dy: Single

    def at(self, which: int, tri: Index, x: Single, y: Single) -> Single:
        """One quantity at points of given triangles."""
        out: Single = self.dx[which].take(tri, mode="wrap")
        out *= x
        slope = self.dy[which].take(tri, mode="wrap")
        slope *= y
        out += slope
        out += self.start[which].take(tri, mode="wrap")
        return out


@dataclass(frozen=True, eq=False)
class Shot:
    """One posed moment, projected and rasterised: everything a frame and its truth are read off.

    Args:
        points: (V, 2) pixels of every vertex.
        planes: what each triangle shows.
        seen: (size * size,) triangle of the stage at every pixel centre, -1 for the backdrop.
        border: pixels that an outline runs through.
        samples: (4, len(border)) triangles at the samples of those.
    """

    points: Array
    planes: Planes
    seen: Index
    border: Index
    samples: Index


def shoot(
    stage: Stage,
    weights: Mapping[str, float],
    pose: HeadPose,
    gaze: tuple[float, float] = (0.0, 0.0),
    bright: float = 1.0,
) -> Shot:
    """Pose, light and rasterise one moment.

    Args:
        weights: action unit -> weight.
        gaze: how far the pupils have moved, in texels, right and down.
        bright: gain of all light.
    """
    actor, size = stage.actor, stage.size
    vertices = actor.pose(weights)
    normals = turn(actor.normals(vertices), pose.matrix())
    points, depth = project(place(vertices, pose, actor.follow), size)
    light = shade(normals, stage.room, stage.lamps, stage.ambient, actor.gloss) * actor.tint * bright
    planes = _planes(stage, points, depth, light, gaze)
    corners = points[stage.triangles]
    facing = np.flatnonzero(raster.front_facing(corners))
    drawn = raster.cut(corners[facing])
    seen = drawn.cover(facing, size)
    x, y = stage.grid
    border = _steps(planes.at(0, seen, x, y).reshape(size, size))
    samples = drawn.sample(facing, size, border)
    x, y = (grid[border] + offset[:, None] for grid, offset in zip(stage.grid, _OFFSETS, strict=True))
    one, *others = planes.at(0, samples, x, y)
    torn = np.zeros(len(border), dtype=bool)
    for other in others:
        torn |= np.abs(other - one) > _STEP
    return Shot(points, planes, seen, border[torn], samples[:, torn])


def _planes(stage: Stage, points: Array, depth: Array, light: Array, gaze: tuple[float, float]) -> Planes:
    actor = stage.actor
    value = np.empty((6, len(points)))
    value[0] = depth
    value[1:3] = actor.texel.T
    for eye in actor.eyeballs:
        value[1, eye] -= gaze[0]
        value[2, eye] -= gaze[1]
    value[1:3] *= _TEXEL
    np.multiply(light.T, FULL / (2047.0 * 1024.0) ** 2, out=value[3:])
    a, b, c = stage.triangles.T
    flat = np.ascontiguousarray(points.T)
    pa, va = flat.take(a, axis=1), value.take(a, axis=1)
    ab, ac = flat.take(b, axis=1), flat.take(c, axis=1)
    ab -= pa
    ac -= pa
    area = ab[0] * ac[1] - ab[1] * ac[0]
    area[np.abs(area) < 1e-9] = 1e-9  # edge-on, never seen
    ab /= area
    ac /= area
    vab, vac = value.take(b, axis=1), value.take(c, axis=1)
    vab -= va
    vac -= va
    dx = vab * ac[1]
    dx -= vac * ab[1]
    dy = np.multiply(vac, ab[0], out=vac)
    dy -= np.multiply(vab, ac[0], out=vab)
    start, across, down = (np.empty((6, len(a) + 1), dtype=np.float32) for _ in range(3))
    across[:, :-1], down[:, :-1] = dx, dy
    dx *= pa[0]
    dy *= pa[1]
    dx += dy
    va -= dx
    va[0] += stage.layer
    start[:, :-1] = va
    start[:, -1], across[:, -1], down[:, -1] = 0.0, 0.0, 0.0
    start[0, -1] = -999.0
    return Planes(start, across, down)


def _steps(level: Single) -> Index:
    """Pixels on either side of a jump in a (size, size) map."""
    across = np.abs(level[:, 1:] - level[:, :-1]) > _STEP
    down = np.abs(level[1:] - level[:-1]) > _STEP
    out = np.zeros(level.shape, dtype=bool)
    out[:, 1:] = across
    out[:, :-1] |= across
    out[1:] |= down
    out[:-1] |= down
    return np.flatnonzero(out)


def develop(stage: Stage, shot: Shot, bright: float = 1.0) -> Index:
    """The picture on the sensor before noise, packed linear RGB, ``int64 (size, size)``."""
    picture = np.empty(stage.size * stage.size, dtype=np.int64)
    plain = shot.seen >= 0
    plain[shot.border] = False
    inside, behind = np.flatnonzero(plain), np.flatnonzero(~plain)
    picture[behind] = _pack(np.rint(stage.backdrop[:, behind] * bright).astype(np.int64))
    picture[inside] = _colour(stage, shot, shot.seen[inside], *(grid[inside] for grid in stage.grid))
    tri = shot.samples.ravel()
    hit = np.flatnonzero(tri >= 0)
    at = ((g[shot.border] + o[:, None]).ravel()[hit] for g, o in zip(stage.grid, _OFFSETS, strict=True))
    mixed = np.tile(picture[shot.border], 4)
    mixed[hit] = _colour(stage, shot, tri[hit], *at)
    picture[shot.border] = _share(mixed.reshape(4, -1).sum(axis=0) + 2 * _ONES, 2)
    return _lens(picture.reshape(stage.size, stage.size), stage.defocus)


def _pack(rgb: Index) -> Index:
    """(3, ...) levels to one number each, 21 bits a channel: sums and shares of it treat all three alike."""
    out: Index = rgb[0] << 42 | rgb[1] << 21 | rgb[2]
    return out


def _share(packed: Index, bits: int) -> Index:
    """Divide every channel by a power of two."""
    return (packed >> bits) & _KEEP[bits]


def _colour(stage: Stage, shot: Shot, tri: Index, x: Single, y: Single) -> Index:
    """Packed linear RGB of surface points."""
    read = shot.planes.at
    levels = _fetch(stage.actor.texture, stage.actor.width, read(1, tri, x, y), read(2, tri, x, y))
    out = np.empty((3, len(tri)), dtype=np.int64)
    for i in range(3):
        albedo = ((levels >> CHANNEL_BITS * (2 - i)) & 0x1FFFFF).astype(np.float32)
        albedo *= albedo
        albedo *= read(3 + i, tri, x, y)
        out[i] = np.minimum(albedo, FULL, out=albedo)
    eye = np.flatnonzero(stage.part[tri] == _EYES)
    if len(eye):
        dim, glint = _wet(stage, shot, x[eye], y[eye])
        out[:, eye] = np.minimum(out[:, eye] * dim + glint, FULL)
    return _pack(out)


def _wet(stage: Stage, shot: Shot, x: Single, y: Single) -> tuple[Array, Array]:
    """What makes an eye alive: the shadow of the upper lid, and the lamps mirrored in the cornea."""
    unit = stage.size / 256
    dim, glint = np.ones(len(x)), np.zeros((3, len(x)))
    for lid, ball in zip(stage.actor.lids, stage.actor.eyeballs, strict=True):
        edge, middle = shot.points[lid], shot.points[ball].mean(axis=0)
        near = np.abs(x - middle[0]) < 20 * unit
        below = np.maximum(y - np.interp(x, edge[:, 0], edge[:, 1]), 0.0) / (3.2 * unit)
        corner = np.minimum(np.abs(x - edge[0, 0]), np.abs(x - edge[-1, 0])) / (4.0 * unit)
        dim = np.where(near, (1 - 0.55 * np.exp(-below * below)) * (1 - 0.35 * np.exp(-corner)), dim)
        for lamp in stage.room.lamps:
            spot = middle + np.array([lamp.toward[0], -lamp.toward[1]]) * 5.0 * unit
            away = ((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (0.7 * unit) ** 2)
            glint += 0.75 * FULL * np.exp(-away) * lamp.colour[:, None]
    return dim, glint


def _fetch(texture: Index, width: int, column: Single, row: Single) -> Index:
    """Bilinear look-up at places in `_TEXEL`: three channels of 21 bits each, 1024 times the stored level."""
    x, y = column.astype(np.int64), row.astype(np.int64)
    at = (y >> 5) * width + (x >> 5)
    x &= 31
    y &= 31
    top = _between(texture.take(at), texture.take(at + 1), x)
    at += width
    return _between(top, _between(texture.take(at), texture.take(at + 1), x), y)


def _between(a: Index, b: Index, share: Index) -> Index:
    """32 times the mixture of `a` and `share` / 32 of `b`; overwrites both."""
    b -= a
    b *= share
    a <<= 5
    a += b
    return a


def _lens(picture: Index, defocus: float) -> Index:
    """A small separable blur in exact arithmetic; its standard deviation is `defocus` pixels, at most 0.8."""
    side = round(64 * min(defocus, 0.8) ** 2 / 2)
    for axis in (0, 1):
        flat = picture if axis == 0 else picture.T
        out = flat * (64 - 2 * side) + 32 * _ONES
        out[1:-1] += (flat[:-2] + flat[2:]) * side
        out[0] += (flat[0] + flat[1]) * side
        out[-1] += (flat[-2] + flat[-1]) * side
        picture = _share(out if axis == 0 else out.T, 6)
    return picture


def encode(picture: Index) -> Frame:
    """Linear RGB, ``int64 (3, H, W)`` in and around 0..16383, to the 8-bit picture: a soft shoulder, then sRGB."""
    out = np.empty((*picture.shape[1:], 3), dtype=np.uint8)
    for i in range(3):
        out[..., i] = _CURVE.take(picture[i], mode="clip")
    return out


def unpack(picture: Index) -> Index:
    """Packed RGB to ``int64 (3, H, W)`` levels."""
    return np.stack([(picture >> CHANNEL_BITS * (2 - i)) & FULL for i in range(3)])


def _curve() -> NDArray[np.uint8]:
    x = np.arange(FULL + 1) / FULL
    x = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.4)))
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(y * 255), dtype=np.uint8)


_CURVE = _curve()
