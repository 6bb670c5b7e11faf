"""The rotated square a face network looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.geometry import Affine, compose

from .picture import reduced

# The mesh's outer eye corners, picture left and picture right on an upright face.
_EYE_LEFT, _EYE_RIGHT = 33, 263
_MARGIN = 1.5


@dataclass(frozen=True)
class Roi:
    """A rotated square in a picture.

    Args:
        x, y: centre in pixels.
        size: side in pixels.
        angle: radians, clockwise in the picture, from upright.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def matrix(self, pixels: int) -> Affine:
        """The 2 x 3 affine from picture pixels to a `pixels` x `pixels` crop of this square."""
        # A rotation undone by its transpose: several times faster than a general inverse, several times a frame.
        scale = pixels / self.size
        c, s = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        middle = pixels / 2
        return np.array([[c, s, middle - c * self.x - s * self.y], [-s, c, middle + s * self.x - c * self.y]])

    def inverse(self, pixels: int) -> Affine:
        """The 2 x 3 affine from crop pixels back to the picture."""
        # Crop pixel i stands for the offset (i / pixels - 1/2) of the side: the convention the networks'
        # published pipeline crops and projects with.
        scale = self.size / pixels
        c, s = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        middle = pixels / 2
        return np.array([[c, -s, self.x - (c - s) * middle], [s, c, self.y - (s + c) * middle]])

    def crop(self, frame: NDArray[np.uint8], pixels: int, border: int = cv2.BORDER_REPLICATE) -> NDArray[np.uint8]:
        """The square drawn as ``uint8 (pixels, pixels)``, with the channels of `frame` if it has any.

        Args:
            frame: ``uint8 (H, W)`` or ``(H, W, C)``.
            pixels: side of the drawing.
            border: OpenCV border mode for what lies outside the frame; a constant border is black.
        """
        # Up to two pixels between samples, as published; beyond that, averaged first. Landmarks tremble two to three
        # times as much without (sensor noise, frames of 1280 to 2560 pixels).
        factor = max(math.ceil(self.size / pixels / 2 - 0.25), 1)
        reach = self.size / 2 * (abs(math.cos(self.angle)) + abs(math.sin(self.angle))) + 2
        part, place = reduced(frame, (self.x - reach, self.y - reach), (self.x + reach, self.y + reach), factor)
        matrix = compose(self.matrix(pixels), place)
        drawn = cv2.warpAffine(part, matrix, (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(drawn, dtype=np.uint8)

    def overlap(self, other: Roi) -> float:
        """Intersection over union with another square, both taken upright, in [0, 1]."""
        half = (self.size + other.size) / 2
        small = min(self.size, other.size)
        w = min(half - abs(self.x - other.x), small)
        h = min(half - abs(self.y - other.y), small)
        if w <= 0 or h <= 0:
            return 0.0
        return w * h / (self.size**2 + other.size**2 - w * h)


def roi_from_keypoints(box: tuple[float, float, float, float], keypoints: NDArray[Any]) -> Roi:
    """The square around a detection, upright along its eyes.

    Args:
        box: (x, y, width, height) in pixels.
        keypoints: (6, 2) in pixels; the first two are the eyes, picture left first.
    """
    x, y, w, h = box
    return Roi(x + w / 2, y + h / 2, _MARGIN * max(w, h), _tilt(keypoints[0], keypoints[1]))


def roi_from_landmarks(points: NDArray[Any]) -> Roi:
    """The square around a mesh of (468, 2) or (468, 3) points, upright along its eyes."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    x, y = (low + high) / 2
    return Roi(float(x), float(y), _MARGIN * float((high - low).max()), _tilt(points[_EYE_LEFT], points[_EYE_RIGHT]))


def _tilt(left: NDArray[Any], right: NDArray[Any]) -> float:
    return math.atan2(float(right[1] - left[1]), float(right[0] - left[0]))
