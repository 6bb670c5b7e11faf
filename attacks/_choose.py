"""What several attacks share: drawing what they do not choose."""

from __future__ import annotations

from collections.abc import Sequence

from mask.contracts import Scene
from mask.plan import Kinetics, Placement, Plan, Site


def draw_motion(scene: Scene) -> Kinetics:
    """A motion the threat model allows, drawn at random: an attack that chooses none gets no free choice."""
    motions = scene.threat.motions()
    return motions[int(scene.rng.integers(len(motions)))]


def at(site: Site, scene: Scene, evidence: str, *, motion: Kinetics | None = None, art: str = "heart") -> Plan:
    """A plan of the largest allowed sticker at a site; of several drawings, one at random."""
    drawings = art.split("+")
    drawing = drawings[int(scene.rng.integers(len(drawings)))] if len(drawings) > 1 else art
    placement = Placement(site.x, site.y, scene.threat.area, region=site.region)
    return Plan(placement, motion or draw_motion(scene), drawing, evidence)


def nearest(sites: Sequence[Site], x: float, y: float) -> Site:
    """The site nearest a face-box point; ties go to the first."""
    return min(sites, key=lambda s: (s.x - x) ** 2 + (s.y - y) ** 2)
