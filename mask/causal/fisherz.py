"""The PC-stable skeleton under the Fisher-z test, from a correlation matrix, all tests of a level at once.

The answers are causal-learn's, removal by removal and separating set by separating set; the work is not. Every test
of a level needs a partial correlation given some set S, and the conditional covariance given S follows from the one
given S without its last member by one rank-one update. So each level costs a few array operations, whatever the
number of tests, and a graph of 16 regions takes milliseconds.

Sources: Colombo and Maathuis, Order-independent constraint-based causal structure learning, JMLR 2014 (PC-stable);
Fisher, Metron 1924 (the test).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Masks = NDArray[np.int64]

MEMORY = 2**30
"""Bytes one level of conditional covariances may take."""

_BELOW_ONE = 1.0 - np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Which variables are adjacent, and why the others are not.

    Args:
        adjacent: ``bool (P, P)``, symmetric.
        separated_by: ``int64 (P, P)``, for a pair that is not adjacent the union of all sets that separated it at
            the level where it fell, as bits; 0 where none did or the empty set did.
        strength: ``float64 (P, P)``, symmetric: the smallest ``|z|`` of all tests the pair was put to, in standard
            normal units; below the critical value exactly where the pair is not adjacent. The diagonal is 0.
        weakest: ``float64 (P, P)``, the signed partial correlation that gave `strength`.
    """

    adjacent: NDArray[np.bool_]
    separated_by: Masks
    strength: Floats
    weakest: Floats


def critical(alpha: float) -> float:
    """The ``|z|`` at which a two-sided test at level `alpha` rejects.

    >>> round(critical(0.05), 3)
    1.96
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; expected a significance level between 0 and 1")
    return NormalDist().inv_cdf(1 - alpha / 2)


def skeleton(correlation: Floats, samples: float, alpha: float = 0.05, max_k: int | None = None) -> Skeleton:
    """Find the PC-stable skeleton.

    Args:
        correlation: ``float64 (P, P)``, finite, no two variables collinear (see `mask.causal.guards`); P at most 62.
        samples: the sample size the correlations stand for, less any degrees of freedom already spent.
        alpha: significance level of each test.
        max_k: largest conditioning set; `None` for as large as the graph asks and `samples` allows.

    Returns:
        The skeleton; its separating sets are those causal-learn's ``pc(stable=True)`` collects.

    Raises:
        ValueError: for a matrix that is not square and finite, fewer than 4 samples, or a graph too dense for
            `MEMORY`, which `max_k` would bound.
    """
    correlation = np.asarray(correlation, dtype=np.float64)
    count = len(correlation)
    if correlation.shape != (count, count) or not np.isfinite(correlation).all():
        raise ValueError(f"the correlation matrix is {correlation.shape}; expected square and finite")
    if count > 62:
        raise ValueError(f"{count} variables were given; at most 62 are supported")
    if samples < 4:
        raise ValueError(f"{samples:g} samples leave the Fisher-z test nothing to work with; expected at least 4")
    largest = int(samples) - 4 if max_k is None else min(max_k, int(samples) - 4)
    search = _Search(correlation, samples, critical(alpha))
    for level in range(largest + 1):
        if search.degrees().max(initial=0) <= level or (level and not search.descend(level)):
            break
        search.test(level)
    return search.result()


class _Search:
    """The state of one search: the graph so far, and the conditional covariance given every set of this level."""

    def __init__(self, correlation: Floats, samples: float, threshold: float) -> None:
        count = len(correlation)
        self.samples, self.threshold = samples, threshold
        self.bits = np.left_shift(np.int64(1), np.arange(count, dtype=np.int64))
        self.adjacent = ~np.eye(count, dtype=bool)
        self.separated_by = np.zeros((count, count), dtype=np.int64)
        self.strength = np.where(self.adjacent, np.inf, 0.0)
        self.weakest = np.zeros((count, count))
        self.sets = np.zeros(1, dtype=np.int64)
        self.covariance = correlation[None].copy()

    def degrees(self) -> Masks:
        return np.asarray(self.adjacent.sum(axis=1), dtype=np.int64)

    def neighbours(self) -> Masks:
        """The neighbours of each variable, as bits."""
        return np.asarray((self.adjacent * self.bits).sum(axis=1), dtype=np.int64)

    def descend(self, level: int) -> bool:
        """Go on to the sets of `level` members that some test will need; False when there are none."""
        needed = np.unique(self.neighbours()[self.degrees() > level])
        grown = self.sets[:, None] | self.bits
        wanted = (self.bits > self.sets[:, None]) & ((grown[..., None] & ~needed) == 0).any(axis=-1)
        parent, last = np.nonzero(wanted)
        count = len(self.bits)
        if len(parent) * count * count * 8 > MEMORY:
            raise ValueError(
                f"{count} variables this densely connected need {len(parent)} conditioning sets of {level}; "
                f"give max_k below {level}"
            )
        covariance = self.covariance[parent]
        column = covariance[np.arange(len(parent)), :, last]
        pivot = column[np.arange(len(parent)), last]
        covariance -= column[:, :, None] * (column / pivot[:, None])[:, None, :]
        self.sets, self.covariance = grown[parent, last], covariance
        return len(parent) > 0

    def test(self, level: int) -> None:
        """Test every adjacent pair given every set of this level inside either's neighbours; drop what separates."""
        first, second = np.nonzero(np.triu(self.adjacent))
        inside = (self.sets[:, None] & ~self.neighbours()) == 0
        holds = (self.sets[:, None] & self.bits) != 0
        tested = (inside[:, first] & ~holds[:, second]) | (inside[:, second] & ~holds[:, first])
        variance = np.diagonal(self.covariance, axis1=1, axis2=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            partial = self.covariance[:, first, second] / np.sqrt(np.abs(variance[:, first] * variance[:, second]))
        if not np.isfinite(partial[tested]).all():
            raise ValueError(f"some variable is a combination of {level} others; guard the table first")
        size = np.where(tested, np.minimum(np.abs(partial), _BELOW_ONE), np.inf)
        scale = math.sqrt(self.samples - level - 3)
        separates = size < math.tanh(self.threshold / scale)
        sets = np.bitwise_or.reduce(np.where(separates, self.sets[:, None], 0), axis=0)
        self._record(first, second, partial, size, scale)
        gone = separates.any(axis=0)
        for a, b in ((first[gone], second[gone]), (second[gone], first[gone])):
            self.adjacent[a, b] = False
            self.separated_by[a, b] = sets[gone]

    def _record(self, first: Masks, second: Masks, partial: Floats, size: Floats, scale: float) -> None:
        at = size.argmin(axis=0)
        pair = np.arange(len(first))
        least = size[at, pair]
        was_tested = np.isfinite(least)
        z = scale * np.arctanh(np.where(was_tested, least, 0.0))
        weaker = was_tested & (z < self.strength[first, second])
        first, second, pair = first[weaker], second[weaker], pair[weaker]
        for a, b in ((first, second), (second, first)):
            self.strength[a, b] = z[weaker]
            self.weakest[a, b] = partial[at[pair], pair]

    def result(self) -> Skeleton:
        return Skeleton(self.adjacent, self.separated_by, self.strength, self.weakest)
