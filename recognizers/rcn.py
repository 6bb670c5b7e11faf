"""RCN-A: a recurrent convolution with parameter-free attention over flow and strain (Xia et al., TIP 2020).

Source: Z. Xia, W. Peng, H.-Q. Khor, X. Feng, G. Zhao, "Revealing the Invisible with Model and Data Shrinking for
Composite-Database Micro-Expression Recognition", IEEE TIP 2020 (arXiv 2006.09674), written from the paper: a 5 x 5
convolution, a 3 x 3 convolution applied twice with the same weights, and a classifier whose class activation maps over
the first layer, averaged over the classes, weigh the last one. Maps in [0, 1], batches of 64, Adam from 5e-4 halved
every ten epochs, the last epoch: as published. Labels: those it is trained on; untrained, negative, positive, surprise.

Differences from the paper: TV-L1 flow in place of the Matlab method "classic+nl"; the third channel is optical strain;
classes weighed; half of the maps mirrored. In the released code this variant names a layer that it does not have, and
does not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import _bank
from ._flow import FlowRecognizer

_GRID = 5
"""Side of the grid the classifier, and with it the attention, looks at."""


class RecurrentConvolution(nn.Module):
    """A 1 x 1 convolution, then a 3 x 3 one twice with the same weights, each time with the input added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.again = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        for _ in range(2):
            y = self.again(x + y)
        result: Tensor = y
        return result


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 5), nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.5)
        )
        self.recurrent = nn.Sequential(RecurrentConvolution(width), nn.MaxPool2d(2), nn.Dropout(0.5))
        self.fc = nn.Linear(width * _GRID**2, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, maps: Tensor) -> Tensor:
        low = self.stem(maps / 255)
        high = functional.adaptive_avg_pool2d(self.recurrent(low), _GRID)
        logits: Tensor = self.fc((high * self._attention(low)).flatten(1))
        return logits

    def _attention(self, low: Tensor) -> Tensor:
        """``(N, 1, 5, 5)`` in [0, 1]: the class activation maps, each stretched to its own range, averaged."""
        seen = functional.adaptive_avg_pool2d(low, _GRID)
        maps = torch.einsum("kcij,ncij->nkij", self.fc.weight.unflatten(1, seen.shape[1:]), seen)
        maps = maps - maps.amin(dim=(2, 3), keepdim=True)
        return (maps / maps.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)).mean(dim=1, keepdim=True)


class RCN(FlowRecognizer):
    """RCN-A on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    dials: ClassVar[tuple[str, ...]] = (*FlowRecognizer.dials, "width")

    def __init__(
        self,
        labels: Sequence[str],
        *,
        flow: str = "tvl1",
        size: int = 140,
        epochs: int = 40,
        rate: float = 5e-4,
        width: int = 64,
    ) -> None:
        if width < 1:
            raise ValueError(f"width is {width}; expected 1 or more maps a layer (the paper: 32 or 64)")
        super().__init__("rcn", labels, Network(len(labels), width), flow=flow, size=size, epochs=epochs, rate=rate)
        self.width = width

    def schedule(self, optimiser: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.StepLR(optimiser, 10, 0.5)


create = _bank.maker("rcn", RCN)
