"""SOFTNet: a shallow three-stream network that spots expressions in long videos from optical flow (Liong et al., 2021).

Source: G.-B. Liong, J. See, L.-K. Wong, "Shallow Optical Flow Three-Stream CNN for Macro- and Micro-Expression
Spotting from Long Videos", ICIP 2021 (arXiv 2106.06489), written from its abstract and what others tell of it: u, v
and optical strain of brows and mouth at 42 x 42, a convolution each, pooled together, one score, trained by regression
on whether the moment overlaps an expression. It says where, never which: labels are neutral and expression.

Differences from the paper: landmarks are the mesh's and not dlib's, and the box is steady by the eyes; flow is DIS
unless ``flow=tvl1``; the score stands in the middle of the two frames compared, not at the first; a sigmoid and Adam,
where the released code has a linear output and plain gradient descent; as many moments of nothing as of expressions in
each epoch, half of them mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mask.spot import weights as saved
from mask.spot.learn import TrainableSpotter
from mask.spot.motion import SPAN, Motion
from mask.spot.peaks import SHARE

from ._maps import mirrored, stacked


class Network(nn.Module):
    """Maps ``float32 (N, 3, 42, 42)`` maps (u, v, strain) to a score ``(N,)`` before the sigmoid."""

    STREAMS = (3, 5, 8)

    def __init__(self) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(nn.Conv2d(1, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3)) for width in self.STREAMS
        )
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(7 * 7 * sum(self.STREAMS), 400), nn.ReLU(), nn.Linear(400, 1))
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(3, 1, 1))

    def set_scale(self, maps: Tensor) -> None:
        """Take the spread of each channel from training maps."""
        self.scale.copy_(maps.std(dim=(0, 2, 3)).clamp_min(1e-6).view(3, 1, 1))

    def forward(self, maps: Tensor) -> tuple[Tensor, None]:
        x = maps / self.scale
        parts = [stream(x[:, i : i + 1]) for i, stream in enumerate(self.streams)]
        return self.head(self.pool(torch.cat(parts, dim=1)))[:, 0], None


class SoftNet(TrainableSpotter):
    """SOFTNet on the motion of brows and mouth."""

    def __init__(self, emotions: Sequence[str] = (), **dials: Any) -> None:
        # It is told of emotions, as every spotter, and knows none.
        super().__init__("softnet", (), **dials)

    def network(self, classes: int) -> nn.Module:
        return Network()

    def given(self, seen: Motion) -> Tensor:
        return stacked(seen)

    def vary(self, given: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the maps."""
        return mirrored(given, generator)


def create(
    weights: str | None = None,
    epochs: int = 10,
    rate: float = 5e-4,
    span: float = SPAN,
    flow: str = "dis",
    share: float = SHARE,
) -> Any:
    """SOFTNet: trained when `weights` names a folder that ``mask spot --train`` wrote, untrained otherwise."""
    asked = {"epochs": epochs, "rate": rate, "span": span, "flow": flow, "share": share}
    return saved.create("softnet", SoftNet, weights, asked)
