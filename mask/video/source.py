"""Opening a video file somebody else made, and saying what it holds."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mask.errors import UnreadableVideo

from .colour import Colour

LARGEST = 8192
"""Longest side of a picture that is read, in pixels."""

# A file may not make FFmpeg fetch anything else: only plain video containers, and only from disk. Playlists and
# scripts, which can name other files and addresses, and text, which FFmpeg can render as video, are left out.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,apng,mjpeg,m4v,h264,hevc,av1,obu,ivf,mxf,nut,rm,dv,vc1,"
    "yuv4mpegpipe,webp_pipe"
)
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": _FORMATS,
    "max_pixels": str(LARGEST * LARGEST),
}


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    Args:
        width, height: as displayed, in pixels, rotation applied.
        fps: frames per second, the average where it varies.
        frames: how many the container declares, `None` where it does not say; an edit list may show fewer.
        rotation: degrees clockwise (0, 90, 180, 270) by which the file asks to be turned, after any mirroring; frames
            come turned.
        has_audio: whether there is at least one audio stream.
        codec: FFmpeg's name of the video codec.
        duration_s: seconds, `None` where the container does not say.
        mirrored: whether the file also asks to be mirrored left to right; frames come mirrored.
        time_base: the unit of the file's timestamps, in seconds.
        pixel_aspect: width of a pixel over its height, as displayed.
        colour: what the numbers mean.
    """

    width: int
    height: int
    fps: Fraction
    frames: int | None
    rotation: int
    has_audio: bool
    codec: str
    duration_s: float | None
    mirrored: bool
    time_base: Fraction
    pixel_aspect: Fraction
    colour: Colour


def probe(path: str | Path) -> VideoInfo:
    """Look at a video file; its first frame is decoded, so a file that passes has one.

    Raises:
        UnreadableVideo: when it is missing, empty, no video, too large, or no frame can be decoded.
    """
    path = Path(path)
    with open_source(path) as container:
        stream = video_stream(container, path)
        for frame in pictures(container, stream, Log()):
            return describe(container, stream, frame)
    raise UnreadableVideo(f"{path} holds no frame that can be decoded")


def open_source(path: Path) -> InputContainer:
    """Open a video file; `UnreadableVideo` with the reason where that fails."""
    if path.is_dir():
        raise UnreadableVideo(f"{path} is a folder; expected a video file")
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideo(f"{path} is empty")
        # An absolute path cannot be taken for an address such as "rtsp:...".
        return av.open(str(path.resolve()), options=dict(_OPTIONS), metadata_errors="ignore")
    except FileNotFoundError as error:
        raise UnreadableVideo(f"there is no file {path}") from error
    except PermissionError as error:
        raise UnreadableVideo(f"{path} may not be read (permission denied)") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(
            f"{path} is not a readable video file, or only a part of one ({reason(error)})"
        ) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first real video stream, ready to decode; `UnreadableVideo` where there is none."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kind = "audio but no video" if container.streams.audio else "no video stream"
        raise UnreadableVideo(f"{path} holds {kind}")
    stream = streams[0]
    codec = stream.codec_context
    if codec is None:
        raise UnreadableVideo(f"{path} uses a video codec that cannot be decoded here")
    _check_size(codec.width, codec.height, path)
    codec.options = {"max_pixels": _OPTIONS["max_pixels"]}
    stream.thread_type = "AUTO"
    return stream


@dataclass
class Log:
    """What happened while a file was decoded.

    Args:
        errors: what went wrong, for people.
        undecoded, damaged: packets that gave nothing, and frames the decoder had to patch up.
        withdrawn: packets the container itself takes back (an edit list).
        furthest: the latest time any packet read plays until, in seconds.
    """

    errors: list[str] = field(default_factory=list)
    undecoded: int = 0
    damaged: int = 0
    withdrawn: int = 0
    furthest: float = 0.0


def packets(container: InputContainer, stream: VideoStream, log: Log) -> Generator[Any, None, None]:
    """The stream's packets, an empty one last; how far the file goes is told in `log`."""
    try:
        for packet in container.demux(stream, *container.streams.audio):
            if packet.pts is not None and packet.time_base is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                log.furthest = max(log.furthest, float(end))
            if packet.stream is stream:
                log.withdrawn += bool(packet.size and packet.is_discard)
                yield packet
    except av.FFmpegError as error:
        log.errors.append(f"reading stopped early ({reason(error)})")


def pictures(container: InputContainer, stream: VideoStream, log: Log) -> Generator[av.VideoFrame, None, None]:
    """Decode to the end; what cannot be read is left out and told in `log`."""
    for packet in packets(container, stream, log):
        try:
            decoded = packet.decode()
        except av.FFmpegError:
            log.undecoded += 1
            continue
        for frame in decoded:
            log.damaged += bool(frame.is_corrupt)
            yield frame


def shortfall(container: InputContainer, stream: VideoStream, log: Log, count: int) -> str | None:
    """What of a file read to its end is missing, in one clause; `None` when all is well."""
    found = list(log.errors)
    if log.undecoded:
        found.append(f"{log.undecoded} of its pieces could not be decoded")
    if log.damaged:
        found.append(f"{log.damaged} of its frames are damaged")
    kind, declared = container.format.name, stream.frames - log.withdrawn
    # Only these containers say truly how much they hold: frames in the first, seconds in the others.
    if "mp4" in kind and count < declared:
        found.append(f"it holds {count} of {declared} frames")
    if kind.startswith(("matroska", "flv", "asf")) and container.duration:
        seconds = (container.duration + (container.start_time or 0)) / 1_000_000
        if log.furthest < seconds - 0.5:
            found.append(f"it holds {log.furthest:.1f} of {seconds:.1f} seconds")
    return "; ".join(found) or None


def describe(container: InputContainer, stream: VideoStream, frame: av.VideoFrame) -> VideoInfo:
    """What is known of a stream once its first frame is decoded."""
    matrix = display_matrix(frame)
    turned = matrix[0, 0] == 0
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    fps = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
    return VideoInfo(
        width=width,
        height=height,
        fps=Fraction(fps) if fps > 0 else Fraction(25),
        frames=stream.frames if "mp4" in container.format.name and stream.frames else None,
        rotation=_turn(matrix),
        has_audio=bool(container.streams.audio),
        codec=stream.codec_context.name,
        duration_s=_duration(container, stream),
        mirrored=bool(np.linalg.det(matrix) < 0),
        time_base=Fraction(stream.time_base or Fraction(1, 90000)),
        pixel_aspect=1 / aspect if turned else aspect,
        colour=Colour.of(frame),
    )


def display_matrix(frame: av.VideoFrame) -> NDArray[np.int64]:
    """How a frame asks to be shown: a 2 x 2 of -1, 0 and 1 from stored to shown (x, y), the nearest eighth turn."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return np.eye(2, dtype=np.int64)
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].astype(np.int64)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return np.array([[-1 if a < 0 else 1, 0], [0, -1 if d < 0 else 1]], dtype=np.int64)
    return np.array([[0, -1 if c < 0 else 1], [-1 if b < 0 else 1, 0]], dtype=np.int64)


def show(picture: NDArray[Any], matrix: NDArray[np.int64]) -> NDArray[Any]:
    """A stored picture as it asks to be shown."""
    if matrix[0, 0] == 0:
        picture = picture.swapaxes(0, 1)
    across, down = matrix.sum(axis=1)
    return np.ascontiguousarray(picture[::down, ::across])


def _turn(matrix: NDArray[np.int64]) -> int:
    # A mirrored picture is one whose x axis was turned round before the rotation.
    x, y = matrix[:, 0] * round(float(np.linalg.det(matrix)))
    return round(float(np.degrees(np.arctan2(y, x)))) % 360


def reason(error: BaseException) -> str:
    """An FFmpeg or system error in a few words."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".").lower()


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1_000_000


def _check_size(width: int, height: int, path: Path) -> None:
    if width < 1 or height < 1:
        raise UnreadableVideo(
            f"{path} is damaged, or its pictures are larger than {LARGEST} x {LARGEST} pixels: their size is unknown"
        )
    if max(width, height) > LARGEST:
        raise UnreadableVideo(
            f"{path} has pictures of {width} x {height} pixels; at most {LARGEST} x {LARGEST} are read"
        )
