"""Faces: speed, tremble and continuity on a real video, beside MediaPipe where an interpreter has it.

MediaPipe 0.10.21 cannot share MASK's environment (it wants NumPy 1). Point ``MASK_MEDIAPIPE_PYTHON`` at the interpreter
of one that has it, and the same frames are timed there.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.bench_video import Row, best, clip, row, table
from mask.faces import FaceMesh, FaceTracker, detect, track_clip
from mask.video import read_frames

PEER = """
import sys, time
import mediapipe as mp, numpy as np
frames = np.load(sys.argv[1], mmap_mode="r")
best = {}
for _ in range(3):
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False) as mesh:
        start = time.perf_counter()
        for frame in frames:
            mesh.process(np.ascontiguousarray(frame))
        best["track"] = max(best.get("track", 0), len(frames) / (time.perf_counter() - start))
    with mp.solutions.face_detection.FaceDetection(model_selection=0) as detector:
        start = time.perf_counter()
        for frame in frames:
            detector.process(np.ascontiguousarray(frame))
        best["detect"] = max(best.get("detect", 0), len(frames) / (time.perf_counter() - start))
print(best["detect"], best["track"])
"""


def run() -> list[Row]:
    """Measure everything; one row per figure."""
    with tempfile.TemporaryDirectory() as place:
        path = clip(Path(place))
        frames = list(read_frames(path))
        detecting, tracking = _mediapipe(frames, Path(place))
        mesh = FaceMesh()
        roi = next((d[0].roi for d in map(detect, frames[:50]) if d), None)
        rows = [row("detect", best(_each(frames, detect)), detecting, "MediaPipe 0.10.21")]
        if roi is not None:
            rows.append(row("mesh", best(_each(frames, lambda f: mesh.landmarks(f, roi))), None, ""))
        rows += [
            row("track", best(_tracked(frames, False)), tracking, "MediaPipe 0.10.21"),
            row("track, steady", best(_tracked(frames, True)), tracking, "MediaPipe 0.10.21"),
            row("decode and track", best(lambda: _both(path)), None, ""),
            *_quality(frames),
        ]
        return rows


def _each(frames: list[np.ndarray], job: Callable[[np.ndarray], object]) -> Callable[[], int]:
    return lambda: sum(1 for frame in frames if job(frame) is not None)


def _tracked(frames: list[np.ndarray], smooth: bool) -> Callable[[], int]:
    def job() -> int:
        tracker = FaceTracker(smooth=smooth, fps=24)
        for frame in frames:
            tracker.update(frame)
        return len(frames)

    return job


def _both(path: Path) -> int:
    tracker, count = FaceTracker(fps=24), 0
    for frame in read_frames(path):
        tracker.update(frame)
        count += 1
    return count


def _quality(frames: list[np.ndarray]) -> list[Row]:
    rough, steady = (track_clip(frames, fps=24, smooth=smooth) for smooth in (False, True))
    counts = rough.counts
    return [
        row("frames with a face seen", counts["seen"], len(frames), "frames", "frames"),
        row("frames held", counts["held"], len(frames), "frames", "frames"),
        row("frames without a face", counts["none"], len(frames), "frames", "frames"),
        row("tremble, steady", tremble(steady.points), tremble(rough.points), "not steadied", "px"),
    ]


def tremble(points: np.ndarray) -> float:
    """High-frequency noise of (T, 468, 2) points per axis, in pixels, over the stillest second.

    The second difference of a point that moves smoothly is nearly nothing; that of white noise has six times its
    variance.
    """
    jerk = np.square(np.diff(points, n=2, axis=0)).mean(axis=(1, 2))
    windows = np.convolve(jerk, np.ones(24) / 24, mode="valid")
    return float(np.sqrt(np.nanmin(windows) / 6))


def _mediapipe(frames: list[np.ndarray], folder: Path) -> tuple[float | None, float | None]:
    python = os.environ.get("MASK_MEDIAPIPE_PYTHON")
    if not python:
        return None, None
    np.save(folder / "frames.npy", np.stack(frames))
    command = [python, "-c", PEER, str(folder / "frames.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    detecting, tracking = done.stdout.split()[-2:]
    return float(detecting), float(tracking)


if __name__ == "__main__":
    table(run())
