"""Some pictures of a folder as the frames of a clip, and a quick look whether files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mask.clip import Frame
from mask.errors import UnreadableVideo
from mask.video import read_picture
from mask.video.cache import CachedFrames

_TAIL = 64


class PictureFrames(CachedFrames):
    """The pictures of these names in a folder, in this order, read when they are asked for.

    Raises:
        UnreadableVideo: on use, for a picture that cannot be read or has another size than the first.
    """

    def __init__(self, folder: Path, names: tuple[str, ...], max_cached: int = 64) -> None:
        super().__init__(folder, max_cached)
        self._names = names
        self._shape: tuple[int, ...] | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that the frames are read from."""
        return tuple(self.path / name for name in self._names)

    def _count(self) -> int:
        return len(self._names)

    def _let_go(self) -> None:
        return  # Pictures are closed as soon as they are read.

    def _load(self, index: int) -> Frame:
        frame = read_picture(self.path / self._names[index])
        if self._shape is None:
            self._shape = frame.shape if index == 0 else read_picture(self.path / self._names[0]).shape
        if frame.shape != self._shape:
            raise UnreadableVideo(
                f"{self.path / self._names[index]} is {frame.shape[1]} x {frame.shape[0]} pixels and the first picture "
                f"of its clip {self._shape[1]} x {self._shape[0]}; the frames of one clip must have one size"
            )
        return frame

    def __repr__(self) -> str:
        return f"PictureFrames({str(self.path)!r}, {len(self._names)} pictures)"

    def __reduce__(self) -> tuple[type[PictureFrames], tuple[Any, ...]]:
        return type(self), (self.path, self._names, self._max_cached)


def unfinished(path: Path) -> str:
    """Why a picture file cannot be whole, by its first and last bytes alone; empty when it may be.

    A download that broke off leaves an empty or a short file. Only decoding shows damage in the middle.
    """
    with path.open("rb") as file:
        head = file.read(8)
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    if not size:
        return "is empty"
    whole = True
    if head[:2] == b"\xff\xd8":
        whole = b"\xff\xd9" in tail
    elif head == b"\x89PNG\r\n\x1a\n":
        whole = b"IEND" in tail
    elif head[:2] == b"BM":
        whole = size >= int.from_bytes(head[2:6], "little")
    else:
        return "is not a PNG, JPEG or BMP picture"
    return "" if whole else "breaks off"
