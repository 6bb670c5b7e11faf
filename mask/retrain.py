"""What a sticker still hides from a recognizer that was trained on people who wear it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mask.apply import apply
from mask.clip import Clip, Dataset
from mask.contracts import Proposal, Recognizer
from mask.folds import FoldedRecognizer
from mask.torch_recognizer import Trainable
from mask.train import held_out


def recipe_of(recognizer: Recognizer) -> Trainable | None:
    """The network a recognizer is made of, to be trained anew with the same options; `None` where MASK has none."""
    models = recognizer.models if isinstance(recognizer, FoldedRecognizer) else (recognizer,)
    return next((m for m in models if isinstance(m, Trainable)), None)


def answers(
    recipe: Trainable,
    dataset: Dataset,
    worn: Sequence[tuple[Clip, Proposal | None]],
    *,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, str]:
    """What the same network answers about stickered clips after training on the stickered clips of other people.

    In four folds of subjects; the last epoch is the model.

    Args:
        recipe: its architecture and options; its weights play no part.
        dataset: the clips without stickers, for their subjects and labels.
        worn: each clip with the plan it wears; `None` for none.
        seed: of the folds and of training.
        progress: told the number of epochs since the last call.

    Returns:
        Answers by clip key. Clips that show no face have none, nor have those of a fold that leaves fewer than two to
        train on.

    Raises:
        UsageError: with fewer than two subjects.
    """
    # One clip is rendered at a time: what a network is given of it is small, its frames are not.
    told = [(clip, recipe.inputs([clip if plan is None else apply(clip, plan)])[0]) for clip, plan in worn]
    shown = [(clip, row) for clip, row in told if row is not None]
    targets = np.array([dataset.emotions.index(str(clip.emotion)) for clip, _ in shown], dtype=np.int64)
    found: dict[str, str] = {}
    for k, held in enumerate(held_out(dataset, "kfold", seed)):
        out = np.array([clip.subject in held for clip, _ in shown])
        if (~out).sum() < 2 or not out.any():
            continue
        rows = np.stack([row for (_, row), o in zip(shown, out, strict=True) if not o])
        model = recipe.fit(rows, targets[~out], dataset.emotions, seed + k, each=lambda _, __: progress(1))
        judged = [pair for pair, o in zip(shown, out, strict=True) if o]
        names = model.judge([row for _, row in judged]).names
        found |= {clip.key: str(name) for (clip, _), name in zip(judged, names, strict=True)}
    return found
