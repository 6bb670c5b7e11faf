"""HTNet: a hierarchical transformer over the flow at the eyes and the corners of the mouth (Wang et al., 2023).

Source: Z. Wang, K. Zhang, W. Luo, R. Sankaranarayana, "HTNet for micro-expression recognition", arXiv 2307.14637, 2023,
written from the paper: four 14 x 14 areas of the flow map make one 28 x 28 canvas, cut into patches of 7;
self-attention within areas that double in size from level to level, 2, 2 and 10 layers deep. At the published width of
256 it has the 139,582,982 parameters of the released model. Labels: those it is trained on; untrained, negative,
positive, surprise.

At the published patch size an area holds one token on every level, so that each attends to itself alone and the network
is a residual perceptron with convolutions between its levels. That is how it is published, and how it is here.

Differences from the paper: the areas lie where the face box puts eyes and mouth corners, in place of landmarks found
in a 28 x 28 face; the released code reads those as (row, column) where they are (x, y) and takes an eye for a mouth
corner, which is not repeated here. `width` scales the network for machines without a graphics card, and is 64 unless
asked otherwise; 40 epochs of Adam from 3e-4 along a cosine in place of 800 at 5e-5; maps centred; classes weighed; half
of the maps mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.flow import SIZE
from mask.geometry import EYE_LINE, EYE_SPAN
from mask.regions import canonical

from . import _bank
from ._flow import FlowRecognizer, centred

_DEPTHS, _HEADS, _PATCH = (2, 2, 10), 3, 7
_AREA = SIZE // 2
_MOUTH = (61, 291)
"""Corners of the mouth in the 468-point mesh, picture left and right."""


def areas() -> tuple[tuple[int, int], ...]:
    """The top left cell (row, column) of each area on the flow map: the eyes, then the corners of the mouth.

    >>> areas()
    ((1, 1), (1, 13), (11, 2), (11, 12))
    """
    eyes = [(0.5 - EYE_SPAN / 2, EYE_LINE), (0.5 + EYE_SPAN / 2, EYE_LINE)]
    centres = [*eyes, *canonical()[list(_MOUTH)].tolist()]
    return tuple((round(y * SIZE - _AREA / 2), round(x * SIZE - _AREA / 2)) for x, y in centres)


def canvas(maps: Tensor) -> Tensor:
    """The four areas of ``float (N, 3, 28, 28)`` maps in 0..255 side by side, as one map of that size in [-1, 1]."""
    parts = [centred(maps)[:, :, r : r + _AREA, c : c + _AREA] for r, c in areas()]
    return torch.cat([torch.cat(parts[:2], dim=3), torch.cat(parts[2:], dim=3)], dim=2)


class Layer(nn.Module):
    """Self-attention, then a perceptron, each on normalised tokens and added to them; ``(B, L, C)`` to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = width // heads * heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * inner, bias=False)
        self.tell = nn.Linear(inner, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.ask(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heed = (query @ key.mT * query.shape[-1] ** -0.5).softmax(dim=-1)
        told = heed @ value
        x = x + self.tell(told.transpose(1, 2).flatten(2))
        result: Tensor = x + self.think(self.norm2(x))
        return result


class Level(nn.Module):
    """Transformer layers within each of `blocks` x `blocks` areas of a ``(N, C, G, G)`` grid of tokens."""

    def __init__(self, width: int, heads: int, depth: int, grid: int, blocks: int) -> None:
        super().__init__()
        self.blocks, self.side = blocks, grid // blocks
        self.place = nn.Parameter(torch.randn(self.side**2))
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        b, s = self.blocks, self.side
        cut = x.unflatten(3, (b, s)).unflatten(2, (b, s)).permute(0, 2, 4, 3, 5, 1)
        tokens = self.layers(cut.reshape(-1, s * s, x.shape[1]) + self.place[:, None])
        whole: Tensor = tokens.view(cut.shape).permute(0, 5, 1, 3, 2, 4).reshape(x.shape)
        return whole


class Aggregation(nn.Module):
    """Neighbouring areas become one: a convolution, a normalisation over channels, the largest of each 3 x 3."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, out, 3, padding=1), nn.LayerNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return functional.max_pool2d(x, 3, 2, 1)


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(len(_DEPTHS))]
        grid, blocks = SIZE // _PATCH, 2 ** (len(_DEPTHS) - 1)
        self.embed = nn.Conv2d(3, width, _PATCH, stride=_PATCH)
        self.levels = nn.ModuleList(
            Level(w, _HEADS * 2**i, depth, grid >> i, blocks >> i)
            for i, (w, depth) in enumerate(zip(widths, _DEPTHS, strict=True))
        )
        self.aggregations = nn.ModuleList(Aggregation(a, b) for a, b in pairwise(widths))
        self.norm, self.fc = nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], classes)

    def forward(self, maps: Tensor) -> Tensor:
        x = self.levels[0](self.embed(canvas(maps)))
        for aggregate, level in zip(self.aggregations, self.levels[1:], strict=True):
            x = level(aggregate(x))
        logits: Tensor = self.fc(self.norm(x.flatten(2).transpose(1, 2)).mean(dim=1))
        return logits


class HTNet(FlowRecognizer):
    """HTNet on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    dials: ClassVar[tuple[str, ...]] = (*FlowRecognizer.dials, "width")

    def __init__(
        self,
        labels: Sequence[str],
        *,
        flow: str = "tvl1",
        size: int = 140,
        epochs: int = 40,
        rate: float = 3e-4,
        width: int = 64,
    ) -> None:
        if width < _HEADS:
            raise ValueError(f"width is {width}; expected {_HEADS} or more (the paper: 256)")
        super().__init__("htnet", labels, Network(len(labels), width), flow=flow, size=size, epochs=epochs, rate=rate)
        self.width = width


create = _bank.maker("htnet", HTNet)
