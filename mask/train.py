"""Training under a protocol of the field: no clip is ever judged by a model that has seen its subject."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mask import __version__
from mask.clip import Clip, Dataset
from mask.contracts import Progress, quiet
from mask.errors import UnreadableData, UsageError
from mask.files import write_json
from mask.folds import FoldedRecognizer
from mask.torch_recognizer import Trainable
from mask.weights import fill, read_state, write_state

Protocol = Literal["loso", "kfold", "split"]
PROTOCOLS: tuple[Protocol, ...] = ("loso", "kfold", "split")


def held_out(dataset: Dataset, protocol: Protocol, seed: int = 0) -> list[tuple[str, ...]]:
    """The subjects each model must not see, one tuple per model.

    ``loso`` holds out one subject at a time, ``kfold`` a quarter of them four times, ``split`` a third of them once
    (the other subjects are then never judged).

    Raises:
        UsageError: with fewer than two subjects.
    """
    subjects = list(dataset.subjects)
    if protocol not in PROTOCOLS:
        raise UsageError(f"there is no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if len(subjects) < 2:
        raise UsageError(
            f"{dataset.name} has {len(subjects)} subject; a subject-independent protocol needs two or more"
        )
    if protocol == "loso":
        return [(s,) for s in subjects]
    order = [subjects[i] for i in np.random.default_rng(seed).permutation(len(subjects))]
    if protocol == "split":
        return [tuple(sorted(order[: max(1, len(order) // 3)]))]
    parts = min(4, len(order))
    return [tuple(sorted(order[k::parts])) for k in range(parts)]


def train(
    recognizer: Trainable,
    dataset: Dataset,
    *,
    protocol: Protocol = "loso",
    seed: int = 0,
    out: Path | None = None,
    progress: Progress = quiet,
) -> FoldedRecognizer:
    """Train one model per fold.

    With `out`, each fold's weights are written as it ends and found again when training is started anew with the same
    options, so an interrupted run goes on where it stopped. Progress counts epochs.

    Raises:
        UsageError: when the protocol does not fit the data, or `out` holds another training.
        UnreadableData: when no clip of a training fold shows a face.
    """
    folds = held_out(dataset, protocol, seed)
    labels = dataset.emotions
    card = _card(recognizer, dataset, protocol, seed, folds)
    if out is not None:
        _claim(out, card)
    inputs, kept = _inputs(recognizer, dataset.clips)
    targets = np.array([labels.index(c.emotion or "") for c in kept], dtype=np.int64)
    models: dict[str, Trainable] = {}
    for k, subjects in enumerate(folds):
        rows = np.array([c.subject not in subjects for c in kept])
        if not rows.any():
            raise UnreadableData(f"fold {k} of {dataset.name} has no usable training clip")
        file = None if out is None else out / f"fold-{k:03d}.safetensors"
        model = _load(recognizer, labels, file)
        if model is None:
            model = recognizer.fit(inputs[rows], targets[rows], labels, seed + k, progress)
            if file is not None:
                write_state(model.module, file)
        else:
            progress(recognizer.epochs)
        models |= dict.fromkeys(subjects, model)
    if out is not None:
        write_json(card, out / "model.json")
        (out / "training.json").unlink(missing_ok=True)
    seen = card["training"]["seen"]
    told = {"weights": "trained here", "training": card["training"]}
    return FoldedRecognizer(recognizer.name, models, strangers="average", seen=seen, card=told)


def _card(
    recognizer: Trainable, dataset: Dataset, protocol: str, seed: int, folds: Sequence[tuple[str, ...]]
) -> dict[str, Any]:
    tested = {s for fold in folds for s in fold}
    return {
        "schema": "mask.model/1",
        "recognizer": recognizer.name,
        "options": recognizer.options(),
        "labels": list(dataset.emotions),
        "folds": {s: f"fold-{k:03d}.safetensors" for k, fold in enumerate(folds) for s in fold},
        "training": {
            "data": dataset.name,
            "clips": len(dataset),
            "protocol": protocol,
            "seed": seed,
            "epochs": recognizer.epochs,
            "epoch_selection": "none: the last epoch is the model",
            "seen": [s for s in dataset.subjects if s not in tested],
            "mask": __version__,
        },
    }


def _claim(out: Path, card: dict[str, Any]) -> None:
    """Start or resume a training folder; refuse one that holds something else."""
    out.mkdir(parents=True, exist_ok=True)
    mark = out / "training.json"
    if (out / "model.json").exists():
        raise UsageError(f"{out} holds a finished training; choose another folder, or --force to replace it")
    if mark.exists():
        if json.loads(mark.read_text(encoding="utf-8")) != card:
            raise UsageError(f"{out} holds an unfinished training of other options; choose another folder, or --force")
    elif any(out.iterdir()):
        raise UsageError(f"{out} is not empty; choose another folder, or --force to replace it")
    else:
        write_json(card, mark)


def _inputs(recognizer: Trainable, clips: Sequence[Clip]) -> tuple[np.ndarray[Any, Any], list[Clip]]:
    rows = recognizer.inputs(clips)
    kept = [clip for clip, row in zip(clips, rows, strict=True) if row is not None]
    if not kept:
        raise UnreadableData("no clip shows a face; nothing to train on")
    return np.stack([row for row in rows if row is not None]), kept


def _load(recognizer: Trainable, labels: Sequence[str], file: Path | None) -> Trainable | None:
    if file is None or not file.is_file():
        return None
    model = recognizer.fresh(labels)
    fill(model.module, read_state(file), file)
    return model
