"""One signed gradient step on the pixels (Goodfellow et al., ICLR 2015): the cheapest digital baseline.

Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv
1412.6572; carried out by torchattacks 3.5.1 (MIT) through `mask.digital.adapter`.

Differences from the paper: the step is taken on the 8-bit pixels of the onset and the apex frame (or of the flow map),
with crop, flow and normalisation in the gradient; its size is the threat model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mask.contracts import Scene, WhiteBox

from ._digital import DigitalAttack, run_torchattack

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Fgsm(DigitalAttack):
    """The fast gradient sign method; one forward pass."""

    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        return run_torchattack("FGSM", opened, label, scene)

    def told(self) -> str:
        return "FGSM, 1 step"


create = Fgsm
