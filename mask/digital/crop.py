"""The face's crop as a differentiable map: what `mask.faces.aligned` draws, with gradients."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mask.errors import InvalidPlan
from mask.geometry import FaceBox, transform

_MARGIN = 2


class Crop:
    """Draws the face box of frames of which only the part around it is given.

    Bilinear samples at about the frame's own density, then means over blocks, as `mask.faces.aligned` does; the two
    differ by the rounding of OpenCV's fixed-point coordinates.

    Args:
        box: where the face is.
        size: side of the crop, in pixels.
        frame: (height, width) of the frames.

    Raises:
        InvalidPlan: when the box lies outside the frame.
    """

    def __init__(self, box: FaceBox, size: int, frame: tuple[int, int]) -> None:
        corners = transform(box.to_image, [(0, 0), (1, 0), (0, 1), (1, 1)])
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - _MARGIN, 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + _MARGIN + 1, frame[::-1])
        if (high - low < 2).any():
            raise InvalidPlan("the face box lies outside the frame, so there are no pixels to change")
        (left, top), (right, bottom) = low.tolist(), high.tolist()
        self.corner = (top, left)
        self._window = (slice(top, bottom), slice(left, right))
        matrix = box.crop_matrix(size)
        shrink = 1 / float(np.linalg.norm(matrix[:, :2], ord=-2))
        self._factor = max(math.ceil(shrink - 0.25), 1)
        at = (np.arange(size * self._factor) + 0.5) / (size * self._factor)
        points = transform(box.to_image, np.stack(np.meshgrid(at, at), axis=-1)) - (left, top)
        extent = np.array([right - left - 1, bottom - top - 1])
        self._grid = torch.from_numpy((2 * points / extent - 1).astype(np.float32)).unsqueeze(0)

    def cut(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of ``uint8 (T, H, W, 3)`` frames that holds the face box, as a view."""
        return frames[:, *self._window]

    def __call__(self, part: Tensor) -> Tensor:
        """Crops ``(N, 3, T, size, size)`` of what `cut` gave, as ``float32 (N, 3, T, h, w)``."""
        flat = part.transpose(1, 2).flatten(0, 1)
        grid = self._grid.to(part.device).expand(len(flat), -1, -1, -1)
        drawn: Tensor = functional.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=True)
        if self._factor > 1:
            drawn = functional.avg_pool2d(drawn, self._factor)
        crops: Tensor = drawn.unflatten(0, (len(part), part.shape[2])).transpose(1, 2)
        return crops
