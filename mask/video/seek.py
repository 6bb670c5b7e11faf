"""Any frame of a video file, at the price of decoding from the last key frame."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from mask.clip import Frame
from mask.errors import UnreadableVideo

from .cache import CachedFrames
from .colour import to_rgb
from .read import FrameReader, PartialVideo
from .source import Log, display_matrix, open_source, packets, pictures, shortfall, show, video_stream

# Codecs whose files hold packets that show nothing: counting packets does not count frames.
_HIDDEN = ("vp8", "vp9")
# Decoding on is cheaper than seeking for a step of up to this many frames.
_STEP = 32


@dataclass(frozen=True)
class _Contents:
    """The frames of a video in the order of display.

    Args:
        places: timestamp to frame number; empty for a file without timestamps, whose frames are counted.
        count: how many there are.
        keys: (frame number, timestamp) of those that decoding can start from, ascending.
    """

    places: dict[int, int]
    count: int
    keys: list[tuple[int, int]]


class VideoFrames(CachedFrames):
    """The frames of a video file.

    Raises:
        UnreadableVideo: on use, when the file or the frame asked for cannot be decoded.
    """

    def __init__(self, path: Path, max_cached: int = 64) -> None:
        super().__init__(path, max_cached)
        self._known: _Contents | None = None
        self._decoder: _Decoder | None = None
        self._stored: tuple[int, int] | None = None
        self._reformatter = VideoReformatter()

    @property
    def _contents(self) -> _Contents:
        if self._known is None:
            self._known = _contents(self.path)
        return self._known

    def _count(self) -> int:
        return self._contents.count

    def _load(self, index: int) -> Frame:
        decoder = self._decoder
        # Who steps backwards will want the frames before this one next.
        backwards = decoder is not None and index < decoder.next
        if decoder is None or not decoder.next <= index <= decoder.next + _STEP:
            decoder = self._before(index)
        wanted = index - self._max_cached if backwards else index
        for number, frame in decoder:
            if number >= wanted:
                self._keep(number, self._picture(frame))
            if number == index and frame.is_corrupt:
                warnings.warn(PartialVideo(f"frame {index} of {self.path} is damaged"), stacklevel=4)
            if number >= index:
                break
        if index not in self._cache:
            raise UnreadableVideo(f"frame {index} of {self.path} cannot be decoded; the file is damaged")
        return self._cache[index]

    def _let_go(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None

    def _picture(self, frame: av.VideoFrame) -> Frame:
        self._stored = self._stored or (frame.width, frame.height)
        return show(to_rgb(frame, self._reformatter, *self._stored), display_matrix(frame))

    def _before(self, index: int) -> _Decoder:
        """A decoder that stands at a key frame from which `index` can be decoded, or at the start."""
        keys = self._contents.keys
        decoder = self._decoder or _Decoder(self.path, self._contents)
        last = bisect_right(keys, index, key=lambda key: key[0])
        if not any(decoder.seek(*key) for key in reversed(keys[max(last - 3, 1) : last])):
            decoder.close()
            decoder = _Decoder(self.path, self._contents)
        self._decoder = decoder
        return decoder


class _Decoder:
    """Decodes one file forwards, as (frame number, frame), from its start or a key frame."""

    def __init__(self, path: Path, contents: _Contents) -> None:
        self._contents = contents
        self._container = open_source(path)
        self._stream = video_stream(self._container, path)
        self._frames = pictures(self._container, self._stream, Log())
        self._held: tuple[int, av.VideoFrame] | None = None
        self.next = 0

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        return self

    def __next__(self) -> tuple[int, av.VideoFrame]:
        found, self._held = self._held or self._decode(), None
        self.next = found[0] + 1
        return found

    def seek(self, key: int, pts: int) -> bool:
        """Stand before key frame number `key`; says whether that worked."""
        try:
            self._container.seek(pts, stream=self._stream, backward=True)
        except av.FFmpegError:
            return False
        self._frames = pictures(self._container, self._stream, Log())
        # Frames decoded after a key frame and shown before it lack what they refer to: pass over them.
        found = next((f for f in iter(self._decode_safely, None) if f[0] >= key), None)
        self._held = found
        self.next = key
        return found is not None and found[0] == key

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _decode(self) -> tuple[int, av.VideoFrame]:
        places = self._contents.places
        for frame in self._frames:
            number = places.get(frame.pts, -1) if places and frame.pts is not None else self.next
            if number >= 0:
                return number, frame
        raise StopIteration

    def _decode_safely(self) -> tuple[int, av.VideoFrame] | None:
        try:
            return self._decode()
        except StopIteration:
            return None


def _contents(path: Path) -> _Contents:
    """The timestamps of a file: off its packets where they settle the matter, by decoding it all otherwise."""
    log = Log()
    with open_source(path) as container:
        stream = video_stream(container, path)
        # AVI stores no time of display: where frames are decoded in another order than shown, they can only be
        # counted.
        timed = not (stream.codec_context.has_b_frames and container.format.name == "avi")
        found = [
            (packet.pts, packet.is_keyframe)
            for packet in packets(container, stream, log)
            if packet.size and not packet.is_discard
        ]
        missing = shortfall(container, stream, log, len(found))
        hidden = stream.codec_context.name in _HIDDEN
    if timed and found and not missing and not hidden:
        contents = _ordered(found)
        if contents is not None:
            return contents
    found = _decode_all(path)
    return (_ordered(found) if timed else None) or _Contents({}, len(found), [])


def _decode_all(path: Path) -> list[tuple[int | None, bool]]:
    """Timestamp and key mark of every frame that can be decoded; slow, and right for any file."""
    with FrameReader(path) as reader:
        keys = [(key, reader.pts) for key in reader.key_frames()]
        if reader.problem:
            warnings.warn(PartialVideo(reader.problem), stacklevel=5)
    return [(pts, key) for key, pts in keys]


def _ordered(found: list[tuple[int | None, bool]]) -> _Contents | None:
    """Contents by timestamp; `None` where one is missing or stands twice."""
    timed = sorted((pts, key) for pts, key in found if pts is not None)
    places = {pts: number for number, (pts, _) in enumerate(timed)}
    if len(places) != len(found):
        return None
    return _Contents(places, len(found), [(n, pts) for n, (pts, key) in enumerate(timed) if key])
