"""What attacks that never ask the target share: trying plans on what the attacker owns."""

from __future__ import annotations

from dataclasses import replace

from mask.causal.effects import imaginable
from mask.clip import Clip
from mask.contracts import Scene, Surrogate
from mask.errors import InvalidPlan
from mask.plan import Motion, Plan

from ._choose import at


def stage(clip: Clip, surrogate: Surrogate, kinetics: Motion, art: str) -> Clip:
    """The clip that plans are tried on: a flow map, which is cheap, where the surrogate reads one.

    Only for ways of moving and drawings that the flow-map model of a sticker stands for.
    """
    return surrogate.imagine(clip) if imaginable(kinetics, art) else clip


def chance(scene: Scene, why: str, art: str) -> Plan:
    """A plan drawn at random, by an attack that has nothing to go by and says why."""
    if not scene.sites:
        raise InvalidPlan("the threat model allows no place at all")
    site = scene.sites[int(scene.rng.integers(len(scene.sites)))]
    return replace(at(site, scene, f"{why}; drawn at random", art=art), abstained=True)
