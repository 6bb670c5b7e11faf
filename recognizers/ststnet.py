"""STSTNet: three shallow streams over onset-to-apex flow and strain (Liong et al., FG 2019).

Source: S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor, Y.-C. Huang, "Shallow Triple Stream Three-dimensional CNN
(STSTNet) for Micro-expression Recognition", FG 2019, written from the paper. The published weights (one per
held-out subject of MEGC2019) load as they are; their channels arrive as (strain, v, u) in 0..255 and their labels
are negative, positive, surprise.

Differences from the paper: our own training takes fewer, larger steps (Adam from 2e-3 along a cosine for 150 epochs of
batches of 64, where the released code takes 5e-5 for 800 epochs of batches of 256), weighs the classes, and mirrors
half of the maps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import _bank
from ._flow import FlowRecognizer
from ._pooled import pooled_norm

_MOMENTUM = 0.1
"""How much a batch counts in the statistics that normalise at evaluation."""


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``; 1,683 parameters at K = 3."""

    STREAMS = (3, 5, 8)

    def __init__(self, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        for i, width in enumerate(self.STREAMS, start=1):
            self.add_module(f"conv{i}", nn.Conv2d(3, width, 3, padding=2))
            self.add_module(f"bn{i}", nn.BatchNorm2d(width, momentum=_MOMENTUM))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(25 * sum(self.STREAMS), classes)

    def forward(self, maps: Tensor) -> Tensor:
        # The three streams read the same input with kernels of equal size: one convolution does the work of three.
        convs = [getattr(self, f"conv{i}") for i in (1, 2, 3)]
        # The published weights take (strain, v, u).
        weight = torch.cat([c.weight for c in convs]).flip(1)
        x = functional.conv2d(maps, weight, torch.cat([c.bias for c in convs]), padding=2)
        rising = all(bool((n.weight > 0).all()) for n in self._norms())
        if not rising:
            x = functional.max_pool2d(self._normalise(functional.relu(x, inplace=True)), 3, 3, 1)
        elif self.training:
            x = self._pool_and_learn(x)
        else:
            # Rectifying and a normalisation of positive gain keep the order of numbers, so the largest may be taken
            # first: the same result from a ninth of the work.
            x = self._normalise(functional.relu(functional.max_pool2d(x, 3, 3, 1), inplace=True))
        x = functional.avg_pool2d(self.dropout(x), 2, 2)
        logits: Tensor = self.fc(x.flatten(1))
        return logits

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [getattr(self, f"bn{i}") for i in (1, 2, 3)]

    def _normalise(self, x: Tensor) -> Tensor:
        return torch.cat([n(part) for n, part in zip(self._norms(), x.split(self.STREAMS, dim=1), strict=True)], dim=1)

    def _pool_and_learn(self, x: Tensor) -> Tensor:
        norms = self._norms()
        gain, bias = torch.cat([n.weight for n in norms]), torch.cat([n.bias for n in norms])
        seen = x.numel() // x.shape[1]
        x, mean, variance = pooled_norm(x, gain, bias, norms[0].eps)
        with torch.no_grad():
            parts = zip(norms, mean.split(self.STREAMS), variance.split(self.STREAMS), strict=True)
            for norm, centre, spread in parts:
                kept = dict(norm.named_buffers())
                kept["running_mean"].lerp_(centre, _MOMENTUM)
                kept["running_var"].lerp_(spread * (seen / (seen - 1)), _MOMENTUM)
                kept["num_batches_tracked"].add_(1)
        return x


class STSTNet(FlowRecognizer):
    """STSTNet on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    def __init__(
        self, labels: Sequence[str], *, flow: str = "tvl1", size: int = 140, epochs: int = 150, rate: float = 2e-3
    ) -> None:
        super().__init__("ststnet", labels, Network(len(labels)), flow=flow, size=size, epochs=epochs, rate=rate)


create = _bank.maker("ststnet", STSTNet, published_labels=_bank.MEGC)
