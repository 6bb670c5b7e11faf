"""Recognizers made of a torch module: what they share, so that a new one is its network and its input.

To audit a network of your own that reads the onset and the apex frame, `TorchRecognizer` is all there is to it::

    TorchRecognizer("mine", ("negative", "positive", "surprise"), module, size=224)

where ``module`` maps ``float32 (N, 3, 2, size, size)`` in [0, 1] to logits ``(N, 3)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mask.clip import Clip
from mask.contracts import Prediction, Reads, Recognizer, Status
from mask.errors import NoFaceError
from mask.faces import aligned_pair
from mask.learn import Epoch, Lesson, descend, unobserved

Inputs = NDArray[Any]
"""What a network eats, one row per clip, before it becomes a tensor."""


class TorchRecognizer(Recognizer):
    """A torch module that classifies the aligned onset and apex frames.

    Args:
        name: how results name it.
        labels: the classes by name, in the order of the module's outputs.
        module: maps ``float32 (N, 3, 2, size, size)`` in [0, 1], RGB, to logits ``(N, K)``. Normalisation is its own.
        size: side of the aligned face crop, in pixels.
        batch: clips per forward pass.
    """

    reads: Reads = "pair"

    def __init__(
        self, name: str, labels: Sequence[str], module: nn.Module, *, size: int = 224, batch: int = 32
    ) -> None:
        self.name, self.labels = name, tuple(labels)
        self.module = module.eval()
        self.size, self.batch = size, batch

    @property
    def device(self) -> torch.device:
        """Where the module lives."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """What the network is given for each clip: ``uint8 (2, size, size, 3)``, or `None` where no face is found."""
        found: list[Inputs | None] = []
        for clip in clips:
            try:
                found.append(aligned_pair(clip, self.size))
            except NoFaceError:
                found.append(None)
        return found

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """Stack inputs into what `logits` takes: ``float32 (N, 3, 2, size, size)`` in [0, 1]."""
        stacked = torch.from_numpy(np.stack(inputs)).to(self.device)
        return stacked.permute(0, 4, 1, 2, 3).float().div_(255)

    def logits(self, video: Tensor) -> Tensor:
        """Logits ``(N, K)``; the gradient reaches the pixels of ``float32 (N, 3, 2, size, size)`` in [0, 1]."""
        result: Tensor = self.module(video)
        return result

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        chunks = [clips[i : i + self.batch] for i in range(0, len(clips), self.batch)]
        if not chunks:
            return Prediction(self.labels, np.empty((0, len(self.labels))), ())
        return Prediction.concatenate([self.judge(self.inputs(chunk)) for chunk in chunks])

    def judge(self, inputs: Sequence[Inputs | None]) -> Prediction:
        """`predict` on what `inputs` returned: several models of one architecture can share that work."""
        scored = iter(self._forward([row for row in inputs if row is not None]))
        rows = [np.full(len(self.labels), np.nan) if row is None else next(scored) for row in inputs]
        told = Prediction.from_logits(self.labels, np.stack(rows))
        status: tuple[Status, ...] = tuple(
            "no_face" if row is None else s for row, s in zip(inputs, told.status, strict=True)
        )
        return Prediction(self.labels, told.probabilities, status)

    def gradient(self, clip: Clip, label: str) -> NDArray[np.float32] | None:
        """How fast the log-odds of a label change with what the network is given.

        Returns:
            ``float32 (S, S)``: absolute gradients summed over channels and time, over the face box as (row, column);
            `None` when no face is found or the gradient does not get there.
        """
        row = self.inputs([clip])[0]
        if row is None:
            return None
        given = self.tensor([row]).requires_grad_()
        logits = self.answer(given)[0].double()
        k = self.labels.index(label)
        odds = logits[k] - torch.cat([logits[:k], logits[k + 1 :]]).logsumexp(0)
        (found,) = torch.autograd.grad(odds, given, allow_unused=True)
        if found is None:
            return None
        return np.asarray(found[0].abs().flatten(0, -3).sum(0).cpu().numpy(), dtype=np.float32)

    def answer(self, given: Tensor) -> Tensor:
        """Logits ``(N, K)`` of what `tensor` made."""
        return self.logits(given)

    def _forward(self, inputs: Sequence[Inputs]) -> NDArray[np.floating[Any]]:
        if not inputs:
            return np.empty((0, len(self.labels)))
        with torch.inference_mode():
            return self.answer(self.tensor(inputs)).double().cpu().numpy()


class Trainable(TorchRecognizer):
    """A `TorchRecognizer` that can be trained from scratch; `fit` returns another one and changes nothing.

    A new one gives its network, `dials`, and what differs from the defaults of `vary`, `loss`,
    `optimiser` and `schedule`.

    Attributes:
        dials: the names of the constructor's keyword parameters, each an attribute too.
        epochs, rate, decay: of the training; `rate` is that of the first epoch.
        chunk: clips per training step.
    """

    dials: ClassVar[tuple[str, ...]] = ()
    epochs: int
    rate: float
    decay: float = 0.0
    chunk: int = 64

    def fresh(self, labels: Sequence[str]) -> Self:
        """An untrained recognizer of the same options for other labels, initialised from torch's generator."""
        kind: Any = type(self)
        made: Self = kind(labels, **self.options())
        return made

    def options(self) -> dict[str, Any]:
        """The keyword parameters of `create` that rebuild this architecture. JSON-compatible."""
        return {name: getattr(self, name) for name in self.dials}

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """A training batch: raw rows ``(B, ...)`` as `answer` takes them, augmented; here, as they are."""
        return self.tensor(list(rows.numpy()))

    def optimiser(self) -> torch.optim.Optimizer:
        """What takes the training steps; here, Adam."""
        return torch.optim.Adam(self.module.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)

    def schedule(self, optimiser: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler | None:
        """How the rate changes from epoch to epoch; here, along a cosine to zero."""
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.epochs)

    def loss(self, given: Tensor, rows: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """What a training step makes smaller; here, cross-entropy.

        Args:
            given: a batch as `vary` made it.
            rows: the same clips as `inputs` returns them, on the CPU.
            targets: ``int64 (B,)``, positions in the labels.
            weights: ``float32 (K,)``, one per class.
        """
        return functional.cross_entropy(self.answer(given), targets, weight=weights)

    def learn(self, lesson: Lesson) -> None:
        """Train `self.module` in place. Sees no test clip."""
        descend(self, lesson)

    def fit(
        self,
        inputs: Inputs,
        targets: NDArray[np.int64],
        labels: Sequence[str],
        seed: int,
        *,
        validation: tuple[Inputs, NDArray[np.int64]] | None = None,
        balanced: bool = True,
        each: Callable[[Epoch, Trainable], None] = unobserved,
    ) -> Self:
        """Train a fresh recognizer.

        Args:
            inputs: ``(N, ...)``, rows as `inputs` returns them.
            targets: ``int64 (N,)``, positions in `labels`.
            seed: fixes initialisation, order and augmentation; the global generators are left as they were.
            validation, balanced, each: see `mask.learn.Lesson`.

        Raises:
            ValueError: with fewer than two rows.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = self.fresh(labels)
            watched = None if validation is None else (torch.from_numpy(validation[0]), torch.from_numpy(validation[1]))
            model.learn(
                Lesson(
                    inputs=torch.from_numpy(inputs),
                    targets=torch.from_numpy(targets),
                    classes=len(labels),
                    generator=torch.Generator().manual_seed(seed),
                    validation=watched,
                    balanced=balanced,
                    each=each,
                )
            )
            model.module.eval()
        return model
