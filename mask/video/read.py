"""Frames of a video, one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
from av.video.reformatter import VideoReformatter

from mask.clip import Frame
from mask.errors import UnreadableVideo

from .colour import to_rgb
from .source import (
    Log,
    VideoInfo,
    describe,
    display_matrix,
    open_source,
    pictures,
    shortfall,
    show,
    video_stream,
)


class PartialVideo(UserWarning):
    """A video was read in part: it is truncated or damaged."""


class FrameReader(Iterator[Frame]):
    """Frames of a video file in order, as they are displayed; memory does not depend on its length.

    Attributes:
        info: what the file holds.
        pts: timestamp of the frame last given, in units of `info.time_base`; `None` where the file has none.
        count: frames given so far.
        problem: once the end is reached, what could not be read, in one sentence; `None` when all is well.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.pts: int | None = None
        self.count = 0
        self.problem: str | None = None
        self._log = Log()
        self._container = open_source(self._path)
        try:
            self._stream = video_stream(self._container, self._path)
            self._source = pictures(self._container, self._stream, self._log)
            self._first: av.VideoFrame | None = next(self._source, None)
            if self._first is None:
                raise UnreadableVideo(f"{self._path} holds no frame that can be decoded")
            self.info: VideoInfo = describe(self._container, self._stream, self._first)
        except BaseException:
            self._container.close()
            raise
        self._stored = (self._first.width, self._first.height)
        self._reformatter = VideoReformatter()

    def __next__(self) -> Frame:
        return self._picture(self._decoded())

    def skip(self, count: int) -> None:
        """Pass over frames without converting them; `StopIteration` at the end."""
        for _ in range(count):
            self._decoded()

    def key_frames(self) -> Iterator[bool]:
        """Go through the frames without converting them, telling which are key frames; `pts` follows."""
        while True:
            try:
                yield bool(self._decoded().key_frame)
            except StopIteration:
                return

    def close(self) -> None:
        """Let go of the file; the reader ends where it is."""
        self._source.close()
        self._container.close()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self) -> av.VideoFrame:
        frame, self._first = self._first, None
        if frame is None:
            try:
                frame = next(self._source)
            except StopIteration:
                self._end()
                raise
        self.pts = frame.pts
        self.count += 1
        return frame

    def _picture(self, frame: av.VideoFrame) -> Frame:
        # A picture whose size changes on the way is scaled to the first one's, as players do.
        rgb = to_rgb(frame, self._reformatter, *self._stored)
        return show(rgb, display_matrix(frame))

    def _end(self) -> None:
        missing = shortfall(self._container, self._stream, self._log, self.count)
        if missing:
            self.problem = f"{self._path} is truncated or damaged: {missing}"
        self._container.close()


def read_frames(path: str | Path, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """Stream the frames of a video file.

    Args:
        path: the file.
        start, stop: the first frame given and the first one not given, as in `range`.

    Yields:
        ``uint8 (H, W, 3)`` RGB frames as displayed: rotation and mirroring that the file asks for are applied, colours
        follow its matrix and range.

    Raises:
        UnreadableVideo: when it is missing, empty, no video, too large, or no frame can be decoded.
        ValueError: for a negative `start` or `stop`.

    Warns:
        PartialVideo: at its end, for a file that could be read only in part.
    """
    if start < 0 or (stop is not None and stop < 0):
        raise ValueError(f"start {start} and stop {stop} must not be negative")
    reader = FrameReader(path)
    return _between(reader, start, stop)


def _between(reader: FrameReader, start: int, stop: int | None) -> Iterator[Frame]:
    with reader:
        try:
            reader.skip(start)
            while stop is None or reader.count < stop:
                yield next(reader)
        except StopIteration:
            if reader.problem:
                warnings.warn(PartialVideo(reader.problem), stacklevel=2)
