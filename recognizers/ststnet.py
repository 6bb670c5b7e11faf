"""STSTNet: three shallow streams over onset-to-apex flow and strain (Liong et al., FG 2019).

Source: S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor, Y.-C. Huang, "Shallow Triple Stream Three-dimensional CNN
(STSTNet) for Micro-expression Recognition", FG 2019, written from the paper. The published weights (one per
held-out subject of MEGC2019) load as they are; their channels arrive as (strain, v, u) in 0..255 and their labels
are negative, positive, surprise.

Differences from the paper: dropout is not used after the pooling of each stream when published weights are
evaluated (it is off then anyway); our own training uses fewer, larger steps (`STSTNet.learn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.clip import Clip
from mask.contracts import Progress, Reads
from mask.flow import METHODS, encode, flow_maps, tvl1
from mask.torch_recognizer import Inputs, Trainable

from . import _bank
from ._steps import train

PUBLISHED_LABELS = ("negative", "positive", "surprise")


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (strain, v, u) in 0..255 to logits ``(N, K)``; 1,683 parameters at K = 3."""

    STREAMS = (3, 5, 8)

    def __init__(self, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        for i, width in enumerate(self.STREAMS, start=1):
            self.add_module(f"conv{i}", nn.Conv2d(3, width, 3, padding=2))
            self.add_module(f"bn{i}", nn.BatchNorm2d(width))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(25 * sum(self.STREAMS), classes)

    def forward(self, maps: Tensor) -> Tensor:
        # The three streams read the same input with kernels of equal size: one convolution does the work of three.
        convs = [getattr(self, f"conv{i}") for i in (1, 2, 3)]
        weight = torch.cat([c.weight for c in convs])
        bias = torch.cat([c.bias for c in convs])
        x = functional.conv2d(maps, weight, bias, padding=2)
        if self.training or not self._rising():
            x = self._normalise(functional.relu(x, inplace=True))
            x = self.dropout(functional.max_pool2d(x, 3, 3, 1))
        else:
            # Rectifying and a normalisation of positive gain keep the order of numbers, so the largest may be taken
            # first: the same result from a ninth of the work.
            x = self._normalise(functional.relu(functional.max_pool2d(x, 3, 3, 1), inplace=True))
        x = functional.avg_pool2d(x, 2, 2)
        logits: Tensor = self.fc(x.flatten(1))
        return logits

    def _rising(self) -> bool:
        return all(bool((getattr(self, f"bn{i}").weight > 0).all()) for i in (1, 2, 3))

    def _normalise(self, x: Tensor) -> Tensor:
        parts = x.split(self.STREAMS, dim=1)
        return torch.cat([getattr(self, f"bn{i}")(part) for i, part in enumerate(parts, start=1)], dim=1)


class STSTNet(Trainable):
    """STSTNet on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    reads: Reads = "flow"

    def __init__(
        self,
        labels: Sequence[str],
        *,
        flow: str = "tvl1",
        size: int = 140,
        epochs: int = 150,
        rate: float = 2e-3,
    ) -> None:
        if flow not in METHODS:
            raise ValueError(f"flow is {flow!r}; expected one of {', '.join(METHODS)}")
        super().__init__("ststnet", labels, Network(len(labels)), size=size, batch=128)
        self.flow, self.epochs, self.rate = flow, epochs, rate

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """The flow map of each clip, ``uint8 (28, 28, 3)`` as (u, v, strain), or `None` where no face is found."""
        given = iter([c.flow for c in clips if c.flow is not None])
        pairs = super().inputs([c for c in clips if c.flow is None])
        seen = [pair for pair in pairs if pair is not None]
        maps = iter(flow_maps(np.stack(seen), method=self.flow) if seen else ())
        made = iter([None if pair is None else next(maps) for pair in pairs])
        return [next(made) if c.flow is None else next(given) for c in clips]

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """``float32 (N, 3, 28, 28)`` maps (strain, v, u) in 0..255."""
        # Channels stay last in memory, as they come: the network is twice as fast on that.
        stored = torch.from_numpy(np.stack(inputs)).to(self.device)
        return stored.flip(-1).permute(0, 3, 1, 2).float()

    def answer(self, given: Tensor) -> Tensor:
        """Logits ``(N, K)`` of maps as `tensor` gives them."""
        result: Tensor = self.module(given)
        return result

    def flow_logits(self, maps: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in [0, 1], as a clip of flow holds them."""
        return self.answer(maps.flip(1) * 255)

    def logits(self, video: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, 2, S, S)`` in [0, 1] through TV-L1, strain, the resize and the per-image stretch.

        All of it is part of the attacked graph. The flow here is always TV-L1, the one method with a gradient.
        """
        grey = video.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1, 1)
        onset, apex = (video * grey).sum(dim=1, keepdim=True).unbind(dim=2)
        maps = encode(tvl1(onset, apex))
        result: Tensor = self.module(maps.flip(1))
        return result

    def fresh(self, labels: Sequence[str]) -> Self:
        return type(self)(labels, **self.options())

    def options(self) -> dict[str, Any]:
        return {"flow": self.flow, "size": self.size, "epochs": self.epochs, "rate": self.rate}

    def learn(self, inputs: Tensor, targets: Tensor, generator: torch.Generator, progress: Progress) -> None:
        optimiser = torch.optim.Adam(self.module.parameters(), lr=self.rate)
        train(
            self.module,
            optimiser,
            _to_maps(inputs),
            targets,
            classes=len(self.labels),
            epochs=self.epochs,
            batch=64,
            generator=generator,
            augment=_mirror_some,
            schedule=torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.epochs),
            progress=progress,
        )


def _to_maps(stored: Tensor) -> Tensor:
    """``uint8 (N, 28, 28, 3)`` as (u, v, strain) to ``float32 (N, 3, 28, 28)`` as (strain, v, u)."""
    planes = stored.flip(-1).permute(0, 3, 1, 2)
    return planes.to(torch.float32, memory_format=torch.contiguous_format)


def _mirror_some(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror half of the maps; a mirrored face moves the other way, so u changes its sign about its mid-range."""
    chosen = torch.rand(len(maps), generator=generator) < 0.5
    out = maps.clone()
    flipped = maps[chosen].flip(-1)
    flipped[:, 2] = 255 - flipped[:, 2]
    out[chosen] = flipped
    return out


def create(
    weights: str | None = None, flow: str = "tvl1", size: int = 140, epochs: int = 150, rate: float = 2e-3
) -> Any:
    """STSTNet: trained or published weights when `weights` names a folder of them, untrained otherwise."""

    def build(saved: dict[str, Any], labels: tuple[str, ...]) -> STSTNet:
        asked: dict[str, Any] = {"flow": flow, "size": size, "epochs": epochs, "rate": rate}
        return STSTNet(labels, **(asked | saved))

    if weights is None:
        return build({}, PUBLISHED_LABELS)
    return _bank.load("ststnet", build, Path(weights), PUBLISHED_LABELS)
