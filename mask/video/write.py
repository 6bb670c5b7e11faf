"""Writing a video: frames encoded, audio copied, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.reformatter import VideoReformatter

from mask.clip import Frame
from mask.errors import MaskError, UsageError

from .colour import CHROMA_CENTRED, Colour, from_rgb, tag
from .source import open_source, reason, video_stream

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
"""Containers that can be written."""


def writable_suffix(source: str | Path) -> str:
    """The container to write for a source file: its own kind, or ``.mkv``, which holds any audio.

    >>> writable_suffix("holiday.MOV"), writable_suffix("call.webm")
    ('.mov', '.mkv')
    """
    suffix = Path(source).suffix.lower()
    return suffix if suffix in SUFFIXES else ".mkv"


class VideoWriter:
    """Writes a video file, as a context manager.

    The file appears under its name only when it is complete: it is written beside it under a hidden temporary name,
    which is removed on any error, Ctrl-C and a full disk included. Encoded as H.264, with 4:2:0 chroma where both
    sides are even and 4:4:4 otherwise, since the frame size is never touched. Nothing but pictures and sound is
    written: titles, dates, GPS positions and other metadata of a source are left behind on purpose, as are subtitles.

    Args:
        path: the file, ending in one of `SUFFIXES`; an existing one is replaced.
        width, height: in pixels.
        fps: frames per second.
        lossless: keep every pixel as it is, for research where motion below a pixel must survive: FFV1 in ``.mkv``,
            RGB H.264 (which few players show) in the others.
        quality: constant rate factor of x264, 0 to 51, smaller is better; 19 cannot be told from the original by
            eye.
        copy_audio_from: a file whose audio streams are all copied, packet by packet, never re-encoded.
        time_base: unit of the timestamps given to `write`, in seconds; by default 1/512 of a frame.
        colour: what to encode the numbers as; by default BT.709 from 720 lines on and BT.601 below.
        pixel_aspect: width of a pixel over its height.

    Raises:
        UsageError: for another suffix, or audio the container cannot hold.
        MaskError: where the folder cannot be written to.
        UnreadableVideo: when `copy_audio_from` cannot be read.
        ValueError: for a size, rate or quality out of range.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction | float,
        *,
        lossless: bool = False,
        quality: float = 19.0,
        copy_audio_from: str | Path | None = None,
        time_base: Fraction | None = None,
        colour: Colour | None = None,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        self._path = Path(path)
        self._shape = (height, width, 3)
        if not (0 < width <= 16384 and 0 < height <= 16384 and 0 < fps <= 10_000 and 0 <= quality <= 51):
            raise ValueError(
                f"cannot write {width} x {height} pixels at {float(fps):g} frames/s with quality {quality:g}; expected "
                f"sides of 1 to 16384, a rate above 0 and up to 10000 and a quality of 0 to 51"
            )
        rate = Fraction(fps).limit_denominator(1_000_000)
        # Fine enough to start in the middle of a frame, where sound copied from elsewhere needs that.
        self._unit = time_base or 1 / rate / 512
        self._frame_ticks = max(round(1 / rate / self._unit), 1)
        self._colour = colour or Colour.usual(height)
        self._last: int | None = None
        self.count = 0
        self._audio: _AudioCopy | None = None
        self._container: OutputContainer | None = None
        self._temporary = _temporary_beside(self._path)
        # A signal may arrive between two statements, where no handler of an exception stands: whatever happens, the
        # temporary file goes with this writer, or at the latest with the program.
        self._sweep = weakref.finalize(self, self._temporary.unlink, missing_ok=True)
        self._reformatter = VideoReformatter()
        with self._guarded():
            _create(self._temporary, self._path)
            self._container = av.open(str(self._temporary.resolve()), "w", format=_muxer(self._path))
            self._add_video(rate, lossless, quality, pixel_aspect)
            if copy_audio_from is not None:
                self._audio = _AudioCopy(Path(copy_audio_from), self._container, self._path)
            self._container.start_encoding()

    def write(self, frame: Frame, pts: int | None = None) -> None:
        """Encode the next frame.

        Args:
            frame: ``uint8 (height, width, 3)`` RGB.
            pts: its timestamp in units of `time_base`; by default one frame after the last. One that does not lie
                after the last is moved to just behind it, so that every frame is kept.

        Raises:
            ValueError: for anything but such a frame.
            MaskError: when the file cannot be written, for example because the disk is full.
        """
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.shape != self._shape:
            found = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise ValueError(f"the frame to write is {found}; expected uint8 RGB of shape {self._shape}")
        if self._container is None:
            raise ValueError(f"{self._path} is closed; no frame can be added")
        if pts is None:
            pts = self._start if self._last is None else self._last + self._frame_ticks
        if self._last is not None:
            pts = max(pts, self._last + 1)
        with self._guarded():
            picture = from_rgb(frame, self._reformatter, self._format, self._colour)
            picture.pts, picture.time_base = pts, self._unit
            self._mux(self._stream.encode(picture))
        self._last = pts
        self.count += 1

    def close(self) -> None:
        """Finish the file and give it its name; `MaskError` when that fails or no frame was written."""
        if self._container is None:
            return
        if not self.count:
            self.abort()
            raise MaskError(f"no frame was written to {self._path}; nothing is left behind")
        with self._guarded():
            self._mux(self._stream.encode(None))
            if self._audio is not None:
                self._audio.rest()
                self._audio.close()
            self._container.close()
            os.replace(self._temporary, self._path)
            self._container = None

    def abort(self) -> None:
        """Leave nothing behind."""
        container, self._container = self._container, None
        if self._audio is not None:
            self._audio.close()
        if container is not None:
            # The trailer cannot be written any more either; the file goes away.
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        self._sweep()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def _start(self) -> int:
        # Sound keeps its distance to the first picture of the file it comes from.
        return 0 if self._audio is None else round(self._audio.start / self._unit)

    def _add_video(self, rate: Fraction, lossless: bool, quality: float, pixel_aspect: Fraction) -> None:
        height, width, _ = self._shape
        codec, self._format, options = _encoder(self._path, width, height, lossless, quality)
        stream: Any = self._opened.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, self._format
        stream.codec_context.time_base = stream.time_base = self._unit
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        # Slices, PyAV's default for encoders, cost picture quality.
        stream.codec_context.thread_type = "FRAME" if codec.startswith("libx264") else "SLICE"
        if self._format.startswith("yuv"):
            tag(stream.codec_context, self._colour)
        self._stream = stream

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            if self._audio is not None and packet.dts is not None:
                self._audio.until(packet.dts * packet.time_base)
            self._opened.mux(packet)

    @property
    def _opened(self) -> OutputContainer:
        if self._container is None:
            raise ValueError(f"{self._path} is closed")
        return self._container

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong inside, nothing is left behind, and it is told in a sentence."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise MaskError(f"cannot write {self._path}: {_why(error)}") from error
        except BaseException:
            self.abort()
            raise


class _AudioCopy:
    """Copies the audio packets of one file into another, in step with its pictures."""

    def __init__(self, source: Path, target: OutputContainer, path: Path) -> None:
        self._target = target
        self._input: InputContainer = open_source(source)
        self._streams = {s.index: self._add(s, source, path) for s in self._input.streams.audio}
        self.start = _start_of_video(self._input, source)
        self._packets = self._read()
        self._next = next(self._packets, None)

    def _add(self, stream: Any, source: Path, path: Path) -> Any:
        try:
            added = self._target.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError) as error:
            name = stream.codec_context.name if stream.codec_context else "unknown"
            raise UsageError(
                f"the sound of {source.name} ({name}) cannot be kept in a {path.suffix} file; write a .mkv file"
            ) from error
        if "language" in stream.metadata:
            added.metadata["language"] = stream.metadata["language"]
        return added

    def _read(self) -> Iterator[Any]:
        if self._streams:
            for packet in self._input.demux(*self._input.streams.audio):
                if packet.size:
                    yield packet

    def until(self, seconds: Fraction) -> None:
        """Copy what plays before this time."""
        while self._next is not None and _seconds(self._next) <= seconds:
            self._copy()

    def rest(self) -> None:
        """Copy what is left."""
        while self._next is not None:
            self._copy()

    def close(self) -> None:
        """Let go of the source."""
        self._input.close()

    def _copy(self) -> None:
        packet: Any = self._next
        self._next = next(self._packets, None)
        packet.stream = self._streams[packet.stream.index]
        self._target.mux(packet)


def _seconds(packet: Any) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * Fraction(packet.time_base)


def _start_of_video(container: InputContainer, source: Path) -> Fraction:
    if not container.streams.video:
        return Fraction(0)
    stream = video_stream(container, source)
    return (stream.start_time or 0) * Fraction(stream.time_base or 0)


def _encoder(path: Path, width: int, height: int, lossless: bool, quality: float) -> tuple[str, str, dict[str, str]]:
    """Codec, pixel format and options."""
    if lossless and path.suffix.lower() == ".mkv":
        return "ffv1", "bgr0", {"level": "3", "slices": "4", "slicecrc": "1"}
    if lossless:
        return "libx264rgb", "rgb24", {"preset": "veryfast", "qp": "0"}
    # A third less work than the next slower preset; the same quality takes about 40 % more bytes.
    options = {"preset": "superfast", "crf": f"{quality:g}"}
    if width % 2 or height % 2:
        return "libx264", "yuv444p", options
    return "libx264", "yuv420p", {**options, "x264-params": CHROMA_CENTRED}


def _muxer(path: Path) -> str:
    return {".mkv": "matroska", ".mov": "mov"}.get(path.suffix.lower(), "mp4")


def _temporary_beside(path: Path) -> Path:
    """The name of a hidden file beside `path`."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"cannot write {path.name!r} as a video; the name must end in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a video file to write")
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")


def _create(temporary: Path, path: Path) -> None:
    """Create an empty file, which proves that `path` can be written."""
    try:
        # Mode 666 lets the user's umask decide, as for any new file.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileNotFoundError as error:
        raise MaskError(f"cannot write {path}: its folder does not exist") from error
    except OSError as error:
        raise MaskError(f"cannot write {path}: {_why(error)}") from error


def _why(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return "the disk is full"
    if number in (errno.EACCES, errno.EPERM):
        return "permission denied"
    return reason(error)
