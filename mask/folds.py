"""Leave-one-subject-out recognizers: each clip is judged by a model that has not seen its subject."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mask.clip import Clip
from mask.contracts import Prediction, Recognizer
from mask.errors import UnreadableWeights
from mask.torch_recognizer import Trainable


class FoldedRecognizer(Recognizer):
    """One recognizer made of one model per held-out subject.

    Args:
        name: how results name it.
        folds: the model to use for each held-out subject. Models may be shared between subjects.
        strangers: what to do with a subject no fold was trained without: ``refuse``, or ``average`` the
            probabilities of all models, none of which can have seen a stranger.
        panel: how many models answer about a stranger at most, spread over all there are; `None` for all.
        seen: subjects that models were trained on and no fold holds out; they are always refused.

    Raises:
        ValueError: without folds, or with folds that disagree about labels.
    """

    def __init__(
        self,
        name: str,
        folds: Mapping[str, Recognizer],
        strangers: Literal["refuse", "average"] = "refuse",
        seen: Collection[str] = (),
        panel: int | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        if not folds:
            raise ValueError("a folded recognizer needs at least one fold")
        self.folds = dict(folds)
        first = next(iter(self.folds.values()))
        if any(f.labels != first.labels for f in self.folds.values()):
            raise ValueError("the folds disagree about the order of the labels")
        self.name, self.labels, self.reads = name, first.labels, first.reads
        self.strangers, self.seen, self.panel = strangers, frozenset(seen), panel
        self._models = tuple({id(f): f for f in self.folds.values()}.values())
        self._card = dict(card or {})

    def card(self) -> dict[str, Any]:
        return {**super().card(), "folds": len(self.folds), "models": len(self.models), **self._card}

    @property
    def models(self) -> tuple[Recognizer, ...]:
        """Every model once."""
        return self._models

    def fold(self, subject: str) -> Recognizer:
        """The model that has not seen `subject`.

        Raises:
            UnreadableWeights: when there is none.
        """
        if subject not in self.folds:
            raise UnreadableWeights(
                f"{self.name} holds no model that was trained without subject {subject!r}; "
                f"it has {len(self.folds)} subjects, such as {', '.join(list(self.folds)[:3])}"
            )
        return self.folds[subject]

    def models_for(self, subject: str) -> tuple[Recognizer, ...]:
        """The models that answer together about a subject.

        Raises:
            UnreadableWeights: when there is none.
        """
        if self.strangers == "average" and subject not in self.folds and subject not in self.seen:
            count = len(self.models)
            chosen = np.linspace(0, count - 1, min(self.panel or count, count)).round().astype(int)
            return tuple(self.models[i] for i in chosen)
        return (self.fold(subject),)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        groups: dict[int, list[int]] = {}
        models: dict[int, Recognizer] = {}
        who = {s: self.models_for(s) for s in dict.fromkeys(c.subject for c in clips)}
        for i, clip in enumerate(clips):
            chosen = who[clip.subject]
            model = chosen[0] if len(chosen) == 1 else _Average(chosen)
            key = id(model) if len(chosen) == 1 else -1
            models.setdefault(key, model)
            groups.setdefault(key, []).append(i)
        parts = [models[key].predict([clips[i] for i in rows]) for key, rows in groups.items()]
        if not parts:
            return Prediction(self.labels, np.empty((0, len(self.labels))), ())
        whole = Prediction.concatenate(parts)
        back = np.argsort(np.concatenate(list(groups.values())), kind="stable")
        return Prediction(self.labels, whole.probabilities[back], tuple(whole.status[i] for i in back), whole.source)


class _Average(Recognizer):
    def __init__(self, models: Sequence[Recognizer]) -> None:
        self.models = models
        self.name, self.labels, self.reads = "average", models[0].labels, models[0].reads

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        alike = _alike(self.models)
        if not alike:
            return Prediction.average([m.predict(clips) for m in self.models])
        # What the networks are given, optical flow above all, costs far more than the networks.
        first = alike[0]
        chunks = [clips[i : i + first.batch] for i in range(0, len(clips), first.batch)]
        parts = ([m.judge(inputs) for m in alike] for inputs in map(first.inputs, chunks))
        return Prediction.concatenate([Prediction.average(told) for told in parts])


def _alike(models: Sequence[Recognizer]) -> list[Trainable]:
    """The models, when all are of one architecture with equal options, so that they are given the same; else none."""
    found = [m for m in models if isinstance(m, Trainable)]
    same = len(found) == len(models) and all(
        type(m) is type(found[0]) and m.options() == found[0].options() for m in found
    )
    return found if same else []
