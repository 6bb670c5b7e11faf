"""What the same machinery says where there is nothing to find.

Four controls, each a way to make data without content: labels permuted within subjects; clips without expression, or
noise as correlated as the clips, under the real labels; the time of each region shuffled (rows that are frames); and
whatever the caller draws, such as noise under the same region masks (`mask.causal.variables`). The permuted labels
also give every tie its p-value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask.contracts import Progress, quiet

from .fisherz import skeleton
from .score import Scores, correlations, scores
from .table import Table, centred

Floats = NDArray[np.float64]
Maker = Callable[[np.random.Generator], Table]
"""Makes one content-free table."""


@dataclass(frozen=True, eq=False)
class Null:
    """What came out of one kind of content-free data.

    Args:
        name: which control.
        strongest: ``float64 (D,)``, the highest score of each draw.
        false_edges: share of region to emotion pairs that PC joined.
        top: ``int (R,)``, draws in which the region had the highest score.
    """

    name: str
    strongest: Floats
    false_edges: float
    top: NDArray[np.int64]

    def p_values(self, score: Floats) -> Floats:
        """The share of draws, this one counted in, whose highest score anywhere reaches each score.

        The comparison with the highest of all regions and emotions accounts for having looked at all of them
        (Westfall and Young 1993).
        """
        reached = (self.strongest.reshape(-1, *[1] * score.ndim) >= score[None]).sum(axis=0)
        return np.asarray((1 + reached) / (1 + len(self.strongest)), dtype=np.float64)


def control(
    name: str, make: Maker, draws: int, rng: np.random.Generator, alpha: float, progress: Progress = quiet
) -> Null:
    """Score `draws` content-free tables."""
    found: list[Scores] = []
    for _ in range(draws):
        found.append(scores(make(rng), alpha))
        progress(1)
    regions = len(found[0].score) if found else 0
    best = [int(s.score.max(axis=1).argmax()) for s in found if s.score.max() > 0]
    return Null(
        name,
        np.array([s.score.max() for s in found]),
        float(np.mean([s.adjacent.mean() for s in found])) if found else 0.0,
        np.bincount(best, minlength=regions),
    )


def permuted_labels(table: Table) -> Maker:
    """Labels permuted within subjects, clip by clip."""
    return table.shuffled


def correlated_noise(table: Table) -> Maker:
    """Gaussian motion with the covariance the regions have within subjects, under the real labels."""
    covariance = table.motion.T @ table.motion / len(table.motion)
    root = np.linalg.svd(covariance, hermitian=True)
    factor = root[0] * np.sqrt(root[1])
    return lambda rng: table.with_motion(rng.standard_normal(table.motion.shape) @ factor.T)


def neutral_clips(table: Table, motion: Floats) -> Maker:
    """Clips without expression, ``(M, R)``, each in the place, and under the label and subject, of a real row."""
    usable = motion[np.isfinite(motion).all(axis=1)]
    count = min(len(usable), len(table.motion))

    def make(rng: np.random.Generator) -> Table:
        places = rng.permutation(len(table.motion))[:count]
        return table.take(places).with_motion(usable[rng.permutation(len(usable))[:count]])

    return make


def shuffled_time_edges(table: Table, draws: int, rng: np.random.Generator, alpha: float) -> float:
    """The share of region pairs PC joins when every region's frames are shifted in time by themselves.

    A circular shift keeps each region's own rhythm, and with it the false edges that autocorrelation makes.
    """
    share: list[float] = []
    groups = [np.flatnonzero(table.clips == clip) for clip in np.unique(table.clips)]
    for _ in range(draws):
        moved = table.motion.copy()
        for rows in groups:
            for region in range(moved.shape[1]):
                moved[rows, region] = np.roll(moved[rows, region], rng.integers(len(rows)))
        columns = centred(moved, table.subjects)
        alive, correlation = correlations(columns.T @ columns / (columns**2).mean() / len(columns))
        part = correlation[np.ix_(alive, alive)]
        joined = skeleton(part, table.samples, alpha, table.max_k).adjacent
        share.append(float(joined.sum() / max(1, joined.size - len(joined))))
    return float(np.mean(share)) if share else 0.0
