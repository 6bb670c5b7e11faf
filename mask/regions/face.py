"""The average face: its 468 mesh points in face-box coordinates, its openings and its outline."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .region import Region, read_regions

POINTS = 468


def canonical() -> NDArray[np.float64]:
    """The mesh points of the average face, ``float64 (468, 2)``, (x, y) in face-box coordinates."""
    return np.array(_average()["points"], dtype=np.float64)


def mirror() -> NDArray[np.int64]:
    """The vertex that takes each vertex's place in a mirrored picture, ``int64 (468,)``.

    >>> int(mirror()[61]), int(mirror()[33])
    (291, 263)
    """
    return np.array(_average()["mirror"], dtype=np.int64)


@cache
def apertures() -> tuple[Region, ...]:
    """The openings of the face: both eyes, both nostrils and the mouth between the lips."""
    return tuple(r for r in _outline() if not r.skin)


@cache
def outline() -> Region:
    """The whole face up to its outline, openings included."""
    return next(r for r in _outline() if r.skin)


@cache
def _outline() -> tuple[Region, ...]:
    return read_regions(_read("outline.json"))


@cache
def _average() -> dict[str, Any]:
    return _read("canonical.json")


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files("mask.regions").joinpath(name).read_text(encoding="utf-8"))
    return data
