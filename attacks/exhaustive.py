"""Every allowed place and motion: the per-clip best, an upper bound on any placement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Placement, Plan


@dataclass(frozen=True)
class Exhaustive(Attack):
    """Asks the target about every plan the budget allows, in random order, and keeps the best.

    Best is the lowest probability of the emotion to hide, or, when that is not known, of the clip's commonest answer.
    """

    access: ClassVar[Access] = "score"
    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        area = scene.threat.area
        plans = [
            Plan(Placement(s.x, s.y, area, region=s.region), m, self.art, "best of all places tried")
            for s in scene.sites
            for m in scene.threat.motions()
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
        if not answered.any():
            return plans[0]
        hide = scene.hide if scene.hide in told.labels else _commonest([n for n in told.names if n])
        left = np.where(answered, told.of(hide), np.inf)
        wrong = np.array([n is not None and n != hide for n in told.names])
        # A wrong answer beats any probability: with ties and calibration, the lowest is not always a flip.
        return plans[int(np.lexsort((left, ~wrong))[0])]


def _commonest(names: list[str]) -> str:
    return max(dict.fromkeys(names), key=names.count)


create = Exhaustive
