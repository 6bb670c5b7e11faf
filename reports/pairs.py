"""Paired comparisons: the same clips under two attacks, or in two runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask import metrics

from .clips import Clips, Key

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Pair:
    """Two success rates on the clips that both had a chance at.

    Args:
        n: clips, right before in both.
        only_first, only_second: clips that only one of them turned.
        p: of the exact McNemar test.
    """

    n: int
    first: float
    second: float
    only_first: int
    only_second: int
    p: float

    @property
    def difference(self) -> float:
        """The first rate less the second."""
        return self.first - self.second


def pair(first: Clips, one: Key, second: Clips, other: Key) -> Pair | None:
    """Compare two cells clip by clip; `None` where no clip was read correctly before in both."""
    a, b = _shared(first, one, second, other)
    if not len(a):
        return None
    return _pair(first.success[a], second.success[b])


def pair_clean(first: Clips, one: Key, second: Clips, other: Key) -> Pair | None:
    """Compare what two recognizers, or one in two runs, read correctly without a sticker."""
    a, b = _matched(first, first.rows_of[one], second, second.rows_of[other])
    if not len(a):
        return None
    return _pair(first.right[a], second.right[b])


def holm(found: list[Pair]) -> list[float]:
    """Holm's adjustment of their p-values."""
    return metrics.holm([f.p for f in found])


def _pair(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Pair:
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return Pair(len(a), float(a.mean()), float(b.mean()), only_a, only_b, metrics.mcnemar(a, b))


def _shared(first: Clips, one: Key, second: Clips, other: Key) -> tuple[Rows, Rows]:
    """Rows of the clips that were right before in both cells, side by side."""
    a, b = first.rows_of[one], second.rows_of[other]
    return _matched(first, a[first.right[a]], second, b[second.right[b]])


def _matched(first: Clips, a: Rows, second: Clips, b: Rows) -> tuple[Rows, Rows]:
    """The rows of clips that both name and label alike, side by side."""
    ours = first["clip"].codes[a]
    theirs = second["clip"].codes[b] if second is first else second["clip"].into(first["clip"].names, b)
    _, i, j = np.intersect1d(ours, theirs, return_indices=True)
    alike = first["emotion"].codes[a[i]] == second["emotion"].into(first["emotion"].names, b[j])
    return a[i[alike]], b[j[alike]]
