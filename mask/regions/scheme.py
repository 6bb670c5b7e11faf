"""A scheme: the facial regions one way of naming them knows, on any face and on the face-box grid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.geometry import BOX_MM

from .face import canonical
from .polygon import centre, contains, cover, distance, fill
from .region import Region, read_regions


@dataclass(frozen=True, eq=False)
class Scheme:
    """Named facial regions that do not overlap. Two schemes are equal when they are the same object.

    Args:
        name: ``au14`` or ``mesh``.
        title: in a few words.
        source: what the regions follow, with references.
        licence: of the polygons.
        regions: in the scheme's own order and numbering.
    """

    name: str
    title: str
    source: tuple[str, ...]
    licence: str
    regions: tuple[Region, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The regions by name, in order."""
        return tuple(r.name for r in self.regions)

    def __getitem__(self, name: str) -> Region:
        """A region by name; `ValueError` for a name that is not in the scheme."""
        for region in self.regions:
            if region.name == name:
                return region
        raise ValueError(f"there is no region {name!r} in {self.name}; there are {', '.join(self.names)}")

    def masks(self, landmarks: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which pixels of a picture lie in each region.

        Args:
            landmarks: (468, 2) or (468, 3) mesh points in pixels.
            shape: (H, W) of the picture.

        Returns:
            ``bool (R, H, W)``.
        """
        return np.stack([fill(r.loops(landmarks), shape) for r in self.regions])

    def box_masks(self, size: int = 28) -> NDArray[np.bool_]:
        """Which cells of the face-box grid have their centre in each region of the average face.

        Args:
            size: cells a side; cell centres lie at ``(i + 0.5) / size``.

        Returns:
            ``bool (R, size, size)``.
        """
        return self.masks(canonical() * size - 0.5, (size, size))

    def box_coverage(self, size: int = 28) -> NDArray[np.float64]:
        """The share of each cell of the face-box grid that each region of the average face covers.

        Returns:
            ``float64 (R, size, size)`` in [0, 1], to about 1/256.
        """
        grid = canonical() * size - 0.5
        return np.stack([cover(r.loops(grid), (size, size)) for r in self.regions])

    def centres(self, landmarks: ArrayLike) -> NDArray[np.float64]:
        """The centre of area of each region, ``float64 (R, 2)`` as (x, y), in the units of `landmarks`."""
        return np.stack([centre(r.loops(landmarks)) for r in self.regions])

    def box_centres(self) -> NDArray[np.float64]:
        """The centre of area of each region of the average face, ``float64 (R, 2)`` in face-box coordinates."""
        return self.centres(canonical())

    def region_at(self, x: float, y: float) -> str:
        """The region a face-box point of the average face lies in or, where it lies in none, is nearest to.

        >>> load("mesh").region_at(0.5, 0.4)
        'nose'
        """
        return self.regions_at([(x, y)])[0]

    def regions_at(self, points: ArrayLike) -> tuple[str, ...]:
        """`region_at` for many points, ``(P, 2)``."""
        at = np.asarray(points, dtype=np.float64) * BOX_MM
        away = np.empty((len(self.regions), len(at)))
        for row, region in zip(away, self.regions, strict=True):
            corners = region.loops(canonical() * BOX_MM)
            row[:] = np.where(contains(corners, at), -1.0, distance(corners, at))
        return tuple(self.regions[i].name for i in np.argmin(away, axis=0))


def _folder() -> dict[str, str]:
    found = files("mask.regions").joinpath("schemes").iterdir()
    return {p.name.removesuffix(".json"): p.read_text(encoding="utf-8") for p in found if p.name.endswith(".json")}


SCHEMES: tuple[str, ...] = tuple(sorted(_folder()))
"""The schemes there are, by name."""


@cache
def load(name: str) -> Scheme:
    """A scheme by name.

    Raises:
        ValueError: for a name that does not exist.

    >>> load("au14").names[5]
    'glabella'
    """
    if name not in SCHEMES:
        raise ValueError(f"there is no region scheme {name!r}; there are {', '.join(SCHEMES)}")
    data = json.loads(_folder()[name])
    return Scheme(data["name"], data["title"], tuple(data["source"]), data["licence"], read_regions(data))
