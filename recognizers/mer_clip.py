"""MER-CLIP: clips aligned with the words for the muscles that move, and an emotion read off them (Liu et al., 2025).

Source: S. Liu, X. Mao, S. Zhao, P. Li, T. Xu, E. Chen, "MER-CLIP: AU-Guided Vision-Language Alignment for
Micro-Expression Recognition", IEEE TAFFC 2025 (arXiv 2505.05937), written from the paper and its published settings: 16
frames of 224 spread over the clip; a transformer over patches whose layers relate frames locally before each frame is
read as a whole, and queries that gather the clip from the last layers; action units put into words ("a combination of
lowering the brows and tightening the lids"), and each clip drawn to the text of its own among all texts of the
training clips; an emotion inference module, two transformer layers of four heads over what was gathered; focal loss
with gamma 2, plus twice the loss of the alignment; AdamW from 5e-5 with a decay of 0.05, warmed up for five of 55
epochs, in batches of 8. Labels: those it is trained on; untrained, negative, positive, surprise.

Differences from the paper: nothing is pretrained. Its text encoder is that of ViCLIP, frozen; here a text is the mean
of fixed random vectors of its words, so that texts that share words are alike, and nothing is known of synonyms or of
word order. Its video encoder is a UniFormerV2-B/16 that starts from CLIP and Something-Something; here one of its kind,
of `width` and `depth`, from scratch, at a larger rate. The weight of the alignment is constant. Augmentation by
brightness and a shift of up to 4 % of the crop, and never by mirror, which would turn left units into right ones. A
clip without coded units is trained on its emotion alone. `still`, which the paper does not have, takes off each clip's
own mean picture and evens out what is left. From scratch, 54 synthetic clips teach it nothing with or without that, and
216 a little with it (UF1 .573 in ``python -m benchmarks recognizers_synthetic``; chance is .33). Action units are read
in training; nothing of them reaches an answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.clip import Clip
from mask.learn import Lesson
from mask.torch_recognizer import Inputs

from . import _bank
from ._frames import MEAN, STD, VideoRecognizer, check_size, varied
from ._phrases import UNITS, coded, vectors

_FOCUS, _ALIGNED = 2.0, 2.0
"""The gamma of the focal loss, and the weight of the alignment."""


class Layer(nn.Module):
    """Each patch in time, then each frame in space; ``(N, T, 1 + L, C)`` tokens, the first of a frame its summary."""

    def __init__(self, width: int, heads: int, grid: int) -> None:
        super().__init__()
        inner = max(4, round(width / 1.5))
        self.grid = grid
        self.near = nn.Sequential(
            nn.BatchNorm3d(width),
            nn.Conv3d(width, inner, 1),
            nn.Conv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0), groups=inner),
            nn.Conv3d(inner, width, 1),
        )
        self.within = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )

    def forward(self, x: Tensor) -> Tensor:
        summary, patches = x[:, :, :1], x[:, :, 1:]
        volume = patches.permute(0, 3, 1, 2).unflatten(3, (self.grid, self.grid))
        patches = patches + self.near(volume).flatten(3).permute(0, 2, 3, 1)
        joined = torch.cat([summary, patches], dim=2)
        result: Tensor = self.within(joined.flatten(0, 1)).unflatten(0, x.shape[:2])
        return result


class Gather(nn.Module):
    """A query looks through all tokens of a layer, ``(N, 1, C)`` and ``(N, M, C)`` to ``(N, 1, C)``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.other, self.last = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = nn.MultiheadAttention(width, heads, batch_first=True)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        offered = self.other(tokens)
        query = query + self.look(self.norm(query), offered, offered, need_weights=False)[0]
        result: Tensor = query + self.think(self.last(query))
        return result


class Network(nn.Module):
    """Maps ``float32 (N, 3, T, S, S)`` in [0, 1] to logits ``(N, K)``; T even, S a multiple of the patch."""

    def __init__(
        self, classes: int, size: int, frames: int, patch: int, width: int, depth: int, heads: int, still: bool = False
    ) -> None:
        super().__init__()
        grid, moments = size // patch, frames // 2
        self.even = nn.BatchNorm3d(3, affine=False) if still else None
        self.embed = nn.Conv3d(3, width, (2, patch, patch), stride=(2, patch, patch))
        self.place = nn.Parameter(0.02 * torch.randn(1, 1, 1 + grid**2, width))
        self.time = nn.Parameter(0.02 * torch.randn(1, moments, 1, width))
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, 1, width))
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.layers = nn.ModuleList(Layer(width, heads, grid) for _ in range(depth))
        self.gather = nn.ModuleList(Gather(width, heads) for _ in range(depth))
        self.norm, self.project = nn.LayerNorm(width), nn.Linear(width, width)
        judge = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.judge = nn.TransformerEncoder(judge, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.fc = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, classes))
        self.sharpness = nn.Parameter(torch.tensor(0.07).log().neg())
        self.mean: Tensor
        self.std: Tensor
        self.words: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1, 1))
        self.register_buffer("words", vectors(width))

    def read(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(N, K)``, and what is held against texts, ``(N, C)`` of length 1."""
        if self.even is None:
            given = (video - self.mean) / self.std
        else:
            given = self.even(video - video.mean(dim=2, keepdim=True))
        patches = self.embed(given).flatten(3).permute(0, 2, 3, 1)
        tokens = torch.cat([self.summary.expand(*patches.shape[:2], -1, -1), patches], dim=2)
        tokens = tokens + self.place + self.time
        query, seen = self.query.expand(len(video), -1, -1), []
        for layer, gather in zip(self.layers, self.gather, strict=True):
            tokens = layer(tokens)
            query = gather(query, tokens.flatten(1, 2))
            seen.append(query)
        whole = query[:, 0] + tokens[:, :, 0].mean(dim=1)
        told = self.judge(torch.cat([whole[:, None], *seen], dim=1)).mean(dim=1)
        return self.fc(told), functional.normalize(self.project(self.norm(whole)), dim=1)

    def forward(self, video: Tensor) -> Tensor:
        return self.read(video)[0]

    def told(self, units: Tensor) -> Tensor:
        """The text of ``uint8 (N, UNITS)`` units, ``(N, C)`` of length 1."""
        return functional.normalize(units.to(self.words) @ self.words, dim=1)


class MERCLIP(VideoRecognizer):
    """MER-CLIP on frames from onset to offset."""

    dials: ClassVar[tuple[str, ...]] = (*VideoRecognizer.dials, "patch", "width", "depth", "heads", "still")
    chunk = 8
    decay = 0.05

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 224,
        frames: int = 16,
        epochs: int = 55,
        rate: float = 5e-4,
        patch: int = 16,
        width: int = 192,
        depth: int = 4,
        heads: int = 4,
        still: bool = False,
    ) -> None:
        check_size(size, patch, patch)
        if frames < 2 or frames % 2:
            raise ValueError(f"frames is {frames}; expected an even number, 2 or more")
        if width < 4 or width % 4 or heads < 1 or width % heads:
            raise ValueError(f"width is {width} and heads is {heads}; expected a width that 4 and the heads divide")
        if depth < 1:
            raise ValueError(f"depth is {depth}; expected 1 or more")
        network = Network(len(labels), size, frames, patch, width, depth, heads, still)
        super().__init__("mer-clip", labels, network, size=size, frames=frames, epochs=epochs, rate=rate)
        self.patch, self.width, self.depth, self.heads, self.still = patch, width, depth, heads, still
        self._known = torch.empty(0, UNITS, dtype=torch.uint8)

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """The frames of each clip and its units as one row of bytes, or `None` where no face is found."""
        shown = super().inputs(clips)
        return [
            None if s is None else np.concatenate([s.ravel(), coded(c.action_units)])
            for s, c in zip(shown, clips, strict=True)
        ]

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """The frames, ``float32 (N, 3, frames, size, size)`` in [0, 1]; the units stay behind."""
        shape = (self.frames, self.size, self.size, 3)
        return super().tensor([row[:-UNITS].reshape(shape) for row in inputs])

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Whole clips shifted and dimmed."""
        return varied(self.tensor(list(rows.numpy())), generator, mirror=False)

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.module.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)

    def schedule(self, optimiser: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        """From a tenth up to the rate in five epochs, and down to a tenth along a cosine."""
        warm = min(5, self.epochs)
        rise = torch.optim.lr_scheduler.LinearLR(optimiser, 0.1, 1.0, warm)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, self.epochs - warm), 0.1 * self.rate)
        return torch.optim.lr_scheduler.SequentialLR(optimiser, [rise, fall], [warm])

    def learn(self, lesson: Lesson) -> None:
        """Train against the texts of the training clips."""
        units = lesson.inputs[:, -UNITS:]
        self._known = units[(units > 0).any(dim=1)].unique(dim=0)
        super().learn(lesson)

    def loss(self, given: Tensor, rows: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Focal loss, and twice the cross-entropy of each clip's own text among all of the training clips."""
        network: Any = self.module
        logits, seen = network.read(given)
        chance = logits.log_softmax(dim=1).gather(1, targets[:, None])[:, 0]
        share = weights[targets] / weights[targets].sum()
        focal: Tensor = -(share * (1 - chance.exp()) ** _FOCUS * chance).sum()
        units = rows[:, -UNITS:]
        some = (units > 0).any(dim=1)
        if not some.any():
            return focal
        own = (units[some][:, None] == self._known[None]).all(dim=2).int().argmax(dim=1).to(given.device)
        texts = network.told(self._known.to(given.device))
        alike: Tensor = network.sharpness.clamp(max=math.log(100)).exp() * seen[some.to(given.device)] @ texts.T
        return focal + _ALIGNED * functional.cross_entropy(alike, own)


create = _bank.maker("mer-clip", MERCLIP)
