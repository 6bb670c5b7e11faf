"""A folder of pictures as frames."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mask.clip import Frame
from mask.errors import UnreadableVideo

from .cache import CachedFrames
from .source import LARGEST

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


class PictureFolder(CachedFrames):
    """The PNG, JPEG and BMP pictures of a folder, in natural order: ``2.png`` before ``10.png``.

    Raises:
        UnreadableVideo: for a folder without pictures; on use, for a picture that cannot be read or has another size
            than the first.
    """

    def __init__(self, path: Path, max_cached: int = 64) -> None:
        super().__init__(path, max_cached)
        names = (p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        self._files = sorted(names, key=_natural)
        if not self._files:
            raise UnreadableVideo(f"{path} holds no pictures; expected files ending in {', '.join(SUFFIXES)}")
        self._shape: tuple[int, ...] | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        return tuple(self._files)

    def _count(self) -> int:
        return len(self._files)

    def _let_go(self) -> None:
        return  # Pictures are closed as soon as they are read.

    def _load(self, index: int) -> Frame:
        frame = read_picture(self._files[index])
        if self._shape is None:
            self._shape = frame.shape if index == 0 else read_picture(self._files[0]).shape
        if frame.shape != self._shape:
            raise UnreadableVideo(
                f"{self._files[index]} is {frame.shape[1]} x {frame.shape[0]} pixels and the first picture of its "
                f"folder {self._shape[1]} x {self._shape[0]}; the frames of one clip must have one size"
            )
        return frame


def read_picture(path: str | Path) -> Frame:
    """Read one picture.

    Args:
        path: a PNG, JPEG or BMP file.

    Returns:
        ``uint8 (H, W, 3)`` RGB, turned as its EXIF tag asks; transparency is dropped, 16-bit grey becomes 8-bit.

    Raises:
        UnreadableVideo: when it is missing, truncated, too large or no such picture.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
            if max(image.size) > LARGEST:
                raise UnreadableVideo(
                    f"{path} has {image.size[0]} x {image.size[1]} pixels; at most {LARGEST} x {LARGEST} are read"
                )
            if image.mode.startswith("I"):
                # Pillow's own conversion cuts 16-bit grey off at 255.
                grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise UnreadableVideo(f"there is no file {path}") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableVideo(f"{path} is not a readable picture, or only a part of one") from error


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in parts if p]
