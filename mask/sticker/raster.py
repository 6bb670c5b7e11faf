"""Drawing a sticker onto one 8-bit frame of a video; the same pixels as `mask.sticker.render`, without torch.

See `mask.sticker.view` for the convention.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from mask.clip import Frame

from .texture import Texture
from .view import NOTHING, View, check_pose, is_flat

_FAR = 1e6


def render_frame(frame: Frame, rgba: Texture, pose: ArrayLike) -> Frame:
    """Put a sticker on one 8-bit frame.

    Args:
        frame: ``uint8 (H, W, 3)`` RGB.
        rgba: the art.
        pose: (2, 3), see `mask.sticker.view`; one without area shows nothing.

    Returns:
        ``uint8 (H, W, 3)``, a new array, rounded to the nearest level. Pixels the sticker does not touch are equal.

    Raises:
        ValueError: for a frame of another type, or a pose that is not finite.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"the frame is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3)")
    matrix = np.asarray(pose, dtype=np.float64)
    check_pose(matrix)
    out = frame.copy()
    if is_flat(matrix) or np.abs(matrix[:, 2]).max() > _FAR:
        return out
    view = View.of(matrix, rgba.rgba.shape, rgba.reach, frame.shape)
    size = (min(view.rows, frame.shape[0]), min(view.columns, frame.shape[1]))
    top, left = view.corner(size, frame.shape)
    rows, columns = view.level
    to_canvas = np.array([[2 / columns, 0, 1 / columns - 1], [0, 2 / rows, 1 / rows - 1], [0, 0, 1]])
    in_window = matrix - [[0, 0, left], [0, 0, top]]
    texels = np.ascontiguousarray(rgba.at(view.level).transpose(1, 2, 0))
    seen = cv2.warpAffine(texels, in_window @ to_canvas, size[::-1], flags=cv2.INTER_LINEAR)
    seen[seen[..., 3] < NOTHING] = 0
    window = out[top : top + size[0], left : left + size[1]]
    blended = window * (1 - seen[..., 3:]) + 255 * seen[..., :3]
    window[:] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    return out
