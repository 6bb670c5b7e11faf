"""The face box: one coordinate system for faces of any size, in any picture.

Convention, everywhere in MASK:
  * image points are (x, y) in pixels, x to the right, y down, the centre of the top left pixel at (0, 0);
  * left and right are as seen in the picture, never the subject's own;
  * face-box points are (x, y) in [0, 1], x to the right, y down, fixed by the eyes: their midpoint lies at
    (0.5, 0.27), the distance between the eye centres spans 0.46 of the width, and the height is 1.3 times the
    width. On a face with 63 mm between the pupils the box is 137 mm by 178 mm.

These numbers were read off the published MEGC2019 flow maps (eyes at row 7.5 of 28, mouth corners at row 17.5),
so that a face seen by a camera and a face in those maps are described by the same coordinates. A crop of the box
is resized to a square, as the field's datasets do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

EYE_SPAN = 0.46
EYE_LINE = 0.27
ASPECT = 1.3
PUPILS_MM = 63.0
BOX_MM = (PUPILS_MM / EYE_SPAN, ASPECT * PUPILS_MM / EYE_SPAN)

Affine = NDArray[np.float64]
"""A 2 x 3 matrix that maps column points: ``target = matrix[:, :2] @ source + matrix[:, 2]``."""

# Eye corners of the 468-point mesh, picture left and picture right.
_LEFT_EYE = (33, 133)
_RIGHT_EYE = (362, 263)


@dataclass(frozen=True)
class FaceBox:
    """Where the face box lies in a picture.

    Args:
        to_image: 2 x 3 affine from face-box coordinates to pixels.
    """

    to_image: Affine

    @property
    def to_box(self) -> Affine:
        """2 x 3 affine from pixels to face-box coordinates."""
        return invert(self.to_image)

    @property
    def pixels_per_mm(self) -> float:
        """Pixels per millimetre on the face, taking 63 mm between the pupils."""
        return float(np.hypot(*self.to_image[:, 0]) / BOX_MM[0])

    def crop_matrix(self, size: int) -> Affine:
        """The 2 x 3 affine from pixels to a `size` x `size` crop of the box, pixel centres at integers."""
        scale = np.array([[size, 0.0, -0.5], [0.0, size, -0.5]])
        return compose(scale, self.to_box)


def face_box(landmarks: ArrayLike) -> FaceBox:
    """The face box of one face.

    Args:
        landmarks: (468, 2) or (468, 3) mesh points in pixels.

    Raises:
        ValueError: for another shape, or eyes that coincide.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 2 or points.shape[0] < 468 or points.shape[1] < 2:
        raise ValueError(f"landmarks have shape {points.shape}; expected (468, 2) or (468, 3)")
    left = points[list(_LEFT_EYE), :2].mean(axis=0)
    right = points[list(_RIGHT_EYE), :2].mean(axis=0)
    across = right - left
    span = float(np.hypot(*across))
    if not span > 0 or not np.isfinite(span):
        raise ValueError("the eye landmarks coincide or are not finite; no face box can be placed on them")
    width = span / EYE_SPAN
    axis_x = across / span
    axis_y = np.array([-axis_x[1], axis_x[0]])
    linear = np.stack([axis_x * width, axis_y * width * ASPECT], axis=1)
    origin = (left + right) / 2 - linear @ np.array([0.5, EYE_LINE])
    return FaceBox(np.concatenate([linear, origin[:, None]], axis=1))


def transform(matrix: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Apply a 2 x 3 affine to points of shape (..., 2)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    points = np.asarray(points, dtype=np.float64)
    moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert(matrix: ArrayLike) -> Affine:
    """Invert a 2 x 3 affine."""
    matrix = np.asarray(matrix, dtype=np.float64)
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -(linear @ matrix[:, 2:])], axis=1)


def compose(outer: ArrayLike, inner: ArrayLike) -> Affine:
    """The 2 x 3 affine that applies `inner` first, then `outer`."""
    outer = np.asarray(outer, dtype=np.float64)
    inner = np.asarray(inner, dtype=np.float64)
    linear = outer[:, :2] @ inner[:, :2]
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.concatenate([linear, shift[:, None]], axis=1)
