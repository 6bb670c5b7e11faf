"""Search one table for a causal graph, by any of the methods, behind the guards.

PC, FCI and GES are causal-learn's (`mask.causal.reference`), and so is the answer of the PC that is a hundred times
the speed. BOSS and DirectLiNGAM are written here, to keep to tiers and to the samples there really are.

CD-NOD is PC with one more variable, the dataset a row comes from, which nothing else causes. A region it points into
moves differently from dataset to dataset, and where two regions meet there, the change tells which comes first; an
emotion's tie to a region holds given the dataset. Source: Huang et al., Causal discovery from
heterogeneous/nonstationary data, JMLR 2020; its first two phases, with a test that sees shifts of the mean only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from . import reference
from .boss import boss
from .fisherz import Floats, skeleton
from .graph import Graph
from .guards import Guarded, guard
from .lingam import lingam
from .orient import Marks, orient
from .table import Table

Method = Literal["pc", "fast-pc", "fci", "ges", "boss", "lingam", "cdnod"]
METHODS: tuple[Method, ...] = get_args(Method)

DATASET = "dataset"
"""The node that stands for the dataset in the graph of CD-NOD."""


def discover(
    data: ArrayLike,
    names: Sequence[str],
    method: Method = "pc",
    alpha: float = 0.05,
    tiers: Sequence[int] | None = None,
    *,
    max_k: int | None = None,
    lost: float = 0.0,
    domains: Sequence[int] | None = None,
) -> Graph:
    """Search for the causal graph of a table.

    Args:
        data: ``(N, P)`` rows of observations.
        names: P unique names.
        method: ``pc`` (causal-learn), ``fast-pc`` (the same graph, computed here), ``fci`` (allows hidden common
            causes), ``ges`` (greedy, BIC score), ``boss`` (best order, BIC score), ``lingam`` (every edge an arrow,
            right only for noise that is not Gaussian) or ``cdnod`` (rows of two datasets). `alpha` and `max_k`
            do not apply to ``ges`` and ``boss``.
        alpha: significance level of each Fisher-z test.
        tiers: one number per column; no arrow points from a higher tier to a lower one. GES does not know of tiers
            while it searches; its edges between tiers are turned afterwards.
        max_k: largest conditioning set; `None` for as large as needed.
        lost: degrees of freedom already spent on the rows, such as subject means taken out.
        domains: for ``cdnod``, N numbers of two kinds: the dataset of each row. It joins the graph as `DATASET`.

    Returns:
        The graph over all names; its notes say what the guards dropped.

    Raises:
        ValueError: for an unknown method, tiers or domains that do not fit, or domains that are not two.
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
    if method == "cdnod":
        data, names, tiers = _with_dataset(np.asarray(data, dtype=np.float64), names, tiers, domains)
    kept = guard(data, names, lost=lost, max_k=max_k)
    levels = None if tiers is None else [int(tiers[c]) for c in kept.columns]
    marks = _search(kept, method, alpha, levels)
    return Graph.from_marks(kept.names, marks, kept.notes, among=tuple(names))


def _search(kept: Guarded, method: Method, alpha: float, tiers: Sequence[int] | None) -> Marks:
    match method:
        case "pc":
            return reference.pc(kept, alpha, tiers)
        case "fci":
            return reference.fci(kept, alpha, tiers)
        case "ges":
            return reference.ges(kept, tiers)
    correlation = np.asarray(np.corrcoef(kept.data.T))
    if method == "boss":
        return boss(correlation, kept.samples, tiers)
    found = skeleton(correlation, kept.samples, alpha, kept.max_k)
    return lingam(kept.data, found.adjacent, tiers) if method == "lingam" else orient(found, tiers)


def _with_dataset(
    data: Floats, names: Sequence[str], tiers: Sequence[int] | None, domains: Sequence[int] | None
) -> tuple[Floats, tuple[str, ...], list[int]]:
    """The table with the dataset as its last column, as in causal-learn, in a tier before all others."""
    kinds, codes = np.unique([] if domains is None else domains, return_inverse=True)
    if len(kinds) != 2 or len(codes) != len(data):
        raise ValueError(
            f"CD-NOD compares two datasets; {len(codes)} rows of {len(kinds)} were named for {len(data)} rows"
        )
    levels = list(tiers or [0] * len(names))
    return np.column_stack([data, codes]), (*names, DATASET), [*levels, min(levels) - 1]


def discover_table(table: Table, method: Method, alpha: float) -> tuple[Graph, tuple[Graph, ...]]:
    """The regions' own graph, and for each emotion the graph when it joins them alone.

    The indicators of all emotions sum to one, so that together they would make every matrix singular.

    Raises:
        TooFewSamples: when no test is possible.
    """
    names = table.regions
    columns, domains = (table.across(), table.domains.tolist()) if method == "cdnod" else (table.full(), None)
    lost = len(columns) - table.samples

    def search(part: Floats, called: Sequence[str], tiers: Sequence[int] | None) -> Graph:
        return discover(part, called, method, alpha, tiers, max_k=table.max_k, lost=lost, domains=domains)

    motion, tiers = columns[:, : len(names)], [0] * len(names) + [1]
    shown = columns[:, len(names) :].T
    outer = [search(np.column_stack([motion, shown[k]]), [*names, e], tiers) for k, e in enumerate(table.emotions)]
    return search(motion, names, None), tuple(outer)
