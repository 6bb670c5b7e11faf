"""Apex-frame CNN: a VGG-16 that sees one picture, the apex with its motion magnified (Li et al., 2018).

Source: Y. Li, X. Huang, G. Zhao, "Can Micro-Expression be Recognized Based on Single Apex Frame?", ICIP 2018, and its
longer form "Joint Local and Global Information Learning With Single Apex Frame Detection for Micro-Expression
Recognition", IEEE TIP 2021, written from their abstracts and what others tell of them: Eulerian magnification, then a
network of the VGG-16 shape on the apex frame alone. Labels: those it is trained on; untrained, negative, positive,
surprise.

Differences from the papers: trained from scratch, where they start from VGG-Face and fine-tune it on posed expressions
first, so that batch normalisation was added after each convolution; the apex is the clip's own, where they spot it in
the frequency domain; magnification is the linear Eulerian formula on the onset and the apex alone (`gain` 0 leaves the
apex as filmed, and the network then sees nothing of the onset); the whole face, without the local branch of the longer
form; augmentation by mirror, brightness and a shift of up to 4 % of the crop; Adam along a cosine, the last epoch.
`width` and `size` scale the network for machines without a graphics card (1.0 and 224 are the papers').
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mask.contracts import Reads
from mask.torch_recognizer import Trainable

from . import _bank
from ._frames import MEAN, STD, check_epochs, check_size, check_width, magnified, varied

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage of VGG-16; each ends with a pooling that halves the picture."""
_HIDDEN = 4096


class Network(nn.Module):
    """Maps ``float32 (N, 3, 2, S, S)`` in [0, 1] (onset, apex) to logits ``(N, K)``; S a multiple of 32."""

    def __init__(self, classes: int, size: int = 224, width: float = 1.0, gain: float = 10.0) -> None:
        super().__init__()
        self.gain = gain
        layers: list[nn.Module] = []
        before = 3
        for channels, count in _STAGES:
            out = max(8, round(channels * width))
            for _ in range(count):
                layers += [nn.Conv2d(before, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
                before = out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        hidden = max(16, round(_HIDDEN * width))
        self.classifier = nn.Sequential(
            nn.Linear(before * (size // 32) ** 2, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(hidden, classes),
        )
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, video: Tensor) -> Tensor:
        apex = magnified(video, self.gain)[:, :, 1]
        logits: Tensor = self.classifier(self.features((apex - self.mean) / self.std).flatten(1))
        return logits


class ApexCNN(Trainable):
    """A VGG-16 on the magnified apex frame."""

    reads: Reads = "pair"
    dials: ClassVar[tuple[str, ...]] = ("size", "width", "gain", "epochs", "rate")
    chunk = 32

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 224,
        width: float = 1.0,
        gain: float = 10.0,
        epochs: int = 40,
        rate: float = 1e-3,
    ) -> None:
        check_size(size, 32, 32)
        check_width(width)
        check_epochs(epochs)
        if not 0 <= gain <= 100:
            raise ValueError(f"gain is {gain}; expected 0, for no magnification, to 100")
        super().__init__("apex-cnn", labels, Network(len(labels), size, width, gain), size=size)
        self.width, self.gain, self.epochs, self.rate = width, gain, epochs, rate

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Whole pairs mirrored, shifted and dimmed."""
        return varied(self.tensor(list(rows.numpy())), generator)


create = _bank.maker("apex-cnn", ApexCNN)
