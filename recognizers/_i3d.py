"""I3D with coordinate attention: the inflated Inception-v1, whose groups each end with attention along the axes.

J. Carreira, A. Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017; Q. Hou,
D. Zhou, J. Feng, "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021, with time as a third axis.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUPS = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Channels of the branches of every inception module: 1 x 1, then 1 x 1 before 3 x 3 twice, then after pooling."""
_REDUCTION = 32


def scaled(channels: int, width: float) -> int:
    """A number of channels times a factor, at least 4."""
    return max(4, round(channels * width))


def _unit(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm3d(out), nn.ReLU(inplace=True)
    )


class Inception(nn.Module):
    """Four branches side by side: 1, 1 then 3, 1 then 3, the largest of 3 then 1."""

    def __init__(self, channels: int, branches: tuple[int, ...]) -> None:
        super().__init__()
        one, before, three, before2, three2, pooled = branches
        self.branches = nn.ModuleList(
            [
                _unit(channels, one, 1),
                nn.Sequential(_unit(channels, before, 1), _unit(before, three, 3)),
                nn.Sequential(_unit(channels, before2, 1), _unit(before2, three2, 3)),
                nn.Sequential(nn.MaxPool3d(3, 1, 1), _unit(channels, pooled, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class CoordinateAttention(nn.Module):
    """Weighs each place by what the means along time, rows and columns say of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(8, channels // _REDUCTION)
        self.mix = nn.Sequential(nn.Conv1d(channels, inner, 1), nn.BatchNorm1d(inner), nn.Hardswish())
        self.axes = nn.ModuleList(nn.Conv1d(inner, channels, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        means = [x.mean(dim=dims) for dims in ((3, 4), (2, 4), (2, 3))]
        mixed = self.mix(torch.cat(means, dim=2)).split([m.shape[2] for m in means], dim=2)
        along = [axis(m).sigmoid() for axis, m in zip(self.axes, mixed, strict=True)]
        weight: Tensor = along[0][..., None, None] * along[1][:, :, None, :, None] * along[2][:, :, None, None]
        return x * weight


class Stem(nn.Module):
    """What comes before the inception modules: to an eighth of the picture's side, and half of the moments."""

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()
        first, out = scaled(64, width), scaled(192, width)
        self.norm = nn.BatchNorm3d(channels)
        self.conv1, self.conv2 = (
            _unit(channels, first, 7, 2),
            nn.Sequential(_unit(first, first, 1), _unit(first, out, 3)),
        )
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool3d(self.conv1(self.norm(x)), (1, 3, 3), (1, 2, 2), (0, 1, 1))
        return functional.max_pool3d(self.conv2(x), (1, 3, 3), (1, 2, 2), (0, 1, 1))


class Group(nn.Sequential):
    """One of the three groups of inception modules, halved first but for group 0; coordinate attention ends it."""

    def __init__(self, number: int, channels: int, width: float) -> None:
        layers: list[nn.Module] = [nn.MaxPool3d(3, 2, 1)] if number else []
        for branches in _GROUPS[number]:
            wide = tuple(scaled(b, width) for b in branches)
            layers.append(Inception(channels, wide))
            channels = wide[0] + wide[2] + wide[4] + wide[5]
        super().__init__(*layers, CoordinateAttention(channels))
        self.out = channels


def groups(numbers: tuple[int, ...], channels: int, width: float) -> list[Group]:
    """Consecutive groups, the first on `channels`."""
    made: list[Group] = []
    for number in numbers:
        made.append(Group(number, made[-1].out if made else channels, width))
    return made
