"""What a spotter is: a long video in, intervals out; and how it answers as a recognizer of clips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Prediction, Progress, Reads, Recognizer, Status, quiet
from mask.errors import UnreadableWeights
from mask.faces import TrackedLandmarks

from .interval import Interval, Spotting
from .motion import SPAN, Motion, motion
from .peaks import SHARE, spot_peaks
from .video import USUAL_FPS, LongVideo

PRESENCE = ("neutral", "expression")
"""What a spotter that knows no emotions answers about a clip."""


class Spotter(Recognizer):
    """Finds expressions in long videos by a score per moment, and may say which emotion they show.

    A new one gives `read`. As a `Recognizer` it answers about clips too: with emotions where it knows some, otherwise
    whether there is an expression at all.

    Attributes:
        emotions: the labels it recognises, empty where it only spots.
        span: seconds between the two frames that are compared.
        flow: how, one of `mask.flow.METHODS`.
        share: where the threshold lies between the mean score and the largest.
    """

    reads: Reads = "video"
    emotions: tuple[str, ...] = ()
    span: float = SPAN
    flow: str = "dis"
    share: float = SHARE

    @abstractmethod
    def read(self, seen: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """What is read at each of N moments.

        Returns:
            Scores ``(N,)``, larger where an expression is likelier, and probabilities of `emotions` ``(N, K)``, `None`
            where the spotter knows none.
        """

    def motion(self, video: LongVideo, progress: Progress = quiet) -> Motion:
        """What `read` is given of a video."""
        return motion(video, span=self.span, method=self.flow, progress=progress)

    def spot(self, video: LongVideo, seen: Motion | None = None) -> Spotting:
        """The expressions of a video.

        Args:
            seen: what `motion` told of it, where that is known already.
        """
        seen = self.motion(video) if seen is None else seen
        if not len(seen):
            return Spotting((), np.zeros(len(video), dtype=np.float32))
        scores, named = self.read(seen)
        found = spot_peaks(scores, seen.places, len(video), seen.distance, self.share)
        if named is None or not found.intervals:
            return found
        labelled = tuple(i.named(self._emotion(i, seen, named)) for i in found.intervals)
        return Spotting(labelled, found.curve, found.threshold)

    def _emotion(self, interval: Interval, seen: Motion, named: NDArray[np.float64]) -> str:
        inside = (seen.places >= interval.onset) & (seen.places <= interval.offset)
        nearest = np.abs(seen.places - interval.apex) <= np.abs(seen.places - interval.apex).min()
        return self.emotions[int(named[inside if inside.any() else nearest].mean(axis=0).argmax())]

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        """The mean of what is read over each clip's moments; of a spotter without emotions, the largest score."""
        rows = np.full((len(clips), len(self.labels)), np.nan)
        status: list[Status] = []
        for row, clip in zip(rows, clips, strict=True):
            seen = None if clip.frames is None else self.motion(_as_video(clip))
            faces = seen is not None and bool(np.any(seen.maps))
            status.append("ok" if faces else "no_face" if clip.frames is not None else "error")
            if seen is not None and faces:
                scores, named = self.read(seen)
                there = float(np.clip(scores.max(), 0, 1))
                row[:] = (1 - there, there) if named is None else named.mean(axis=0)
        return Prediction(self.labels, rows, tuple(status))


def _as_video(clip: Clip) -> LongVideo:
    frames: Any = clip.frames
    fps = clip.fps or USUAL_FPS
    return LongVideo(clip.key, clip.subject, frames, clip.landmarks or TrackedLandmarks(frames, fps), fps)


class FoldedSpotter(Spotter):
    """One spotter made of one model per held-out subject.

    Args:
        name: how results name it.
        folds: the model for each held-out subject; models may be shared between subjects.
        seen: subjects that models were trained on and no fold holds out; they are refused.
        card: what results say besides.

    Raises:
        ValueError: without folds.
    """

    def __init__(
        self, name: str, folds: Mapping[str, Spotter], seen: Collection[str] = (), card: Mapping[str, Any] | None = None
    ) -> None:
        if not folds:
            raise ValueError("a folded spotter needs at least one fold")
        self.folds, self.seen = dict(folds), frozenset(seen)
        one = next(iter(self.folds.values()))
        self.name, self.labels, self.emotions = name, one.labels, one.emotions
        self.span, self.flow, self.share = one.span, one.flow, one.share
        self._models = tuple({id(f): f for f in self.folds.values()}.values())
        self._card = dict(card or {})

    def card(self) -> dict[str, Any]:
        return {**super().card(), "folds": len(self.folds), "models": len(self._models), **self._card}

    def models_for(self, subject: str) -> tuple[Spotter, ...]:
        """The models that have not seen a subject: its own, or, of a stranger, all.

        Raises:
            UnreadableWeights: for a subject that every model has seen.
        """
        if subject in self.folds:
            return (self.folds[subject],)
        if subject in self.seen:
            raise UnreadableWeights(
                f"{self.name} holds no model that was trained without subject {subject!r}; it can judge "
                f"{', '.join(list(self.folds)[:3])} and people it has never seen"
            )
        return self._models

    def read(self, seen: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """What all models read together: the answer about a stranger."""
        return _together([m.read(seen) for m in self._models])

    def spot(self, video: LongVideo, seen: Motion | None = None) -> Spotting:
        return _Panel(self, self.models_for(video.subject)).spot(video, seen)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        parts = [_Panel(self, self.models_for(c.subject)).predict([c]) for c in clips]
        return Prediction.concatenate(parts) if parts else super().predict([])


class _Panel(Spotter):
    """Several models that answer together about one subject."""

    def __init__(self, whole: FoldedSpotter, models: Sequence[Spotter]) -> None:
        self.name, self.labels, self.emotions = whole.name, whole.labels, whole.emotions
        self.span, self.flow, self.share = whole.span, whole.flow, whole.share
        self.models = models

    def read(self, seen: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        return _together([m.read(seen) for m in self.models])


def _together(
    told: Sequence[tuple[NDArray[np.float64], NDArray[np.float64] | None]],
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    scores = np.mean([s for s, _ in told], axis=0)
    named = [n for _, n in told if n is not None]
    return scores, np.mean(named, axis=0) if named else None
