"""Video files made for tests: every frame carries its own number."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 8


def numbered(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth coloured picture with `number` written along its top as eight dark or bright blocks."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([60 + x * 120 / width, 90 + y * 80 / height, np.full(x.shape, 140.0)], axis=-1)
    block = width // BITS
    for bit in range(BITS):
        picture[: height // 4, bit * block : (bit + 1) * block] = 220 if number >> bit & 1 else 30
    return picture.round().astype(np.uint8)


def number_of(picture: np.ndarray) -> int:
    """Read the number back, through any lossy codec."""
    height, width = picture.shape[:2]
    block = width // BITS
    middles = [picture[height // 8, bit * block + block // 2].mean() for bit in range(BITS)]
    return sum((value > 125) << bit for bit, value in enumerate(middles))


def make_video(
    path: Path,
    count: int = 20,
    *,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    fps: Fraction = Fraction(25),
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    audio: Sequence[str] = (),
    metadata: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames, and one stream of noise per audio codec, as long as the pictures."""
    base = time_base or 1 / fps
    stamps = list(pts) if pts is not None else [round(i / fps / base) for i in range(count)]
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = base
        sounds = [container.add_stream(name, rate=48000) for name in audio]
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = stamp, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        rng = np.random.default_rng(0)
        for sound in sounds:
            _noise(container, sound, float(count / fps), rng)
    return path


def _noise(container: Any, stream: Any, seconds: float, rng: np.random.Generator) -> None:
    chunk, done = 1024, 0
    while done < seconds * 48000:
        samples = (rng.normal(0, 0.1, (2, chunk))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, done, Fraction(1, 48000)
        for resampled in av.AudioResampler(stream.codec_context.format, "stereo", 48000).resample(frame):
            container.mux(stream.encode(resampled))
        done += chunk
    container.mux(stream.encode(None))


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sound(path: Path) -> list[list[str]]:
    """The SHA-256 of every audio packet's payload, stream by stream."""
    with av.open(str(path)) as container:
        found: dict[int, list[str]] = {s.index: [] for s in container.streams.audio}
        for packet in container.demux(audio=list(range(len(found)))) if found else ():
            if packet.size:
                found[packet.stream.index].append(hashlib.sha256(bytes(packet)).hexdigest())
    return list(found.values())


def turned(source: Path, target: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 file that asks to be shown by another matrix (a, b, c, d)."""
    data = source.read_bytes()
    start = data.index(b"tkhd") + 4
    offset = start + (52 if data[start] == 1 else 40)
    assert struct.unpack(">i", data[offset : offset + 4]) == (65536,)
    a, b, c, d = (v * 65536 for v in matrix)
    patch = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(data[:offset] + patch + data[offset + 36 :])
    return target


def read_all(frames: Iterable[np.ndarray]) -> list[int]:
    """The numbers of all frames."""
    return [number_of(f) for f in frames]
