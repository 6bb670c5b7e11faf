"""The 468-point face mesh with MediaPipe's landmark network.

Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019 (arXiv:1907.06724).
"""

from __future__ import annotations

import math
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame
from mask.errors import NoFaceError
from mask.geometry import transform

from .detector import detect
from .nets import MESH, Net
from .picture import check_frame
from .roi import Roi, roi_from_landmarks

POINTS = 468
SURE = 0.5
"""Confidence above which the network means a face."""

_SIDE = 192
# The detector misjudges the tilt of faces far from upright; from this many radians on, the mesh is read again.
_TILT = 0.2


class FaceMesh:
    """Reads 468 points off one face at a time. An instance serves one thread."""

    def __init__(self) -> None:
        self._net = Net(MESH)

    def landmarks(self, frame: Frame, roi: Roi) -> tuple[NDArray[np.float32], float]:
        """The mesh of the face in a square of a picture.

        Args:
            frame: ``uint8 (H, W, 3)`` RGB.
            roi: the square, from `Detection.roi` or `roi_from_landmarks`.

        Returns:
            ``float32 (468, 3)``: (x, y) in pixels of the picture and the depth in the same unit, smaller is nearer
            to the camera; and the confidence that there is a face, in [0, 1].

        Raises:
            ValueError: for anything but such a frame, or a square that is empty or not finite.
        """
        frame = check_frame(frame)
        if not (roi.size > 0 and math.isfinite(roi.x + roi.y + roi.size + roi.angle)):
            raise ValueError(f"{roi} is no square in a picture")
        crop = roi.crop(frame, _SIDE)
        mesh, logit = self._net(cv2.dnn.blobFromImage(crop, 1 / 255))
        raw = mesh.reshape(POINTS, 3)
        points = np.empty((POINTS, 3), dtype=np.float32)
        points[:, :2] = transform(roi.inverse(_SIDE), raw[:, :2])
        points[:, 2] = raw[:, 2] * (roi.size / _SIDE)
        return points, 1 / (1 + math.exp(-min(max(float(logit.ravel()[0]), -100.0), 100.0)))


def find_face(frame: Frame) -> tuple[NDArray[np.float32], float]:
    """The mesh of the best face in one picture, searched thoroughly.

    Args:
        frame: ``uint8 (H, W, 3)`` RGB.

    Returns:
        ``float32 (468, 3)`` in pixels, and the network's confidence, as `FaceMesh.landmarks` gives them.

    Raises:
        NoFaceError: when there is none.
        ValueError: for anything but such a frame.
    """
    mesh = _mesh()
    for detection in detect(frame, thorough=True):
        points, score = mesh.landmarks(frame, detection.roi)
        place = roi_from_landmarks(points)
        if abs(math.remainder(place.angle - detection.roi.angle, math.tau)) > _TILT and place.size > 0:
            points, score = mesh.landmarks(frame, place)
        if score >= SURE:
            return points, score
    height, width = frame.shape[:2]
    raise NoFaceError(f"no face was found in a picture of {width} x {height} pixels")


_threads = threading.local()


def _mesh() -> FaceMesh:
    if not hasattr(_threads, "mesh"):
        _threads.mesh = FaceMesh()
    mesh: FaceMesh = _threads.mesh
    return mesh
