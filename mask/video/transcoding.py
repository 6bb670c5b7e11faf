"""A video in, an edited video out, everything else kept."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2

from mask.clip import Frame
from mask.errors import MaskError

from .read import FrameReader, PartialVideo
from .source import VideoInfo
from .write import VideoWriter

T = TypeVar("T")

Edit = Callable[[Iterator[Frame]], Iterator[Frame]]
"""Takes the frames of a video and yields one edited frame for each, in order; it may look ahead."""

_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Transcoded:
    """What `transcode` did.

    Args:
        info: what the source holds.
        frames: how many frames were read and written.
        problem: what of a damaged source could not be read, in one sentence; `None` when all is well.
    """

    info: VideoInfo
    frames: int
    problem: str | None


def transcode(
    source: str | Path,
    target: str | Path,
    edit: Edit,
    *,
    lossless: bool = False,
    quality: float = 19.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Transcoded:
    """Edit every frame of a video.

    Frame count, size, timestamps, rate, colour and all audio packets are kept; a rotation the file asks for is carried
    out, so the copy looks the same without asking. See `VideoWriter` for what is left behind. Decoding, editing and
    encoding run at the same time, and memory does not depend on the length.

    Args:
        source, target: video files; they may be the same.
        edit: called once with the frames, ``uint8 (H, W, 3)`` RGB, its own to change; yields the edited frames.
        lossless, quality: see `VideoWriter`.
        progress: called with the number of frames written since the last call.

    Raises:
        UnreadableVideo: when the source cannot be decoded.
        UsageError: for a target the video cannot be written to.
        MaskError: when writing fails, or `edit` gives more or fewer frames than it was given.

    Warns:
        PartialVideo: for a source that could be read only in part.
    """
    with FrameReader(source) as reader:
        info = reader.info
        writer = VideoWriter(
            target,
            info.width,
            info.height,
            info.fps,
            lossless=lossless,
            quality=quality,
            copy_audio_from=source,
            time_base=info.time_base,
            colour=info.colour,
            pixel_aspect=info.pixel_aspect,
        )
        with writer, _one_thread_each():
            _run(reader, writer, edit, progress)
    if reader.problem:
        warnings.warn(PartialVideo(reader.problem), stacklevel=2)
    return Transcoded(info, writer.count, reader.problem)


def _run(reader: FrameReader, writer: VideoWriter, edit: Edit, progress: Callable[[int], None]) -> None:
    """Decode in one thread, edit in this one, encode in a third."""
    depth = min(max(_BYTES // (reader.info.width * reader.info.height * 3), 2), 8)
    decoded: _Belt[tuple[Frame, int | None]] = _Belt(depth)
    edited: _Belt[tuple[Frame, int | None]] = _Belt(depth)
    stamps: deque[int | None] = deque()

    def decode() -> None:
        for frame in reader:
            decoded.put((frame, reader.pts))
        decoded.end()

    def encode() -> None:
        for frame, pts in edited:
            writer.write(frame, pts)
            progress(1)

    def given() -> Iterator[Frame]:
        for frame, pts in decoded:
            stamps.append(pts)
            yield frame

    workers = [_Worker(decode, decoded), _Worker(encode, edited)]
    try:
        for worker in workers:
            worker.start()
        for frame in edit(given()):
            if not stamps:
                raise MaskError("the edit gave more frames than it was given; expected one for each")
            edited.put((frame, stamps.popleft()))
        if stamps or next(decoded, None) is not None:
            raise MaskError("the edit gave fewer frames than it was given; expected one for each")
        edited.end()
        workers[1].join()
    except _Stopped:
        pass  # The worker that stopped the belt says why, below.
    finally:
        for belt in (decoded, edited):
            belt.stop()
        for worker in workers:
            if worker.ident is not None:  # a signal may come before it was started, or while it starts
                worker.join()
    for worker in workers:
        if worker.error is not None:
            raise worker.error


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """OpenCV on one thread: a second one, inside the edit, only takes time from the decoder and the encoder."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


class _Stopped(Exception):
    """The other side of a belt has gone."""


class _Belt(Generic[T]):
    """Hands things from one thread to another, a few at a time."""

    def __init__(self, depth: int) -> None:
        self._things: deque[T] = deque()
        self._depth = depth
        self._change = threading.Condition()
        self._ended = self._stopped = False

    def put(self, thing: T) -> None:
        with self._change:
            self._change.wait_for(lambda: self._stopped or len(self._things) < self._depth)
            if self._stopped:
                raise _Stopped
            self._things.append(thing)
            self._change.notify_all()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._change:
            self._change.wait_for(lambda: self._stopped or self._ended or self._things)
            if self._stopped:
                raise _Stopped
            if not self._things:
                raise StopIteration
            self._change.notify_all()
            return self._things.popleft()

    def end(self) -> None:
        """Nothing more will come; what is on the belt still counts."""
        with self._change:
            self._ended = True
            self._change.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether one side gave up."""
        return self._stopped

    def stop(self) -> None:
        """Give up: both sides raise `_Stopped`."""
        with self._change:
            self._stopped = True
            self._change.notify_all()


class _Worker(threading.Thread):
    """Runs a job beside this thread; when it fails, keeps the error and stops its belt."""

    def __init__(self, job: Callable[[], None], belt: _Belt[Any]) -> None:
        super().__init__(daemon=True)
        self._job, self._belt = job, belt
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            if not self._belt.stopped:
                self._job()
        except _Stopped:
            pass
        except BaseException as error:
            self.error = error
            self._belt.stop()
