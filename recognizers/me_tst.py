"""ME-TST: spots and recognises micro-expressions as the states of a state-space model over a video (Zou et al., 2024).

Source: B. Zou, Z. Guo, W. Qin, X. Li, K. Wang, H. Ma, "Synergistic Spotting and Recognition of Micro-Expression via
Temporal State Transition" (arXiv 2409.09707), and Z. Guo, B. Zou, J. Zhuo, H. Ma, "ME-TST+" (arXiv 2508.08082): ten
numbers a moment, the mean flow of five regions of the face; a stem of convolutions over time to 64 channels; twelve
Mamba blocks; a score and the emotions for every moment of a video, in place of a decision per window. Written from the
papers' description; labels are those of the training videos.

Differences. The released code computes its recognition branch with the blocks of the spotting branch, so that those of
recognition never learn; here each branch has its own: a third of the blocks is shared, a third spots, a third
recognises. Which five regions, the size of the state and the split of the blocks are not in what we had of the papers:
both brows, both mouth corners and the chin, 16, and the split just named are ours. The flow is over half a
micro-expression from every moment, not from the first frame of a window. Mean squared error for the score, weighted
cross-entropy for emotions, Adam from 1e-3 along a cosine for 60 epochs of windows of four seconds, where the release
takes 1e-4 for 30. ME-TST+ (36 regions, two speeds) is not implemented.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.spot import weights as saved
from mask.spot.learn import NOBODY, Rows, TrainableSpotter, Truth, pseudo_labels
from mask.spot.motion import ROIS, SPAN, Motion
from mask.spot.peaks import SHARE

from ._bank import MEGC
from ._scan import MambaBlock

_WINDOW = 120
"""Moments in a training row: four seconds."""


class Network(nn.Module):
    """Maps ``float32 (N, T, 10)`` motion to scores ``(N, T)`` before the sigmoid and logits ``(N, T, K)``."""

    def __init__(self, classes: int, width: int = 64, depth: int = 12, state: int = 16) -> None:
        super().__init__()
        channels = 2 * len(ROIS)
        self.stem = nn.Sequential(
            nn.Conv1d(channels, width, 3, padding=1),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, 3, padding=1),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )
        self.shared, self.spotting, self.recognising = (
            nn.Sequential(*(MambaBlock(width, state) for _ in range(depth // 3))) for _ in range(3)
        )
        self.score = nn.Linear(width, 1)
        self.emotion = nn.Linear(width, classes)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(channels))

    def set_scale(self, rows: Tensor) -> None:
        """Take the spread of each channel from training rows."""
        self.scale.copy_(rows.flatten(0, -2).std(dim=0).clamp_min(1e-6))

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem((motion / self.scale).transpose(1, 2)).transpose(1, 2)
        x = self.shared(x)
        return self.score(self.spotting(x))[..., 0], self.emotion(self.recognising(x))


class MeTst(TrainableSpotter):
    """ME-TST on the mean flow of five regions."""

    dials: ClassVar[tuple[str, ...]] = (*TrainableSpotter.dials, "width", "depth", "state")
    chunk = 8
    part = 0.3

    def __init__(
        self, emotions: Sequence[str], *, width: int = 64, depth: int = 12, state: int = 16, **dials: Any
    ) -> None:
        if width < 1 or state < 1 or depth < 3 or depth % 3:
            raise ValueError(f"width {width}, state {state} or depth {depth} is out of range; depth is in threes")
        self.width, self.depth, self.state = width, depth, state
        super().__init__("me-tst", emotions, **dials)

    def network(self, classes: int) -> nn.Module:
        return Network(classes, self.width, self.depth, self.state)

    def given(self, seen: Motion) -> Tensor:
        """The whole video as one row, ``float32 (1, N, 10)``."""
        return torch.from_numpy(seen.rois.reshape(1, len(seen), 2 * len(ROIS)).astype(np.float32))

    def rows(self, seen: Motion, truth: Truth) -> Rows:
        """Windows that overlap by half; the last one ends with the video, and a shorter video is still before it."""
        present, emotion = pseudo_labels(seen, truth, self.emotions)
        missing = max(_WINDOW - len(seen), 0)
        series = functional.pad(self.given(seen)[0], (0, 0, missing, 0))
        there = functional.pad(torch.from_numpy(present), (missing, 0))
        which = functional.pad(torch.from_numpy(emotion), (missing, 0), value=NOBODY)
        last = len(series) - _WINDOW
        parts = [slice(s, s + _WINDOW) for s in sorted({*range(0, last + 1, _WINDOW // 2), last})]
        return Rows(*(torch.stack([whole[p] for p in parts]) for whole in (series, there, which)))

    def show(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Every window."""
        return torch.arange(len(rows))

    def vary(self, given: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the rows, and make the motion of each a tenth weaker or stronger."""
        regions = given.unflatten(-1, (len(ROIS), 2))
        order = [ROIS.index(_other_side(name)) for name in ROIS]
        mirrored = regions[..., order, :] * torch.tensor([-1.0, 1.0])
        chosen = torch.rand(len(given), generator=generator) < 0.5
        gain = 0.9 + 0.2 * torch.rand(len(given), generator=generator)
        return torch.where(chosen.view(-1, 1, 1, 1), mirrored, regions).flatten(-2) * gain.view(-1, 1, 1)

    def read(self, seen: Motion) -> tuple[Any, Any]:
        with torch.inference_mode():
            scores, named = self.module(self.given(seen))
        return scores[0].sigmoid().double().numpy(), named[0].double().softmax(-1).numpy()


def _other_side(name: str) -> str:
    left, right = name.endswith("_left"), name.endswith("_right")
    return name[:-5] + "_right" if left else name[:-6] + "_left" if right else name


def create(
    weights: str | None = None,
    width: int = 64,
    depth: int = 12,
    state: int = 16,
    epochs: int = 60,
    rate: float = 1e-3,
    span: float = SPAN,
    flow: str = "dis",
    share: float = SHARE,
) -> Any:
    """ME-TST: trained when `weights` names a folder that ``mask spot --train`` wrote, untrained otherwise."""
    asked = {"width": width, "depth": depth, "state": state, "epochs": epochs, "rate": rate}
    return saved.create("me-tst", MeTst, weights, {**asked, "span": span, "flow": flow, "share": share}, MEGC)
