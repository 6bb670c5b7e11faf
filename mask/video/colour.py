"""Colour of video: between the YUV of a file and the RGB of a frame, without a shift.

FFmpeg's default conversion truncates: every decoding darkens a picture by about one grey level, so a video masked
five times over would lose six. The flags used here round correctly and cost about a millisecond at 640 x 360.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mask.clip import Frame

# Codes of ITU-T H.273, as FFmpeg has them.
_BT709, _UNSPECIFIED, _SMPTE170M = 1, 2, 6
_LIMITED, _FULL = 1, 2

# libswscale: bilinear 2, accurate rounding 0x40000, full chroma interpolation 0x2000. Chroma is read where the file
# says it lies.
_READ = 2 | 0x40000 | 0x2000
_WRITE = 2 | 0x40000 | 0x2000
CHROMA_CENTRED = "chromaloc=1"
"""For x264: chroma is written as the mean of 2 x 2 pixels, so it lies in their middle."""


@dataclass(frozen=True)
class Colour:
    """What the numbers of a video's pixels mean: codes of ITU-T H.273, 2 for unspecified.

    Args:
        matrix: YUV matrix; 1 is BT.709, 5 and 6 are BT.601.
        full: whether luma spans 0..255 and not 16..235.
        primaries, transfer: carried along, never converted.
    """

    matrix: int = _UNSPECIFIED
    full: bool = False
    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED

    @staticmethod
    def of(frame: av.VideoFrame) -> Colour:
        """The colour of a decoded frame, with what a file leaves open filled in as players do."""
        if frame.format.is_rgb:
            return Colour.usual(frame.height)
        full = int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")
        return Colour(matrix_of(frame), full, int(frame.color_primaries), int(frame.color_trc))

    @staticmethod
    def usual(height: int) -> Colour:
        """The colour to write when nothing is known: BT.709 from 720 lines on, BT.601 below, limited range."""
        matrix = _BT709 if height >= 720 else _SMPTE170M
        return Colour(matrix, False, matrix, matrix)


def matrix_of(frame: av.VideoFrame) -> int:
    """The YUV matrix of a frame; where the file does not say, BT.709 from 720 lines on and BT.601 below."""
    matrix = int(frame.colorspace)
    # 0 is RGB, 3 is reserved: nothing a YUV picture can be decoded with.
    if matrix in (0, _UNSPECIFIED, 3) or matrix > 9:
        return _BT709 if max(frame.height, frame.width * 9 // 16) >= 720 else _SMPTE170M
    return matrix


def to_rgb(frame: av.VideoFrame, reformatter: VideoReformatter, width: int, height: int) -> NDArray[np.uint8]:
    """A decoded frame as ``uint8 (height, width, 3)`` RGB, before any rotation."""
    # Planar and merged by OpenCV: half the time of asking for packed RGB.
    planar = reformatter.reformat(frame, width, height, "gbrp", src_colorspace=matrix_of(frame), interpolation=_READ)
    green, blue, red = (_plane(p) for p in planar.planes)
    return np.asarray(cv2.merge([red, green, blue]), dtype=np.uint8)


def from_rgb(frame: Frame, reformatter: VideoReformatter, pixel_format: str, colour: Colour) -> av.VideoFrame:
    """A picture to encode from ``uint8 (H, W, 3)`` RGB."""
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    if pixel_format == "rgb24":
        return picture
    return reformatter.reformat(
        picture,
        format=pixel_format,
        dst_colorspace=colour.matrix,
        src_color_range=_FULL,
        dst_color_range=_FULL if colour.full else _LIMITED,
        interpolation=_WRITE,
    )


def _plane(plane: Any) -> NDArray[np.uint8]:
    lines = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def tag(codec: Any, colour: Colour) -> None:
    """Write a colour into an encoder's settings."""
    codec.colorspace = colour.matrix
    codec.color_range = _FULL if colour.full else _LIMITED
    codec.color_primaries = colour.primaries
    codec.color_trc = colour.transfer
