"""Spotting a set of videos: what is found, what it means, how well it agrees with the annotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mask.clip import Clip
from mask.contracts import Recognizer
from mask.errors import UsageError

from .baselines import FlowPeak, scattered
from .interval import Interval, Spotting
from .metrics import Outcome, match, score
from .motion import Motion
from .spotter import Spotter
from .video import LongVideo, LongVideos

CONTROL_DRAWS = 20
"""How often the random control is drawn for each video; its counts are averaged."""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one video.

    Args:
        video: which.
        spotting: by the spotter, with emotions where anybody named them.
        peaks: by `FlowPeak`, where it is told from the spotter.
    """

    video: LongVideo
    spotting: Spotting
    peaks: Spotting

    def annotated(self, position: int) -> Interval | None:
        """The annotated interval that a spotted one agrees with, or `None`."""
        true = self.video.truth or ()
        return next((true[t] for t, s in match(true, self.spotting.intervals) if s == position), None)

    def clip(self, position: int) -> Clip:
        """A spotted interval as a clip, with the annotated emotion where it agrees with an annotation."""
        spotted = self.spotting.intervals[position]
        true = self.annotated(position)
        clip = self.video.cut(spotted.named(spotted.emotion if true is None else true.emotion))
        return replace(clip, key=f"{clip.key.rsplit('/', 1)[0]}/{position + 1}")


def find(
    spotter: Spotter, videos: Sequence[LongVideo], seen: Iterator[Motion], recognizer: Recognizer | None = None
) -> Iterator[Found]:
    """Spot in one video after the other.

    Args:
        seen: the motion in each.
        recognizer: names the emotion of every interval, in place of the spotter.
    """
    plain = FlowPeak()
    plain.share = spotter.share
    for video, moved in zip(videos, seen, strict=True):
        spotting = spotter.spot(video, moved)
        if recognizer is not None and spotting.intervals:
            told = recognizer.predict([video.cut(i) for i in spotting.intervals]).names
            named = tuple(i.named(n) for i, n in zip(spotting.intervals, told, strict=True))
            spotting = replace(spotting, intervals=named)
        yield Found(video, spotting, plain.spot(video, moved))


def check_emotions(videos: LongVideos, answers: Sequence[str], name: str) -> None:
    """Raise `UsageError` when emotions named one way are to be compared with another."""
    missing = [e for e in videos.emotions if e not in answers]
    if missing and any(v.truth for v in videos.videos):
        raise UsageError(
            f"{name} answers {', '.join(answers)}, and {videos.name} is labelled {', '.join(videos.emotions)}: "
            f"{missing[0]!r} has no counterpart. Choose the dataset's classes to match, or another recognizer"
        )


def scores(spotter: str, found: Sequence[Found], emotions: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """The scores of a spotter beside those of peaks of motion and of its own intervals at random places.

    Args:
        spotter: its name.
        found: in videos that are annotated.
        emotions: the label set, empty where nobody named emotions.

    Returns:
        Name -> what `mask.spot.metrics.score` tells; of the random control, means over `CONTROL_DRAWS` draws.
    """
    labels = tuple(emotions)
    told = {spotter: score([_outcome(f, f.spotting, labels) for f in found], seed)}
    if spotter != FlowPeak.name:
        told[FlowPeak.name] = score([_outcome(f, f.peaks, ()) for f in found], seed)
    rng = np.random.default_rng(seed)
    draws = [
        score([_outcome(f, scattered(f.spotting, len(f.video), rng), labels) for f in found], seed)
        for _ in range(CONTROL_DRAWS)
    ]
    told["random places"] = _mean(draws)
    return told


def _outcome(found: Found, spotting: Spotting, emotions: tuple[str, ...]) -> Outcome:
    video = found.video
    return Outcome(video.key, video.subject, video.fps, video.truth or (), spotting.intervals, emotions)


def _mean(draws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of every number; of the intervals, and of tables, nothing is told."""
    first = draws[0]
    out: dict[str, Any] = {}
    for name, value in first.items():
        told = [d[name] for d in draws if d[name] is not None]
        if name == "recognition" and value is not None:
            out[name] = {"f1": float(np.mean([t["f1"] for t in told]))}
        elif isinstance(value, int | float) or (value is None and told and not isinstance(told[0], list)):
            out[name] = float(np.mean(told))
        else:
            out[name] = None
    return out
