"""The field's scores, and the intervals and tests that belong beside them.

Labels are names, never positions. A clip without an answer (no face, refusal, error) is a wrong answer for
every score of a recognizer, and never a success of an attack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Interval = tuple[float, float]


def confusion(
    true: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Confusion matrix of named labels.

    Args:
        true: N labels by name, each in `labels`.
        predicted: N labels by name; `None`, or a name outside `labels`, is no answer.
        labels: the K classes; they fix the order of rows and columns.

    Returns:
        ``int (K, K)``, rows true and columns predicted, and ``int (K,)``, the clips of each class without an answer.

    Raises:
        ValueError: for unequal lengths or a true label outside `labels`.

    >>> confusion(["a", "a", "b"], ["a", None, "a"], ["a", "b"])[0].tolist()
    [[1, 0], [1, 0]]
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true and {len(predicted)} predicted labels; expected one of each per clip")
    index = {name: k for k, name in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    unanswered = np.zeros(len(labels), dtype=np.int64)
    for t, p in zip(true, predicted, strict=True):
        if t not in index:
            raise ValueError(f"the true label {t!r} is not among {', '.join(labels)}")
        if p in index:
            matrix[index[t], index[p]] += 1
        else:
            unanswered[index[t]] += 1
    return matrix, unanswered


@dataclass(frozen=True)
class Scores:
    """UF1, UAR and accuracy, each in [0, 1]."""

    uf1: float
    uar: float
    accuracy: float


def scores(matrix: ArrayLike, unanswered: ArrayLike | None = None) -> Scores:
    """UF1, UAR and accuracy of one pooled confusion matrix (See et al., MEGC 2019).

    UF1 is the mean over classes of 2 TP / (2 TP + FP + FN), UAR the mean recall. A class with no true clip and no
    predicted one is left out of UF1, a class with no true clip out of UAR.

    >>> scores([[77, 11, 0], [10, 21, 1], [1, 0, 24]]).uf1.__round__(4)
    0.8304
    """
    none = np.zeros(len(np.asarray(matrix))) if unanswered is None else unanswered
    uf1, uar, accuracy = score_tables(np.column_stack([matrix, none])[None])
    return Scores(float(uf1[0]), float(uar[0]), float(accuracy[0]))


def score_tables(tables: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """UF1, UAR and accuracy of many confusion matrices, ``float64 (N,)`` each; NaN where nothing is seen.

    Args:
        tables: ``(N, K, K + 1)``, rows true, columns predicted and, last, unanswered.
    """
    m = np.asarray(tables, dtype=np.float64)
    hits = np.diagonal(m, axis1=1, axis2=2)
    of_class, claimed = m.sum(axis=2), m[..., :-1].sum(axis=1)
    seen, any_seen = of_class > 0, (of_class + claimed) > 0
    f1 = 2 * hits / np.maximum(of_class + claimed, 1)
    recall = hits / np.maximum(of_class, 1)
    with np.errstate(invalid="ignore"):
        # f1 and recall are 0 where nothing is seen, so sums need no mask.
        uf1, uar = f1.sum(axis=1) / any_seen.sum(axis=1), recall.sum(axis=1) / seen.sum(axis=1)
        accuracy = hits.sum(axis=1) / of_class.sum(axis=1)
    return uf1, uar, accuracy


def majority(true: Sequence[str], labels: Sequence[str]) -> tuple[str, Scores]:
    """What always answering the commonest class scores; ties go to the first of `labels`."""
    counts = [sum(t == name for t in true) for name in labels]
    best = labels[int(np.argmax(counts))]
    return best, scores(*confusion(true, [best] * len(true), labels))


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion; (0, 1) when nothing was tried.

    >>> tuple(round(v, 3) for v in wilson(5, 10))
    (0.237, 0.763)
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} tries is not a proportion")
    if n == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf(0.5 + level / 2))
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (0.0 if successes == 0 else float(centre - half), 1.0 if successes == n else float(centre + half))


def bootstrap(
    totals: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    rng: np.random.Generator,
    repeats: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic under resampling of whole subjects.

    Clips of one subject are not independent, so subjects are drawn, with replacement, and all their clips with them.

    Args:
        totals: ``(S, ...)``, what each of S subjects adds to the sums the statistic is made of, such as a confusion
            matrix, or a sum and a count.
        statistic: maps sums ``(R, ...)`` to numbers ``(R,)``; NaN results are left out.
        rng: the only source of randomness.

    Returns:
        The interval, or (nan, nan) with fewer than two subjects.

    >>> rng = np.random.default_rng(0)
    >>> bootstrap([[3, 4], [3, 4]], lambda sums: sums[:, 0] / sums[:, 1], rng=rng)
    (0.75, 0.75)
    """
    per_subject = np.asarray(totals, dtype=np.float64)
    count = len(per_subject)
    if count < 2:
        return float("nan"), float("nan")
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=repeats)
    with np.errstate(invalid="ignore"):
        values = statistic(np.tensordot(drawn.astype(np.float64), per_subject, axes=1))
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def per_subject(subjects: Sequence[str], values: ArrayLike) -> NDArray[np.float64]:
    """Sum what clips contribute by subject, in order of first appearance.

    Args:
        subjects: of each of N clips.
        values: ``(N, ...)``.

    >>> per_subject(["a", "b", "a"], [[1, 1], [5, 1], [2, 1]]).tolist()
    [[3.0, 2.0], [5.0, 1.0]]
    """
    added = np.asarray(values, dtype=np.float64)
    row = {name: k for k, name in enumerate(dict.fromkeys(subjects))}
    sums = np.zeros((len(row), *added.shape[1:]))
    np.add.at(sums, [row[s] for s in subjects], added)
    return sums


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Exact two-sided McNemar test that two attacks succeed equally often on the same clips.

    Args:
        first, second: bool (N,), success on each clip.

    Returns:
        The p-value; 1 when they never differ.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of a family of p-values, in the order given.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def leakage_bits(matrix: ArrayLike) -> float:
    """How much the predictions tell about the true emotion: mutual information in bits, Miller-Madow corrected.

    Zero means that reading the recognizer's answers is as good as not reading them; so it is without any answers.

    >>> leakage_bits([[50, 0], [0, 50]]), leakage_bits([[25, 25], [25, 25]])
    (1.0, 0.0)
    """
    if not np.any(matrix):
        return 0.0
    information, most = leakage_tables(np.asarray(matrix, dtype=np.float64)[None])
    return float(np.clip(information[0], 0.0, most[0]))


def leakage_tables(tables: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mutual information and its upper bound of many confusion matrices, in bits, ``float64 (N,)`` each; NaN if empty.

    Miller-Madow corrected, and not clipped: near independence the estimate may fall below zero.

    Args:
        tables: ``(N, K, K)``, rows true and columns predicted.
    """
    m = np.asarray(tables, dtype=np.float64)
    n = m.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        joint = m / n[:, None, None]
        true, told = joint.sum(axis=2), joint.sum(axis=1)
        plain = _minus_entropy(joint.reshape(len(m), -1)) - _minus_entropy(true) - _minus_entropy(told)
        # Miller-Madow: entropies are underestimated by (occupied cells - 1) / 2n nats each.
        occupied = (true > 0).sum(axis=1) + (told > 0).sum(axis=1) - (joint > 0).sum(axis=(1, 2)) - 1
        return plain + occupied / (2 * n * np.log(2)), -_minus_entropy(true)


def _minus_entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of p log2 p along the last axis."""
    summed: NDArray[np.float64] = (p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1)
    return summed


def leakage_interval(
    totals: ArrayLike, *, rng: np.random.Generator, repeats: int = 1000, level: float = 0.95
) -> Interval:
    """Interval of `leakage_bits` under resampling of whole subjects, shifted by the bias the resampling shows.

    Mutual information is overestimated from few clips, and once more from resampled ones. The mean of the resampled
    estimates tells by how much, and the percentile interval is moved back by it. Unmoved, it misses zero in a quarter
    of all cases where there is nothing to tell and there are eight subjects.

    Args:
        totals: ``(S, K, K)``, the confusion matrix of each of S subjects.
        rng: the only source of randomness.

    Returns:
        The interval in bits, within zero and the entropy of the true emotion; (nan, nan) with fewer than two subjects.
    """
    of_subject = np.asarray(totals, dtype=np.float64)
    if len(of_subject) < 2:
        return float("nan"), float("nan")
    drawn = rng.multinomial(len(of_subject), np.full(len(of_subject), 1 / len(of_subject)), size=repeats)
    values, _ = leakage_tables(np.tensordot(drawn.astype(np.float64), of_subject, axes=1))
    (told,), (most,) = leakage_tables(of_subject.sum(axis=0)[None])
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    ends = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2]) - (values.mean() - told)
    low, high = np.clip(ends, 0.0, most)
    return float(low), float(high)
