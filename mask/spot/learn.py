"""Spotters that learn: what they are shown, the loss, and the training loop.

The loop of `mask.learn` minimises cross-entropy over clips, one label each. A spotter learns from moments, most of
which show nothing, by regression on whether a moment belongs to an expression (Liong et al., ICIP 2021), and may learn
emotions beside it: another loss on other rows, hence another loop.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mask.contracts import Progress, quiet

from .interval import Interval
from .motion import SPAN, Motion
from .peaks import SHARE
from .spotter import PRESENCE, Spotter

NOBODY = -1
"""The emotion of a moment that shows none."""

Truth = Sequence[Interval]


@dataclass(frozen=True, eq=False)
class Rows:
    """What a network is trained on.

    Args:
        given: ``float32 (R, ...)``, what it takes.
        present: ``float32 (R,)`` or ``(R, L)``, 1 where a moment belongs to an expression, 0 elsewhere.
        emotion: ``int64``, shaped as `present`: the position of the emotion, `NOBODY` where there is none.
    """

    given: Tensor
    present: Tensor
    emotion: Tensor

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, rows: Any) -> Rows:
        return Rows(self.given[rows], self.present[rows], self.emotion[rows])

    @staticmethod
    def joined(parts: Sequence[Rows]) -> Rows:
        """All rows, in order."""
        fields = ([getattr(p, name) for p in parts] for name in ("given", "present", "emotion"))
        return Rows(*(torch.cat(f) for f in fields))


def pseudo_labels(seen: Motion, truth: Truth, emotions: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Which moments belong to an expression, and to which: those whose two frames span any of it.

    Returns:
        ``float32 (N,)``, 1 or 0, and ``int64 (N,)``, the emotion of the expression that shares most frames with the
        moment, `NOBODY` where there is none.
    """
    low, high = seen.places - seen.distance / 2, seen.places + seen.distance / 2
    most = np.zeros(len(seen))
    emotion = np.full(len(seen), NOBODY, dtype=np.int64)
    for one in truth:
        shared = np.minimum(high, one.offset) - np.maximum(low, one.onset) + 1
        named = emotions.index(one.emotion) if one.emotion in emotions else NOBODY
        emotion = np.where(shared > np.maximum(most, 0), named, emotion)
        most = np.maximum(most, shared)
    return (most > 0).astype(np.float32), emotion


class TrainableSpotter(Spotter):
    """A spotter with a network. A new one gives `network`, `given`, and what differs of the rest.

    Args:
        name: how results name it.
        emotions: what it recognises; empty where it only spots.
        epochs, rate: of the training.
        span, flow, share: see `Spotter`.

    Attributes:
        dials: the names of the constructor's keyword parameters, each an attribute too.
        chunk: rows per training step.
        part: how much of the loss is recognition.
    """

    dials: ClassVar[tuple[str, ...]] = ("epochs", "rate", "span", "flow", "share")
    chunk: int = 64
    part: float = 0.0

    def __init__(
        self,
        name: str,
        emotions: Sequence[str] = (),
        *,
        epochs: int,
        rate: float,
        span: float = SPAN,
        flow: str = "dis",
        share: float = SHARE,
    ) -> None:
        if epochs < 1 or not rate > 0 or not 0 < span <= 1 or not 0 <= share <= 1:
            raise ValueError(
                f"epochs {epochs}, rate {rate}, span {span} or share {share} is out of range; expected 1 or more, "
                "above 0, seconds above 0 and up to 1, and 0 to 1"
            )
        self.name, self.emotions = name, tuple(emotions)
        self.labels = self.emotions or PRESENCE
        self.epochs, self.rate, self.span, self.flow, self.share = epochs, rate, span, flow, share
        self.module = self.network(len(self.emotions)).eval()

    @abstractmethod
    def network(self, classes: int) -> nn.Module:
        """A fresh network: rows as `given` makes them to scores ``(R,)`` or ``(R, L)`` before the sigmoid, and logits
        of the emotions ``(..., K)``, `None` without any."""

    @abstractmethod
    def given(self, seen: Motion) -> Tensor:
        """What the network takes of each moment, ``float32 (N, ...)``."""

    def rows(self, seen: Motion, truth: Truth) -> Rows:
        """What it is trained on in one video; here, moments one by one."""
        present, emotion = pseudo_labels(seen, truth, self.emotions)
        return Rows(self.given(seen), torch.from_numpy(present), torch.from_numpy(emotion))

    def show(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Which rows an epoch shows: all of expressions, and as many of nothing, chosen anew."""
        there = torch.nonzero(rows.present > 0)[:, 0]
        nothing = torch.nonzero(rows.present == 0)[:, 0]
        kept = nothing[torch.randperm(len(nothing), generator=generator)[: max(len(there), 1)]]
        return torch.cat([there, kept])

    def vary(self, given: Tensor, generator: torch.Generator) -> Tensor:
        """A training batch, augmented; here, as it is."""
        return given

    def read(self, seen: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        with torch.inference_mode():
            parts = [self.module(part) for part in self.given(seen).split(256)]
        scores = torch.cat([s for s, _ in parts]).sigmoid().double().numpy()
        named = [n for _, n in parts if n is not None]
        return scores, torch.cat(named).double().softmax(-1).numpy() if named else None

    def fresh(self, emotions: Sequence[str]) -> Self:
        """An untrained one of the same options, initialised from torch's generator."""
        kind: Any = type(self)
        made: Self = kind(emotions, **self.options())
        return made

    def options(self) -> dict[str, Any]:
        """The keyword parameters of `create` that rebuild this architecture. JSON-compatible."""
        return {name: getattr(self, name) for name in self.dials}

    def fit(
        self,
        examples: Sequence[tuple[Motion, Truth]],
        emotions: Sequence[str],
        seed: int,
        progress: Progress = quiet,
    ) -> Self:
        """Train a fresh spotter; the last epoch is the model.

        Args:
            examples: the motion and the annotation of each training video.
            emotions: the label set.
            seed: fixes initialisation, order and augmentation; the global generators are left as they were.
            progress: counts epochs.

        Raises:
            ValueError: when no training video shows an expression.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = self.fresh(emotions)
            rows = Rows.joined([model.rows(seen, truth) for seen, truth in examples if len(seen)])
            if not bool((rows.present > 0).any()):
                raise ValueError("no training video shows an annotated expression; give more videos")
            descend(model, rows, torch.Generator().manual_seed(seed), progress)
        return model


def descend(model: TrainableSpotter, rows: Rows, generator: torch.Generator, progress: Progress) -> None:
    """Train `model.module` in place, along a cosine to rate zero."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = model.module.to(device).train()
    scale: Callable[[Tensor], None] | None = getattr(module, "set_scale", None)
    if scale is not None:
        scale(rows.given.to(device))
    optimiser = torch.optim.Adam(module.parameters(), lr=model.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, model.epochs)
    weights = _weights(rows.emotion, len(model.emotions)).to(device)
    for _ in range(model.epochs):
        chosen = model.show(rows, generator)
        order = chosen[torch.randperm(len(chosen), generator=generator)]
        for part in order.split(model.chunk):
            batch = rows[part]
            if len(batch) < 2:  # batch normalisation needs more than one
                continue
            given = model.vary(batch.given, generator).to(device)
            scores, named = module(given)
            loss = functional.mse_loss(scores.sigmoid(), batch.present.to(device))
            who = batch.emotion.to(device)
            if named is not None and bool((who >= 0).any()):
                told = functional.cross_entropy(named[who >= 0], who[who >= 0], weight=weights)
                loss = (1 - model.part) * loss + model.part * told
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        schedule.step()
        progress(1)
    module.eval().to("cpu")


def _weights(emotion: Tensor, classes: int) -> Tensor:
    """Each emotion inversely to its count, so that a rare one is not ignored."""
    counts = torch.bincount(emotion[emotion >= 0], minlength=classes).clamp_min(1).float()
    return counts.sum() / (max(classes, 1) * counts)
