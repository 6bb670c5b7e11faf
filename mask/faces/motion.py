"""How a face moved since the last frame, measured on its texture.

Sparse Lucas-Kanade flow at points of the face, checked forwards and backwards, reduced to one affine map by RANSAC: a
hand that crosses the face moves against the rest and is left out. It is what carries a face while the mesh network
does not see it, and what steadies the landmarks while it does.

Bouguet, Pyramidal implementation of the affine Lucas Kanade feature tracker, 2001.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame
from mask.geometry import Affine, compose, transform

from .picture import likeness, reduced
from .roi import Roi, roi_from_landmarks

_SIDE = 192
_ROWS = 10
# The view stays where it is while the face has moved by less than this share of it: one crop a frame instead of two.
_SLACK = 0.08
# In pixels of the small view: how far a point may land from where it started when tracked there and back, and from
# the common motion.
_RETURN, _AGREE = 0.6, 1.0
_FEWEST = 20


class Motion:
    """Compares one face with itself one frame earlier. For each frame call `look`, then `remember`."""

    def __init__(self) -> None:
        self._roi = Roi(0.0, 0.0, 1.0)
        self._points: NDArray[np.float32] = np.empty((0, 2), np.float32)
        self._before: NDArray[np.uint8] | None = None
        self._now: NDArray[np.uint8] | None = None

    def look(self, frame: Frame) -> None:
        """Take in the next frame, ``uint8 (H, W, 3)``."""
        self._now = None if self._before is None else _grey(frame, self._roi)

    def likeness(self) -> float:
        """How much the place of the face looks as it did, as a correlation in [-1, 1]; 1 when nothing is known."""
        if self._before is None or self._now is None:
            return 1.0
        return likeness(self._before[::4, ::4], self._now[::4, ::4])

    def affine(self, share: float = 0.4) -> Affine | None:
        """The 2 x 3 affine, in pixels, that takes the face from the frame before to this one.

        `None` when less than this share of the points agrees on one motion: a cut, a face that left, a picture
        without texture, or no frame before.
        """
        if self._before is None or self._now is None:
            return None
        start = self._points
        there, seen = _flow(self._before, self._now, start)
        back, seen_back = _flow(self._now, self._before, there)
        good = seen & seen_back & (np.hypot(*(back - start).T) < _RETURN)
        fewest = max(_FEWEST, share * len(start))
        if good.sum() < fewest:
            return None
        small, agree = cv2.estimateAffine2D(
            start[good], there[good], method=cv2.RANSAC, ransacReprojThreshold=_AGREE, maxIters=200
        )
        if small is None or agree.sum() < fewest:
            return None
        return compose(self._roi.inverse(_SIDE), compose(small, self._roi.matrix(_SIDE)))

    def remember(self, frame: Frame, points: NDArray[Any]) -> None:
        """Keep the face whose (468, 2) or (468, 3) mesh in the frame last looked at is given, in pixels."""
        roi = roi_from_landmarks(points)
        if self._now is None or not _fits(roi, self._roi):
            self._roi = Roi(roi.x, roi.y, roi.size)
            self._now = _grey(frame, self._roi)
        self._before, self._now = self._now, None
        self._points = transform(self._roi.matrix(_SIDE), _grid(points)).astype(np.float32)


def _grid(points: NDArray[Any]) -> NDArray[Any]:
    """Points spread evenly over the face: a mesh crowds at the eyes and the mouth, which move by themselves."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    steps = (np.arange(_ROWS) + 0.5) / _ROWS
    x, y = np.meshgrid(low[0] + steps * (high[0] - low[0]), low[1] + steps * (high[1] - low[1]))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _flow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points of one grey picture lie in the next, and which were found."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, points, points.copy(), winSize=(9, 9), maxLevel=3, criteria=(3, 10, 0.02)
    )
    return np.asarray(moved, dtype=np.float32), np.asarray(found).ravel() == 1


def _fits(face: Roi, view: Roi) -> bool:
    slack = _SLACK * view.size
    return max(abs(face.x - view.x), abs(face.y - view.y), abs(face.size - view.size)) < slack


def _grey(frame: Frame, view: Roi) -> NDArray[np.uint8]:
    # Grey first, and only around the face: a third of the work of drawing three channels.
    reach = view.size / 2 + 2
    part, place = reduced(frame, (view.x - reach, view.y - reach), (view.x + reach, view.y + reach), 1)
    left, top = place[:, 2]
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return Roi(view.x - left, view.y - top, view.size).crop(grey, _SIDE)
