"""Which attacks of torchattacks work on clips and on flow maps, found out by running each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from . import adapter
from .adapter import names, perturb, seeded

_BRIEFLY: dict[str, dict[str, Any]] = {
    "EADEN": {"max_iterations": 10, "binary_search_steps": 2},
    "EADL1": {"max_iterations": 10, "binary_search_steps": 2},
    "JSMA": {"gamma": 0.002},
    "SPSA": {"nb_sample": 8},
    "Square": {"n_queries": 20},
}
"""Options that make slow attacks quick enough to be tried; whether they work does not depend on them."""

_EPS = 8 / 255


@dataclass(frozen=True)
class Trial:
    """What became of one class that torchattacks exports.

    Args:
        name: the class.
        clips: it works on the onset and apex frames, ``(N, 3, 2, H, W)``.
        flow: it works on flow maps, ``(N, 3, 28, 28)``.
        why: what keeps it from working, in one line; empty when nothing does.
    """

    name: str
    clips: bool
    flow: bool
    why: str = ""


def survey(chosen: Sequence[str] = (), *, classes: int = 3) -> list[Trial]:
    """Run attacks through the adapter on a small network of few classes.

    Args:
        chosen: which; empty for all.
        classes: of the network; micro-expression recognizers have three or so.

    Returns:
        One trial each, in torchattacks' order. Working means: no error, pixels of the same shape, in [0, 1], within
        the bound, and the network as it was.
    """
    found = []
    for name in chosen or names():
        clips, flow = (_tried(name, shape, classes) for shape in ((2, 3, 2, 20, 16), (2, 3, 28, 28)))
        found.append(Trial(name, not clips, not flow, clips or flow))
    return found


def _tried(name: str, shape: tuple[int, ...], classes: int) -> str:
    """What went wrong, in one line; empty for nothing."""
    if adapter.why_not(name):
        return adapter.why_not(name)
    with seeded(0, torch.device("cpu")):
        network = _Network(shape[1] * (shape[2] if len(shape) == 5 else 1), classes).train()
        network.net[1].eval()
        pixels = torch.rand(shape)
    labels = torch.arange(len(pixels)) % classes
    before = {k: v.clone() for k, v in network.state_dict().items()}
    modes = [m.training for m in network.modules()]
    try:
        changed = perturb(name, network, pixels, labels, classes=classes, eps=_EPS, **_BRIEFLY.get(name, {}))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    if changed.shape != pixels.shape or (changed - pixels).abs().max() > _EPS + 1e-6:
        return "it leaves the shape or the bound"
    if modes != [m.training for m in network.modules()] or any(
        not torch.equal(v, before[k]) for k, v in network.state_dict().items()
    ):
        return "it changes the network"
    return ""


class _Network(nn.Module):
    """Its batch normalisation is frozen, while the rest is in training mode: what attacks are known to spoil."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        head = (nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, classes))
        self.net = nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), *head)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.net(pixels.flatten(1, 2) if pixels.ndim == 5 else pixels)
        return logits
