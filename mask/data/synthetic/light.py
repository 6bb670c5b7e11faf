"""Light and skin: how bright each vertex is, from a few large soft lights and what the head itself hides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .head import Array


def harmonics(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real spherical harmonics up to degree 3.

    Args:
        directions: (..., 3) unit vectors.

    Returns:
        (..., 16) values, orthonormal over the sphere.
    """
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    one = np.ones_like(x)
    return np.stack(
        [
            0.28209479177387814 * one,
            0.4886025119029199 * y,
            0.4886025119029199 * z,
            0.4886025119029199 * x,
            1.0925484305920792 * x * y,
            1.0925484305920792 * y * z,
            0.31539156525252005 * (3 * z * z - 1),
            1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
            0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            0.4570457994644658 * y * (5 * z * z - 1),
            0.3731763325901154 * z * (5 * z * z - 3),
            0.4570457994644658 * x * (5 * z * z - 1),
            1.445305721320277 * z * (x * x - y * y),
            0.5900435899266435 * x * (x * x - 3 * y * y),
        ],
        axis=-1,
    )


@dataclass(frozen=True, eq=False)
class Lamp:
    """One large soft light.

    Args:
        toward: (3,) unit vector from the face to the light.
        colour: (3,) linear RGB strength.
    """

    toward: Array
    colour: Array


@dataclass(frozen=True, eq=False)
class Room:
    """All the light of a scene.

    Args:
        lamps: soft lights.
        sky, ground: (3,) linear RGB ambient light from above and below.
    """

    lamps: tuple[Lamp, ...]
    sky: Array
    ground: Array


_CAMERA = np.array([0.0, 0.0, 1.0])
# How far light wraps around an edge, per channel: skin lets red through furthest. Shadows redden the same way.
_WRAP = np.array([0.42, 0.24, 0.18])
_BLEED = np.array([0.75, 1.0, 1.1])
# A lamp of some 40 degrees across: the finer harmonics of the shadow are smeared out.
_SOFT = np.repeat([1.0, 0.92, 0.72, 0.48], [1, 3, 5, 7])


def shadows(visibility: Array, ambient: Array, room: Room) -> tuple[Array, Array]:
    """What of each light reaches each vertex; it changes too little within a clip to be computed again.

    Args:
        visibility: (V, 16) harmonics of the open sky.
        ambient: (V,) cosine-weighted share of the sky.

    Returns:
        (lamps, V, 3) and (V, 3), in 0..1.
    """
    toward = np.stack([lamp.toward for lamp in room.lamps])
    open_sky = (visibility[None] * (harmonics(toward) * _SOFT)[:, None, :]).sum(axis=2)
    reach = np.clip((open_sky - 0.15) / 0.75, 0.02, 1.0)
    return _bleed(reach), _bleed(np.clip(ambient, 0.03, 1.0))


def _bleed(reach: Array) -> Array:
    out: Array = np.exp(np.log(reach)[..., None] * _BLEED)
    return out


def shade(normals: Array, room: Room, lamps: Array, ambient: Array, gloss: Array) -> Array:
    """Light leaving each vertex, to be multiplied with its albedo.

    Args:
        normals: (V, 3) unit vectors, the camera along +z.
        lamps, ambient: from `shadows`.
        gloss: (V, 3) strength of the surface reflection over the albedo.

    Returns:
        (V, 3) linear RGB.
    """
    up = 0.5 + 0.5 * normals[:, 1:2]
    out: Array = (room.ground + (room.sky - room.ground) * up) * ambient
    for lamp, reach in zip(room.lamps, lamps, strict=True):
        facing = normals[:, 0] * lamp.toward[0] + normals[:, 1] * lamp.toward[1] + normals[:, 2] * lamp.toward[2]
        lit = np.maximum(facing[:, None] + _WRAP, 0.0) / (1 + _WRAP)
        half = lamp.toward + _CAMERA
        half = half / np.sqrt((half * half).sum())
        shine = np.maximum(normals[:, 0] * half[0] + normals[:, 1] * half[1] + normals[:, 2] * half[2], 0.0)
        square = shine * shine
        broad = square * square * square * square
        tight = broad * broad * broad * broad
        out += lamp.colour * reach * (lit * lit + (0.5 * broad + 0.9 * tight)[:, None] * gloss)
    return out
