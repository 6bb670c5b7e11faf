"""A random place and motion among those allowed (Brown et al. 2017): the floor every placement must beat."""

from __future__ import annotations

from dataclasses import dataclass

from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.plan import Plan

from ._choose import at


@dataclass(frozen=True)
class Random(Attack):
    """Draws a site uniformly, and a motion."""

    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        site = scene.sites[int(scene.rng.integers(len(scene.sites)))]
        return at(site, scene, "drawn at random", art=self.art)


create = Random
