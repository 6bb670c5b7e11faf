"""White-box patch: content by gradient through physics, place by iterative location search (Rao et al., 2020).

Source: S. Rao, D. Stutz, B. Schiele, "Adversarial Training against Location-Optimized Adversarial Patches", ECCV
Workshops 2020, arXiv 2005.02313 (location search); A. Athalye, L. Engstrom, A. Ilyas, K. Kwok, "Synthesizing Robust
Adversarial Examples", ICML 2018, arXiv 1707.07397 (expectation over transformation); total variation and
non-printability as in M. Sharif, S. Bhagavatula, L. Bauer, M. Reiter, "Accessorize to a Crime", CCS 2016. Written anew.

Differences from the papers: the patch is a sticker of the threat model, one draw of physics holds for both frames of a
clip, and content is tiles of 8 bits. Every few steps the patch is compared with itself at the next places to all four
sides, and with another motion where there are several. Every row of every pass is a query. On a flow map, where a
sticker has no content, it falls back to the place and motion the gradient points to. Where the target gives no
gradient, or no query is left for one, the plan is drawn at random, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.errors import BudgetExhausted, InvalidPlan
from mask.geometry import BOX_MM
from mask.plan import Kinetics, Plan, Site

from ._choose import draw_motion
from ._effort import Effort, hidden
from ._offline import chance

if TYPE_CHECKING:
    from ._content import Content

_PLAIN = "heart"


@dataclass(frozen=True)
class EotPatch(Effort, Attack):
    """Optimises content and place together, as hard as `Effort` says.

    Args:
        every: steps between moves; 0 stays where it begins.
        looks: plans looked at on a flow map.
    """

    access: ClassVar[Access] = "gradient"
    every: int = 5
    looks: int = 20

    def __post_init__(self) -> None:
        self.check()
        if self.every < 0 or self.looks < 1:
            raise ValueError(f"every is {self.every} and looks {self.looks}; expected 0 or more, and 1 or more")

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        from ._content import Content, Studio, by_slope, planned

        try:
            opened = scene.target.open()
            label = hidden(scene, opened)
            if clip.flow is not None:
                return by_slope(clip, scene, opened, label, self.looks)
            studio = Studio(clip, scene, opened, label, self)
            site = scene.sites[int(scene.rng.integers(len(scene.sites)))]
            content = Content(studio, scene, self, site, draw_motion(scene))
            self._work(content, scene)
        except (InvalidPlan, BudgetExhausted) as error:
            return chance(scene, f"no gradient to follow: {error}", _PLAIN)
        if content.best is None:
            return chance(scene, "no query left for a gradient", _PLAIN)
        return planned(
            scene, content.best, self, f"content and place by gradient, log-odds {content.best.odds:.2f} left"
        )

    def _work(self, content: Content, scene: Scene) -> None:
        from ._content import afford

        for step in range(self.steps):
            if self.every and step and step % self.every == 0:
                others = self._others(content, scene)
                if afford(scene, (1 + len(others)) * self.draws):
                    content.compare(others)
            if not afford(scene, self.draws):
                return
            content.step()

    def _others(self, content: Content, scene: Scene) -> list[tuple[Site, Kinetics]]:
        places = [(s, content.motion) for s in neighbours(content.site, scene.sites)]
        motions = [m for m in scene.threat.motions() if m != content.motion]
        if motions:
            places.append((content.site, motions[int(scene.rng.integers(len(motions)))]))
        return places


def neighbours(site: Site, sites: tuple[Site, ...]) -> list[Site]:
    """The nearest other site to the left, to the right, above and below, where there is one."""
    found = []
    for across, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beyond = []
        for s in sites:
            dx, dy = (s.x - site.x) * BOX_MM[0], (s.y - site.y) * BOX_MM[1]
            along, aside = across * dx + down * dy, abs(across * dy) + abs(down * dx)
            if along > 1e-9 and aside <= along:
                beyond.append((along + aside, s.x, s.y, s))
        if beyond:
            found.append(min(beyond)[3])
    return found


create = EotPatch
