"""How the faces of driving clips move, fused and carried to another face through the mesh.

Motion is measured by optical flow, which sees a tenth of a pixel where mesh networks jitter by half of one, and looked
up at the mesh points of the onset: point i of one face is point i of every face. In face-box coordinates
(`mask.geometry`) the motions of faces of any size can be averaged and drawn on another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from mask.clip import Clip
from mask.faces import aligned
from mask.flow import flow
from mask.geometry import face_box, transform

from ._around import Around, Field, around, look_up
from ._base import onset_mesh

_SIDES = (160, 224)
"""Least and greatest side of the aligned crop that motion is measured on, pixels; in between, the face box's width."""
_BLUR = 0.013
"""Standard deviation over which flow is averaged around a mesh point, in sides of that crop: 1.8 mm of skin."""
_SMOOTHING = 1e-4
"""How much the thin-plate spline gives way to its points; in units of its kernel, over face-box coordinates."""
_GRID = 48
"""Cells a side of the grid that the spline is evaluated on: about 4 mm of skin each."""

Motion = NDArray[np.float64]
"""How far each mesh point has moved since the onset, ``float64 (468, 2)`` in face-box coordinates of the onset."""


class Driver:
    """The motion of one clip, measured when it is asked for and kept: a few kilobytes a moment."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._kept: dict[int, Motion] = {}

    def at(self, phase: float) -> Motion:
        """The motion at a phase: 0 the onset, 1 the apex, 2 the offset or, where none follows the apex, the apex."""
        c = self.clip
        if phase <= 1:
            index = c.onset + round(phase * (c.apex - c.onset))
        else:
            index = c.apex + round((phase - 1) * max(c.offset - c.apex, 0))
        if index not in self._kept:
            self._kept[index] = self._measured(index)
        return self._kept[index]

    def _measured(self, index: int) -> Motion:
        if index == self.clip.onset:
            return np.zeros((468, 2))
        mesh, before = _start(self.clip)
        box, side = face_box(mesh), len(before)
        now = aligned(self.clip.frame(index), box, side)
        field = cv2.GaussianBlur(flow(before, now, method="dis"), (0, 0), _BLUR * side)
        places = transform(box.crop_matrix(side), mesh).astype(np.float32)
        return np.asarray(look_up(np.asarray(field), places[:, None])[:, 0] / side, dtype=np.float64)


@lru_cache(maxsize=512)
def driver(clip: Clip) -> Driver:
    """The driver of a clip; many clips are driven by it, in every fold."""
    return Driver(clip)


@lru_cache(maxsize=16)
def _start(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The mesh and the aligned crop of a clip's onset."""
    mesh = onset_mesh(clip)
    box = face_box(mesh)
    side = int(np.clip(np.hypot(*box.to_image[:, 0]), *_SIDES))
    return mesh, aligned(clip.frame(clip.onset), box, side)


@dataclass(frozen=True)
class Fusion:
    """Several drivers' motion as one.

    Args:
        drivers: whose motion.
        weights: one each, summing to 1.
    """

    drivers: Sequence[Driver]
    weights: Sequence[float]

    def at(self, phase: float) -> Motion:
        """The weighted mean of the motions at a phase, see `Driver.at`."""
        parts = (w * d.at(phase) for d, w in zip(self.drivers, self.weights, strict=True))
        return np.asarray(sum(parts, np.zeros((468, 2))))

    def durations(self, fps: float | None) -> tuple[int, int]:
        """How many frames lie from onset to apex (one at least) and from there to the offset, in the weighted mean.

        Args:
            fps: the frames per second to count in; where those of a driver are not known, frames count as they are.
        """
        rates = [1.0 if fps is None or d.clip.fps is None else fps / d.clip.fps for d in self.drivers]
        rise = [r * (d.clip.apex - d.clip.onset) for r, d in zip(rates, self.drivers, strict=True)]
        fall = [r * max(d.clip.offset - d.clip.apex, 0) for r, d in zip(rates, self.drivers, strict=True)]
        mean_rise, mean_fall = (round(float(np.dot(self.weights, part))) for part in (rise, fall))
        return max(1, mean_rise), mean_fall


class Mover:
    """One face that can be moved: carries the motion of the mesh to the pixels by a thin-plate spline.

    Args:
        mesh: ``(468, 2)`` in pixels.
        shape: of the picture, (H, W, ...).

    Raises:
        NoFaceError: when too little of the face lies in the picture.
    """

    def __init__(self, mesh: NDArray[np.float64], shape: tuple[int, ...]) -> None:
        self.mesh = mesh
        self.around: Around = around(mesh, shape)
        self._linear = face_box(mesh).to_image[:, :2]
        height, width = self.around.window.shape[:2]
        # Cells as cv2.resize sees them, so that enlarging shifts nothing.
        down, across = (min(n, _GRID) for n in (height, width))
        ys = (np.arange(down) + 0.5) * height / down - 0.5 + self.around.rows.start
        xs = (np.arange(across) + 0.5) * width / across - 0.5 + self.around.columns.start
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        to_box = face_box(mesh).to_box
        spline = RBFInterpolator(transform(to_box, mesh), np.eye(len(mesh)), smoothing=_SMOOTHING)
        self._spread = spline(transform(to_box, grid)).reshape(down, across, len(mesh)).astype(np.float32)

    def points(self, motion: Motion) -> NDArray[np.float64]:
        """Where the mesh points are after a motion, in pixels."""
        return np.asarray(self.mesh + motion @ self._linear.T)

    def field(self, motion: Motion) -> Field:
        """How every pixel around the face moves, smoothly dying away beyond it."""
        coarse = self._spread @ (motion @ self._linear.T).astype(np.float32)
        size = self.around.window.shape[1::-1]
        fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(fine * self.around.window, dtype=np.float32)


@lru_cache(maxsize=8)
def mover(face: Clip) -> Mover:
    """The mover of a clip's onset frame; it takes 5 MB, so that few are kept.

    Raises:
        NoFaceError: where there is no face, or too little of it.
    """
    return Mover(onset_mesh(face), face.frame(face.onset).shape)
