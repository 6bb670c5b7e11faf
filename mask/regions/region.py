"""One facial region: a name, and polygons over the vertices of the 468-point mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Side = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Region:
    """A named part of the face.

    Args:
        name: as ``mouth_corner_left``; left and right as seen in the picture.
        side: which half of the picture it lies in.
        polygons: closed loops of mesh vertex indices, in order; loops of one region do not overlap.
        action_units: FACS codes whose motion shows there, as ``"AU12"``.
        skin: whether it is skin all over, so that a sticker can be stuck on it; else it holds an opening.
    """

    name: str
    side: Side
    polygons: tuple[tuple[int, ...], ...]
    action_units: tuple[str, ...]
    skin: bool

    def loops(self, points: ArrayLike) -> list[NDArray[np.float64]]:
        """The polygons' corners, given where the mesh is: ``(468, 2)`` or ``(468, 3)``; each ``float64 (V, 2)``."""
        mesh = np.asarray(points, dtype=np.float64)
        if mesh.ndim != 2 or mesh.shape[0] < 468 or mesh.shape[1] < 2:
            raise ValueError(f"landmarks have shape {mesh.shape}; expected (468, 2) or (468, 3)")
        return [mesh[list(p), :2] for p in self.polygons]


def read_regions(data: Mapping[str, Any]) -> tuple[Region, ...]:
    """The regions of a parsed scheme file."""
    return tuple(
        Region(r["name"], r["side"], tuple(map(tuple, r["polygons"])), tuple(r["action_units"]), r["skin"])
        for r in data["regions"]
    )
