"""One fixed region, or every one in turn: the constant placements a method must beat."""

from __future__ import annotations

from dataclasses import dataclass

from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.errors import InvalidPlan
from mask.plan import Plan
from mask.regions import load, region_sites

from ._choose import at


@dataclass(frozen=True)
class Region(Attack):
    """Always the allowed site nearest the middle of one region."""

    name: str
    scheme: str = "mesh"
    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        site = region_sites(load(self.scheme), scene.threat, clip.space, scene.step)[self.name]
        if site is None:
            raise InvalidPlan(
                f"region {self.name!r} cannot carry a {scene.threat.kinetics} sticker of {scene.threat.area:.3f} of it"
            )
        return at(site, scene, f"always {self.name}", art=self.art)


def create(name: str = "", scheme: str = "mesh", art: str = "heart") -> Region | tuple[Region, ...]:
    """The attack on one region, or, without `name`, one attack per region of the scheme."""
    known = load(scheme).names
    if not name:
        return tuple(Region(n, scheme, art) for n in known)
    if name not in known:
        raise ValueError(f"there is no region {name!r} in {scheme}; there are {', '.join(known)}")
    return Region(name, scheme, art)
