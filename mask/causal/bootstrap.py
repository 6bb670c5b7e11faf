"""How stable the graph is: the same search on resampled subjects.

Subjects are drawn with replacement, whole; rows (or clips, where rows are frames) are drawn where subjects are not
known. A resample repeats rows, so by chance it finds about two and a half times the edges that the data themselves
have: where nothing is there, an edge into an emotion stands in 2 % of the resamples (regions that move together) to
8 % (regions that do not), not in 1 % to 3 %.

Source: Friedman, Goldszmidt and Wyner, Data analysis with Bayesian networks: a bootstrap approach, UAI 1999.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask.contracts import Progress, quiet

from .discover import Method, discover_table
from .fisherz import skeleton
from .guards import SPARE, TooFewSamples
from .orient import ARROW, TAIL, orient
from .score import correlations, from_covariance, scores
from .table import Table

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stability:
    """Counts over resamples.

    Args:
        resamples: how many were drawn.
        unit: what was drawn: ``subjects``, ``clips`` or ``rows``.
        ties: ``int (R, K)``, resamples in which the region is adjacent to the emotion.
        top: ``int (R, K)``, resamples in which the region has the emotion's highest score.
        overall_tied: ``int (R,)``, resamples in which the region is adjacent to any emotion.
        overall_top: ``int (R,)``, resamples in which the region has the highest score of all.
        adjacent: ``int (R, R)``, resamples in which two regions are adjacent.
        arrows: ``int (R, R)``, resamples with region i --> region j.
    """

    resamples: int
    unit: str
    ties: Counts
    top: Counts
    overall_tied: Counts
    overall_top: Counts
    adjacent: Counts
    arrows: Counts


def bootstrap(
    table: Table,
    resamples: int,
    rng: np.random.Generator,
    *,
    method: Method = "pc",
    alpha: float = 0.05,
    progress: Progress = quiet,
) -> Stability:
    """Repeat the search on resampled subjects, clips or rows.

    Args:
        table: from `mask.causal.table.build`.
        resamples: how many.
        rng: the source of randomness.
        method: the search whose edges are counted. PC runs in milliseconds, the others on the rows.
        alpha: significance level of each test.
        progress: told of each resample.
    """
    regions, emotions = len(table.regions), len(table.emotions)
    tally = Stability(
        resamples,
        _unit(table)[0],
        *(np.zeros(shape, dtype=np.int64) for shape in [(regions, emotions)] * 2 + [(regions,)] * 2),
        *(np.zeros((regions, regions), dtype=np.int64) for _ in range(2)),
    )
    draw = _Moments(table) if method in ("pc", "fast-pc") else None
    for _ in range(resamples):
        if draw is not None:
            _count_pc(tally, draw, table, rng, alpha)
        else:
            _count_other(tally, table, rng, method, alpha)
        progress(1)
    return tally


class _Moments:
    """Each unit's share of the covariance, so that a resample is a weighted sum of small matrices."""

    def __init__(self, table: Table) -> None:
        self.unit, self.groups = _unit(table)
        columns = table.full()
        order = np.argsort(self.groups, kind="stable")
        self.counts = np.bincount(self.groups)
        starts = np.cumsum(self.counts) - self.counts
        self.scatter = np.stack([part.T @ part for part in np.split(columns[order], starts[1:])])
        self.sums = np.add.reduceat(columns[order], starts, axis=0)
        # Rows in a table are worth fewer than they are; a resample inherits the rate.
        self.worth = table.samples / len(columns)

    def resample(self, rng: np.random.Generator) -> tuple[Floats, float]:
        """A covariance, and the number of independent rows behind it."""
        units = len(self.counts)
        weights = np.bincount(rng.integers(units, size=units), minlength=units).astype(np.float64)
        rows = weights @ self.counts
        mean = weights @ self.sums / rows
        covariance = np.tensordot(weights, self.scatter, axes=1) / rows - np.outer(mean, mean)
        return covariance, float(rows * self.worth)


def _count_pc(tally: Stability, draw: _Moments, table: Table, rng: np.random.Generator, alpha: float) -> None:
    covariance, samples = draw.resample(rng)
    if samples < SPARE:
        return
    regions = len(table.regions)
    found = from_covariance(covariance, regions, samples, alpha, table.max_k)
    _count_ties(tally, found.adjacent, found.score)
    alive, correlation = correlations(covariance[:regions, :regions])
    moving = np.flatnonzero(alive)
    graph = skeleton(correlation[np.ix_(moving, moving)], samples, alpha, table.max_k)
    marks = orient(graph)
    at = np.ix_(moving, moving)
    tally.adjacent[at] += graph.adjacent
    tally.arrows[at] += (marks == TAIL) & (marks.T == ARROW)


def _count_other(tally: Stability, table: Table, rng: np.random.Generator, method: Method, alpha: float) -> None:
    """Count one resample of rows, searched as they are."""
    groups = _unit(table)[1]
    units = rng.integers(groups.max() + 1, size=groups.max() + 1)
    drawn = table.take(np.concatenate([np.flatnonzero(groups == unit) for unit in units]))
    if drawn.samples < SPARE or (method == "cdnod" and len(np.unique(drawn.domains)) < 2):
        return
    try:
        among, joined = discover_table(drawn, method, alpha)
    except TooFewSamples:
        return
    names = table.regions
    tied = np.array([[graph.adjacent(n, e) for e, graph in zip(table.emotions, joined, strict=True)] for n in names])
    _count_ties(tally, tied, scores(drawn, alpha).score)
    where = {name: i for i, name in enumerate(names)}
    for edge in among.edges:
        if edge.source in where and edge.target in where:
            i, j = where[edge.source], where[edge.target]
            tally.adjacent[i, j] += 1
            tally.adjacent[j, i] += 1
            tally.arrows[i, j] += edge.kind == "-->"


def _count_ties(tally: Stability, tied: NDArray[np.bool_], score: Floats) -> None:
    tally.ties[...] += tied
    for k in np.flatnonzero(score.max(axis=0) > 0):
        tally.top[score[:, k].argmax(), k] += 1
    tally.overall_tied[...] += tied.any(axis=1)
    if score.max() > 0:
        tally.overall_top[score.max(axis=1).argmax()] += 1


def _unit(table: Table) -> tuple[str, NDArray[np.intp]]:
    if table.subjects.max(initial=0) > 0:
        return "subjects", table.subjects
    groups = np.unique(table.clips, return_inverse=True)[1]
    return ("rows" if groups.max() + 1 == len(groups) else "clips"), groups
