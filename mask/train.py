"""Training under a protocol of the field: no clip is ever judged by a model that has seen its subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mask.augment import Augmentation, made_by, need_pixels
from mask.clip import Clip, Dataset
from mask.contracts import Progress, quiet
from mask.errors import UnreadableData, UsageError
from mask.evaluate import scores_of
from mask.folds import FoldedRecognizer
from mask.learn import Epoch
from mask.model_card import claim, finish, header, log
from mask.torch_recognizer import Inputs, Trainable
from mask.weights import fill, read_state, write_state

Protocol = Literal["loso", "kfold", "split", "cross"]
PROTOCOLS: tuple[Protocol, ...] = ("loso", "kfold", "split", "cross")

Observer = Callable[[tuple[str, ...], Epoch, Trainable], None]
"""Called after each epoch with the subjects held out, the epoch, and the model as it is then."""


def held_out(dataset: Dataset, protocol: Protocol, seed: int = 0) -> list[tuple[str, ...]]:
    """The subjects each model must not see, one tuple per model.

    ``loso`` holds out one subject at a time, ``kfold`` a quarter of them four times, ``split`` a third of them once
    (the other subjects are then never judged), ``cross`` each database of a composite in turn.

    Raises:
        UsageError: with fewer than two subjects; for ``cross``, with fewer than two databases, or with a subject of
            one name in two of them.
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
    if protocol == "cross":
        return _databases(dataset)
    order = [subjects[i] for i in np.random.default_rng(seed).permutation(len(subjects))]
    if protocol == "split":
        return [tuple(sorted(order[: max(1, len(order) // 3)]))]
    parts = min(4, len(order))
    return [tuple(sorted(order[k::parts])) for k in range(parts)]


def _databases(dataset: Dataset) -> list[tuple[str, ...]]:
    members: dict[str, set[str]] = {}
    for clip in dataset.clips:
        members.setdefault(clip.dataset, set()).add(clip.subject)
    if len(members) < 2:
        raise UsageError(f"{dataset.name} is one database, {', '.join(members)}; protocol 'cross' needs two or more")
    names = sorted(members)
    for i, name in enumerate(names):
        for other in names[i + 1 :]:
            if shared := sorted(members[name] & members[other]):
                raise UsageError(
                    f"{name} and {other} both have a subject {shared[0]!r}, so that one could be judged by a model of "
                    "its own database; give subjects of different databases different names"
                )
    return [tuple(sorted(members[name])) for name in names]


def train(
    recognizer: Trainable,
    dataset: Dataset,
    *,
    protocol: Protocol = "loso",
    seed: int = 0,
    validation: float = 0.0,
    balanced: bool = True,
    augment: Sequence[Augmentation] = (),
    out: Path | None = None,
    progress: Progress = quiet,
    observe: Observer | None = None,
) -> FoldedRecognizer:
    """Train one model per fold.

    With `out`, each fold's weights and log are written as it ends and found again when training is started anew with
    the same options, so an interrupted run goes on where it stopped; a model card with the scores on the held-out
    subjects ends it. Progress counts epochs.

    Args:
        validation: share of each fold's training subjects that is not trained on and chooses the epoch by UF1; 0 for
            none: the last epoch is the model. Held-out subjects never choose.
        balanced: whether each class weighs inversely to its count.
        augment: what is made of each fold's training clips and trained on beside them; held-out subjects and those
            that choose the epoch have no part in it.
        observe: looks at every epoch, and changes nothing.

    Raises:
        UsageError: when the protocol does not fit the data, the data holds one emotion only, `validation` leaves
            nothing to train on, `augment` needs pixels or more clips than there are, or `out` holds another
            training.
        UnreadableData: when a fold has no two training clips that show a face.
    """
    folds = held_out(dataset, protocol, seed)
    _check(dataset, folds, validation)
    need_pixels(augment, dataset.clips)
    for held in folds:
        made_by(augment, [c for c in dataset.clips if c.subject not in held], seed)
    card = header(
        recognizer,
        dataset,
        folds,
        protocol=protocol,
        seed=seed,
        validation=validation,
        balanced=balanced,
        augment=[repr(a) for a in augment],
    )
    if out is not None:
        claim(out, card)
    course = _prepare(recognizer, dataset, seed, validation, balanced, augment)
    models: dict[str, Trainable] = {}
    for k, subjects in enumerate(folds):
        file = None if out is None else out / f"fold-{k:03d}.safetensors"
        model = _load(recognizer, dataset.emotions, file)
        if model is None:
            model, epochs, made = course.fold(k, subjects, progress, observe)
            if out is not None and file is not None:
                log(out, k, subjects, epochs, made)
                write_state(model.module, file)
        else:
            progress(recognizer.epochs)
        models |= dict.fromkeys(subjects, model)
    if out is not None:
        finish(out, card, dataset, scores_of(*course.judge(dataset, models), seed=seed))
    told = {"weights": "trained here", "training": card["training"]}
    return FoldedRecognizer(recognizer.name, models, strangers="average", seen=card["training"]["seen"], card=told)


@dataclass(frozen=True)
class _Course:
    """What all folds are trained from: the clips that show a face, and what the network is given of them.

    `drawn` is what the network is given of made clips, by key: folds share most of them.
    """

    recognizer: Trainable
    labels: tuple[str, ...]
    clips: Sequence[Clip]
    inputs: Inputs
    targets: NDArray[np.int64]
    seed: int
    validation: float
    balanced: bool
    augment: Sequence[Augmentation]
    drawn: dict[str, Inputs | None] = field(default_factory=dict)

    def fold(
        self, k: int, held: tuple[str, ...], progress: Progress, observe: Observer | None
    ) -> tuple[Trainable, list[Epoch], int]:
        """The model that sees none of `held`, its epochs, and how many clips were made for it."""
        subjects = sorted({c.subject for c in self.clips} - set(held))
        watched = self._watched(subjects, k)
        rows = np.array([c.subject not in held and c.subject not in watched for c in self.clips])
        if rows.sum() < 2:
            raise UnreadableData(
                f"fold {k}, without {', '.join(held)}, has {rows.sum()} usable training clips; two or more are needed"
            )
        chosen = np.array([c.subject in watched for c in self.clips])
        epochs: list[Epoch] = []

        def each(epoch: Epoch, model: Trainable) -> None:
            epochs.append(epoch)
            if observe is not None:
                observe(held, epoch, model)
            progress(1)

        inputs, targets = self._made([clip for clip, row in zip(self.clips, rows, strict=True) if row])
        model = self.recognizer.fit(
            np.concatenate([self.inputs[rows], *inputs]),
            np.concatenate([self.targets[rows], targets]),
            self.labels,
            self.seed + k,
            validation=(self.inputs[chosen], self.targets[chosen]) if watched else None,
            balanced=self.balanced,
            each=each,
        )
        return model, epochs, len(targets)

    def _made(self, training: Sequence[Clip]) -> tuple[list[Inputs], NDArray[np.int64]]:
        """What the network is given of the clips made of these, one array each, and their positions in the labels."""
        clips = made_by(self.augment, training, self.seed)
        new = [c for c in clips if c.key not in self.drawn]
        for start in range(0, len(new), self.recognizer.batch):
            part = new[start : start + self.recognizer.batch]
            self.drawn.update(zip([c.key for c in part], self.recognizer.inputs(part), strict=True))
        rows = [
            (row[None], self.labels.index(c.emotion or "")) for c in clips if (row := self.drawn[c.key]) is not None
        ]
        return [row for row, _ in rows], np.array([target for _, target in rows], dtype=np.int64)

    def _watched(self, subjects: Sequence[str], k: int) -> set[str]:
        """The training subjects that choose the epoch."""
        if not self.validation:
            return set()
        order = np.random.default_rng((self.seed, k)).permutation(len(subjects))
        return {subjects[i] for i in order[: _choosing(self.validation, len(subjects))]}

    def judge(
        self, dataset: Dataset, models: dict[str, Trainable]
    ) -> tuple[list[Clip], list[str | None], tuple[str, ...]]:
        """Every clip of a held-out subject, what its model says of it, and the labels."""
        told: dict[str, str | None] = {}
        for subject, model in models.items():
            own = [i for i, c in enumerate(self.clips) if c.subject == subject]
            names = model.judge([self.inputs[i] for i in own]).names if own else ()
            told |= {self.clips[i].key: name for i, name in zip(own, names, strict=True)}
        judged = [c for c in dataset.clips if c.subject in models]
        return judged, [told.get(c.key) for c in judged], self.labels


def _check(dataset: Dataset, folds: Sequence[tuple[str, ...]], validation: float) -> None:
    if len(found := {c.emotion for c in dataset.clips}) < 2:
        raise UsageError(f"every clip of {dataset.name} is {found.pop()}; give clips of two emotions or more")
    if not 0 <= validation < 1:
        raise UsageError(f"validation is {validation}; expected a share of the training subjects, 0 to below 1")
    left = len(dataset.subjects) - max(map(len, folds))
    if validation and _choosing(validation, left) >= left:
        raise UsageError(
            f"validation takes {_choosing(validation, left)} of the {left} training subjects of a fold and leaves none "
            "to train on; give a smaller share, or more subjects"
        )


def _choosing(validation: float, subjects: int) -> int:
    """How many of the training subjects choose the epoch."""
    return max(1, round(validation * subjects))


def _prepare(
    recognizer: Trainable,
    dataset: Dataset,
    seed: int,
    validation: float,
    balanced: bool,
    augment: Sequence[Augmentation],
) -> _Course:
    rows = recognizer.inputs(dataset.clips)
    kept = [clip for clip, row in zip(dataset.clips, rows, strict=True) if row is not None]
    if not kept:
        raise UnreadableData("no clip shows a face; nothing to train on")
    labels = dataset.emotions
    return _Course(
        recognizer,
        labels,
        kept,
        np.stack([row for row in rows if row is not None]),
        np.array([labels.index(c.emotion or "") for c in kept], dtype=np.int64),
        seed,
        validation,
        balanced,
        augment,
    )


def _load(recognizer: Trainable, labels: Sequence[str], file: Path | None) -> Trainable | None:
    """A fold that an earlier run finished, or `None`."""
    if file is None or not file.is_file():
        return None
    with torch.random.fork_rng():
        model = recognizer.fresh(labels)
    fill(model.module, read_state(file), file)
    return model
