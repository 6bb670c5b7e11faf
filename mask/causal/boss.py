"""Best order score search: the order of the variables in which the fewest parents explain the most.

Every variable is moved to the place in the order where the BIC of the whole is best, until none moves. In a given
order, a variable's parents are grown from those before it and shrunk again. Nothing is random: the search starts from
the variables that the others explain best, so that the graph follows the columns wherever they stand. Tiers bound
where a variable may move, so that no parent is ever sought in a later tier.

Source: Andrews, Ramsey, Sanchez-Romero, Camchong and Kummerfeld, Fast scalable and accurate discovery of DAGs using
the best order score search and grow-shrink trees, NeurIPS 2023 (arXiv:2310.17679). Written anew; causal-learn's
``boss`` knows neither tiers nor degrees of freedom already spent, and shuffles with Python's global generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .guards import COLLINEAR, SPARE
from .orient import Marks, draw

Floats = NDArray[np.float64]

_GAIN = 1e-7
"""Units of log-likelihood by which a move must improve the score, so that rounding never counts as one."""


def boss(correlation: Floats, samples: float, tiers: Sequence[int] | None = None) -> Marks:
    """Search for the graph of best BIC.

    Args:
        correlation: ``float64 (P, P)``, no two variables collinear (see `mask.causal.guards`).
        samples: the sample size behind it, less any degrees of freedom already spent.
        tiers: one number per variable; parents come from the same or a lower tier.

    Returns:
        ``int8 (P, P)`` marks of the equivalence class (convention of `mask.causal.orient`).
    """
    count = len(correlation)
    levels = list(tiers or [0] * count)
    search = _Search(correlation, samples, levels)
    explained = np.diagonal(np.linalg.pinv(correlation, hermitian=True))
    order = sorted(range(count), key=lambda v: (levels[v], -explained[v]))
    moved = True
    while moved:
        moved = False
        for v in tuple(order):
            moved |= search.improve(order, v)
    adjacent = np.zeros((count, count), dtype=bool)
    separated_by = np.zeros((count, count), dtype=np.int64)
    for place, v in enumerate(order):
        parents = search.parents(v, order[:place])[1]
        adjacent[v, parents] = adjacent[parents, v] = True
        # Its parents separate a variable from all others before it.
        separated_by[v, order[:place]] = separated_by[order[:place], v] = sum(1 << p for p in parents)
    return draw(adjacent, separated_by, tiers)


class _Search:
    """Grow-shrink scores, remembered by variable and set of candidates."""

    def __init__(self, correlation: Floats, samples: float, tiers: Sequence[int]) -> None:
        self.correlation, self.samples, self.tiers = correlation, samples, tiers
        self.price = math.log(samples) / samples
        # A resample repeats rows, and may hold fewer different ones than columns: enough parents explain anything then.
        rank = int(np.linalg.matrix_rank(correlation, hermitian=True))
        self.most = (int(samples) if rank == len(correlation) else min(int(samples), rank)) - SPARE
        self.known: dict[tuple[int, frozenset[int]], tuple[float, list[int]]] = {}

    def improve(self, order: list[int], v: int) -> bool:
        """Move one variable to its best place within its tier; whether that was another one."""
        others = [w for w in order if w != v]
        low = sum(self.tiers[w] < self.tiers[v] for w in others)
        high = sum(self.tiers[w] <= self.tiers[v] for w in others)
        slots = range(low, high + 1)
        own = np.array([self.parents(v, others[:s])[0] for s in slots])
        before = [self.parents(others[i], others[:i])[0] for i in range(low, high)]
        after = [self.parents(others[i], [*others[:i], v])[0] for i in range(low, high)]
        total = own + np.cumsum([0.0, *before]) + sum(after) - np.cumsum([0.0, *after])
        here, best = order.index(v), low + int(total.argmax())
        if total[best - low] <= total[here - low] + _GAIN:
            return False
        order[:] = [*others[:best], v, *others[best:]]
        return True

    def parents(self, v: int, candidates: Sequence[int]) -> tuple[float, list[int]]:
        """The best score of one variable and the parents that give it, grown and then shrunk."""
        key = v, frozenset(candidates)
        if key not in self.known:
            chosen = self._shrink(v, self._grow(v, candidates))
            within = self.correlation[np.ix_(chosen, chosen)]
            shared = self.correlation[chosen, v]
            left = 1.0 - float(shared @ np.linalg.solve(within, shared)) if chosen else 1.0
            score = -self.samples / 2 * (math.log(max(left, 1e-300)) + self.price * len(chosen))
            self.known[key] = score, chosen
        return self.known[key]

    def _grow(self, v: int, candidates: Sequence[int]) -> list[int]:
        at = [v, *candidates]
        covariance = self.correlation[np.ix_(at, at)].copy()
        free = np.ones(len(at), dtype=bool)
        free[0] = False
        chosen: list[int] = []
        while free.any() and len(chosen) < self.most:
            usable = free & (np.diagonal(covariance) > COLLINEAR)
            share = covariance[0] ** 2 / (covariance[0, 0] * np.where(usable, np.diagonal(covariance), np.inf))
            best = int(share.argmax())
            if -math.log1p(-min(float(share[best]), 1 - 1e-15)) <= self.price:
                break
            chosen.append(at[best])
            free[best] = False
            covariance -= np.outer(covariance[best], covariance[best]) / covariance[best, best]
        return chosen

    def _shrink(self, v: int, chosen: list[int]) -> list[int]:
        while len(chosen) > 1:
            at = [v, *chosen]
            precision = np.linalg.inv(self.correlation[np.ix_(at, at)])
            share = precision[0, 1:] ** 2 / (precision[0, 0] * np.diagonal(precision)[1:])
            least = int(share.argmin())
            if -math.log1p(-min(float(share[least]), 1 - 1e-15)) > self.price:
                break
            del chosen[least]
        return chosen
