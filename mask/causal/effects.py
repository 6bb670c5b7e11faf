"""Interventional evidence: what do(sticker here) does to a surrogate's reading of an emotion.

For each discovery clip that the surrogate reads correctly and each plan, the effect is the change it makes to the
log-odds of the emotion against its strongest rival; the average over clips, of effects clipped so that no single clip
decides, is the plan's average causal effect. A sticker is an intervention, so this is a causal statement about the
surrogate, and only evidence about any other recognizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Discovery, Prediction, Surrogate
from mask.metrics import bootstrap, per_subject
from mask.plan import Motion, Placement, Plan, Site, ThreatModel
from mask.sticker.art import MISLEADING

_IMAGINED: tuple[Motion, ...] = ("skin", "overlay")

_TIE = 1e-3
_MOST = 3.0
"""Largest part of one clip in an average, in log-odds: a factor of 20."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of every plan on the clips of one emotion.

    Args:
        emotion: the emotion hidden.
        plans: P plans.
        subjects: N subjects, one per clip.
        effect: ``float64 (N, P)``, log-odds lost by the emotion, within 3 of 0; positive hides it.
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

    @property
    def worth(self) -> NDArray[np.float64]:
        """What plans are ranked by, ``float64 (P,)``: the average effect, and of equal ones what flips more answers."""
        return worth(self.average, self.flips.mean(axis=0))

    def best(self) -> int:
        """The plan ranked first."""
        return int(np.argmax(self.worth))

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


def candidates(threat: ThreatModel, sites: Sequence[Site], art: str) -> tuple[Plan, ...]:
    """Every site with every motion the threat model allows, at the largest allowed size, site by site.

    Args:
        art: what the stickers show; several drawings, joined by ``+``, are each tried everywhere.
    """
    return tuple(
        Plan(Placement(site.x, site.y, threat.area, region=site.region), motion, drawing)
        for site in sites
        for motion in threat.motions()
        for drawing in art.split("+")
    )


def imaginable(kinetics: Motion, art: str) -> bool:
    """Whether the flow-map model of a sticker stands for a way of moving, and for a drawing; it shows none."""
    return kinetics in _IMAGINED and "+" not in art and art not in MISLEADING


def measure(discovery: Discovery, plans: Sequence[Plan], *, imagine: bool = False) -> dict[str, Effects]:
    """Effects of `plans` on each emotion that the surrogate reads correctly in at least one discovery clip.

    Args:
        discovery: clips and the surrogate.
        plans: P plans.
        imagine: try the plans on flow maps where the surrogate reads such, see `mask.contracts.Surrogate.imagine`.

    Raises:
        ValueError: when the discovery has no surrogate.
    """
    if discovery.surrogate is None:
        raise ValueError("interventional effects need a surrogate; this discovery has none")
    rows: dict[str, list[tuple[str, NDArray[Any], NDArray[Any]]]] = {}
    for clip in discovery.clips:
        emotion = str(clip.emotion)
        seen = discovery.surrogate.imagine(clip) if imagine else clip
        clean = discovery.surrogate(seen, ())
        discovery.progress(1)
        if clean.names[0] != emotion:
            continue
        effect, wrong = effects_on(discovery.surrogate, seen, plans, emotion)
        rows.setdefault(emotion, []).append((clip.subject, np.clip(effect, -_MOST, _MOST), wrong))
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


def effects_on(
    surrogate: Surrogate, clip: Clip, plans: Sequence[Plan], emotion: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What each plan does to the surrogate's reading of one clip.

    Returns:
        ``float64 (P,)``, log-odds lost by `emotion`, 0 where there is no answer; and
        ``bool (P,)``, whether the answer is then another emotion.
    """
    told = surrogate(clip, plans)
    answered = np.array([s == "ok" for s in told.status])
    effect = np.where(answered, log_odds_lost(told, emotion) - log_odds_lost(surrogate(clip, ()), emotion), 0.0)
    wrong = np.array([name is not None and name != emotion for name in told.names])
    return effect, wrong


def worth(effect: NDArray[np.float64], flips: NDArray[Any]) -> NDArray[np.float64]:
    """Effects with ties broken by the share of answers flipped.

    Effects are clipped, so on a recognizer that is very sure of itself many plans have the same.
    """
    return effect + _TIE * flips


def log_odds_lost(told: Prediction, emotion: str) -> NDArray[np.float64]:
    """Log-odds of the strongest rival against `emotion`."""
    logs = np.log(np.maximum(told.probabilities, 1e-9))
    k = told.labels.index(emotion)
    rival = np.delete(logs, k, axis=1).max(axis=1, initial=np.log(1e-9))  # one class has no rival
    return np.asarray(rival - logs[:, k])
