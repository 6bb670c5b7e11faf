"""Search for a causal graph: causal-learn's PC, FCI and GES, and the same PC at a hundred times the speed.

causal-learn is the reference. It is called behind the guards, with its printing and progress bars silenced and its
p-value cache never used: that cache is keyed by an abbreviated text of the data, so that two tables can share one.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
from causallearn.graph.GraphNode import GraphNode
from causallearn.search.ConstraintBased.FCI import fci
from causallearn.search.ConstraintBased.PC import pc
from causallearn.search.ScoreBased.GES import ges
from causallearn.utils.cit import FisherZ, register_ci_test
from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge
from numpy.typing import ArrayLike

from .fisherz import Floats, skeleton
from .graph import Graph
from .guards import SPARE, Guarded, guard
from .orient import ARROW, TAIL, Marks, orient

Method = Literal["pc", "fast-pc", "fci", "ges"]
METHODS: tuple[Method, ...] = get_args(Method)


def discover(
    data: ArrayLike,
    names: Sequence[str],
    method: Method = "pc",
    alpha: float = 0.05,
    tiers: Sequence[int] | None = None,
    *,
    max_k: int | None = None,
    lost: float = 0.0,
) -> Graph:
    """Search for the causal graph of a table.

    Args:
        data: ``(N, P)`` rows of observations.
        names: P unique names.
        method: ``pc`` (causal-learn), ``fast-pc`` (the same graph, computed here), ``fci`` (allows hidden common
            causes) or ``ges`` (greedy, BIC score; `alpha` and `max_k` do not apply).
        alpha: significance level of each Fisher-z test.
        tiers: one number per column; no arrow points from a higher tier to a lower one. GES does not know of tiers
            while it searches; its edges between tiers are turned afterwards.
        max_k: largest conditioning set; `None` for as large as needed.
        lost: degrees of freedom already spent on the rows, such as subject means taken out.

    Returns:
        The graph over all names; its notes say what the guards dropped.

    Raises:
        ValueError: for an unknown method, or tiers that do not fit the columns.
        TooFewSamples: when no test is possible.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> brow, lip = rng.standard_normal((2, 500))
    >>> joy = brow + lip + rng.standard_normal(500)
    >>> print(*discover(np.c_[brow, lip, joy], ["brow", "lip", "joy"], "fast-pc").edges, sep=", ")
    brow --> joy, lip --> joy
    """
    if method not in METHODS:
        raise ValueError(f"there is no discovery method {method!r}; there are {', '.join(METHODS)}")
    if tiers is not None and len(tiers) != len(names):
        raise ValueError(f"{len(tiers)} tiers were given for {len(names)} columns; expected one each")
    kept = guard(data, names, lost=lost, max_k=max_k)
    levels = None if tiers is None else [int(tiers[c]) for c in kept.columns]
    search = {"pc": _reference_pc, "fast-pc": _fast_pc, "fci": _fci, "ges": _ges}[method]
    marks = search(kept, alpha, levels)
    return Graph.from_marks(kept.names, marks, kept.notes, among=tuple(names))


def _fast_pc(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    found = skeleton(np.asarray(np.corrcoef(kept.data.T)), kept.samples, alpha, kept.max_k)
    return orient(found, tiers)


def _reference_pc(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    names = list(kept.names)
    with _silence():
        found = pc(
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


def _fci(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    names = list(kept.names)
    with _silence():
        found, _ = fci(
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


def _ges(kept: Guarded, alpha: float, tiers: Sequence[int] | None) -> Marks:
    with _silence():
        record = ges(cov=np.corrcoef(kept.data.T), n=int(kept.samples), node_names=list(kept.names))
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
