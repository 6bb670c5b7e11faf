"""Micron-BERT: a transformer over patches that looks for the small difference of two frames (Nguyen et al., CVPR 2023).

Source: X.-B. Nguyen, C. N. Duong, X. Li, S. Gauch, H.-S. Seo, K. Luu, "Micron-BERT: BERT-based Facial Micro-Expression
Recognition", CVPR 2023 (arXiv 2304.03195), written from the paper: frames of 224 in patches of 8, four layers of width
512 with four heads and a contextual token; diagonal micro-attention asks of each patch how well it is found again at
its own place in the other frame; a patch of interest is one the contextual token attends to; before it sees a label
the network learns to restore an apex in which blocks of patches were swapped for those of the onset. Labels: those it
is trained on; untrained, negative, positive, surprise.

Differences from the paper: nothing is learnt from eight million other faces; the swapped pairs are those of the
training clips, for `pretrain` epochs. The loss between whole faces and their crops that trains the contextual token
there is left out; here the labels train it. For the labels a patch is weighed by how badly it is found again, as in the
maps the paper shows, and what it tells is how its features differ from those of the onset, so that the face itself
cancels; half of the patches are of interest; the classifier sees them at their places, not their mean. AdamW along a
cosine, the last epoch; augmentation by mirror, brightness and a shift of up to 4 % of the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.contracts import Reads
from mask.learn import Lesson
from mask.torch_recognizer import Trainable

from . import _bank
from ._frames import MEAN, STD, check_epochs, varied

_SWAPPED, _BLOCK = 0.5, 2
"""The share of blocks that are swapped, and their side in patches."""


def places(grid: int, width: int) -> Tensor:
    """Where each patch is, ``float32 (grid * grid, width)``: sines and cosines of its row and its column."""
    rates = 10000.0 ** (-torch.arange(width // 4) / (width // 4))
    angles = torch.arange(grid)[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    row, column = line[:, None].expand(-1, grid, -1), line[None].expand(grid, -1, -1)
    return torch.cat([row, column], dim=2).flatten(0, 1)


def _layers(width: int, heads: int, depth: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)


class Encoder(nn.Module):
    """Maps normalised pictures ``(N, 3, S, S)`` to a contextual token and patches, ``(N, 1 + L, C)``."""

    def __init__(self, size: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, width, patch, stride=patch)
        self.context = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.layers = _layers(width, heads, depth)
        self.place: Tensor
        self.register_buffer("place", places(size // patch, width))

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.embed(pictures).flatten(2).transpose(1, 2) + self.place
        found: Tensor = self.layers(torch.cat([self.context.expand(len(patches), -1, -1), patches], dim=1))
        return found


class MicroAttention(nn.Module):
    """Diagonal micro-attention: how well each patch of one frame is found again at its own place in the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask, self.key = nn.Linear(width, width), nn.Linear(width, width)
        # Without biases: a patch that did not change is to tell nothing.
        self.value, self.tell = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)

    def found(self, now: Tensor, before: Tensor) -> Tensor:
        """The diagonal of the attention of ``(N, L, C)`` patches to those before, ``(N, L)`` in 0..1."""
        score = self.ask(now) @ self.key(before).mT * now.shape[2] ** -0.5
        found: Tensor = score.softmax(dim=2).diagonal(dim1=1, dim2=2)
        return found

    def forward(self, now: Tensor, weight: Tensor) -> Tensor:
        """What the patches tell, each with its weight ``(N, L)``."""
        told: Tensor = self.tell(weight[..., None] * self.value(now))
        return told


class Network(nn.Module):
    """Maps ``float32 (N, 3, 2, S, S)`` in [0, 1] (onset, apex) to logits ``(N, K)``; S a multiple of the patch."""

    def __init__(self, classes: int, size: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.encoder = Encoder(size, patch, width, depth, heads)
        self.micro = MicroAttention(width)
        self.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(width * (size // patch) ** 2, classes))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1, 1))

    def encode(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of the onset and of the apex, ``(N, 1 + L, C)`` each."""
        pictures = ((video - self.mean) / self.std).transpose(1, 2).flatten(0, 1)
        tokens = self.encoder(pictures).unflatten(0, (-1, 2))
        return tokens[:, 0], tokens[:, 1]

    def forward(self, video: Tensor) -> Tensor:
        onset, apex = self.encode(video)
        patches = apex[:, 1:]
        found = self.micro.found(patches, onset[:, 1:])
        moved = 1 - found / found.amax(dim=1, keepdim=True)
        interest = (patches @ apex[:, 0, :, None]).squeeze(2).mul(patches.shape[2] ** -0.5).softmax(dim=1)
        least = interest.median(dim=1, keepdim=True).values
        interest = interest * (interest >= least)
        told = self.micro(patches - onset[:, 1:], moved * interest * interest.shape[1]).flatten(1)
        logits: Tensor = self.fc(functional.layer_norm(told, told.shape[1:], eps=1e-8))
        return logits


class Restoring(nn.Module):
    """A network with a decoder after its micro-attention: it restores an apex swapped in part for the onset."""

    def __init__(self, network: Network, width: int, depth: int, heads: int, patch: int) -> None:
        super().__init__()
        self.network, self.patch = network, patch
        self.layers = _layers(width, heads, depth)
        self.paint = nn.Linear(width, 3 * patch**2)

    def forward(self, video: Tensor, swapped: Tensor) -> Tensor:
        """The mean squared error of the restored apex; `swapped` is ``bool (N, 1, S, S)``."""
        onset, apex = video.unbind(dim=2)
        mixed = torch.stack([onset, torch.where(swapped, onset, apex)], dim=2)
        before, now = (tokens[:, 1:] for tokens in self.network.encode(mixed))
        micro = self.network.micro
        told = micro(now, now.shape[1] * micro.found(now, before)) + self.network.encoder.place
        wanted = functional.pixel_unshuffle((apex - self.network.mean[:, :, 0]) / self.network.std[:, :, 0], self.patch)
        return functional.mse_loss(self.paint(self.layers(told)), wanted.flatten(2).transpose(1, 2))


class MicronBERT(Trainable):
    """Micron-BERT on the aligned onset and apex frames."""

    reads: Reads = "pair"
    dials: ClassVar[tuple[str, ...]] = ("size", "patch", "width", "depth", "heads", "pretrain", "epochs", "rate")
    chunk = 16
    decay = 0.05

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 224,
        patch: int = 8,
        width: int = 512,
        depth: int = 4,
        heads: int = 4,
        pretrain: int = 20,
        epochs: int = 40,
        rate: float = 5e-4,
    ) -> None:
        check_epochs(epochs)
        if patch < 1 or size % (_BLOCK * patch):
            raise ValueError(f"size is {size} and patch is {patch}; expected a size that {_BLOCK} patches divide")
        if width < 4 or width % 4 or width % heads:
            raise ValueError(f"width is {width} and heads is {heads}; expected a width that 4 and the heads divide")
        if depth < 1 or pretrain < 0:
            raise ValueError(f"depth is {depth} and pretrain is {pretrain}; expected at least 1 and 0")
        super().__init__("micron-bert", labels, Network(len(labels), size, patch, width, depth, heads), size=size)
        self.patch, self.width, self.depth, self.heads = patch, width, depth, heads
        self.pretrain, self.epochs, self.rate = pretrain, epochs, rate

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.module.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Whole pairs mirrored, shifted and dimmed."""
        return varied(self.tensor(list(rows.numpy())), generator)

    def learn(self, lesson: Lesson) -> None:
        """Restore swapped apexes first, then learn the labels."""
        self._restore(lesson)
        super().learn(lesson)

    def _restore(self, lesson: Lesson) -> None:
        """Blockwise swapping: train encoder and micro-attention on the training pairs, without their labels."""
        network: Any = self.module
        restoring = Restoring(network, self.width, self.depth, self.heads, self.patch).train()
        restoring.to("cuda" if torch.cuda.is_available() else "cpu")
        optimiser = torch.optim.AdamW(restoring.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)
        cells = self.size // (_BLOCK * self.patch)
        for _ in range(self.pretrain):
            order = torch.randperm(len(lesson.inputs), generator=lesson.generator)
            for rows in order.split(self.chunk):
                video = self.vary(lesson.inputs[rows], lesson.generator)
                blocks = torch.rand(len(rows), 1, cells, cells, generator=lesson.generator) < _SWAPPED
                swapped = blocks.to(video.device).repeat_interleave(_BLOCK * self.patch, 2)
                loss = restoring(video, swapped.repeat_interleave(_BLOCK * self.patch, 3))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()


create = _bank.maker("micron-bert", MicronBERT)
