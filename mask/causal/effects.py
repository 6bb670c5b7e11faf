"""Interventional evidence: what do(sticker here) does to a surrogate's reading of an emotion.

For each discovery clip that the surrogate reads correctly and each plan, the effect is the change it makes to the
log-odds of the emotion against its strongest rival, clipped so that no single clip decides; the average over clips is
the plan's average causal effect. A sticker is an intervention, so this is a causal statement about the surrogate, and
only evidence about any other recognizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.contracts import Discovery, Prediction
from mask.metrics import bootstrap, per_subject
from mask.plan import Placement, Plan

CLIP = 3.0
"""Largest effect of one clip, in log-odds: a factor of 20."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of every plan on the clips of one emotion.

    Args:
        emotion: the emotion hidden.
        plans: P plans.
        subjects: N subjects, one per clip.
        effect: ``float64 (N, P)``, log-odds lost by the emotion; positive hides it.
        flips: ``bool (N, P)``, whether the surrogate's answer is wrong under the plan.
    """

    emotion: str
    plans: tuple[Plan, ...]
    subjects: tuple[str, ...]
    effect: NDArray[np.float64]
    flips: NDArray[np.bool_]

    @property
    def average(self) -> NDArray[np.float64]:
        """The average causal effect of each plan, ``float64 (P,)``."""
        return np.asarray(self.effect.mean(axis=0), dtype=np.float64)

    def best(self) -> int:
        """The plan of largest average effect; of equal ones that which flips more answers, then the first.

        Effects are clipped, so on a recognizer that is very sure of itself many plans reach the same average.
        """
        return int(np.lexsort((-self.flips.mean(axis=0), -self.average.round(9)))[0])

    def interval(self, plan: int, rng: np.random.Generator) -> tuple[float, float]:
        """95 % interval of one plan's average effect, subjects resampled."""
        column = self.effect[:, plan]
        totals = per_subject(self.subjects, np.column_stack([column, np.ones_like(column)]))
        return bootstrap(totals, lambda sums: sums[:, 0] / sums[:, 1], rng=rng)

    def by_region(self) -> dict[str, float]:
        """For each region, the largest average effect among the plans in it."""
        found: dict[str, float] = {}
        for plan, effect in zip(self.plans, self.average.tolist(), strict=True):
            region = plan.placement.region
            found[region] = max(effect, found.get(region, -np.inf))
        return found


def candidates(discovery: Discovery, art: str) -> tuple[Plan, ...]:
    """Every site with every motion the threat model allows, at the largest allowed size."""
    threat = discovery.threat
    return tuple(
        Plan(Placement(site.x, site.y, threat.area, region=site.region), motion, art)
        for site in discovery.sites
        for motion in threat.motions()
    )


def measure(discovery: Discovery, plans: Sequence[Plan]) -> dict[str, Effects]:
    """Effects of `plans` on each emotion that the surrogate reads correctly in at least one discovery clip.

    Raises:
        ValueError: when the discovery has no surrogate.
    """
    if discovery.surrogate is None:
        raise ValueError("interventional effects need a surrogate; this discovery has none")
    rows: dict[str, list[tuple[str, NDArray[Any], NDArray[Any]]]] = {}
    for clip in discovery.clips:
        emotion = str(clip.emotion)
        clean = discovery.surrogate(clip, ())
        discovery.progress(1)
        if clean.names[0] != emotion:
            continue
        told = discovery.surrogate(clip, plans)
        answered = np.array([s == "ok" for s in told.status])
        effect = np.where(answered, _lost(told, emotion) - _lost(clean, emotion), 0.0)
        wrong = np.array([name is not None and name != emotion for name in told.names])
        rows.setdefault(emotion, []).append((clip.subject, np.clip(effect, -CLIP, CLIP), wrong))
    return {
        emotion: Effects(
            emotion,
            tuple(plans),
            tuple(r[0] for r in found),
            np.stack([r[1] for r in found]),
            np.stack([r[2] for r in found]),
        )
        for emotion, found in rows.items()
    }


def _lost(told: Prediction, emotion: str) -> NDArray[np.float64]:
    """Log-odds of the strongest rival against `emotion`."""
    logs = np.log(np.maximum(told.probabilities, 1e-9))
    k = told.labels.index(emotion)
    rival = np.delete(logs, k, axis=1).max(axis=1)
    return np.asarray(rival - logs[:, k])
