"""Is it working: what recognizers read in a video before and after, beside a control without any sticker.

The video is cut into windows as long as a micro-expression may be. In each, the onset is the first frame and the apex
the frame that differs most from it in the original; the same frames are read in the masked video. Faces are found in
each video on its own, as a real system would. The control is the original, encoded again as the masked video was:
what changes there changes for no reason of the sticker's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask import metrics
from mask.clip import Clip, Frame
from mask.contracts import Prediction, Recognizer
from mask.errors import NoFaceError, UsageError
from mask.faces import FaceTracker, aligned
from mask.geometry import face_box
from mask.video import VideoInfo, probe, read_frames, transcode

WINDOW_S = 0.5
SCHEMA = "mask.verify/1"
NOT_TESTED = (
    "recognizers other than those named",
    "micro-expressions that cross the border of two windows",
    "whether the readings of the original were right: a video has no labels, so a change is no success by itself",
    "other faces than the first one followed",
)
Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Window:
    """Half a second of one video: its frames and the mesh of its first face in each, `None` where there is none."""

    frames: tuple[Frame, ...]
    points: tuple[Points | None, ...]

    def clip(self, key: str, apex: int) -> Clip:
        """The window as a clip of a stranger."""
        return Clip(
            key,
            "stranger",
            None,
            "video",
            frames=np.stack(self.frames),
            landmarks=_Points(self.points),
            apex=apex,
            offset=len(self.frames) - 1,
        )


@dataclass(frozen=True, eq=False)
class _Points:
    points: tuple[Points | None, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> Points | None:
        return self.points[index]


def verify(
    original: Path,
    masked: Path,
    recognizers: Sequence[Recognizer],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Score an original and a masked video.

    Args:
        original, masked: two videos of equal size, rate and frame count.
        recognizers: to read them with.
        progress: called with the frames done since the last call, of twice as many as the original has.

    Returns:
        For each recognizer the windows read, how many readings changed with the sticker and how many without (the
        control), and how much probability the original reading lost. JSON-compatible.

    Raises:
        UsageError: when the two are not versions of one video, or shorter than a window.
        NoFaceError: when no window of the original shows a face throughout.
        UnreadableVideo: when one of them cannot be decoded.

    Warns:
        PartialVideo: for a video that could be read only in part.
    """
    info = _same(original, masked)
    span = max(2, round(WINDOW_S * float(info.fps)))
    told: list[list[_Reading]] = [[] for _ in recognizers]
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        control = Path(scratch) / "control.mkv"
        transcode(original, control, lambda frames: frames, progress=progress)
        streams = [_windows(path, span, float(info.fps)) for path in (original, masked, control)]
        for windows in zip_longest(*streams):
            whole = [w for w in windows if w is not None]
            if len(whole) < len(windows):
                raise UsageError(f"{original.name} and {masked.name} differ in length; they are not one video")
            count += 1
            progress(span)
            apex = _apex(whole[0])
            if apex is None:
                continue
            clips = [w.clip(f"{count}/{k}", apex) for k, w in enumerate(whole)]
            for readings, recognizer in zip(told, recognizers, strict=True):
                readings.append(_Reading.of(recognizer.predict(clips)))
    if not count:
        raise UsageError(f"{original.name} is shorter than the {WINDOW_S:g} seconds that are read at once")
    if not told[0]:
        raise NoFaceError(f"{original.name} shows no face through any half second; there is nothing to read")
    return {
        "schema": SCHEMA,
        "original": original.name,
        "masked": masked.name,
        "window_s": WINDOW_S,
        "windows": count,
        "windows_without_a_face_throughout": count - len(told[0]),
        "recognizers": [_summary(r, readings) for r, readings in zip(recognizers, told, strict=True)],
        "control": "the original encoded again without a sticker",
        "not_tested": list(NOT_TESTED),
    }


@dataclass(frozen=True, eq=False)
class _Reading:
    """What one recognizer says about one window: original, masked, control."""

    names: tuple[str | None, ...]
    kept: tuple[float, ...]

    @staticmethod
    def of(told: Prediction) -> _Reading:
        first = told.names[0]
        kept = told.of(first) if first is not None else np.full(len(told), np.nan)
        return _Reading(told.names, tuple(kept.tolist()))


def _summary(recognizer: Recognizer, readings: Sequence[_Reading]) -> dict[str, Any]:
    answered = [r for r in readings if r.names[0] is not None]
    both = [r for r in answered if r.names[1] is not None]
    changed = sum(r.names[1] != r.names[0] for r in both)
    alone = sum(r.names[2] not in (None, r.names[0]) for r in both)
    rows = np.array([r.kept for r in both]).reshape(-1, 3)
    return {
        "recognizer": recognizer.name,
        "windows": len(readings),
        "read": len(both),
        "unanswered_original": len(readings) - len(answered),
        "unanswered_masked": len(answered) - len(both),
        "changed": changed,
        "changed_share": changed / len(both) if both else None,
        "changed_ci95": list(metrics.wilson(changed, len(both))),
        "changed_control": alone,
        "changed_control_share": alone / len(both) if both else None,
        "changed_control_ci95": list(metrics.wilson(alone, len(both))),
        "p_versus_control": metrics.mcnemar(
            [r.names[1] != r.names[0] for r in both], [r.names[2] not in (None, r.names[0]) for r in both]
        ),
        "probability_original": float(rows[:, 0].mean()) if len(rows) else None,
        "probability_masked": float(rows[:, 1].mean()) if len(rows) else None,
        "probability_control": float(np.nanmean(rows[:, 2])) if np.isfinite(rows[:, 2]).any() else None,
        "readings_original": _counts(both, 0),
        "readings_masked": _counts(both, 1),
    }


def _counts(readings: Sequence[_Reading], which: int) -> dict[str, int]:
    names = [str(r.names[which]) for r in readings]
    return {name: names.count(name) for name in sorted(set(names))}


def _same(original: Path, masked: Path) -> VideoInfo:
    one, other = probe(original), probe(masked)
    for what in ("width", "height"):
        if getattr(one, what) != getattr(other, what):
            raise UsageError(
                f"{original.name} is {one.width} x {one.height} pixels and {masked.name} {other.width} x "
                f"{other.height}; they are not versions of one video"
            )
    if abs(float(one.fps) - float(other.fps)) > 0.01 * float(one.fps):
        raise UsageError(
            f"{original.name} has {float(one.fps):.2f} frames/s and {masked.name} {float(other.fps):.2f}; "
            "they are not versions of one video"
        )
    return one


def _windows(path: Path, span: int, fps: float) -> Iterator[Window]:
    """Consecutive windows of `span` frames; a shorter rest is left out."""
    tracker = FaceTracker(fps=fps)
    frames: list[Frame] = []
    points: list[Points | None] = []
    for frame in read_frames(path):
        found = tracker.update(frame)
        frames.append(frame)
        points.append(found[0].points[:, :2] if found else None)
        if len(frames) == span:
            yield Window(tuple(frames), tuple(points))
            frames, points = [], []


def _apex(window: Window) -> int | None:
    """The frame that differs most from the first within the face box; `None` unless the face is there throughout."""
    first = window.points[0]
    if first is None or any(p is None for p in window.points):
        return None
    box = face_box(first)
    crops = np.stack([aligned(f, box, 64).mean(axis=2) for f in window.frames])
    away = np.abs(crops[1:] - crops[0]).mean(axis=(1, 2))
    return 1 + int(np.argmax(away))
