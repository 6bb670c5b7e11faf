"""Which regions' motion is tied to which emotion, how stable that is, and what the same search says of nothing.

A region is named for an emotion when at most `level` of the draws with permuted labels reach its score with any region
and any emotion, and when the resamples agree: a quarter of the regions must hold the first place in four fifths of
them. Otherwise the probe abstains and says why. Permuting keeps every subject's motion and its mix of emotions, so
whatever the regions do among themselves, naming anything at all where nothing is there stays as rare as `level`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.contracts import Progress, quiet

from .bootstrap import Stability, bootstrap
from .discover import METHODS, Method, discover_table
from .graph import Graph, Note
from .guards import TooFewSamples
from .judge import flags, judge, overall, rank
from .nulls import (
    Maker,
    Null,
    control,
    correlated_noise,
    neutral_clips,
    permuted_labels,
    shuffled_time_edges,
)
from .result import Control, Finding, PairFrequency, ProbeResult
from .score import scores
from .table import Table, build
from .variables import Draw

Floats = NDArray[np.float64]


def probe(
    motion: ArrayLike,
    labels: Sequence[str],
    subjects: Sequence[str] | None,
    region_names: Sequence[str],
    emotions: Sequence[str],
    neutral_motion: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    method: Method = "pc",
    alpha: float = 0.05,
    level: float = 0.05,
    bootstraps: int = 200,
    nulls: int = 200,
    controls: Mapping[str, Draw] | None = None,
    vectors: ArrayLike | None = None,
    clips: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    max_k: int = 3,
    progress: Progress = quiet,
) -> ProbeResult:
    """Probe which regions are tied to which emotion.

    Args:
        motion: ``(N, R)`` regional motion, one row per clip (see `mask.causal.variables`).
        labels: N emotions by name.
        subjects: N subjects by name, or `None` where they are not known.
        region_names: R names.
        emotions: the K emotions by name.
        neutral_motion: ``(M, R)``, the same of clips without expression.
        rng: the source of randomness.
        method: the search for the graph and its frequencies; scores and p-values come from PC's tests throughout.
        alpha: significance level of each independence test.
        level: the chance of naming anything where nothing is there.
        bootstraps: resamples.
        nulls: draws of each control; `level` cannot be met with fewer than ``1 / level - 1``.
        controls: further content-free data by name, each drawing ``(N, R)`` motion.
        vectors: ``(N, R, 2)`` displacements (u, v), to say which way a region moves.
        clips: N names of clips, where rows are frames; rows of one clip are relabelled and resampled together.
        domains: N names of datasets, for ``cdnod``, which needs two.
        max_k: largest conditioning set.
        progress: told of every resample and draw, `steps` in all.

    Returns:
        The result; it abstains rather than fails where there are too few rows.

    Raises:
        ValueError: for arguments that do not fit together.
    """
    if method not in METHODS:
        raise ValueError(f"there is no discovery method {method!r}; there are {', '.join(METHODS)}")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a probability between 0 and 1")
    if method == "cdnod" and len(set(domains or ())) != 2:
        raise ValueError(f"CD-NOD compares two datasets; {len(set(domains or ()))} were named")
    if bootstraps < 1 or nulls < 1 / level - 1:
        raise ValueError(
            f"{bootstraps} resamples and {nulls} draws cannot decide at level {level:g}; "
            f"expected at least 1 and {int(np.ceil(1 / level - 1))}"
        )
    regions, emotions = tuple(region_names), tuple(emotions)
    motion = np.asarray(motion, dtype=np.float64)
    moved = None if vectors is None else np.asarray(vectors, dtype=np.float64)
    if moved is not None and moved.shape != (*motion.shape, 2):
        raise ValueError(f"vectors have shape {moved.shape}; expected {(*motion.shape, 2)}")
    try:
        table = build(motion, labels, subjects, regions, emotions, clips, max_k, domains)
    except TooFewSamples as error:
        return _nothing(str(error), method, alpha, level, regions, emotions)
    if method == "cdnod" and len(np.unique(table.domains)) < 2:
        return _nothing("the usable rows are of one dataset", method, alpha, level, regions, emotions)
    found = scores(table, alpha)
    stability = bootstrap(table, bootstraps, rng, method=method, alpha=alpha, progress=progress)
    permuted = control("permuted labels", permuted_labels(table), nulls, rng, alpha, progress)
    drawn = {name: _Drawn(table, draw, motion.shape) for name, draw in (controls or {}).items()}
    others = _content_free(table, neutral_motion, drawn, nulls, rng, alpha, progress)
    ranking = rank(table, found, stability, permuted, moved)
    findings = tuple(judge(e, ranking[e], table, found, level) for e in emotions)
    reports = (
        _report(permuted, table),
        *(_report(null, table) if isinstance(null, Null) else null for null in others),
        _time_control(table, clips, nulls, rng, alpha, progress),
    )
    return ProbeResult(
        method=method,
        alpha=alpha,
        level=level,
        rows=len(table.motion),
        clips=len(np.unique(table.clips)),
        subjects=0 if subjects is None else int(table.subjects.max()) + 1,
        samples=table.samples,
        resampled=stability.unit,
        resamples=bootstraps,
        regions=regions,
        emotions=emotions,
        overall=overall(ranking, table, stability, found, findings),
        by_emotion=findings,
        graph=_graph(table, method, alpha, regions),
        pairs=_pairs(table, stability),
        controls=reports,
        flags=flags(findings, reports, len(table.regions)),
    )


def steps(bootstraps: int = 200, nulls: int = 200, *, controls: int = 0, frames: bool = False) -> int:
    """How much `probe` will report to its `progress`."""
    return bootstraps + nulls * (2 + controls + frames)


def _content_free(
    table: Table,
    neutral_motion: ArrayLike | None,
    controls: Mapping[str, Maker],
    draws: int,
    rng: np.random.Generator,
    alpha: float,
    progress: Progress,
) -> list[Null | Control]:
    """The content-free control that applies, then the caller's."""
    out: list[Null | Control] = []
    neutral = None if neutral_motion is None else np.asarray(neutral_motion, dtype=np.float64)
    if neutral is not None and (neutral.ndim != 2 or neutral.shape[1] <= table.columns.max()):
        raise ValueError(f"neutral motion has shape {neutral.shape}; expected (M, R), the regions of motion")
    enough = len(table.regions) + 8
    if neutral is not None and np.isfinite(neutral[:, table.columns]).all(axis=1).sum() >= enough:
        make = neutral_clips(table, neutral[:, table.columns])
        out.append(control("neutral clips", make, draws, rng, alpha, progress))
    else:
        given = "none was given" if neutral is None else f"fewer than {enough} usable ones were given"
        out.append(Control("neutral clips", 0, why_not=given))
        out.append(control("noise as correlated as the clips", correlated_noise(table), draws, rng, alpha, progress))
    for name, maker in controls.items():
        out.append(control(name, maker, draws, rng, alpha, progress))
    return out


class _Drawn:
    """Tables of the caller's content-free motion under the real labels."""

    def __init__(self, table: Table, draw: Draw, shape: tuple[int, ...]) -> None:
        self.table, self.draw, self.shape = table, draw, shape

    def __call__(self, rng: np.random.Generator) -> Table:
        motion = np.asarray(self.draw(rng), dtype=np.float64)
        if motion.shape != self.shape:
            raise ValueError(f"a control drew motion of shape {motion.shape}; expected that of the clips, {self.shape}")
        return self.table.with_motion(motion[np.ix_(self.table.rows, self.table.columns)])


def _time_control(
    table: Table,
    clips: Sequence[str] | None,
    draws: int,
    rng: np.random.Generator,
    alpha: float,
    progress: Progress,
) -> Control:
    name = "shuffled time"
    if clips is None:
        return Control(name, 0, why_not="rows are clips and have no order in time")
    share = shuffled_time_edges(table, draws, rng, alpha)
    progress(draws)
    return Control(name, draws, region_edges=share)


def _report(null: Null, table: Table) -> Control:
    draws = len(null.strongest)
    top = {name: float(count / draws) for name, count in zip(table.regions, null.top, strict=True)}
    return Control(null.name, draws, null.false_edges, None, float(np.quantile(null.strongest, 0.95)), top)


def _graph(table: Table, method: Method, alpha: float, regions: Sequence[str]) -> Graph:
    """The regions' own graph, and the arrows each emotion receives when it joins them alone."""
    inner, joined = discover_table(table, method, alpha)
    edges, notes = list(inner.edges), [*table.notes]
    for emotion, outer in zip(table.emotions, joined, strict=True):
        edges += [e for e in outer.edges if emotion in (e.source, e.target)]
        notes += [n for n in outer.notes if emotion in n.what]
    further = (name for name in inner.nodes if name not in table.regions)
    return Graph((*regions, *table.emotions, *further), tuple(edges), tuple(notes))


def _pairs(table: Table, stability: Stability) -> tuple[PairFrequency, ...]:
    total = stability.resamples
    return tuple(
        PairFrequency(
            table.regions[i],
            table.regions[j],
            int(stability.adjacent[i, j]) / total,
            int(stability.arrows[i, j]) / total,
            int(stability.arrows[j, i]) / total,
        )
        for i, j in zip(*np.nonzero(np.triu(stability.adjacent)), strict=True)
    )


def _nothing(
    why: str, method: str, alpha: float, level: float, regions: Sequence[str], emotions: Sequence[str]
) -> ProbeResult:
    """The result where no test was possible."""
    blank = tuple(Finding(e, None, why, (), (), None) for e in emotions)
    return ProbeResult(
        method=method,
        alpha=alpha,
        level=level,
        rows=0,
        clips=0,
        subjects=0,
        samples=0.0,
        resampled="",
        resamples=0,
        regions=tuple(regions),
        emotions=tuple(emotions),
        overall=Finding("", None, why, (), (), None),
        by_emotion=blank,
        graph=Graph((*regions, *emotions), (), (Note("samples", (), why),)),
        pairs=(),
        controls=(Control("permuted labels", 0, why_not=why),),
        flags=(),
    )
