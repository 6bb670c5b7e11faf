"""The part of a picture that an augmentation may move: the face, and around it a margin in which motion dies away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.clip import Clip
from mask.errors import NoFaceError
from mask.flow import SMALLEST
from mask.geometry import face_box, transform

from ._base import onset_mesh

_LOW, _HIGH = np.array([-0.02, -0.1]), np.array([1.02, 0.95])
"""Corners of what moves whole, in face-box coordinates: the average face, hair line to chin."""
_MARGIN = 0.25
"""How far beyond it motion dies away, in face-box coordinates."""
_INVERSIONS = 10

Field = NDArray[np.float32]
"""Displacements ``float32 (h, w, 2)`` in pixels, (u, v), as in `mask.flow`: what is at x goes to x + field(x)."""


@dataclass(frozen=True, eq=False)
class Around:
    """A part of a picture.

    Args:
        rows, columns: which.
        window: ``float32 (h, w, 1)``: 1 on the face, falling smoothly to 0 within the margin.
        width: of the face box, pixels.
    """

    rows: slice
    columns: slice
    window: NDArray[np.float32]
    width: float

    def largest(self, field: Field) -> float:
        """The length that a hundredth of a field ``(h, w, 2)`` on the face exceeds."""
        on_face = np.hypot(field[..., 0], field[..., 1])[self.window[..., 0] > 0.99]
        return float(np.percentile(on_face, 99)) if on_face.size else 0.0

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a picture ``uint8 (H, W, 3)``."""
        return picture[self.rows, self.columns].copy()

    def paste(self, part: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A copy of the picture with this part in its place."""
        pasted = picture.copy()
        pasted[self.rows, self.columns] = part
        return pasted


def around(mesh: ArrayLike, shape: tuple[int, ...]) -> Around:
    """Where the face with this mesh, ``(468, 2)`` in pixels, and its margin lie in a picture of a shape (H, W, ...).

    Raises:
        NoFaceError: when too little of it lies in the picture.
    """
    box = face_box(mesh)
    low, high = _LOW - _MARGIN, _HIGH + _MARGIN
    corners = transform(box.to_image, [(x, y) for x in (low[0], high[0]) for y in (low[1], high[1])])
    limit = np.array([shape[1], shape[0]])
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limit).astype(int).tolist()
    if min(right - left, bottom - top) < SMALLEST:
        raise NoFaceError(f"of the face, {right - left} x {bottom - top} pixels lie in the picture; too little to move")
    y, x = np.mgrid[top:bottom, left:right]
    places = transform(box.to_box, np.stack([x, y], axis=-1))
    outside = np.maximum(np.maximum(_LOW - places, places - _HIGH), 0).max(axis=-1) / _MARGIN
    share = np.clip(1 - outside, 0, 1)
    window = (share * share * (3 - 2 * share)).astype(np.float32)
    width = float(np.hypot(*box.to_image[:, 0]))
    return Around(slice(top, bottom), slice(left, right), window[..., None], width)


@lru_cache(maxsize=8)
def onset_around(clip: Clip) -> tuple[Around, NDArray[np.uint8]]:
    """The face and its margin in a clip's onset frame, and that part of the frame, ``uint8 (h, w, 3)``; read-only.

    Raises:
        NoFaceError: where there is no face, or too little of it.
    """
    frame = clip.frame(clip.onset)
    part = around(onset_mesh(clip), frame.shape)
    cut = part.cut(frame)
    cut.flags.writeable = False
    return part, cut


def start(field: Field) -> Field:
    """Where what arrives at each pixel has set out: x with ``x + field(x) = y``, for every pixel y.

    Found by fixed-point iteration, which converges where the field changes by less than a pixel per pixel; a field that
    changes faster folds the picture over itself, and has no single answer.

    Returns:
        ``float32 (h, w, 2)``, (x, y) in pixels.
    """
    height, width = field.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    here = np.stack([x, y], axis=-1)
    place = here
    for _ in range(_INVERSIONS):
        place = here - look_up(field, place)
    return np.ascontiguousarray(place)


def look_up(picture: NDArray[np.float32], places: Field) -> NDArray[np.float32]:
    """A picture or field between its pixels, bilinear; its border goes on outside."""
    return np.asarray(_remap(picture, places, cv2.INTER_LINEAR), dtype=np.float32)


def resampled(part: NDArray[np.uint8], places: Field) -> NDArray[np.uint8]:
    """A picture ``uint8 (h, w, 3)`` seen at other places, as sharp as can be; its border goes on outside."""
    return np.asarray(_remap(part, places, cv2.INTER_LANCZOS4), dtype=np.uint8)


def _remap(picture: NDArray[Any], places: Field, how: int) -> Any:
    return cv2.remap(picture, places, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
