"""Robust physical perturbations in two stages: L1 to find the region, then content inside it (Eykholt et al., 2018).

Source: K. Eykholt, I. Evtimov, E. Fernandes, B. Li, A. Rahmati, C. Xiao, A. Prakash, T. Kohno, D. Song, "Robust
Physical-World Attacks on Deep Learning Visual Classification", CVPR 2018, arXiv 1707.08945. Written anew.

Differences from the paper: the first stage is free in every pixel of the onset and the apex frame (a sparse L1 change,
not one painted on), and the region is the allowed place whose sticker covers most of it. The second stage is content in
tiles under expectation over transformation, with the physics of `mask.sticker.physics` where the paper photographed
its objects. Every row of every pass is a query. On a flow map, where a sticker has no content, it falls back to the
place and motion the gradient points to. Where the target gives no gradient, or no query is left for one, the plan is
drawn at random, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene, WhiteBox
from mask.errors import BudgetExhausted, InvalidPlan
from mask.plan import Kinetics, Plan, Site

from ._choose import draw_motion
from ._effort import Effort, hidden
from ._offline import chance

if TYPE_CHECKING:
    from ._content import Studio

_PLAIN = "heart"
_STEP = 0.05
"""The largest change of a pixel in one step of the first stage."""


@dataclass(frozen=True)
class Rp2(Effort, Attack):
    """Finds the region first and the content then, as hard as `Effort` says.

    Args:
        search: steps of the first stage, each a query.
        sparsity: weight of the L1 norm there, as a share of the largest gradient: pixels of less are left alone.
        looks: plans looked at on a flow map.
    """

    access: ClassVar[Access] = "gradient"
    search: int = 20
    sparsity: float = 0.1
    looks: int = 20

    def __post_init__(self) -> None:
        self.check()
        if self.search < 1 or not 0 <= self.sparsity < 1:
            raise ValueError(f"search is {self.search} and sparsity {self.sparsity}; expected 1 or more, and 0 to 1")

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        from ._content import Content, Studio, afford, by_slope, planned

        try:
            opened = scene.target.open()
            label = hidden(scene, opened)
            if clip.flow is not None:
                return by_slope(clip, scene, opened, label, self.looks)
            studio = Studio(clip, scene, opened, label, self)
            motion = draw_motion(scene)
            content = Content(studio, scene, self, self._region(studio, opened, label, motion, scene), motion)
            for _ in range(self.steps):
                if not afford(scene, self.draws):
                    break
                content.step()
        except (InvalidPlan, BudgetExhausted) as error:
            return chance(scene, f"no gradient to follow: {error}", _PLAIN)
        if content.best is None:
            return chance(scene, "no query left for a gradient", _PLAIN)
        return planned(
            scene, content.best, self, f"where a sparse change acts most, log-odds {content.best.odds:.2f} left"
        )

    def _region(self, studio: Studio, opened: WhiteBox, label: int, motion: Kinetics, scene: Scene) -> Site:
        """The place whose sticker covers most of a sparse change that hides the emotion."""
        import torch

        from ._content import afford, odds_of

        change = torch.zeros_like(opened.given)
        for _ in range(self.search):
            if not afford(scene, 1 + self.draws):
                break
            change.requires_grad_()
            odds = odds_of(opened((opened.given + change).clamp(0, 1)), label).sum()
            (slope,) = torch.autograd.grad(odds, change)
            # A gradient step, then the proximal step of the L1 norm.
            moved = change.detach() - _STEP * slope / slope.abs().amax().clamp_min(1e-12)
            change = moved.sign() * (moved.abs() - _STEP * self.sparsity).clamp_min(0)
        size = change.detach().abs().sum(dim=(1, 2))[0]
        covered = [float((studio.cover(site, motion) * size).sum()) for site in scene.sites]
        return scene.sites[max(range(len(covered)), key=covered.__getitem__)]


create = Rp2
