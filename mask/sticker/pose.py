"""Where a sticker lies in a frame, from the face mesh.

A sticker on the skin is stiff: it goes where the skin under it goes and turns with it, and a turn of the head
foreshortens it, but it does not stretch when the skin does. So its pose is made of two weighted least-squares fits
between the mesh of the reference frame and the mesh of the frame at hand:

  1. an affine map over a wide part of the face around the sticker, which holds the turn, the tilt and the size of the
     head, and from which the motion of one muscle all but averages out;
  2. what the first leaves over under the sticker itself: a shift and a rotation.

Weights are Gaussian in the distance on the average face and never change over time, so a pose is a smooth function of
the mesh: no vertex enters or leaves. Vertices are weighted by the inverse of their density, as the mesh is finest
around the eyes and lips; those on the rims of eyes, nostrils and mouth are left out, because they blink and speak.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.geometry import BOX_MM, Affine, compose, face_box, transform
from mask.plan import TURN_DEGREES, Kinetics, Placement
from mask.regions import apertures, canonical

from .art import FILL
from .turn import parallax

WIDE_MM = 30.0
"""Standard deviation of the weights of the wide fit."""

NEAR_MM = 10.0
"""Least standard deviation of the weights of the near fit; otherwise half the sticker's side."""

AVERAGE = canonical() * BOX_MM
"""The mesh of the average face in millimetres, as a reference."""

_DENSITY_MM = 5.0
_FLOOR = 1e-4
"""Added to every weight, so that a place beside the face is carried by the face as a whole."""


class Pose:
    """The poses of one sticker over the frames of a clip.

    Args:
        placement: where, in face-box coordinates of the average face; its mesh carries the place to this face.
        kinetics: how it moves.
        reference: (468, 2) mesh points in the frame where the sticker is put on, the onset: there it is a square
            (before its art's own shape) of the stated share of the face box, upright with the eyes. Where no frame is
            known to face the camera, `AVERAGE`: the sticker is then a square on the average face, facing the camera.

    Raises:
        ValueError: for landmarks that are not finite, of another shape, or without two distinct eyes.
    """

    def __init__(self, placement: Placement, kinetics: Kinetics, reference: ArrayLike | None) -> None:
        self._reference = _mesh(reference)
        self._kinetics = kinetics
        near, wide = _weights(placement)
        place = transform((_solve(AVERAGE, near) @ self._reference).T, np.array([placement.x, placement.y]) * BOX_MM)
        box = face_box(self._reference)
        self._start = _upright(placement, box.to_image, place)
        self._near = near / near.sum()
        self._fit = _solve(self._reference, wide)
        self._reach = kinetics.reach_mm * box.pixels_per_mm

    @property
    def start(self) -> Affine:
        """The pose in the reference frame: 2 x 3, sticker canvas (-1..1) to pixels."""
        return self._start.copy()

    def at(self, points: ArrayLike | None, progress: float = 0.0) -> Affine:
        """The pose in a frame.

        Args:
            points: (468, 2) mesh points of the frame in pixels; not looked at for ``screen``.
            progress: how far along a motion that is not driven by the mesh (`_against`) it is, 0 to 1 (`progress`).

        Returns:
            2 x 3, from the sticker's canvas (-1..1) to pixels.

        Raises:
            ValueError: for landmarks that are not finite, or of another shape.
        """
        if self._kinetics.kind == "screen":
            return self.start
        mesh = _mesh(points)
        wide: Affine = (self._fit @ mesh).T
        pose = compose(compose(_rigid(transform(wide, self._reference), mesh, self._near), wide), self._start)
        nearer = math.sqrt(abs(float(np.linalg.det(wide[:, :2]))))
        pose[:, 2] += nearer * self._against(mesh, (pose[:, 2] - self._start[:, 2]) / nearer, progress)
        return pose

    def _against(self, mesh: NDArray[np.float64], moved: NDArray[np.float64], progress: float) -> NDArray[np.float64]:
        """How far the sticker has moved against the skin under it, in pixels of the reference frame (`Kinetics`)."""
        kind, direction = self._kinetics.kind, np.array(self._kinetics.direction)
        chosen = bool(direction.any())
        if kind == "skin":
            return np.zeros(2)
        if kind == "slip" and not chosen:
            return -moved * min(1.0, self._reach / max(math.hypot(*moved), 1e-30))
        if kind == "raised" and not chosen:
            box = face_box(mesh).to_image
            axes = box[:, :2] / np.hypot(*box[:, :2])
            return np.asarray(self._reach * axes @ parallax(self._reference, mesh))
        if kind == "raised":
            direction = direction * math.tan(math.radians(TURN_DEGREES)) / math.hypot(*direction)
        return np.asarray(progress * self._reach * direction)


def progress(index: int, onset: int, apex: int, offset: int) -> float:
    """How far an apparent motion has come: 0 at the onset, 1 at the apex, 0 again at the offset, smoothly.

    Where the offset is not after the apex it is not known, and the motion stays at its end.

    >>> [progress(i, 2, 4, 6) for i in range(8)]
    [0.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    if index <= onset or apex <= onset or (index >= offset > apex):
        return 0.0
    if index >= apex:
        share = (offset - index) / (offset - apex) if offset > apex else 1.0
    else:
        share = (index - onset) / (apex - onset)
    return share * share * (3 - 2 * share)


def _upright(placement: Placement, box: Affine, place: NDArray[np.float64]) -> Affine:
    """The canvas of a sticker put at `place`: its sides along and across the eye line, turned by the angle."""
    area = placement.area * abs(float(np.linalg.det(box[:, :2])))
    half = math.sqrt(area / FILL) / 2
    along = math.atan2(box[1, 0], box[0, 0]) + math.radians(placement.angle)
    c, s = half * math.cos(along), half * math.sin(along)
    return np.array([[c, -s, place[0]], [s, c, place[1]]])


def _solve(source: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix, (3, V), that makes of target points (V, 2) the transposed affine that best carries `source` there."""
    middle = weights @ source / weights.sum()
    spread = math.sqrt(weights @ ((source - middle) ** 2).sum(axis=1) / weights.sum())
    design = np.concatenate([(source - middle) / spread, np.ones((len(source), 1))], axis=1)
    weighted = design * weights[:, None]
    found = np.linalg.solve(design.T @ weighted, weighted.T)
    linear = found[:2] / spread
    return np.concatenate([linear, found[2:] - middle[None] @ linear])


def _rigid(source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]) -> Affine:
    """The shift and rotation that best carry `source` to `target`, weights summing to 1."""
    here, there = weights @ source, weights @ target
    a, b = source - here, target - there
    cosine = weights @ (a * b).sum(axis=1)
    sine = weights @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    length = max(math.hypot(cosine, sine), 1e-30)
    c, s = cosine / length, sine / length
    linear = np.array([[c, -s], [s, c]])
    return np.concatenate([linear, (there - linear @ here)[:, None]], axis=1)


@lru_cache(maxsize=1024)
def _weights(placement: Placement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The near and the wide weight of each vertex."""
    away = np.hypot(*(AVERAGE - np.array([placement.x, placement.y]) * BOX_MM).T)
    half_side = math.sqrt(placement.area * BOX_MM[0] * BOX_MM[1]) / 2
    near, wide = (np.exp(-0.5 * (away / sd) ** 2) + _FLOOR for sd in (max(half_side, NEAR_MM), WIDE_MM))
    return _even() * near, _even() * wide


@cache
def _even() -> NDArray[np.float64]:
    """What each vertex counts for: less where there are many, nothing on the rim of an opening."""
    apart = np.hypot(*(AVERAGE[:, None] - AVERAGE).transpose(2, 0, 1))
    even = 1 / np.exp(-0.5 * (apart / _DENSITY_MM) ** 2).sum(axis=1)
    even[[vertex for opening in apertures() for loop in opening.polygons for vertex in loop]] = 0
    return np.asarray(even, dtype=np.float64)


def _mesh(points: ArrayLike | None) -> NDArray[np.float64]:
    mesh = np.asarray(np.nan if points is None else points, dtype=np.float64)
    if mesh.ndim != 2 or mesh.shape[0] < 468 or mesh.shape[1] < 2:
        raise ValueError(f"landmarks have shape {mesh.shape}; expected (468, 2) or (468, 3)")
    mesh = mesh[:468, :2]
    if not np.isfinite(mesh).all():
        raise ValueError("the landmarks are not finite; is there a face in this frame?")
    return mesh
