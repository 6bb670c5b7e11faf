"""Scoring a recognizer on a dataset: pooled, per part, beside the majority baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from mask import metrics
from mask.clip import Clip, Dataset
from mask.contracts import Prediction, Progress, Recognizer, quiet
from mask.errors import UsageError


class Labelled(Protocol):
    """A clip, or the row that results keep of one."""

    @property
    def subject(self) -> str: ...
    @property
    def emotion(self) -> str | None: ...


def check_labels(recognizer: Recognizer, dataset: Dataset) -> None:
    """Raise `UsageError` when the recognizer cannot answer with this dataset's labels."""
    missing = [e for e in dataset.emotions if e not in recognizer.labels]
    if missing:
        raise UsageError(
            f"{recognizer.name} answers {', '.join(recognizer.labels)}, and {dataset.name} is labelled "
            f"{', '.join(dataset.emotions)}: {missing[0]!r} has no counterpart. Train it on these labels, or choose "
            "the dataset's emotions to match"
        )


def predict(recognizer: Recognizer, clips: Sequence[Clip], progress: Progress = quiet, chunk: int = 64) -> Prediction:
    """Predict in chunks, with progress."""
    parts = []
    for start in range(0, len(clips), chunk):
        part = clips[start : start + chunk]
        parts.append(recognizer.predict(part))
        progress(len(part))
    return Prediction.concatenate(parts) if parts else recognizer.predict([])


def score(
    clips: Sequence[Labelled], predicted: Sequence[str | None], emotions: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Every score of one set of predictions, JSON-compatible.

    Returns:
        n, confusion (rows true, columns predicted, in the order of `emotions`), unanswered, uf1, uar, accuracy, each
        score's 95 % interval from a bootstrap over subjects, the majority baseline, and the leakage in bits.
    """
    true = [_label(c) for c in clips]
    matrix, unanswered = metrics.confusion(true, predicted, emotions)
    index = {e: k for k, e in enumerate(emotions)}
    t = np.array([index[e] for e in true])
    p = np.array([index.get(e, len(emotions)) if e is not None else len(emotions) for e in predicted])

    tables = np.zeros((len(clips), len(emotions), len(emotions) + 1))
    tables[np.arange(len(clips)), t, p] = 1
    of_subject = metrics.per_subject([c.subject for c in clips], tables)

    def resampled(score: int) -> metrics.Interval:
        rng = np.random.default_rng(seed)
        return metrics.bootstrap(of_subject, lambda sums: metrics.score_tables(sums)[score], rng=rng)

    named, baseline = metrics.majority(true, emotions)
    told = asdict(metrics.scores(matrix, unanswered))
    return {
        "n": len(clips),
        "emotions": list(emotions),
        "confusion": matrix.tolist(),
        "unanswered": unanswered.tolist(),
        **told,
        **{f"{name}_ci95": _finite(resampled(k)) for k, name in enumerate(told)},
        "majority": {"label": named, **asdict(baseline)},
        "leakage_bits": metrics.leakage_bits(matrix),
    }


def evaluate(recognizer: Recognizer, dataset: Dataset, *, seed: int = 0, progress: Progress = quiet) -> dict[str, Any]:
    """Score a recognizer on a dataset, pooled and per database where there are several.

    UF1 and UAR are those of the pooled predictions (MEGC 2019), never a mean over folds.
    """
    check_labels(recognizer, dataset)
    answers = predict(recognizer, dataset.clips, progress).names
    scores = scores_of(dataset.clips, answers, dataset.emotions, seed=seed)
    return {"recognizer": recognizer.card(), "data": dataset.name, "card": dict(dataset.card), "scores": scores}


def scores_of(
    clips: Sequence[Clip], predicted: Sequence[str | None], emotions: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """`score` of all clips as ``pooled``, and of each database where there are several."""
    result = {"pooled": score(clips, predicted, emotions, seed)}
    parts = sorted({c.dataset for c in clips})
    if len(parts) > 1:
        for part in parts:
            rows = [i for i, c in enumerate(clips) if c.dataset == part]
            result[part] = score([clips[i] for i in rows], [predicted[i] for i in rows], emotions, seed)
    return result


def _label(clip: Labelled) -> str:
    if clip.emotion is None:
        raise ValueError(f"a clip of subject {clip.subject} has no label to score against")
    return clip.emotion


def _finite(interval: metrics.Interval) -> list[float] | None:
    return [round(v, 6) for v in interval] if np.isfinite(interval).all() else None
