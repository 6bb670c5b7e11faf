"""A person made ready for the camera: one mesh with head and hair, its skin, and how it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import camera, express, hair, raster, skin
from .head import PARTS, Array, Pack
from .people import Person
from .raster import Index

PUPILS = 0.63  # decimetres between the eye centres, for everyone
HAIR_PART, BACKING = len(PARTS), len(PARTS) + 1
# Behind the slits of the eyes and the mouth, where the mesh has holes, it is dark: a card inside the head.
_CARD = np.array([[-0.42, -0.95, -0.3], [0.42, -0.95, -0.3], [0.42, 0.08, -0.3], [-0.42, 0.08, -0.3]])
_DARK = (0.030, 0.012, 0.010)
_EYE_CELLS = 88
_PATCH = 8
_IRIS_RADIUS = 0.43  # of the eyeball's


@dataclass(frozen=True, eq=False)
class Actor:
    """Geometry in decimetres with the eyes' midpoint at the origin, as far as a camera in front may see it.

    Args:
        rest: (V, 3) neutral.
        triangles: (F, 3); part: (F,) index into `PARTS`, or `HAIR_PART`, or `BACKING`.
        units: action unit -> (indices, displacement at weight 1).
        texel: (V, 2) column and row in `texture`.
        tint: (V, 3) multiplied with the texture.
        gloss: (V, 3) surface reflection over the albedo.
        ambient, visibility: what each vertex sees of the sky.
        follow: (V,) 1 where the vertex moves with the head, 0 on the shoulders.
        texture: packed albedo, flat; width: texels in a row.
        gather: (V, F) sums triangle normals into vertex normals.
        eyeballs: vertices of the left and the right eye, in the picture.
        lids: vertices along the edge of the upper lids, left and right, from left to right.
        landmark_corners, landmark_weights: (468, 3) where the mesh points lie on the skin.
    """

    rest: Array
    triangles: Index
    part: Index
    units: Mapping[str, tuple[Index, Array]]
    texel: Array
    tint: Array
    gloss: Array
    ambient: Array
    visibility: Array
    follow: Array
    texture: Index
    width: int
    gather: sparse.csr_matrix
    eyeballs: tuple[Index, Index]
    lids: tuple[Index, Index]
    landmark_corners: Index
    landmark_weights: Array

    def pose(self, weights: Mapping[str, float]) -> Array:
        """(V, 3) vertices under an expression, before the head turns."""
        out = self.rest.copy()
        for code, weight in weights.items():
            if weight:
                index, delta = self.units[code]
                out[index] += weight * delta
        return out

    def normals(self, vertices: Array) -> Array:
        """(V, 3) unit normals."""
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        ab, ac = b - a, c - a
        face = np.empty_like(ab)
        face[:, 0] = ab[:, 1] * ac[:, 2] - ab[:, 2] * ac[:, 1]
        face[:, 1] = ab[:, 2] * ac[:, 0] - ab[:, 0] * ac[:, 2]
        face[:, 2] = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        out: Array = self.gather @ face
        length = np.sqrt(out[:, 0] ** 2 + out[:, 1] ** 2 + out[:, 2] ** 2)
        out /= np.maximum(length, 1e-12)[:, None]
        return out

    def landmarks(self, vertices: Array) -> Array:
        """(468, 3) mesh points on posed vertices."""
        corners = vertices[self.landmark_corners]
        out: Array = (corners * self.landmark_weights[:, :, None]).sum(axis=1)
        return out


def dress(pack: Pack, person: Person) -> Actor:
    """Everything about a person that no clip changes."""
    vertices, scale = normalised(pack, person)
    gather = _gather(pack.triangles, len(vertices))
    normals = _unit(gather @ _face_normals(vertices, pack.triangles))
    grown = hair.grow(pack, person, vertices, normals)
    rest = np.concatenate([vertices, _ride(grown, vertices) + grown.offset, _CARD])
    card = np.array([[0, 1, 2], [0, 2, 3]]) + len(rest) - len(_CARD)
    triangles = np.concatenate([pack.triangles, grown.triangles, card])
    atlas, texel = _atlas(pack, person, grown)
    tint, gloss = _surface(pack, person, grown)
    units = {
        code: _extend(pack, grown, _lash_length(person), index, delta * scale)
        for code, (index, delta) in express.units(pack).items()
    }
    part = np.concatenate([pack.part, np.full(len(grown.triangles), HAIR_PART), np.full(len(card), BACKING)])
    ahead = np.clip(rest[:, 2] + 0.55, 0.0, 0.5)  # the chin goes with the head, the throat below it less
    follow = skin.smooth((rest[:, 1] + 1.55 + 0.6 * ahead) / 0.5)
    ambient = np.concatenate([pack.ambient, _ride(grown, pack.ambient) * grown.shade, np.ones(len(_CARD))])
    visibility = [pack.visibility, _ride(grown, pack.visibility) * grown.shade[:, None], np.zeros((len(_CARD), 16))]
    shown = _shown(rest, triangles, part, units, follow)
    triangles, part = triangles[shown], part[shown]
    corners = pack.triangles[pack.landmark_triangle]
    used = np.union1d(np.unique(triangles), np.concatenate([corners.ravel(), *_lids(pack)]))
    new = np.full(len(rest), -1)
    new[used] = np.arange(len(used))
    return Actor(
        rest=rest[used],
        triangles=new[triangles],
        part=part,
        units={code: _renumbered(new, *unit) for code, unit in units.items()},
        texel=texel[used],
        tint=tint[used],
        gloss=gloss[used],
        ambient=ambient[used],
        visibility=np.concatenate(visibility)[used],
        follow=follow[used],
        texture=skin.pack_rgb(atlas).ravel(),
        width=atlas.shape[1],
        gather=_gather(new[triangles], len(used)),
        eyeballs=_known(new, _eyes(pack)),
        lids=_known(new, _lids(pack)),
        landmark_corners=new[corners],
        landmark_weights=pack.landmark_weights,
    )


def normalised(pack: Pack, person: Person) -> tuple[Array, float]:
    """(V, 3) head vertices in the actor's coordinates, and how much larger than the pack's they are."""
    vertices = _lashes(pack, _lash_length(person), person.vertices)
    left, right = (_centre(vertices, e) for e in _eyes(pack))
    scale = PUPILS / float(np.hypot(*(right - left)[:2]))
    return (vertices - (left + right) / 2) * scale, scale


def _lash_length(person: Person) -> float:
    return 0.25 if person.male else 0.45


def _known(new: Index, sides: tuple[Index, Index]) -> tuple[Index, Index]:
    left, right = (new[side][new[side] >= 0] for side in sides)
    return left, right


def _renumbered(new: Index, index: Index, delta: Array) -> tuple[Index, Array]:
    kept = new[index] >= 0
    return new[index][kept], delta[kept]


def draw_order(depth: Array, triangles: Index, part: Index) -> Index:
    """Triangles from back to front: by depth, but eyeballs lie under their lids and hair lies on its scalp."""
    a, b, c = depth[triangles].T
    key = (a + b + c) / 3
    for which, behind in ((PARTS.index("eyes"), 0.16), (HAIR_PART, -0.05), (BACKING, 99.0)):
        key[part == which] -= behind
    return np.argsort(key, kind="stable")


def _shown(
    rest: Array,
    triangles: Index,
    part: Index,
    units: Mapping[str, tuple[Index, Array]],
    follow: Array,
) -> NDArray[np.bool_]:
    """(F,) triangles that some pose and expression shows to the camera, and those that touch them."""
    shut = {"L45": 1.0, "R45": 1.0, "L12": 0.4, "R9": 0.5}
    open_ = {"L45": 0.5, "R45": 0.5, "AU26": 0.5, "L10": 1.0, "R10": 1.0, "L16": 1.0, "R16": 1.0}
    shown = np.zeros(len(triangles) + 1, dtype=bool)
    turns: tuple[tuple[float, float, dict[str, float]], ...] = (
        (0.0, 0.0, {}),
        (0.0, -0.11, open_),
        (0.0, 0.11, shut),
        (0.08, 0.07, {}),
        (0.14, 0.11, {}),
        (-0.08, -0.07, {}),
        (-0.14, -0.11, shut),
        (0.14, -0.11, open_),
        (-0.14, 0.11, open_),
    )
    for yaw, pitch, weights in turns:
        points = rest.copy()
        for code, weight in weights.items():
            points[units[code][0]] += weight * units[code][1]
        flat, depth = camera.project(camera.place(points, camera.HeadPose(yaw, pitch), follow), 400)
        order = draw_order(depth, triangles, part)
        order = order[raster.front_facing(flat[triangles[order]])]
        shown[raster.cut(flat[triangles[order]]).cover(order, 400)] = True
    near = np.zeros(len(rest), dtype=bool)
    near[triangles[shown[:-1]]] = True
    return np.asarray(near[triangles].any(axis=1) | (part == BACKING))


def _eyes(pack: Pack) -> tuple[Index, Index]:
    eyes = np.unique(pack.triangles[pack.part == PARTS.index("eyes")])
    return eyes[pack.mean[eyes, 0] < 0], eyes[pack.mean[eyes, 0] > 0]


def _lids(pack: Pack) -> tuple[Index, Index]:
    roots = np.unique(pack.lash_root[pack.lash_root != np.arange(len(pack.lash_root))])
    roots = roots[np.argsort(pack.mean[roots, 0], kind="stable")]
    return roots[pack.mean[roots, 0] < 0], roots[pack.mean[roots, 0] > 0]


def _centre(vertices: Array, index: Index) -> Array:
    out: Array = (vertices[index].max(axis=0) + vertices[index].min(axis=0)) / 2
    return out


def _face_normals(vertices: Array, triangles: Index) -> Array:
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _unit(vectors: Array) -> Array:
    out: Array = vectors / np.maximum(np.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1e-12)
    return out


def _gather(triangles: Index, count: int) -> sparse.csr_matrix:
    rows, columns = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, len(triangles)))


def _ride(grown: hair.Hair, values: Array) -> Array:
    return (values[grown.parents[:, 0]] + values[grown.parents[:, 1]]) / 2


def _lashes(pack: Pack, length: float, values: Array) -> Array:
    """Shrink the lashes, published as long solid sheets, towards their roots."""
    return length * values + (1 - length) * values[pack.lash_root]


def _extend(pack: Pack, grown: hair.Hair, length: float, index: Index, delta: Array) -> tuple[Index, Array]:
    """A head shape carried on to lashes and hair."""
    full = np.zeros_like(pack.base)
    full[index] = delta
    full = _lashes(pack, length, full)
    full = np.concatenate([full, _ride(grown, full), np.zeros_like(_CARD)])
    index = np.flatnonzero(np.abs(full).max(axis=1) > 0)
    return index, full[index]


def _atlas(pack: Pack, person: Person, grown: hair.Hair) -> tuple[Array, Array]:
    """One texture for everything, and where on it each vertex lies."""
    bottom = np.full((_EYE_CELLS, skin.WIDTH, 3), 1.0)
    bottom[:, :_EYE_CELLS] = _eye(person)
    atlas = np.concatenate([skin.paint(person), hair.paint(person), bottom])
    coordinates, _ = skin.unwrap(pack)
    texel = np.concatenate([skin.texel(coordinates), grown.texel + np.array([0.0, skin.HEIGHT])])
    floor = skin.HEIGHT + hair.ROWS
    white = np.array([_EYE_CELLS + 3.0 * _PATCH, floor + _PATCH])
    texel[np.flatnonzero(pack.part_vertex(PARTS.index("lashes")))] = white
    for eye in _eyes(pack):
        ball = pack.mean[eye] - _centre(pack.mean, eye)
        direction = ball / np.sqrt((ball**2).sum(axis=1)).max()
        cells = (_EYE_CELLS - 1) / 2
        texel[eye, 0] = cells * (1 + 0.96 * direction[:, 0])
        texel[eye, 1] = floor + cells * (1 - 0.96 * direction[:, 1])
    return atlas, np.concatenate([texel, np.tile(white, (len(_CARD), 1))])


def _eye(person: Person) -> Array:
    """The eyeball seen from the front, ``(cells, cells, 3)`` linear RGB."""
    t = (np.arange(_EYE_CELLS) / ((_EYE_CELLS - 1) / 2) - 1) / 0.96
    x, y = np.meshgrid(t, -t)
    r, turn = np.hypot(x, y), np.arctan2(y, x)
    table = np.random.default_rng(person.paint + 3).random((256, 256)) * 2 - 1
    white = np.array([0.60, 0.545, 0.50]) * (1 - 0.10 * skin.smooth((r - 0.45) / 0.4))[..., None]
    veins = skin.smooth((skin.noise(table, turn * 9 + 40, r * 7) - 0.35) / 0.4) * skin.smooth((r - 0.5) / 0.3)
    white = white * (1 - np.array([0.02, 0.16, 0.15]) * veins[..., None])
    q = r / _IRIS_RADIUS
    fibres = skin.noise(table, turn * 12 + 90, q * 2.5) * 0.6 + skin.noise(table, turn * 29, q * 2 + 60) * 0.4
    ring = (1.25 - 0.45 * skin.smooth((q - 0.35) / 0.5)) * (1 - 0.65 * skin.smooth((q - 0.80) / 0.18))
    bright = (1 + 0.35 * fibres) * ring
    iris = np.array(person.iris) * bright[..., None]
    pupil = skin.smooth((q - 0.40) / 0.07)[..., None]
    iris = 0.004 + (iris - 0.004) * pupil
    edge = skin.smooth((q - 0.96) / 0.10)[..., None]
    return np.clip(iris * (1 - edge) + white * edge, 0.002, 0.95)


def _surface(pack: Pack, person: Person, grown: hair.Hair) -> tuple[Array, Array]:
    """(V, 3) tint and gloss."""
    count = len(pack.base)
    tint, gloss = np.ones((count, 3)), np.full(count, 0.055 * person.oil)
    colour = skin.tone(person.melanin)
    lips = pack.lips[:, None]
    red = np.array([0.93, 0.60, 0.60]) if person.melanin < 0.6 else np.array([0.92, 0.70, 0.72])
    tint *= 1 - lips * (1 - red)
    gloss += 0.05 * pack.lips
    gloss *= 0.6 + 0.4 * skin.smooth((pack.ambient - 0.3) / 0.4)
    deep = skin.smooth((0.30 - pack.ambient) / 0.25)[:, None]
    tint *= 1 - deep * np.array([0.30, 0.55, 0.55])
    reflect = gloss[:, None] / colour
    part = {name: np.unique(pack.triangles[pack.part == i]) for i, name in enumerate(PARTS)}
    tint[part["lashes"]] = 0.5 * np.minimum(np.array(person.hair), 0.06) + 0.015 + 0.05 * colour
    tint[part["eyes"]] = 1.0
    for name in ("lashes", "eyes"):
        reflect[part[name]] = 0.0
    shine = 0.035 / np.maximum(np.array(person.hair), 0.02)
    depth = np.abs(grown.offset).sum(axis=1) > 0.02
    more = np.where(depth[:, None], shine * 0.5, _ride(grown, reflect))
    tint = np.concatenate([tint, np.where(depth[:, None], 1.0, _ride(grown, tint)), np.tile(_DARK, (len(_CARD), 1))])
    return tint, np.concatenate([reflect, more, np.zeros((len(_CARD), 3))])
