"""Median filter over every picture (feature squeezing, Xu et al., NDSS 2018): removes small structures whole."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mask.clip import Frame
from mask.contracts import Defense, Recognizer

from ._wrapped import FilteredRecognizer


@dataclass(frozen=True)
class Median(Defense):
    """Replaces each pixel of each frame, or each cell of the flow map, by the median of its neighbourhood.

    Args:
        size: side of the neighbourhood in pixels, odd.
    """

    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 3 or self.size % 2 == 0:
            raise ValueError(f"size is {self.size}; expected an odd number of pixels, at least 3")

    def wrap(self, recognizer: Recognizer) -> Recognizer:
        return FilteredRecognizer(recognizer, f"median{self.size}", self)

    def __call__(self, picture: Frame) -> Frame:
        """Filter one picture, ``uint8 (H, W, 3)``."""
        return np.asarray(cv2.medianBlur(np.ascontiguousarray(picture), self.size))


create = Median
