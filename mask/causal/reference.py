"""causal-learn's PC, FCI and GES, called behind the guards.

Its printing and progress bars are silenced, and its p-value cache is never used: that cache is keyed by an abbreviated
text of the data, so that two tables can share one.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from causallearn.graph.GraphNode import GraphNode
from causallearn.search.ConstraintBased.FCI import fci as _causal_learn_fci
from causallearn.search.ConstraintBased.PC import pc as _causal_learn_pc
from causallearn.search.ScoreBased.GES import ges as _causal_learn_ges
from causallearn.utils.cit import FisherZ, register_ci_test
from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

from .fisherz import Floats
from .guards import SPARE, Guarded
from .orient import ARROW, TAIL, Marks


def pc(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    """PC-stable under the Fisher-z test."""
    names = list(kept.names)
    with _silence():
        found = _causal_learn_pc(
            kept.data,
            alpha,
            _TEST,
            show_progress=False,
            background_knowledge=_knowledge(names, tiers),
            max_k=kept.max_k,
            node_names=names,
            samples=kept.samples,
        )
    return _marks(found.G)


def fci(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    """FCI under the Fisher-z test."""
    names = list(kept.names)
    with _silence():
        found, _ = _causal_learn_fci(
            kept.data,
            _TEST,
            alpha,
            depth=kept.max_k,
            background_knowledge=_knowledge(names, tiers),
            show_progress=False,
            node_names=names,
            samples=kept.samples,
        )
    return _marks(found)


def ges(kept: Guarded, tiers: Sequence[int] | None) -> Marks:
    """Greedy search by BIC; it knows no tiers, so edges between them are turned afterwards."""
    with _silence():
        record = _causal_learn_ges(cov=np.corrcoef(kept.data.T), n=int(kept.samples), node_names=list(kept.names))
    marks = _marks(record["G"])
    for i, j in np.argwhere(marks != 0) if tiers is not None else ():
        if tiers is not None and tiers[i] < tiers[j]:
            marks[i, j], marks[j, i] = TAIL, ARROW
    return marks


class _FisherZ(FisherZ):  # type: ignore[misc]
    """causal-learn's Fisher-z test with the sample size given, where degrees of freedom are already spent.

    A set too large for the samples separates nothing, where causal-learn would raise (FCI tries such sets).
    """

    def __init__(self, data: Floats, samples: float, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.sample_size = samples

    def __call__(self, X: int, Y: int, condition_set: Any = None) -> float:
        if self.sample_size - len(condition_set or ()) - SPARE < 0:
            return 0.0
        return float(super().__call__(X, Y, condition_set))


_TEST = "mask_fisherz"
register_ci_test(_TEST, _FisherZ)


def _knowledge(names: Sequence[str], tiers: Sequence[int] | None) -> BackgroundKnowledge | None:
    if tiers is None:
        return None
    knowledge = BackgroundKnowledge()
    rank = {tier: i for i, tier in enumerate(sorted(set(tiers)))}
    for name, tier in zip(names, tiers, strict=True):
        knowledge.add_node_to_tier(GraphNode(name), rank[tier])
    return knowledge


def _marks(graph: Any) -> Marks:
    return np.asarray(graph.graph, dtype=np.int8)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep causal-learn's prints and warnings off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
