"""One training loop for every recognizer of this family: fixed epochs, class-weighted cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mask.contracts import Progress


def train(
    logits: Callable[[Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    *,
    classes: int,
    epochs: int,
    batch: int,
    generator: torch.Generator,
    augment: Callable[[Tensor, torch.Generator], Tensor],
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    progress: Progress,
) -> None:
    """Minimise class-weighted cross-entropy for a fixed number of epochs; the last epoch is the model.

    Args:
        logits: maps an augmented batch to logits ``(N, K)``.
        inputs: raw inputs ``(N, ...)``; `augment` turns a batch of them into what `logits` takes.
        targets: ``int64 (N,)``.
        classes: K; each class weighs inversely to its count, so that a rare emotion is not ignored.
    """
    counts = torch.bincount(targets, minlength=classes).clamp_min(1)
    loss_of = nn.CrossEntropyLoss(weight=len(targets) / (classes * counts.float()))
    for _ in range(epochs):
        order = torch.randperm(len(targets), generator=generator)
        for rows in order.split(batch):
            if len(rows) < 2:  # batch normalisation needs more than one
                continue
            loss = loss_of(logits(augment(inputs[rows], generator)), targets[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        if schedule is not None:
            schedule.step()
        progress(1)
