"""Every allowed place and motion: the per-clip best, an upper bound on any placement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mask.causal.effects import candidates
from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Plan

from ._search import commonest


@dataclass(frozen=True)
class Exhaustive(Attack):
    """Asks the target about every plan the budget allows, in random order, and keeps the best.

    Best is the lowest probability of the emotion to hide, or, when that is not known, of the clip's commonest answer.
    """

    access: ClassVar[Access] = "score"
    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        plans = [
            replace(p, evidence="best of all places tried") for p in candidates(scene.threat, scene.sites, self.art)
        ]
        remaining = scene.target.remaining
        # In random order even when all are asked about, so that success after q queries is that of q random plans.
        plans = [plans[i] for i in scene.rng.permutation(len(plans))]
        if remaining is not None:
            plans = plans[: max(1, remaining)]
        if remaining == 0:
            return plans[0]
        told = scene.target.score(plans)
        answered = np.array([s == "ok" for s in told.status])
        hide = scene.hide if scene.hide in told.labels else commonest(told.names)
        if hide is None or not answered.any():
            return plans[0]
        left = np.where(answered, told.of(hide), np.inf)
        wrong = np.array([n is not None and n != hide for n in told.names])
        # A wrong answer beats any probability: with ties and calibration, the lowest is not always a flip.
        return plans[int(np.lexsort((left, ~wrong))[0])]


create = Exhaustive
