"""From scores to findings: rank the regions, name one or abstain, and say what to distrust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mask.metrics import wilson

from .bootstrap import Stability
from .nulls import Null
from .result import Control, Finding, RegionScore
from .score import Scores
from .table import Table

Floats = NDArray[np.float64]

COVERED = 0.8
"""Share of resamples whose first places the candidates for an emotion hold."""

CROWD = 0.25
"""Share of the regions above which there are too many candidates to name one."""


def rank(
    table: Table, found: Scores, stability: Stability, permuted: Null, vectors: Floats | None
) -> dict[str, list[RegionScore]]:
    """Every region's tie to every emotion, strongest first."""
    p_values = permuted.p_values(found.score)
    effects = _effects(table)
    turns = None if vectors is None else _turns(table, vectors)
    total = stability.resamples
    ranking: dict[str, list[RegionScore]] = {}
    for k, emotion in enumerate(table.emotions):
        rows = [
            RegionScore(
                region=name,
                emotion=emotion,
                score=float(found.score[r, k]),
                tie=float(found.tie[r, k]),
                direct=float(found.direct[r, k]),
                frequency=int(stability.ties[r, k]) / total,
                frequency_ci95=wilson(int(stability.ties[r, k]), total),
                top_frequency=int(stability.top[r, k]) / total,
                p_null=float(p_values[r, k]),
                effect=float(effects[r, k]),
                partial=float(found.partial[r, k]),
                marginal=float(found.marginal[r, k]),
                vector=None if turns is None else (float(turns[r, k, 0]), float(turns[r, k, 1])),
            )
            for r, name in enumerate(table.regions)
        ]
        ranking[emotion] = sorted(rows, key=lambda s: -s.score)
    return ranking


def _effects(table: Table) -> Floats:
    """Cohen's d of each region, each emotion against the rest, ``(R, K)``."""
    out = np.zeros((len(table.regions), len(table.emotions)))
    for k in range(len(table.emotions)):
        shows = table.labels == k
        if shows.sum() < 2 or (~shows).sum() < 2:
            continue
        one, rest = table.motion[shows], table.motion[~shows]
        squares = ((one - one.mean(axis=0)) ** 2).sum(axis=0) + ((rest - rest.mean(axis=0)) ** 2).sum(axis=0)
        spread = np.sqrt(squares / (len(table.motion) - 2))
        out[:, k] = (one.mean(axis=0) - rest.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return out


def _turns(table: Table, vectors: Floats) -> Floats:
    """Mean displacement of each emotion less that of the rest, ``(R, K, 2)``."""
    chosen = vectors[np.ix_(table.rows, table.columns)]
    out = np.zeros((len(table.regions), len(table.emotions), 2))
    for k in range(len(table.emotions)):
        shows = table.labels == k
        if shows.any() and not shows.all():
            out[:, k] = chosen[shows].mean(axis=0) - chosen[~shows].mean(axis=0)
    return out


def judge(emotion: str, scored: Sequence[RegionScore], table: Table, found: Scores, level: float) -> Finding:
    """Name the emotion's highest scoring region, or abstain."""
    k = table.emotions.index(emotion)
    best = scored[0]
    if best.score == 0:
        shown = bool((table.labels == k).any())
        why = f"within subjects, {emotion} is never seen beside another emotion" if shown else f"no row shows {emotion}"
        return Finding(emotion, None, why, (), tuple(scored), None)
    plain = table.regions[int(found.tie[:, k].argmax())]
    candidates = _candidates(scored)
    region: str | None = None
    if best.p_null > level:
        reason = (
            f"the highest score, of {best.region}, is reached in {best.p_null:.3f} of the draws with permuted labels "
            f"(at most {level:g} was asked)"
        )
    elif len(candidates) > max(1, CROWD * len(scored)):
        reason = f"the resamples disagree: it takes {len(candidates)} regions to cover {COVERED:.0%} of them"
    else:
        region = best.region
        reason = (
            f"{region} moves {best.direction} than with other emotions (d {best.effect:.2f}), p {best.p_null:.3f} "
            "against permuted labels"
        )
        others = [c for c in candidates if c != region]
        reason += f"; it could be {' or '.join(others)} instead" if others else ""
    return Finding(emotion, region, reason, candidates, tuple(scored), plain)


def _candidates(scored: Sequence[RegionScore]) -> tuple[str, ...]:
    """The highest score's region, then the fewest others with which it comes first in enough resamples."""
    ordered = [scored[0], *sorted(scored[1:], key=lambda s: -s.top_frequency)]
    covered = np.cumsum([s.top_frequency for s in ordered])
    count = int((covered < COVERED - 1e-9).sum()) + 1
    return tuple(s.region for s in ordered[:count])


def overall(
    ranking: Mapping[str, list[RegionScore]],
    table: Table,
    stability: Stability,
    found: Scores,
    findings: Sequence[Finding],
) -> Finding:
    """Every region by its highest score; the one named is the highest that is named for an emotion."""
    total = stability.resamples
    rows = []
    for r, name in enumerate(table.regions):
        best = max((s for scored in ranking.values() for s in scored if s.region == name), key=lambda s: s.score)
        rows.append(
            RegionScore(
                region=name,
                emotion=best.emotion,
                score=best.score,
                tie=best.tie,
                direct=best.direct,
                frequency=int(stability.overall_tied[r]) / total,
                frequency_ci95=wilson(int(stability.overall_tied[r]), total),
                top_frequency=int(stability.overall_top[r]) / total,
                p_null=best.p_null,
                effect=best.effect,
                partial=best.partial,
                marginal=best.marginal,
                vector=best.vector,
            )
        )
    rows.sort(key=lambda s: -s.score)
    plain = table.regions[int(found.tie.max(axis=1).argmax())] if rows[0].score > 0 else None
    candidates = _candidates(rows) if rows[0].score > 0 else ()
    named = [f for f in findings if not f.abstained]
    if not named:
        return Finding("", None, "no region is named for any emotion", candidates, tuple(rows), plain)
    first = max(named, key=lambda f: f.ranking[0].score)
    return Finding("", first.region, f"for {first.emotion}: {first.reason}", candidates, tuple(rows), plain)


def flags(findings: Sequence[Finding], reports: Sequence[Control], regions: int) -> tuple[str, ...]:
    """Reasons to distrust the regions named: nothing scores as high, or chooses the same region far too often."""
    said: list[str] = []
    for report in reports:
        if report.top is None or report.highest is None:
            continue
        winner, share = max(report.top.items(), key=lambda item: item[1])
        biased = wilson(round(share * report.draws), report.draws)[0] > 2 / regions
        for finding in findings:
            if finding.region is None:
                continue
            region = f"{finding.region}, named for {finding.emotion},"
            score = finding.ranking[0].score
            if biased and finding.region == winner:
                said.append(f"{region} also has the highest score in {share:.0%} of the draws of {report.name}")
            if score <= report.highest:
                said.append(f"{region} scores {score:.2f}, no higher than {report.name} can ({report.highest:.2f})")
    return tuple(said)
