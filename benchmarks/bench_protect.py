"""``mask protect`` as a person runs it, start-up included, beside what any such program must do at the least.

A subprocess is timed from start to end. ``wall`` counts on idle cores; on a shared machine the CPU seconds say more: on
two cores a command reaches 60 frames/s when each frame costs less than 33 ms of CPU.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.bench_video import Row, row, table
from mask import registry
from mask.video import VideoWriter, probe, read_frames

ROUNDS = 3


def clip(folder: Path) -> tuple[Path, str]:
    """The shared face video where it is present, otherwise a rendered face; and which of them it is."""
    shared = Path(os.environ.get("MASK_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared"))
    real = shared / "media" / "face_pexels.mp4"
    if real.is_file():
        return real, "a real face, 640 x 360"
    made = registry.create("datasets", "synthetic:subjects=1,repeats=1").clips[0]
    frames = [made.frame(i) for i in range(len(made.frames or ()))]
    height, width, _ = frames[0].shape
    path = folder / "made.mp4"
    with VideoWriter(path, width, height, 25) as writer:
        for frame in islice(cycle([*frames, *frames[::-1]]), 400):
            writer.write(frame)
    return path, f"a rendered face, {width} x {height}; {real} is absent"


def run() -> list[Row]:
    """Measure everything; one row per figure."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, what = clip(folder)
        frames = sum(1 for _ in read_frames(source))
        print(f"{frames} frames of {what}", file=sys.stderr)
        whole = _least(_protect(source, folder))
        copy = _least(_python(COPY, source, folder / "copy.mp4"))
        start = _least(_python("import mask.cli.protect", source))
        bare, encode = _decode(source), _encode(source, folder)
        long = _longer(source, folder / "long.mp4", 4)
        peaks = [_peak(path, folder) for path in (source, long)]
        return [
            row("mask protect, wall", frames / whole[0], frames / copy[0], "decode and encode alone, same settings"),
            row("CPU of a frame, all of it", 1000 * whole[1] / frames, 1000 * copy[1] / frames, "same peer", "ms"),
            row("CPU of a frame, without start-up", 1000 * (whole[1] - start[1]) / frames, bare, "PyAV decode", "ms"),
            row("  the same", 1000 * (whole[1] - start[1]) / frames, encode, "PyAV x264, same settings", "ms"),
            row("start-up, CPU", start[1], None, "", "s"),
            row("peak memory, 4 times the length", peaks[1], peaks[0], "once the length", "MB"),
        ]


COPY = "import sys; from mask.video import transcode; transcode(sys.argv[1], sys.argv[2], lambda frames: frames)"
_CHILDREN = resource.RUSAGE_CHILDREN


def _protect(source: Path, folder: Path) -> list[str]:
    words = ["protect", str(source), "-o", str(folder / "out.mp4"), "--force", "--quiet"]
    return [sys.executable, "-c", "from mask.cli.app import main; main()", *words]


def _python(code: str, *words: Path) -> list[str]:
    return [sys.executable, "-c", code, *map(str, words)]


def _least(command: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command, each the least of some rounds."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        used, start = resource.getrusage(_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - start)
        now = resource.getrusage(_CHILDREN)
        cpus.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    return min(walls), min(cpus)


def _cpu(job: Any) -> float:
    """CPU milliseconds of a job for each frame it counts, the least of some rounds."""
    costs = []
    for _ in range(ROUNDS):
        start = time.process_time()
        count = job()
        costs.append(1000 * (time.process_time() - start) / count)
    return min(costs)


def _decode(source: Path) -> float:
    def job() -> int:
        with av.open(str(source)) as container:
            container.streams.video[0].thread_type = "AUTO"
            return sum(1 for _ in container.decode(video=0))

    return _cpu(job)


def _encode(source: Path, folder: Path) -> float:
    with av.open(str(source)) as container:
        pictures = [frame.reformat(format="yuv420p") for frame in container.decode(video=0)]

    def job() -> int:
        with av.open(str(folder / "x264.mp4"), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25, options={"preset": "superfast", "crf": "19"})
            stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
            stream.codec_context.thread_type = "FRAME"
            for i, picture in enumerate(pictures):
                picture.pts, picture.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return len(pictures)

    return _cpu(job)


def _longer(source: Path, target: Path, times: int) -> Path:
    """The clip several times over."""
    info = probe(source)

    def again() -> Iterator[np.ndarray]:
        for _ in range(times):
            yield from read_frames(source)

    with VideoWriter(target, info.width, info.height, info.fps) as writer:
        for frame in again():
            writer.write(frame)
    return target


PEAK = """
import pathlib, resource, sys
from mask.cli.app import main
sys.argv = ["mask", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    if end.code:
        raise
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
marks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print((marks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024)
"""


def _peak(source: Path, folder: Path) -> float:
    """Peak memory of the command, in MB."""
    words = ["protect", str(source), "-o", str(folder / "peak.mp4"), "--force", "--quiet"]
    command = [sys.executable, "-c", PEAK, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    table(run())
