"""The recognizer laid open: from the pixels a digital attack may change to logits, with gradients all the way.

The face's crop is a linear map of the frames' pixels, so it is part of the graph, as are flow and normalisation, which
live in the recognizer. Behind a defence that filters pictures the forward pass goes through the filter and the
backward pass goes past it (backward pass differentiable approximation, BPDA: Athalye, Carlini, Wagner, "Obfuscated
Gradients Give a False Sense of Security", ICML 2018, arXiv 1802.00420).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mask.clip import Clip, Frame
from mask.contracts import Differentiable, DifferentiableFlow, Recognizer
from mask.errors import InvalidPlan
from mask.faces import clip_box
from mask.folds import FoldedRecognizer
from mask.retrack import Retracking, forget

from .crop import Crop
from .perturbation import Perturbation


@runtime_checkable
class Filtering(Protocol):
    """A recognizer that looks at filtered pictures; filter-like defences are such."""

    inner: Recognizer
    filter: Callable[[Frame], Frame]


class OpenRecognizer(nn.Module):
    """A recognizer laid open for one clip; a `mask.contracts.WhiteBox`.

    Where several models answer about the clip's subject, the logits are the log of their mean probabilities.

    Args:
        recognizer: under attack.
        clip: under attack.
        spend: called with the rows of each forward pass before it is made.

    Raises:
        InvalidPlan: where the gradient does not reach the pixels.
    """

    def __init__(self, recognizer: Recognizer, clip: Clip, spend: Callable[[int], None]) -> None:
        super().__init__()
        self.labels = recognizer.labels
        self._spend = spend
        self._filters: list[Callable[[Frame], Frame]] = []
        while isinstance(recognizer, Filtering | Retracking):
            if isinstance(recognizer, Retracking):
                clip = forget(clip)
            else:
                self._filters.append(recognizer.filter)
            recognizer = recognizer.inner
        models = recognizer.models_for(clip.subject) if isinstance(recognizer, FoldedRecognizer) else (recognizer,)
        kind = DifferentiableFlow if clip.flow is not None else Differentiable
        if not all(isinstance(m, kind) for m in models):
            raise InvalidPlan(f"{recognizer.name} gives no gradient with respect to the pixels of {clip.space}")
        if clip.flow is None and any(m.reads == "video" for m in models):
            raise InvalidPlan(
                f"{recognizer.name} reads whole clips; an attack with gradients changes the onset and the apex frame"
            )
        self._models: tuple[Any, ...] = models
        # Kept as children, so that whoever looks for modules, to put them in eval mode or onto a device, finds them.
        self.networks = nn.ModuleList(dict.fromkeys(n for m in models for n in _networks(m)))
        self._frames: NDArray[np.uint8] | None = None
        if clip.flow is not None:
            given = _tensor(clip.flow)
        else:
            self._frames = np.stack(clip.pair())
            height, width = self._frames.shape[1:3]
            self.crop = Crop(clip_box(clip), int(getattr(models[0], "size", 112)), (height, width))
            given = _tensor(self.crop.cut(self._frames))
        self.given = given.to(_device(self.networks))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(N, K)`` of ``float32 (N, 3, 2, h, w)`` or ``(N, 3, 28, 28)`` pixels in [0, 1]."""
        if pixels.shape[1:] != self.given.shape[1:]:
            raise ValueError(f"the pixels have shape {tuple(pixels.shape)}; expected N x {tuple(self.given.shape[1:])}")
        self._spend(len(pixels))
        if self._filters:
            pixels = pixels + (self._filtered(pixels.detach()) - pixels).detach()
        if self._frames is None:
            told: list[Tensor] = [m.flow_logits(pixels) for m in self._models]
        else:
            crops = self.crop(pixels)
            told = [m.logits(crops) for m in self._models]
        if len(told) == 1:
            return told[0]
        return torch.stack([t.log_softmax(dim=1) for t in told]).logsumexp(dim=0)

    def propose(self, pixels: Tensor, evidence: str) -> Perturbation:
        """See `mask.contracts.WhiteBox.propose`."""
        corner = (0, 0) if self._frames is None else self.crop.corner
        return Perturbation.quantised(pixels.detach().cpu().numpy().reshape(self.given.shape[1:]), corner, evidence)

    def _filtered(self, pixels: Tensor) -> Tensor:
        return torch.cat([self._filter(self.propose(row, "").pixels) for row in pixels]).to(pixels)

    def _filter(self, picture: NDArray[np.uint8]) -> Tensor:
        """What a defence makes of pixels, ``float32 (1, 3, ...)``; it filters the frames they are a part of."""
        if self._frames is None:
            whole = picture[None]
        else:
            whole = self._frames.copy()
            self.crop.cut(whole)[:] = picture
        for step in self._filters:
            whole = np.stack([step(frame) for frame in whole])
        return _tensor(whole[0] if self._frames is None else self.crop.cut(whole))


def _networks(model: Any) -> list[nn.Module]:
    return [v for v in vars(model).values() if isinstance(v, nn.Module)]


def _device(networks: nn.Module) -> torch.device:
    found = next(iter([*networks.parameters(), *networks.buffers()]), None)
    return torch.device("cpu") if found is None else found.device


def _tensor(picture: NDArray[np.uint8]) -> Tensor:
    """``uint8 (..., 3)`` to ``float32 (1, 3, ...)`` in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0))).float().div_(255).unsqueeze(0)
