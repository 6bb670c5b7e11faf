"""Frames of a video file or of a folder of pictures, in any order."""

from __future__ import annotations

from pathlib import Path

from mask.clip import Frames
from mask.errors import UnreadableVideo

from .folder import PictureFolder
from .seek import VideoFrames


def open_frames(path: str | Path, max_cached: int = 64) -> Frames:
    """Open a video file, or a folder of pictures, as a sequence of frames.

    Going forwards costs one decoding per frame; going elsewhere costs decoding from the last key frame. A video is
    opened when its length or a frame is first asked for; the eight sequences used last keep files and frames, the
    others let go of them. A sequence can be pickled.

    Args:
        path: a video file, or a folder of PNG, JPEG or BMP pictures, taken in natural order (``2.png`` before
            ``10.png``).
        max_cached: how many frames to keep at most; never more than 64 MB of them, and at least two.

    Returns:
        A `mask.clip.Frames`: ``len(frames)`` and ``frames[i]``, ``uint8 (H, W, 3)`` RGB as displayed, read-only.

    Raises:
        UnreadableVideo: here for a path that does not exist or a folder without pictures; on use for a file that
            cannot be decoded, or a picture of another size than the first.
        ValueError: for `max_cached` below 1.
    """
    path = Path(path)
    if max_cached < 1:
        raise ValueError(f"max_cached is {max_cached}; expected at least 1")
    if path.is_dir():
        return PictureFolder(path, max_cached)
    if not path.exists():
        raise UnreadableVideo(f"there is no file or folder {path}")
    return VideoFrames(path, max_cached)
