"""JPEG compression of every picture (Dziugaite et al. 2016; Das et al. 2018): removes fine texture, blurs edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mask.clip import Frame
from mask.contracts import Defense, Recognizer

from ._wrapped import FilteredRecognizer


@dataclass(frozen=True)
class Jpeg(Defense):
    """Compresses and decodes each frame, or the flow map, at the given quality.

    Args:
        quality: 1 to 100.
    """

    quality: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; expected 1 to 100")

    def wrap(self, recognizer: Recognizer) -> Recognizer:
        return FilteredRecognizer(recognizer, f"jpeg{self.quality}", self)

    def __call__(self, picture: Frame) -> Frame:
        """Filter one picture, ``uint8 (H, W, 3)``."""
        done, coded = cv2.imencode(
            ".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        )
        if not done:
            raise ValueError(f"a picture of shape {picture.shape} cannot be JPEG compressed")
        back = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
        return np.ascontiguousarray(back[..., ::-1])


create = Jpeg
