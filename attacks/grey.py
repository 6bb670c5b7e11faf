"""The place and motion of the causal attack with a plain grey square: how much of its success is the drawing's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.plan import Plan

from .causal import Causal


@dataclass(frozen=True)
class Grey(Attack):
    """A control. On a flow map the drawing plays no part, and the two agree by construction.

    Args:
        aim: the attack whose plan is carried out without its drawing.
    """

    aim: Causal = field(default_factory=Causal)

    @property
    def student(self) -> Attack:
        """The evidence is the causal attack's own, gathered with its drawing."""
        return self.aim

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        return replace(self.aim.plan(clip, scene), art="grey")


def create(
    use: str = Causal.use,
    hide: Literal["given", "predicted"] = Causal.hide,
    flow: str = Causal.flow,
    bootstraps: int = Causal.bootstraps,
    scheme: str = Causal.scheme,
    imagine: bool = Causal.imagine,
) -> Grey:
    """The control of ``causal`` of the same options."""
    return Grey(Causal(use, hide, flow, bootstraps, scheme, imagine=imagine))
