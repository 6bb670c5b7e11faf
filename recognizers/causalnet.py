"""CausalNet: motion and its direction before and after the apex, under causal attention (Zhang et al., ICCV 2025).

Source: Z. Zhang, W. Tang, H. Chen, "Rethinking Key-frame-based Micro-expression Recognition: A Robust and Accurate
Framework Against Key-frame Errors", ICCV 2025 (arXiv 2508.06640), written from the paper and the authors' answers to
questions: four maps of a clip, the flow from onset to apex and from apex to offset and the direction of each, on the
four-area canvas of HTNet; one hierarchical transformer for the flow and one for the direction; cross-attention between
the two directions says where to look (CMPLM); attention forwards and backwards in time relates contraction and
relaxation (CAB). At the published width of 256 it has the 276,590,089 parameters of the released model. Labels: those
it is trained on; untrained, negative, positive, surprise.

The four positions that the attention masks are about are four slices of the channels of one cell, as published: at
patches of 7 the hierarchy ends with a single cell, so that no slice belongs to a place on the face.

Differences from the paper: the areas lie where the face box puts eyes and mouth corners, where the released code takes
the same five points for every face and reads them as (row, column); how a direction map is drawn is not published: here
its channels are the cosine, the sine and the angle of the stretched u and v; `width` scales the network for machines
without a graphics card, and is 64 unless asked otherwise; 40 epochs of Adam from 3e-4 along a cosine, the last being
the model, in place of up to 200 at 5e-5 that stop when every clip of the test fold is right; maps centred; classes
weighed; half of the clips mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mask.clip import Clip
from mask.contracts import Reads
from mask.errors import NoFaceError
from mask.faces import aligned, clip_box
from mask.flow import METHODS, SIZE, encode, flow_maps, tvl1
from mask.torch_recognizer import Inputs, Trainable

from . import _bank
from ._frames import check_epochs, grey
from .htnet import Aggregation, Level, canvas

_DEPTHS, _HEADS, _PATCH = (3, 3, 9), 3, 7
_CROSS_DEPTH, _CROSS_HEADS, _HIDDEN = 9, 8, 2048
_CELLS = 4
_GAMMA = 0.5


def directions(maps: Tensor) -> Tensor:
    """Where each cell moves, whatever its speed.

    Args:
        maps: ``float (..., 3, H, W)``, (u, v, strain), each in 0..255.

    Returns:
        The same shape: cosine, sine and angle of (u, v), each in 0..255; about 0 where both are 0.
    """
    u, v = maps[..., 0, :, :], maps[..., 1, :, :]
    length = (u * u + v * v + 1).sqrt()
    angle = torch.atan2(v, u + 1) * (510 / math.pi)
    return torch.stack([255 * u / length, 255 * v / length, angle], dim=-3)


class Hierarchy(nn.Module):
    """Maps ``(N, 3, 28, 28)`` in 0..255 to ``(N, 4, width)``, the four slices of the last cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        grid, blocks = SIZE // _PATCH, 2 ** (len(_DEPTHS) - 1)
        self.embed = nn.Conv2d(3, width, _PATCH, stride=_PATCH)
        self.levels = nn.ModuleList(
            Level(width << i, _HEADS << i, depth, grid >> i, blocks >> i) for i, depth in enumerate(_DEPTHS)
        )
        self.aggregations = nn.ModuleList(Aggregation(width << i, width << (i + 1)) for i in range(len(_DEPTHS) - 1))

    def forward(self, maps: Tensor) -> Tensor:
        x = self.levels[0](self.embed(canvas(maps)))
        for aggregate, level in zip(self.aggregations, self.levels[1:], strict=True):
            x = level(aggregate(x))
        slices: Tensor = x.flatten(1).unflatten(1, (-1, _CELLS)).transpose(1, 2)
        return slices


class Heed(nn.Module):
    """Attention of four cells ``(N, 4, C)``, a 2 x 2 grid, to four others, each to those that touch it by a side.

    The one across the corner takes its share of the softmax, a smaller one the later it stands, and tells nothing.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.ask, self.tell = nn.Linear(width, width), nn.Linear(width, width)
        self.offer = nn.Linear(width, 2 * width)
        place = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        self.near: Tensor
        self.far: Tensor
        self.register_buffer("near", torch.cdist(place, place) <= 1, persistent=False)
        self.register_buffer("far", -_GAMMA * torch.arange(1.0, _CELLS + 1).expand(_CELLS, _CELLS), persistent=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        heads = (_CROSS_HEADS, -1)
        query = self.ask(x).unflatten(2, heads).transpose(1, 2)
        key, value = (part.unflatten(2, heads).transpose(1, 2) for part in self.offer(context).chunk(2, dim=2))
        score = torch.where(self.near, query @ key.mT * self.scale, self.far)
        share = score.softmax(dim=-1) * self.near
        result: Tensor = self.tell((share @ value).transpose(1, 2).flatten(2))
        return result


def _think(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class CrossLayer(nn.Module):
    """The two direction maps look at each other, and think; both with the same weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.heed, self.think = nn.LayerNorm(width), Heed(width, width**-0.5), _think(width)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.norm(after)
        before = before + self.heed(self.norm(before), after)
        after = after + self.heed(normed, before)
        return before + self.think(before), after + self.think(after)


class InTime(nn.Module):
    """Each cell of a moment attends to itself now and one moment earlier, never later."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask, self.tell = nn.Linear(width, width), nn.Linear(width, width)
        self.offer = nn.Linear(width, 2 * width)

    def forward(self, earlier: Tensor, now: Tensor) -> Tensor:
        query = self.ask(now).unflatten(2, (_CROSS_HEADS, -1))
        offered = torch.stack([self.offer(earlier), self.offer(now)], dim=2)
        key, value = (part.unflatten(3, (_CROSS_HEADS, -1)) for part in offered.chunk(2, dim=3))
        share = ((query[:, :, None] * key).sum(-1) * query.shape[-1] ** -0.5).softmax(dim=2)
        result: Tensor = self.tell((share[..., None] * value).sum(dim=2).flatten(2))
        return result


class CausalAttention(nn.Module):
    """Contraction to relaxation, and back: attention within each moment, then from the later to the earlier one.

    ``(N, 4, C)`` twice to ``(N, 12, C)``: what the two readings agree on, and the first moment of either.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        scale = (width // _CROSS_HEADS) ** -0.5
        self.norm, self.think = nn.LayerNorm(width), _think(width)
        self.within, self.between = Heed(width, scale), InTime(width)
        self.relate = Relation(width, scale)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        first, last = self._read(before, after)
        back_first, back_last = self._read(after, before)
        return torch.cat([self.relate(last, back_last), first, back_first], dim=1)

    def _read(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        earlier, later = self.norm(earlier), self.norm(later)
        earlier, later = earlier + self.within(earlier, earlier), later + self.within(later, later)
        later = later + self.between(earlier, later)
        return earlier + self.think(earlier), later + self.think(later)


class Relation(nn.Module):
    """The forward reading asks the backward one; what is told is of both."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.ask, self.key, self.value, self.tell = (nn.Linear(width, width) for _ in range(4))

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        parts = (self.ask(forward), self.key(backward), self.value(forward + backward))
        query, key, value = (p.unflatten(2, (_CROSS_HEADS, -1)).transpose(1, 2) for p in parts)
        told = (query @ key.mT * self.scale).softmax(dim=-1) @ value
        result: Tensor = self.tell(told.transpose(1, 2).flatten(2) + forward + backward)
        return result


class Network(nn.Module):
    """Maps ``float32 (N, 2, 3, 28, 28)`` maps (u, v, strain) in 0..255, onset to apex and apex to offset, to logits."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.motion, self.position = Hierarchy(width), Hierarchy(width)
        self.cross = nn.ModuleList(CrossLayer(width) for _ in range(_CROSS_DEPTH))
        self.causal = CausalAttention(width)
        hidden = _HIDDEN * width // 256
        self.head = nn.Sequential(nn.Linear(3 * _CELLS * width, hidden), nn.Linear(hidden, classes))

    def forward(self, maps: Tensor) -> Tensor:
        moved = self.motion(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        where = self.position(directions(maps).flatten(0, 1)).unflatten(0, maps.shape[:2])
        before, after = where.unbind(dim=1)
        for layer in self.cross:
            before, after = layer(before, after)
        logits: Tensor = self.head(self.causal(moved[:, 0] + before, moved[:, 1] + after).flatten(1))
        return logits


class CausalNet(Trainable):
    """CausalNet on the flow maps from onset to apex and from apex to offset."""

    reads: Reads = "video"
    frames = 3
    dials: ClassVar[tuple[str, ...]] = ("flow", "size", "epochs", "rate", "width")

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
        if flow not in METHODS:
            raise ValueError(f"flow is {flow!r}; expected one of {', '.join(METHODS)}")
        if width < _CROSS_HEADS or width % _CROSS_HEADS:
            raise ValueError(f"width is {width}; expected a multiple of {_CROSS_HEADS} (the paper: 256)")
        check_epochs(epochs)
        super().__init__("causalnet", labels, Network(len(labels), width), size=size)
        self.flow, self.epochs, self.rate, self.width = flow, epochs, rate, width

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """Both flow maps of each clip, ``uint8 (2, 28, 28, 3)`` as (u, v, strain), or `None` where there is no face."""
        shown = [self._moments(clip) for clip in clips]
        pairs = [s[i : i + 2] for s in shown if s is not None for i in (0, 1)]
        maps = iter(flow_maps(np.stack(pairs), method=self.flow).reshape(-1, 2, SIZE, SIZE, 3) if pairs else ())
        return [None if s is None else next(maps) for s in shown]

    def _moments(self, clip: Clip) -> Inputs | None:
        """Onset, apex and offset, all cut by the onset's face box; ``uint8 (3, S, S, 3)``."""
        try:
            box = clip_box(clip)
        except NoFaceError:
            return None
        moments = (clip.onset, clip.apex, max(clip.apex, clip.offset))
        return np.stack([aligned(clip.frame(i), box, self.size) for i in moments])

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """``float32 (N, 2, 3, 28, 28)`` maps (u, v, strain) in 0..255."""
        return torch.from_numpy(np.stack(inputs)).to(self.device).permute(0, 1, 4, 2, 3).float()

    def answer(self, given: Tensor) -> Tensor:
        """Logits ``(N, K)`` of maps as `tensor` gives them."""
        result: Tensor = self.module(given)
        return result

    def logits(self, video: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, 3, S, S)`` in [0, 1]: onset, apex, offset, through TV-L1, strain and stretch."""
        onset, apex, offset = grey(video).unbind(dim=2)
        return self.answer(torch.stack([encode(tvl1(onset, apex)), encode(tvl1(apex, offset))], dim=1))

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the clips; a mirrored face moves the other way, so u changes its sign about its mid-range."""
        maps = self.tensor(list(rows.numpy()))
        chosen = (torch.rand(len(maps), generator=generator) < 0.5).to(maps.device)
        mirrored = maps.flip(-1)
        mirrored[:, :, 0] = 255 - mirrored[:, :, 0]
        return torch.where(chosen.view(-1, 1, 1, 1, 1), mirrored, maps)


create = _bank.maker("causalnet", CausalNet)
