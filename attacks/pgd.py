"""Projected gradient descent on the pixels (Madry et al., ICLR 2018): the standard digital baseline.

Source: A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, "Towards Deep Learning Models Resistant to Adversarial
Attacks", ICLR 2018, arXiv 1706.06083; carried out by torchattacks 3.5.1 (MIT) through `mask.digital.adapter`.

Differences from the paper: one random start; the steps are taken on the 8-bit pixels of the onset and the apex frame
(or of the flow map), with crop, flow and normalisation in the gradient; the bound is the threat model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mask.contracts import Scene, WhiteBox

from ._digital import DigitalAttack, run_torchattack

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pgd(DigitalAttack):
    """PGD in Linf; one forward pass a step.

    Args:
        steps: how many.
        alpha: size of a step, in 1/255.
        start: begin at a random point within the bound.
    """

    steps: int = 10
    alpha: float = 2.0
    start: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.alpha > 0:
            raise ValueError(f"steps is {self.steps} and alpha {self.alpha}; expected at least 1 and more than 0")

    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        options = {"alpha": self.alpha / 255, "steps": self.steps, "random_start": self.start}
        return run_torchattack("PGD", opened, label, scene, **options)

    def told(self) -> str:
        return f"PGD, {self.steps} steps of {self.alpha:g}/255"


create = Pgd
