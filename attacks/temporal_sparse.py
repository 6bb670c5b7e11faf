"""Perturb few frames: on an onset and apex pair, one of them (Wei et al., AAAI 2019).

Source: X. Wei, J. Zhu, S. Yuan, H. Su, "Sparse Adversarial Perturbations for Videos", AAAI 2019, arXiv 1803.02536;
written anew from its published description.

The paper keeps the perturbation off all frames but a few by a temporal mask and makes it small by the l2,1 norm, which
sums the frames' norms. Here the mask leaves the apex alone to be changed (or the onset), and the l2,1 norm of one frame
is its l2 norm.

Differences from the paper: the perturbation is bounded in Linf by the threat model, enforced by the core, and found by
signed gradient steps from zero on cross-entropy less `weight` times the norm, where the paper has no bound and lets
Adam weigh the norm against the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mask.contracts import Scene, WhiteBox
from mask.errors import InvalidPlan

from ._digital import DigitalAttack

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TemporalSparse(DigitalAttack):
    """Signed gradient steps on one frame; one forward pass a step.

    Args:
        frame: which, ``apex`` or ``onset``.
        steps: how many.
        alpha: size of a step, in 1/255.
        weight: of the l2,1 norm against the cross-entropy; the norm is per root of the number of values changed, so
            that it does not depend on the size of the picture.
    """

    frame: Literal["apex", "onset"] = "apex"
    steps: int = 10
    alpha: float = 2.0
    weight: float = 0.0

    def __post_init__(self) -> None:
        if self.frame not in ("apex", "onset"):
            raise ValueError(f"frame is {self.frame!r}; expected apex or onset")
        if self.steps < 1 or not self.alpha > 0 or self.weight < 0:
            raise ValueError(f"steps {self.steps}, alpha {self.alpha}, weight {self.weight}: expected 1, 0, 0 or more")

    def perturb(self, opened: WhiteBox, label: Tensor, scene: Scene) -> Tensor:
        import torch
        from torch.nn import functional

        clean: Tensor = opened.given
        if clean.ndim != 5:
            raise InvalidPlan("a flow map is one picture of two frames; there are no frames to leave unchanged")
        mask = torch.zeros_like(clean)
        mask[:, :, ("onset", "apex").index(self.frame)] = 1
        eps, count = scene.threat.eps / 255, float(mask.sum())
        delta = torch.zeros_like(clean)
        for _ in range(self.steps):
            delta.requires_grad_()
            norm = (delta * mask).square().sum().div(count).add(1e-12).sqrt()
            gain = functional.cross_entropy(opened(clean + delta * mask), label) - self.weight * norm
            (gradient,) = torch.autograd.grad(gain, delta)
            stepped = delta.detach() + self.alpha / 255 * gradient.sign() * mask
            delta = (clean + stepped.clamp(-eps, eps)).clamp(0, 1) - clean
        return (clean + delta).clamp(0, 1)

    def told(self) -> str:
        return f"temporal-sparse, {self.frame} only, {self.steps} steps of {self.alpha:g}/255"


create = TemporalSparse
