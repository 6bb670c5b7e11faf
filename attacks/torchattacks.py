"""Any attack that torchattacks exports, by its own name: ``torchattacks:name=MIFGSM``; without a name, each that works.

Source: H. Kim, "Torchattacks: A PyTorch Repository for Adversarial Attacks", arXiv 2010.01950, version 3.5.1 (MIT),
called through `mask.digital.adapter`, which says what is repaired; `mask.digital.survey` says which work on what.

Differences: bounded in Linf by the threat model, whatever norm the attack is made for; its other parameters are its
own defaults. The papers are those torchattacks names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mask.contracts import Scene, WhiteBox

from ._digital import DigitalAttack, run_torchattack

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Torchattack(DigitalAttack):
    """One class of torchattacks.

    Args:
        name: as torchattacks exports it.
    """

    name: str

    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        return run_torchattack(self.name, opened, label, scene)

    def told(self) -> str:
        return f"torchattacks {self.name}"


def create(name: str = "") -> Torchattack | tuple[Torchattack, ...]:
    """The attack of that name, or, without one, every attack that torchattacks exports."""
    from mask.digital.adapter import names, why_not

    if not name:
        return tuple(Torchattack(n) for n in names() if not why_not(n))
    if name not in names():
        raise ValueError(f"torchattacks exports no {name!r}; it exports {', '.join(names())}")
    if why_not(name):
        raise ValueError(f"{name} cannot be run: {why_not(name)}")
    return Torchattack(name)
