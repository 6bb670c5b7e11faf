"""What digital attacks share: they see the recognizer laid open and propose changed pixels."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene, WhiteBox
from mask.digital import Perturbation
from mask.errors import BudgetExhausted, InvalidPlan

from ._effort import hidden

if TYPE_CHECKING:
    from torch import Tensor


class DigitalAttack(Attack):
    """Changes pixels by at most the threat model's `eps`, knowing everything about the recognizer (white box).

    The emotion left is the one to hide or, when the wearer does not know it, the clip's own prediction, which costs a
    query. The core rounds to 8 bits, holds the result to `eps` and counts.
    """

    access: ClassVar[Access] = "gradient"
    digital: ClassVar[bool] = True

    def plan(self, clip: Clip, scene: Scene) -> Perturbation:
        import torch

        try:
            opened = scene.target.open()
            label = torch.tensor([hidden(scene, opened)], device=opened.given.device)
            changed = self.perturb(opened, label, scene)
        except BudgetExhausted as error:
            raise InvalidPlan(f"it takes more looks at the target than the budget allows: {error}") from error
        except ValueError as error:
            raise InvalidPlan(f"it cannot work on this clip: {error}") from error
        return opened.propose(changed, f"{self.told()}, eps {scene.threat.eps}/255, {clip.space}")

    @abstractmethod
    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        """Changed pixels shaped as ``opened.given``; `label` is ``int64 (1,)``."""

    @abstractmethod
    def told(self) -> str:
        """The attack and its parameters, for results."""


def run_torchattack(name: str, opened: WhiteBox, label: Tensor, scene: Scene, **options: object) -> Tensor:
    """Run an attack of torchattacks within the threat model."""
    from mask.digital import adapter

    return adapter.perturb(
        name,
        opened,
        opened.given,
        label,
        classes=len(opened.labels),
        eps=scene.threat.eps / 255,
        seed=int(scene.rng.integers(2**31)),
        **options,
    )
