"""STCNN: MicroExpSTCNN, one 3-D convolution over the whole clip (Reddy et al., IJCNN 2019).

Source: S. P. T. Reddy, S. T. Karri, S. R. Dubey, S. Mukherjee, "Spontaneous Facial Micro-Expression Recognition using
3D Spatiotemporal Convolutional Neural Networks", IJCNN 2019 (arXiv 1904.01390), written from the paper: grey faces of
64 x 64, 18 frames (96 on CAS(ME)^2), 32 kernels of 3 x 3 pixels and 15 frames, the largest of each 3 x 3 x 3, and 128
hidden units drawn from a Gaussian of 0.05, each with half of its inputs dropped; the mean grey of the training clips is
taken off and their largest value divides; batches of 16 for 100 epochs. Labels: those it is trained on; untrained,
negative, positive, surprise.

Differences from the paper: the frames are spread evenly from onset to offset, where it takes the first 18 of the clip
(or those from 73 to 168). Adam from 1e-3 along a cosine, where it takes plain gradient descent, with which nothing was
learnt on the synthetic benchmark; batches varied by mirror, brightness and a shift of up to 4 % of the crop; the last
epoch is the model, where the released code keeps the best epoch on its test clips, which are drawn at random among the
clips of the same subjects. `still`, which the paper does not have, takes off each clip's own mean picture first and
divides by the spread of what is left, so that the network sees motion and no face.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mask.learn import Lesson

from . import _bank
from ._frames import VideoRecognizer, grey

_DEPTH = 15
"""Frames a kernel spans."""


class Network(nn.Module):
    """Maps ``float32 (N, 3, T, S, S)`` in [0, 1] to logits ``(N, K)``; T at least 17, S at least 5."""

    def __init__(self, classes: int, size: int, frames: int, still: bool) -> None:
        super().__init__()
        self.still = still
        self.conv, self.pool = nn.Conv3d(1, 32, (_DEPTH, 3, 3)), nn.MaxPool3d(3)
        cells = ((frames - _DEPTH + 1) // 3) * ((size - 2) // 3) ** 2
        self.hidden, self.fc = nn.Linear(32 * cells, 128), nn.Linear(128, classes)
        self.dropout = nn.Dropout(0.5)
        nn.init.xavier_uniform_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        for layer in (self.hidden, self.fc):
            nn.init.normal_(layer.weight, std=0.05)
            nn.init.zeros_(layer.bias)
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.tensor(0.5))
        self.register_buffer("spread", torch.tensor(0.5))

    def brightness(self, video: Tensor) -> Tensor:
        """``float (N, 1, T, S, S)``, each clip's mean picture off where that is asked for."""
        luma = grey(video)
        return luma - luma.mean(dim=2, keepdim=True) if self.still else luma

    def forward(self, video: Tensor) -> Tensor:
        x = (self.brightness(video) - self.mean) / self.spread
        x = self.dropout(self.pool(self.conv(x).relu())).flatten(1)
        logits: Tensor = self.fc(self.dropout(self.hidden(x).relu()))
        return logits


class STCNN(VideoRecognizer):
    """MicroExpSTCNN on frames from onset to offset."""

    dials: ClassVar[tuple[str, ...]] = (*VideoRecognizer.dials, "still")
    chunk = 16

    def __init__(
        self,
        labels: Sequence[str],
        *,
        size: int = 64,
        frames: int = 18,
        epochs: int = 100,
        rate: float = 1e-3,
        still: bool = False,
    ) -> None:
        if size < 5 or frames < _DEPTH + 2:
            raise ValueError(f"size is {size} and frames is {frames}; expected at least 5 and {_DEPTH + 2}")
        network = Network(len(labels), size, frames, still)
        super().__init__("stcnn", labels, network, size=size, frames=frames, epochs=epochs, rate=rate)
        self.still = still

    def learn(self, lesson: Lesson) -> None:
        """Normalise by the training clips, then train."""
        self._settle(lesson.inputs)
        super().learn(lesson)

    def _settle(self, rows: Tensor) -> None:
        """Take the mean and the spread of ``uint8 (N, T, S, S, 3)``, a few clips at a time."""
        network: Any = self.module
        parts = [network.brightness(self.tensor(list(part.numpy()))).double() for part in rows.split(64)]
        count = sum(p.numel() for p in parts)
        mean = sum(float(p.sum()) for p in parts) / count
        most = max(float(p.max()) for p in parts) - mean
        square = sum(float((p - mean).square().sum()) for p in parts) / count
        network.mean.fill_(mean)
        network.spread.fill_((square**0.5 if self.still else most) or 1.0)


create = _bank.maker("stcnn", STCNN)
