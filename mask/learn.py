"""The training loop of every network: what it is shown, epoch by epoch, and which epoch is kept.

Folds are trained one by one. Trained together as one batched network (`torch.func.vmap` over stacked weights) each
takes longer on a CPU, whatever the network: the activations of several folds do not fit into the cache, and weights are
read once per fold either way. ``python -m benchmarks training`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mask.metrics import score_tables

if TYPE_CHECKING:
    from mask.torch_recognizer import Trainable


@dataclass(frozen=True)
class Epoch:
    """What is known when an epoch ends.

    Args:
        number: from 1.
        loss: the mean training loss.
        rate: the learning rate it ran at.
        validation: UF1 on the validation part; `None` where there is none.
    """

    number: int
    loss: float
    rate: float
    validation: float | None


def unobserved(_: Epoch, __: Trainable) -> None:
    """Look at no epoch."""


@dataclass(frozen=True)
class Lesson:
    """What one model is trained on.

    Args:
        inputs: ``(N, ...)``, rows as `TorchRecognizer.inputs` returns them, stacked.
        targets: ``int64 (N,)``, positions in the labels.
        classes: how many labels there are.
        generator: the only source of order and augmentation.
        validation: inputs and targets of subjects that are not trained on; they choose the epoch. `None`: the last
            epoch is the model.
        balanced: whether each class weighs inversely to its count, so that a rare emotion is not ignored.
        each: called after each epoch with its record and the model as it is then.
    """

    inputs: Tensor
    targets: Tensor
    classes: int
    generator: torch.Generator
    validation: tuple[Tensor, Tensor] | None = None
    balanced: bool = True
    each: Callable[[Epoch, Trainable], None] = unobserved

    @property
    def weights(self) -> Tensor:
        """The weight of each class in the loss, ``float32 (K,)``."""
        if not self.balanced:
            return torch.ones(self.classes)
        counts = torch.bincount(self.targets, minlength=self.classes).clamp_min(1)
        return len(self.targets) / (self.classes * counts.float())


def descend(model: Trainable, lesson: Lesson) -> None:
    """Minimise `model.loss` for `model.epochs` epochs; the last, or the one validation chose, is the model.

    Trains on the graphics card where there is one; the model comes back on the CPU.

    Raises:
        ValueError: with fewer than two rows.
    """
    if len(lesson.targets) < 2:
        raise ValueError(f"{len(lesson.targets)} clip is too few to train on; give two or more")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.module.to(device)
    optimiser = model.optimiser()
    schedule = model.schedule(optimiser)
    weights = lesson.weights.to(device)
    best: tuple[float, dict[str, Tensor]] | None = None
    for number in range(1, model.epochs + 1):
        model.module.train()
        rate = float(optimiser.param_groups[0]["lr"])
        loss = _pass(model, lesson, optimiser, weights)
        if schedule is not None:
            schedule.step()
        model.module.eval()
        found = None if lesson.validation is None else uf1(model, *lesson.validation, lesson.classes)
        if found is not None and (best is None or found > best[0]):
            best = found, {k: v.clone() for k, v in model.module.state_dict().items()}
        lesson.each(Epoch(number, loss, rate, found), model)
    if best is not None:
        model.module.load_state_dict(best[1])
    model.module.to("cpu")


def _pass(model: Trainable, lesson: Lesson, optimiser: torch.optim.Optimizer, weights: Tensor) -> float:
    """Show every row once; the mean loss."""
    order = torch.randperm(len(lesson.targets), generator=lesson.generator)
    total, shown = torch.zeros(()), 0
    for rows in order.split(model.chunk):
        if len(rows) < 2:  # batch normalisation needs more than one
            continue
        given = model.vary(lesson.inputs[rows], lesson.generator)
        loss = model.loss(given, lesson.inputs[rows], lesson.targets[rows].to(given.device), weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total, shown = total + len(rows) * loss.detach().cpu(), shown + len(rows)
    return float(total / shown)


def uf1(model: Trainable, inputs: Tensor, targets: Tensor, classes: int) -> float:
    """UF1 of a model in eval mode, as it is; inputs and targets as in `Lesson`."""
    with torch.inference_mode():
        answers = torch.cat(
            [model.answer(model.tensor(list(rows.numpy()))).argmax(1).cpu() for rows in inputs.split(256)]
        )
    table = torch.bincount(targets * (classes + 1) + answers, minlength=classes * (classes + 1))
    return float(score_tables(table.view(1, classes, classes + 1).numpy())[0][0])
