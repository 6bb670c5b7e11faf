"""Several small stickers of the same whole area in place of one, put on one after the other.

A greedy choice: each sticker goes to where it hides the emotion best beside those chosen before it, on a surrogate the
attacker owns (``on=surrogate``), on the target itself (``on=target``, a bound for whoever may ask that often), or to a
place drawn at random (``on=chance``, the control). The motion is chosen with the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mask.causal.effects import candidates
from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.errors import InvalidPlan
from mask.plan import Plan

from ._compose import Judge, compose, share
from ._offline import chance, stage
from ._search import commonest, margin


@dataclass(frozen=True)
class Pieces(Attack):
    """As many stickers as the threat model allows, of equal size, chosen on the surrogate or at random."""

    on: str = "surrogate"
    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        if self.on == "chance":
            return _compose(clip, scene, self.art, lambda plans: scene.rng.random(len(plans)), "drawn at random")
        owned = scene.surrogate
        if owned is None:
            return chance(scene, "no surrogate to try plans on", self.art)
        seen = stage(clip, owned, scene.threat.kinetics, self.art)
        clean = owned(seen, ())
        label = scene.hide if scene.hide in clean.labels else clean.names[0]
        if label is None:
            return chance(scene, "the surrogate does not read this clip", self.art)
        return _compose(
            clip, scene, self.art, lambda plans: margin(owned(seen, plans), label), "each hides best on the surrogate"
        )


@dataclass(frozen=True)
class PiecesBest(Pieces):
    """The same, chosen on the target as long as the budget lasts."""

    access: ClassVar[Access] = "score"
    on: str = "target"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        label = scene.hide

        def judge(plans: Sequence[Plan]) -> NDArray[np.float64]:
            nonlocal label
            left = scene.target.remaining
            asked = list(plans) if left is None else list(plans)[:left]
            lost = np.full(len(plans), np.inf)
            if asked:
                told = scene.target.score(asked)
                label = label if label in told.labels else commonest(told.names)
                lost[: len(asked)] = np.inf if label is None else margin(told, label)
            return lost

        return _compose(clip, scene, self.art, judge, "each the best asked about on the target")


def _compose(clip: Clip, scene: Scene, art: str, judge: Judge, why: str) -> Plan:
    area, sites = share(scene)
    if not sites:
        raise InvalidPlan("the threat model allows no place at all")
    # In random order, so that a budget that does not last for all has seen a random part of them.
    places = [sites[i] for i in scene.rng.permutation(len(sites))]
    plans = candidates(replace(scene.threat, area=area), places, art)
    best = compose(clip, scene, plans, judge)
    return replace(best, evidence=f"{len(best.placements)} of {area:.2%} of the face each; {why}")


def create(on: str = "surrogate", art: str = "heart") -> Pieces:
    """Several small stickers.

    Args:
        on: ``surrogate``, ``target`` or ``chance``: what they are chosen on.
        art: their drawing.

    Raises:
        ValueError: for another `on`.
    """
    if on not in ("surrogate", "target", "chance"):
        raise ValueError(f"on is {on!r}; expected surrogate, target or chance")
    return PiecesBest(art=art) if on == "target" else Pieces(on, art)
