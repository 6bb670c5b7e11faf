"""Video in and out: frames per second beside OpenCV's and FFmpeg's own, and memory beside length."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mask.video import VideoWriter, open_frames, read_frames, transcode

Row = dict[str, Any]
ROUNDS = 3


def clip(folder: Path) -> Path:
    """The shared face video where it is present, otherwise 300 made-up frames of the same size."""
    shared = Path(os.environ.get("MASK_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared"))
    if (shared / "media" / "face_pexels.mp4").is_file():
        return shared / "media" / "face_pexels.mp4"
    path, rng = folder / "made.mp4", np.random.default_rng(0)
    texture = cv2.resize(rng.integers(0, 255, (60, 90, 3)).astype(np.uint8), (900, 600), interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, 640, 360, Fraction(24000, 1001)) as writer:
        for t in range(300):
            x, y = round(100 + 80 * np.sin(t / 20)), round(100 + 60 * np.cos(t / 15))
            writer.write(texture[y : y + 360, x : x + 640])
    return path


def best(job: Callable[[], int]) -> float:
    """Items per second, the best of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        count = job()
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def row(what: str, ours: float, peer: float | None, peer_name: str, unit: str = "frames/s") -> Row:
    # Above 1 where ours is better: more frames a second, fewer of anything else.
    more = unit.startswith("frames")
    ratio = None if peer is None else ours / peer if more else peer / ours
    return {"what": what, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": unit}


def run() -> list[Row]:
    """Measure everything; one row per figure."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = clip(folder)
        frames = list(read_frames(path))
        return [
            row(
                "decode to RGB", best(lambda: sum(1 for _ in read_frames(path))), best(lambda: _opencv(path)), "OpenCV"
            ),
            row(
                "encode, H.264", best(lambda: _encode(frames, folder)), _ffmpeg(frames, folder), "ffmpeg, same settings"
            ),
            row("encode, lossless", best(lambda: _encode(frames[:100], folder, lossless=True)), None, ""),
            row("decode, encode, copy sound", best(lambda: _transcode(path, folder)), None, ""),
            row("random access", best(lambda: _random(path)), best(lambda: _random_opencv(path)), "OpenCV"),
            *_memory(path, folder),
        ]


def _opencv(path: Path) -> int:
    capture, count = cv2.VideoCapture(str(path)), 0
    while True:
        good, frame = capture.read()
        if not good:
            return count
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1


def _encode(frames: list[np.ndarray], folder: Path, lossless: bool = False) -> int:
    height, width, _ = frames[0].shape
    with VideoWriter(folder / "o.mkv", width, height, 24, lossless=lossless) as writer:
        for frame in frames:
            writer.write(frame)
    return len(frames)


def _ffmpeg(frames: list[np.ndarray], folder: Path) -> float | None:
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    height, width, _ = frames[0].shape
    data = np.stack(frames).tobytes()
    command = [
        program,
        "-v",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        "24",
    ]
    command += ["-i", "-", "-c:v", "libx264", "-preset", "superfast", "-crf", "19", "-pix_fmt", "yuv420p"]

    def job() -> int:
        subprocess.run([*command, str(folder / "f.mkv")], input=data, check=True)
        return len(frames)

    return best(job)


def _transcode(path: Path, folder: Path) -> int:
    return transcode(path, folder / "t.mp4", lambda frames: frames).frames


def _random(path: Path) -> int:
    frames = open_frames(path, max_cached=2)
    order = np.random.default_rng(0).integers(0, len(frames), 24)
    for index in order:
        frames[int(index)]
    return len(order)


def _random_opencv(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    order = np.random.default_rng(0).integers(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 24)
    for index in order:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        capture.read()
    return len(order)


# The kernel's own high-water mark where there is one: the other counts this process's memory before the child starts.
PEAK = """
import pathlib, resource, sys
from mask.video import transcode
transcode(sys.argv[1], sys.argv[2], lambda frames: frames)
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
marks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print((marks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024)
"""


def _memory(path: Path, folder: Path) -> Iterator[Row]:
    """Peak memory of a copy, for the clip once and eight times over."""
    long = folder / "long.mp4"
    frames = list(read_frames(path))
    height, width, _ = frames[0].shape
    with VideoWriter(long, width, height, 24) as writer:
        for _ in range(8):
            for frame in frames:
                writer.write(frame)
    peaks = []
    for source in (path, long):
        command = [sys.executable, "-c", PEAK, str(source), str(folder / "m.mp4")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout))
    yield row("peak memory, 8 times the length", peaks[1], peaks[0], "once the length", "MB")


def table(rows: list[Row]) -> None:
    """Print rows, aligned."""
    print(f"{'what':44} {'ours':>9} {'peer':>9} {'ratio':>7}  unit, peer")
    for r in rows:
        peer = "-" if r["peer"] is None else f"{r['peer']:.1f}"
        ratio = "-" if r["ratio"] is None else f"{r['ratio']:.2f}"
        print(f"{r['what']:44} {r['ours']:9.1f} {peer:>9} {ratio:>7}  {r['unit']}; {r['peer_name']}")


if __name__ == "__main__":
    table(run())
