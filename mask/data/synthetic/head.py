"""The head: one mesh, many people, many expressions.

Units are decimetres, x to the picture's right, y up, z out of the face. Vertex order, shapes and masks come from
`assets/head.npz`, which `scripts/build_head.py` makes from CC0 sources (see assets/PROVENANCE.md).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mask.errors import UnreadableData

HEAD_SHA256 = "a148a62e51e46babc2c17382b52b6deafac543aa7a6aaa3a7f3d1eabee381443"
PARTS = ("skin", "eyes", "lashes")
_UNIT = 1e-3

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pack:
    """The head pack.

    Args:
        base: (V, 3) published base mesh, to which shapes are added.
        mean: (V, 3) average adult; everything painted or attached is placed on it.
        triangles: (F, 3) vertex indices, counter-clockwise from outside.
        part: (F,) index into `PARTS`.
        mirror: (V,) the vertex on the other side.
        lash_root: (V,) for a lash vertex the one at its root, else itself.
        lips: (V,) 1 on the red of the lips.
        ambient: (V,) share of the sky seen, weighted by the cosine.
        visibility: (V, 16) spherical harmonics of what the head leaves of the sky.
        shapes: name -> (indices, displacements in decimetres).
        landmark_triangle: (468,) the triangle each mesh point lies on.
        landmark_weights: (468, 3) where in it, barycentric.
        landmark_mirror: (468,) the mesh point on the other side.
    """

    base: Array
    mean: Array
    triangles: NDArray[np.int64]
    part: NDArray[np.int64]
    mirror: NDArray[np.int64]
    lash_root: NDArray[np.int64]
    lips: Array
    ambient: Array
    visibility: Array
    shapes: Mapping[str, tuple[NDArray[np.int64], Array]]
    landmark_triangle: NDArray[np.int64]
    landmark_weights: Array
    landmark_mirror: NDArray[np.int64]

    def dense(self, name: str) -> Array:
        """(V, 3) displacement of one shape."""
        out = np.zeros_like(self.base)
        index, delta = self.shapes[name]
        out[index] = delta
        return out

    def part_vertex(self, part: int) -> NDArray[np.bool_]:
        """(V,) whether a vertex belongs to a part."""
        out = np.zeros(len(self.base), dtype=bool)
        out[self.triangles[self.part == part]] = True
        return out

    def landmarks(self, vertices: Array) -> Array:
        """(468, 3) mesh points on a deformed head."""
        corners = vertices[self.triangles[self.landmark_triangle]]
        out: Array = (corners * self.landmark_weights[:, :, None]).sum(axis=1)
        return out


@lru_cache(maxsize=1)
def load() -> Pack:
    """The pack that ships with MASK.

    Raises:
        UnreadableData: when the file is not the one this version was built with.
    """
    raw = files("mask.data.synthetic").joinpath("assets/head.npz").read_bytes()
    if hashlib.sha256(raw).hexdigest() != HEAD_SHA256:
        raise UnreadableData("the synthetic head (mask/data/synthetic/assets/head.npz) is damaged; reinstall MASK")
    with np.load(io.BytesIO(raw), allow_pickle=False) as data:
        names, ends = data["shape_names"], data["shape_ends"]
        index, delta = data["shape_index"].astype(np.int64), data["shape_delta"] * _UNIT
        starts = np.concatenate([[0], ends[:-1]])
        shapes = {str(n): (index[a:b], delta[a:b]) for n, a, b in zip(names, starts, ends, strict=True)}
        return Pack(
            base=data["base"].astype(np.float64),
            mean=data["mean"].astype(np.float64),
            triangles=data["triangles"].astype(np.int64),
            part=data["part"].astype(np.int64),
            mirror=data["mirror"].astype(np.int64),
            lash_root=data["lash_root"].astype(np.int64),
            lips=data["lips"] / 255.0,
            ambient=data["ambient"] / 255.0,
            visibility=data["visibility"] / 30.0,
            shapes=MappingProxyType(shapes),
            landmark_triangle=data["landmark_triangle"].astype(np.int64),
            landmark_weights=data["landmark_weights"] / 4.0,
            landmark_mirror=data["landmark_mirror"].astype(np.int64),
        )
