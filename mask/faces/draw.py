"""The mesh drawn on a frame, to look at."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame

from .picture import check_frame


def draw_mesh(frame: Frame, points: NDArray[Any], color: tuple[int, int, int] = (0, 255, 0)) -> NDArray[np.uint8]:
    """A copy of a frame with the (468, 2) or (468, 3) points of a mesh dotted on it."""
    drawn = check_frame(frame).copy()
    radius = max(round(float(np.ptp(points[:, 0])) / 250), 1)
    for x, y in np.round(points[:, :2]).astype(int).tolist():
        cv2.circle(drawn, (x, y), radius, color, -1, cv2.LINE_AA)
    return drawn
