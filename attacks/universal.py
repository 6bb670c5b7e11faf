"""One plan for everybody, or for each emotion: the one that flips most clips of other people on a surrogate.

Source: S.-M. Moosavi-Dezfooli, A. Fawzi, O. Fawzi, P. Frossard, "Universal Adversarial Perturbations", CVPR 2017,
arXiv:1610.08401, and T. B. Brown et al., "Adversarial Patch", 2017, arXiv:1712.09665, for one patch on many images;
written anew.

Differences from the papers: what is chosen is a place and a motion, by trying every allowed one on the discovery
clips, where the papers optimise pixels by gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mask.causal.effects import Effects, candidates, imaginable, measure
from mask.clip import Clip
from mask.contracts import Attack, Discovery, Evidence, Scene
from mask.plan import Plan

from ._offline import chance

ALL = ""


@dataclass(frozen=True)
class Universal(Attack):
    """Learns one plan from discovery clips and uses it on every clip.

    Args:
        per_emotion: learn one for each emotion, and use that of the emotion to hide where it is known.
    """

    per_emotion: bool = False
    art: str = "heart"

    def discover(self, discovery: Discovery) -> Evidence | None:
        """Count the discovery clips each plan flips; of equals, that of largest average effect."""
        if discovery.surrogate is None:
            return None
        plans = candidates(discovery.threat, discovery.sites, self.art)
        found = measure(discovery, plans, imagine=imaginable(discovery.threat.kinetics, self.art))
        if not found:
            return None
        groups = {ALL: list(found.values())}
        if self.per_emotion:
            groups |= {emotion: [effects] for emotion, effects in found.items()}
        chosen = {name: _best(plans, group) for name, group in groups.items()}
        told = "; ".join(f"{name or 'all'}: {c['plan']['placement']['region']}" for name, c in chosen.items())
        return Evidence(f"the plans that flip most discovery clips on the surrogate: {told}", {"chosen": chosen})

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        if scene.evidence is None:
            return chance(scene, "nothing could be learnt from discovery clips", self.art)
        chosen = scene.evidence.data["chosen"]
        data = chosen.get(scene.hide, chosen[ALL])
        why = f"flips {data['flips']} of {data['clips']} discovery clips on the surrogate, most of all plans"
        return Plan.from_json({**data["plan"], "evidence": why})


def _best(plans: Sequence[Plan], group: Sequence[Effects]) -> dict[str, Any]:
    """The plan that flips most clips; of equals, that of largest average effect."""
    flips = np.concatenate([e.flips for e in group])
    effect = np.concatenate([e.effect for e in group]).mean(axis=0)
    best = int(np.lexsort((-effect, -flips.sum(axis=0)))[0])
    return {"plan": plans[best].to_json(), "flips": int(flips[:, best].sum()), "clips": len(flips)}


create = Universal
