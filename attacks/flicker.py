"""One colour offset per frame, the same for all its pixels: a flicker (Pony et al., CVPR 2021).

Source: R. Pony, I. Naeh, S. Mannor, "Over-the-Air Adversarial Flickering Attacks against Video Recognition Networks",
CVPR 2021, arXiv 2002.05123; written anew from its published description: the offset of every frame and channel is
found by Adam on the clipped squared margin plus regularisers of thickness (the offsets' mean square) and roughness
(that of their first and second differences in time, taken round the clip's end).

Differences from the paper: the offsets are bounded in Linf by the threat model, enforced by the core; the clip is its
onset and apex frame; a flow map is one frame of channels (u, v, strain), whose offset has no roughness; the margin is
of log-probabilities; the best of all steps is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mask.contracts import Scene, WhiteBox

from ._digital import DigitalAttack

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Flicker(DigitalAttack):
    """Adam on the offsets; one forward pass a step.

    Args:
        steps: how many.
        rate: Adam's learning rate, as a share of the bound.
        weight: of the regularisers against the margin (the paper's beta_0).
        margin: by how much log-probability another class is to be ahead (the paper's m, in probability there).
    """

    steps: int = 20
    rate: float = 0.25
    weight: float = 0.01
    margin: float = 0.05

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.rate > 0 or self.weight < 0 or self.margin < 0:
            raise ValueError(f"{self}: expected steps of 1 or more, a positive rate, weight and margin of 0 or more")

    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        import torch

        clean: Tensor = opened.given
        eps = scene.threat.eps / 255
        offset = torch.zeros(*clean.shape[:-2], 1, 1, device=clean.device, requires_grad=True)
        best, lead = clean, -torch.inf
        optimiser = torch.optim.Adam([offset], lr=self.rate * eps)
        for _ in range(self.steps + 1):
            # The core rounds to 8 bits: so is what is judged here, while gradients pass by the rounding.
            shown = (clean + offset).clamp(0, 1)
            shown = shown + ((shown * 255).round() / 255 - shown).detach()
            ahead = _ahead(opened(shown), label)
            if ahead.item() > lead:
                best, lead = shown.detach(), ahead.item()
            loss = (self.margin - ahead).clamp(min=0).square() + self.weight * _visible(offset / eps)
            optimiser.zero_grad()
            (offset.grad,) = torch.autograd.grad(loss, offset)
            optimiser.step()
            offset.data.clamp_(-eps, eps)
        return best

    def told(self) -> str:
        return f"flicker, one colour a frame, {self.steps} steps"


def _ahead(logits: Tensor, label: Tensor) -> Tensor:
    """The log-probability of the likeliest other class less that of the label."""
    told = logits[0].log_softmax(0)
    others = told.clone()
    others[label] = -float("inf")
    return others.max() - told[label[0]]


def _visible(offset: Tensor) -> Tensor:
    """Thickness and roughness of offsets ``(1, 3, T, 1, 1)`` or ``(1, 3, 1, 1)``, in shares of the bound."""
    thick = offset.square().mean()
    if offset.ndim == 4:
        return thick
    before, after = offset.roll(1, dims=2), offset.roll(-1, dims=2)
    return thick + (offset - before).square().mean() + (after - 2 * offset + before).square().mean()


create = Flicker
