"""Dual-Inception: an inception network each over horizontal and vertical flow (Zhou, Mao, Xue, FG 2019).

Source: L. Zhou, Q. Mao, L. Xue, "Dual-Inception Network for Cross-Database Micro-Expression Recognition", FG 2019,
written from the paper: each stream two inception modules of 6 and 16 maps a branch with pooling, then one layer of
1,024. It has the 6,449,867 parameters that a published re-implementation (Off-TANet's) reports. Labels: those it is
trained on; untrained, negative, positive, surprise.

Differences from the paper: flow to the apex, not to the middle frame; u and v come stretched per map, as MEGC2019's
are, and are centred; 40 epochs of Adam from 5e-4 along a cosine; classes weighed; half of the maps mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import _bank
from ._flow import FlowRecognizer, centred


class Inception(nn.Module):
    """Four branches side by side: 1 x 1; 3 x 3 and 5 x 5 behind 1 x 1; 1 x 1 behind a maximum."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.point = _convolution(channels, width, 1)
        self.small = nn.Sequential(_convolution(channels, width, 1), _convolution(width, width, 3))
        self.large = nn.Sequential(_convolution(channels, width, 1), _convolution(width, width, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), _convolution(channels, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.point(x), self.small(x), self.large(x), self.pooled(x)], dim=1)


def _convolution(channels: int, out: int, size: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, size, padding=size // 2), nn.ReLU(inplace=True))


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``; strain is not looked at."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(Inception(1, 6), nn.MaxPool2d(2), Inception(24, 16), nn.MaxPool2d(2)) for _ in range(2)
        )
        self.head = nn.Sequential(nn.Linear(2 * 64 * 7 * 7, 1024), nn.ReLU(inplace=True))
        self.fc = nn.Linear(1024, classes)

    def forward(self, maps: Tensor) -> Tensor:
        flow = centred(maps[:, :2]).split(1, dim=1)
        seen = [stream(part).flatten(1) for stream, part in zip(self.streams, flow, strict=True)]
        logits: Tensor = self.fc(self.head(torch.cat(seen, dim=1)))
        return logits


class DualInception(FlowRecognizer):
    """Dual-Inception on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    def __init__(
        self, labels: Sequence[str], *, flow: str = "tvl1", size: int = 140, epochs: int = 40, rate: float = 5e-4
    ) -> None:
        super().__init__("dual-inception", labels, Network(len(labels)), flow=flow, size=size, epochs=epochs, rate=rate)


create = _bank.maker("dual-inception", DualInception)
