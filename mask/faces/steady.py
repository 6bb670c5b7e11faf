"""Landmarks without jitter and without lag, for drawing on a face.

The mesh network reads every frame afresh and trembles by about half a pixel; texture moves smoothly. So the last
landmarks are carried along by the measured motion of the face and only pulled towards the network's answer, gently
while the two agree on average and at once where they keep disagreeing. The pull opens with the filtered
disagreement, as the One Euro filter's opens with the filtered speed (Casiez et al., CHI 2012); because motion is
carried, not filtered, a quick turn of the head does not make the landmarks trail behind.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.geometry import Affine, transform

# Seconds in which a small disagreement fades, and over which it is averaged.
_FADE, _AVERAGE = 0.3, 0.12
# Pull per unit of lasting disagreement, in face sizes.
_OPENING = 15.0


class Steady:
    """Steadies the mesh of one face.

    Args:
        fps: frames per second.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._frames = 1
        self._raw: NDArray[np.float32] | None = None
        self._points: NDArray[np.float32] | None = None
        self._disagreement = np.zeros((1, 2))

    def __call__(self, points: NDArray[np.float32], motion: Affine | None) -> NDArray[np.float32]:
        """The steady mesh of this frame.

        Args:
            points: the network's ``float32 (468, 3)``, in pixels.
            motion: how the face moved since the frame before, from `Motion.affine`; `None` takes the motion of the
                meshes themselves.

        Returns:
            ``float32 (468, 3)``.
        """
        if motion is None and self._raw is not None:
            motion = _between(self._raw, points)
        self._raw = points
        frames, self._frames = self._frames, 1
        if motion is None or self._points is None:
            self._points = points
            return points
        least = 1 - math.exp(-frames / (self._fps * _FADE))
        share = 1 - math.exp(-frames / (self._fps * _AVERAGE))
        carried = moved(self._points, motion)
        error = points - carried
        turned = self._disagreement @ motion[:, :2].T
        self._disagreement = turned + share * (error[:, :2] - turned)
        size = float(np.ptp(points[:, :2], axis=0).max())
        lasting = np.linalg.norm(self._disagreement, axis=1, keepdims=True) / max(size, 1.0)
        pull = np.minimum(least + _OPENING * lasting, 1.0)
        self._points = np.asarray(carried + pull * error, dtype=np.float32)
        return self._points

    def ride(self, raw: NDArray[np.float32], shown: NDArray[np.float32], motion: Affine) -> None:
        """A frame for which the network was not asked: both meshes were carried by the motion of the texture."""
        self._raw, self._points = raw, shown
        self._disagreement = self._disagreement @ motion[:, :2].T
        self._frames += 1

    def restart(self, raw: NDArray[np.float32], shown: NDArray[np.float32]) -> None:
        """Go on from landmarks that came from elsewhere: the network's, and the steady ones."""
        self._raw, self._points = raw, shown
        self._disagreement = np.zeros((1, 2))
        self._frames = 1


def moved(points: NDArray[np.float32], motion: Affine) -> NDArray[np.float32]:
    """Mesh points under a 2 x 3 affine of the picture; depth stays."""
    result = points.copy()
    result[:, :2] = transform(motion, points[:, :2])
    return result


def _between(before: NDArray[np.float32], now: NDArray[np.float32]) -> Affine | None:
    """The affine that takes most points of one mesh to the next."""
    # OpenCV wants the (x, y) columns in one piece.
    found, _ = cv2.estimateAffine2D(before[:, :2].copy(), now[:, :2].copy(), method=cv2.LMEDS)
    return None if found is None else np.asarray(found, dtype=np.float64)
