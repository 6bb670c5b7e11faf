"""What every recognizer of flow maps shares: where the maps come from, and how gradients get through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mask.clip import Clip
from mask.contracts import Reads
from mask.flow import METHODS, encode, flow_maps, tvl1
from mask.torch_recognizer import Inputs, Trainable


class FlowRecognizer(Trainable):
    """A network on flow maps, precomputed or computed here from the aligned onset and apex frames.

    Args:
        name, labels: see `TorchRecognizer`.
        module: maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``.
        flow: how flow is computed from frames, one of `mask.flow.METHODS`.
        size: side of the aligned face crop that flow is computed on, in pixels.
        epochs, rate: of the training.
    """

    reads: Reads = "flow"
    dials: ClassVar[tuple[str, ...]] = ("flow", "size", "epochs", "rate")

    def __init__(
        self, name: str, labels: Sequence[str], module: nn.Module, *, flow: str, size: int, epochs: int, rate: float
    ) -> None:
        if flow not in METHODS:
            raise ValueError(f"flow is {flow!r}; expected one of {', '.join(METHODS)}")
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}; expected 1 or more")
        super().__init__(name, labels, module, size=size, batch=128)
        self.flow, self.epochs, self.rate = flow, epochs, rate

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """The flow map of each clip, ``uint8 (28, 28, 3)`` as (u, v, strain), or `None` where no face is found."""
        given = iter([c.flow for c in clips if c.flow is not None])
        pairs = super().inputs([c for c in clips if c.flow is None])
        seen = [pair for pair in pairs if pair is not None]
        maps = iter(flow_maps(np.stack(seen), method=self.flow) if seen else ())
        made = iter([None if pair is None else next(maps) for pair in pairs])
        return [next(made) if c.flow is None else next(given) for c in clips]

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255."""
        # Channels stay last in memory, as they come: convolutions are up to twice as fast on that.
        stored = torch.from_numpy(np.stack(inputs)).to(self.device)
        return stored.permute(0, 3, 1, 2).float()

    def answer(self, given: Tensor) -> Tensor:
        """Logits ``(N, K)`` of maps as `tensor` gives them."""
        result: Tensor = self.module(given)
        return result

    def flow_logits(self, maps: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in [0, 1], as a clip of flow holds them."""
        return self.answer(maps * 255)

    def logits(self, video: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, 2, S, S)`` in [0, 1] through TV-L1, strain, the resize and the per-image stretch.

        All of it is part of the attacked graph. The flow here is always TV-L1, the one method with a gradient.
        """
        grey = video.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1, 1)
        onset, apex = (video * grey).sum(dim=1, keepdim=True).unbind(dim=2)
        return self.answer(encode(tvl1(onset, apex)))

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the maps; a mirrored face moves the other way, so u changes its sign about its mid-range."""
        maps = self.tensor(list(rows.numpy()))
        chosen = (torch.rand(len(maps), generator=generator) < 0.5).to(maps.device)
        mirrored = maps.flip(-1)
        mirrored[:, 0] = 255 - mirrored[:, 0]
        return torch.where(chosen.view(-1, 1, 1, 1), mirrored, maps)


def centred(maps: Tensor) -> Tensor:
    """Maps in 0..255 as numbers in [-1, 1]."""
    return maps / 127.5 - 1
