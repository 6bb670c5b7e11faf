"""MMNet: motion from the apex minus the onset, position from the onset (Li et al., IJCAI 2022).

Source: H. Li, M. Sui, Z. Zhu, F. Zhao, "MMNet: Muscle Motion-Guided Network for Micro-Expression Recognition",
IJCAI 2022 (arXiv 2201.05297), written from the paper: a main branch of four continuous-attention blocks sees only
the difference of the two frames; a small vision transformer over the onset at 14 x 14 adds where things are. There is
no optical flow, so gradients reach the pixels.

Differences from the paper: `width` and `size` scale the network for machines without a GPU (1.0 and 224 are the
paper's); a fixed number of epochs, the last of them being the model, where the released code kept the best epoch on
the test fold; augmentation by mirror, brightness and a shift of up to 4 % of the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.contracts import Reads
from mask.torch_recognizer import Trainable

from . import _bank
from ._frames import MEAN, STD, check_size, check_width, varied


class ContinuousAttention(nn.Module):
    """A residual block whose spatial attention is the product of its own and the halved one of the block before."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.skip = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
        self.attend = nn.Sequential(nn.Conv2d(2, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        y = functional.relu(y + self.skip(x))
        here = self.attend(torch.cat([y.mean(dim=1, keepdim=True), y.amax(dim=1, keepdim=True)], dim=1))
        if before is not None:
            here = here * functional.max_pool2d(before, 3, 2, 1)
        return y * here, here


class PositionCalibration(nn.Module):
    """A transformer over the onset at the grid of the last block; one token per cell."""

    def __init__(self, grid: int, width: int, depth: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.grid = grid
        self.embed = nn.Conv2d(3, width, 1)
        self.place = nn.Parameter(torch.zeros(1, grid * grid, width))
        nn.init.trunc_normal_(self.place, std=0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, onset: Tensor) -> Tensor:
        small = functional.interpolate(onset, (self.grid, self.grid), mode="bilinear", antialias=True)
        tokens = self.embed(small).flatten(2).transpose(1, 2) + self.place
        out = self.norm(self.blocks(tokens)).transpose(1, 2)
        map_: Tensor = out.unflatten(2, (self.grid, self.grid))
        return map_


class Network(nn.Module):
    """Maps ``float32 (N, 3, 2, S, S)`` in [0, 1] (onset, apex) to logits ``(N, K)``; S a multiple of 16."""

    def __init__(self, classes: int, size: int = 224, width: float = 1.0) -> None:
        super().__init__()
        stem, first, second, third = (max(8, round(c * width / 4) * 4) for c in (180, 128, 256, 512))
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem, first, 3, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.ModuleList(
            ContinuousAttention(i, o, s)
            for i, o, s in ((first, first, 1), (first, first, 2), (first, second, 2), (second, third, 2))
        )
        self.position = PositionCalibration(size // 16, third)
        self.fc = nn.Linear(third * (size // 16) ** 2, classes)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, video: Tensor) -> Tensor:
        onset, apex = video.unbind(dim=2)
        x = self.stem((apex - onset) / self.std)
        attention: Tensor | None = None
        for block in self.blocks:
            x, attention = block(x, attention)
        x = x + self.position((onset - self.mean) / self.std)
        logits: Tensor = self.fc(x.flatten(1))
        return logits


class MMNet(Trainable):
    """MMNet on the aligned onset and apex frames."""

    reads: Reads = "pair"
    dials: ClassVar[tuple[str, ...]] = ("size", "width", "epochs", "rate", "decay")
    chunk = 32

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 224,
        width: float = 1.0,
        epochs: int = 40,
        rate: float = 8e-4,
        decay: float = 0.7,
    ) -> None:
        check_size(size, 16, 32)
        check_width(width)
        super().__init__("mmnet", labels, Network(len(labels), size, width), size=size)
        self.width, self.epochs, self.rate, self.decay = width, epochs, rate, decay

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.module.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Whole pairs mirrored, shifted and dimmed."""
        return varied(self.tensor(list(rows.numpy())), generator)


create = _bank.maker("mmnet", MMNet)
