"""The scores of spotting: interval F1, apex error, recognition on what was spotted, and STRS.

As in the Micro-Expression Grand Challenges since 2020: a spotted interval is a true positive when it shares at least
half of its frames with an annotated one (intersection over union), each annotated interval counts once, and true and
false positives are added up over all videos before F1 is taken. Spot-then-recognize score, STRS = F1 of spotting times
F1 of recognition on the true positives (Liong, See, Chan, "Spot-then-Recognize: A Micro-Expression Analysis Network for
Seamless Evaluation of Long Videos", SPIC 2023); the second is the unweighted mean of the classes' F1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mask import metrics

from .interval import Interval, iou

IOU = 0.5


def match(true: Sequence[Interval], spotted: Sequence[Interval], least: float = IOU) -> list[tuple[int, int]]:
    """Pair annotated with spotted intervals, as many as possible; among those ways, by the largest overlap.

    Args:
        least: the intersection over union from which two are a pair.

    Returns:
        Positions (in `true`, in `spotted`), in order of the first; each position at most once.

    >>> match([Interval(0, 4, 9)], [Interval(20, 22, 25), Interval(1, 5, 9)])
    [(0, 1)]
    """
    overlap = np.array([[iou(t, s) for s in spotted] for t in true]).reshape(len(true), len(spotted))
    # One more pair outweighs any sum of overlaps, which are 1 at the most.
    worth = np.where(overlap >= least, overlap + min(overlap.shape, default=0) + 1, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(t), int(s)) for t, s in zip(rows, columns, strict=True) if worth[t, s] > 0]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was spotted in one video, compared with its annotation.

    Args:
        key, subject, fps: of the video.
        true, spotted: the intervals.
        emotions: the label set; empty where emotions are not compared.
    """

    key: str
    subject: str
    fps: float
    true: tuple[Interval, ...]
    spotted: tuple[Interval, ...]
    emotions: tuple[str, ...] = ()

    @property
    def pairs(self) -> list[tuple[Interval, Interval]]:
        """The true positives, annotated and spotted."""
        return [(self.true[t], self.spotted[s]) for t, s in match(self.true, self.spotted)]

    def counts(self) -> tuple[int, int, int]:
        """True positives, false positives and false negatives."""
        hits = len(self.pairs)
        return hits, len(self.spotted) - hits, len(self.true) - hits

    def confusion(self) -> NDArray[np.float64]:
        """``(K, K + 1)`` on the true positives: rows true, columns spotted and, last, without a known answer."""
        named = [(t.emotion, s.emotion) for t, s in self.pairs if t.emotion in self.emotions]
        table, unanswered = metrics.confusion([str(t) for t, _ in named], [s for _, s in named], self.emotions)
        return np.column_stack([table, unanswered]).astype(np.float64)

    def apex_errors(self) -> NDArray[np.float64]:
        """``(P,)`` frames between the annotated and the spotted apex of each true positive."""
        return np.array([abs(t.apex - s.apex) for t, s in self.pairs], dtype=np.float64)


def f1(counts: Any) -> NDArray[np.float64]:
    """F1 of ``(..., 3)`` counts of true positives, false positives and false negatives; 0 where there is nothing.

    >>> float(f1([2, 1, 1]).round(4))
    0.6667
    """
    hits, false, missed = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    return np.asarray(2 * hits / np.maximum(2 * hits + false + missed, 1))


def strs(spotting: float, recognition: float) -> float:
    """The spot-then-recognize score of two F1 scores.

    >>> round(strs(0.2906, 0.6882), 4)
    0.2
    """
    return spotting * recognition


def score(outcomes: Sequence[Outcome], seed: int = 0) -> dict[str, Any]:
    """Every score of what was spotted in some videos, JSON-compatible.

    Returns:
        ``videos``, ``subjects``, ``true``, ``spotted``, ``tp``, ``fp``, ``fn``, ``f1``, ``precision``, ``recall``;
        ``apex_error_frames`` and ``apex_error_ms``, means over the true positives, `None` without any; ``recognition``
        (``n``, ``f1``, ``uar``, ``confusion``, ``emotions``) and ``strs``, `None` where no emotions are compared; and
        95 % intervals of f1, recognition f1 and strs from a bootstrap over subjects, `None` with fewer than two.
    """
    counts = np.array([o.counts() for o in outcomes], dtype=np.float64).reshape(-1, 3)
    hits, false, missed = counts.sum(axis=0)
    subjects = [o.subject for o in outcomes]
    errors = np.concatenate([o.apex_errors() for o in outcomes]) if outcomes else np.empty(0)
    late = np.concatenate([o.apex_errors() / o.fps for o in outcomes]) if outcomes else np.empty(0)
    told: dict[str, Any] = {
        "videos": len(outcomes),
        "subjects": len(set(subjects)),
        "true": int(hits + missed),
        "spotted": int(hits + false),
        "tp": int(hits),
        "fp": int(false),
        "fn": int(missed),
        "f1": float(f1(counts.sum(axis=0))),
        "precision": float(hits / max(hits + false, 1)),
        "recall": float(hits / max(hits + missed, 1)),
        "apex_error_frames": float(errors.mean()) if len(errors) else None,
        "apex_error_ms": float(1000 * late.mean()) if len(late) else None,
    }
    told["f1_ci95"] = _interval(metrics.per_subject(subjects, counts), f1, seed)
    return told | _recognised(outcomes, counts, seed)


def _recognised(outcomes: Sequence[Outcome], counts: NDArray[np.float64], seed: int) -> dict[str, Any]:
    emotions = next((o.emotions for o in outcomes if o.emotions), ())
    if not emotions:
        return {"recognition": None, "strs": None, "strs_ci95": None}
    tables = np.array([o.confusion() for o in outcomes])
    size = len(emotions)
    both = np.concatenate([counts, tables.reshape(len(outcomes), -1)], axis=1)

    def recognised(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        uf1: NDArray[np.float64] = metrics.score_tables(sums[:, 3:].reshape(-1, size, size + 1))[0]
        return np.nan_to_num(uf1)

    def joint(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return f1(sums[:, :3]) * recognised(sums)

    whole = both.sum(axis=0)[None]
    of_subject = metrics.per_subject([o.subject for o in outcomes], both)
    table = tables.sum(axis=0)
    recall = metrics.score_tables(table[None])[1][0]
    return {
        "recognition": {
            "n": int(table.sum()),
            "f1": float(recognised(whole)[0]),
            "f1_ci95": _interval(of_subject, recognised, seed),
            "uar": float(np.nan_to_num(recall)),
            "confusion": table[:, :-1].astype(int).tolist(),
            "unanswered": table[:, -1].astype(int).tolist(),
            "emotions": list(emotions),
        },
        "strs": float(joint(whole)[0]),
        "strs_ci95": _interval(of_subject, joint, seed),
    }


def _interval(totals: NDArray[np.float64], statistic: Any, seed: int) -> list[float] | None:
    found = metrics.bootstrap(totals, statistic, rng=np.random.default_rng(seed))
    return [round(v, 6) for v in found] if np.isfinite(found).all() else None
