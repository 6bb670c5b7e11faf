"""Checked frames, and resampling that does not alias."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.clip import Frame
from mask.geometry import Affine, compose

# Supersampling never makes a picture with a longer side than this.
_LARGEST = 4096


def check_frame(frame: Any) -> Frame:
    """`frame` itself when it is a ``uint8 (H, W, 3)`` array; `ValueError` otherwise, saying what it is."""
    if not isinstance(frame, np.ndarray):
        raise ValueError(f"a frame is a uint8 RGB array of shape (H, W, 3), not {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ValueError(f"the frame is {frame.dtype} {frame.shape}; expected uint8 RGB of shape (H, W, 3)")
    return frame


def resample(frame: Frame, matrix: ArrayLike, size: int) -> Frame:
    """Draw a square crop of a frame, averaging over all source pixels where it shrinks.

    Args:
        frame: ``uint8 (H, W, 3)``.
        matrix: 2 x 3 affine from frame pixels to crop pixels, pixel centres at integers.
        size: side of the crop in pixels.

    Returns:
        ``uint8 (size, size, 3)``; what lies outside the frame repeats its border.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    shrink = 1.0 / max(float(np.linalg.norm(matrix[:, :2], ord=-2)), 1e-6)
    factor = min(max(math.ceil(shrink - 0.25), 1), max(_LARGEST // size, 1))
    # Sample at about the frame's own density, then average blocks of factor x factor: cell u of the crop covers
    # the samples factor * u + 0 ... factor * u + factor - 1.
    middle = (factor - 1) / 2
    fine = compose([[factor, 0.0, middle], [0.0, factor, middle]], matrix)
    side = size * factor
    drawn = cv2.warpAffine(frame, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if factor > 1:
        drawn = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(drawn, dtype=np.uint8)


def reduced(frame: NDArray[np.uint8], low: ArrayLike, high: ArrayLike, factor: int) -> tuple[NDArray[np.uint8], Affine]:
    """A part of a frame, averaged over blocks of factor x factor pixels.

    Args:
        frame: ``uint8 (H, W)`` or ``(H, W, C)``.
        low, high: opposite corners (x, y) of the part, in pixels; it is kept within the frame.
        factor: side of a block.

    Returns:
        The small picture and the 2 x 3 affine from its pixels to the frame's.
    """
    height, width = (n // factor * factor for n in frame.shape[:2])
    left, top = (max(int(v // factor) * factor, 0) for v in np.asarray(low))
    right, bottom = (int(-(-v // factor) * factor) for v in np.asarray(high))
    part = frame[top : min(bottom, height), left : min(right, width)]
    if part.size == 0:
        part, left, top, factor = frame, 0, 0, 1
    elif factor > 1:
        small = (part.shape[1] // factor, part.shape[0] // factor)
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    middle = (factor - 1) / 2
    return part, np.array([[factor, 0.0, left + middle], [0.0, factor, top + middle]])


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Correlation of two pictures of one shape, in [-1, 1]; a flat picture is like a flat one and nothing else."""
    a, b = one.astype(np.float32).ravel(), other.astype(np.float32).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else float(a.any() == b.any())
