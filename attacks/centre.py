"""The middle of the face, always: what a placement method must beat to be one."""

from __future__ import annotations

from dataclasses import dataclass

from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.plan import Plan

from ._choose import at, nearest


@dataclass(frozen=True)
class Centre(Attack):
    """Takes the allowed site nearest the middle of the face box."""

    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        return at(nearest(scene.sites, 0.5, 0.5), scene, "the middle of the face", art=self.art)


create = Centre
