"""How well a ranking of regions predicts what interventions measured there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

LEAST = 4
"""Regions below which a rank correlation says nothing."""


def agreement(scores: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, Any]:
    """Compare scores of regions with measured effects there.

    Args:
        scores: by region; regions that were not measured are left out.
        measured: the interventional effect by region, in log-odds.

    Returns:
        ``regions``, how many both know; ``spearman`` with its two-sided ``p``; ``top_agrees``, whether the region of
        highest score is that of largest effect, beside ``chance``; ``regret``, the effect lost by going by the score,
        in log-odds. `None` where fewer than `LEAST` regions can be compared or a ranking is flat.

    >>> agreement({"a": 3, "b": 2, "c": 1, "d": 0}, {"a": 0.9, "b": 0.5, "c": 0.4, "d": 0.1})["spearman"]
    1.0
    """
    both = [r for r in scores if r in measured]
    if len(both) < LEAST:
        return {"regions": len(both), "spearman": None, "p": None, "top_agrees": None, "chance": None, "regret": None}
    told, found = np.array([scores[r] for r in both]), np.array([measured[r] for r in both])
    flat = np.ptp(told) == 0 or np.ptp(found) == 0
    ranks = None if flat else stats.spearmanr(told, found)
    named = int(np.argmax(told))
    return {
        "regions": len(both),
        "spearman": None if ranks is None else float(ranks.statistic),
        "p": None if ranks is None else float(ranks.pvalue),
        "top_agrees": bool(found[named] == found.max()),
        "chance": 1 / len(both),
        "regret": float(found.max() - found[named]),
    }


def calibrate(scores: Mapping[str, float], measured: Mapping[str, float], alpha: float = 0.05) -> dict[str, float]:
    """What scores are worth in log-odds: the line that best predicts the measured effects from them, about its mean.

    Returns:
        Log-odds by region for every region with a score; all 0 where the ranks do not agree at level `alpha`, so that
        evidence which did not predict interventions decides nothing.
    """
    told = agreement(scores, measured)
    rank, p = told["spearman"], told["p"]
    if rank is None or rank <= 0 or p >= alpha:
        return dict.fromkeys(scores, 0.0)
    both = [r for r in scores if r in measured]
    slope, _ = np.polyfit([scores[r] for r in both], [measured[r] for r in both], 1)
    middle = float(np.mean([scores[r] for r in both]))
    return {r: float(max(slope, 0.0) * (v - middle)) for r, v in scores.items()}
