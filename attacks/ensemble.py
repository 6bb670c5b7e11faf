"""Transfer: the plan that hides the emotion best on an ensemble the attacker owns, clip by clip.

Source: Y. Liu, X. Chen, C. Liu, D. Song, "Delving into Transferable Adversarial Examples and Black-box Attacks", ICLR
2017, arXiv:1611.02770, for attacking an ensemble in order to transfer; written anew.

Differences from the paper: what is chosen is a place and a motion, by trying every allowed one, where the paper
optimises free pixels by gradient; the ensemble is whatever surrogates the attacker was given, answering together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mask.causal.effects import candidates
from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.plan import Plan

from ._offline import chance, stage
from ._search import margin


@dataclass(frozen=True)
class Ensemble(Attack):
    """Takes the plan of lowest log-odds for the emotion to hide, on the surrogate."""

    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        owned = scene.surrogate
        if owned is None:
            return chance(scene, "no surrogate to try plans on", self.art)
        seen = stage(clip, owned, scene.threat.kinetics, self.art)
        clean = owned(seen, ())
        label = scene.hide if scene.hide in clean.labels else clean.names[0]
        plans = candidates(scene.threat, scene.sites, self.art)
        if label is None or not plans:
            return chance(scene, "the surrogate does not read this clip", self.art)
        left = margin(owned(seen, plans), label)
        if not np.isfinite(left).any():
            return chance(scene, "the surrogate answers under no plan", self.art)
        best = int(np.argmin(left))
        return replace(plans[best], evidence=f"hides {label} best on the surrogate, of {len(plans)} plans tried there")


create = Ensemble
