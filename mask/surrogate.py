"""What an attacker owns: recognizers other than the target, to be asked freely and offline."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Prediction, Recognizer
from mask.folds import FoldedRecognizer
from mask.oracle import Scorer
from mask.plan import Plan
from mask.torch_recognizer import TorchRecognizer

PANEL = 12
"""Siblings that answer together about a stranger: with more, what they say hardly changes, and the time does."""


class Owned:
    """Recognizers that answer together; a `mask.contracts.Surrogate`.

    Args:
        recognizers: their probabilities are averaged. Each is to answer about a discovery clip with a model that has
            not seen its subject, and about a stranger with all it has, as a `FoldedRecognizer` that averages does.

    Raises:
        ValueError: without recognizers.
    """

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        if not recognizers:
            raise ValueError("a surrogate needs at least one recognizer")
        self.recognizers = tuple(recognizers)
        self._scorers = [Scorer(r) for r in recognizers]
        self._imagined: dict[str, Clip] = {}

    def __call__(self, clip: Clip, plans: Sequence[Plan]) -> Prediction:
        return Prediction.average([s.under(clip, plans) if plans else s.clean([clip]) for s in self._scorers])

    def imagine(self, clip: Clip) -> Clip:
        """See `mask.contracts.Surrogate.imagine`; the flow map has a key of its own."""
        if clip.flow is not None or any(r.reads != "flow" for r in self.recognizers):
            return clip
        if clip.key not in self._imagined:
            self._imagined[clip.key] = self._as_flow(clip)
        return self._imagined[clip.key]

    def gradient(self, clip: Clip, label: str) -> NDArray[np.float32] | None:
        """See `mask.contracts.Surrogate.gradient`."""
        found = [m.gradient(clip, label) if isinstance(m, TorchRecognizer) else None for m in self._models(clip)]
        maps = [g for g in found if g is not None]
        if len(maps) < len(found) or len({g.shape for g in maps}) != 1:
            return None
        return np.asarray(np.mean(maps, axis=0), dtype=np.float32)

    def _models(self, clip: Clip) -> list[Recognizer]:
        """The single models that answer about a clip."""
        return [
            model
            for r in self.recognizers
            for model in (r.models_for(clip.subject) if isinstance(r, FoldedRecognizer) else (r,))
        ]

    def _as_flow(self, clip: Clip) -> Clip:
        reader = next((m for m in self._models(clip) if isinstance(m, TorchRecognizer)), None)
        flow = None if reader is None else reader.inputs([clip])[0]
        if flow is None or flow.shape != (28, 28, 3):
            return clip
        return replace(
            clip, key=f"{clip.key} as flow", frames=None, landmarks=None, flow=flow, onset=0, apex=0, offset=0
        )


def siblings(recognizer: Recognizer, discovery: Collection[str], attacked: Collection[str]) -> FoldedRecognizer | None:
    """The models of a leave-one-subject-out recognizer that judge discovery subjects and no attacked one.

    They are what an attacker has who was given some of the models of a study and not the one under attack. They have
    been trained as the target has, and on most of what it was trained on; the attacked people's clips are among that.

    Returns:
        `None` where there is none: for a recognizer of one model, the target is all there is.
    """
    if not isinstance(recognizer, FoldedRecognizer):
        return None
    held = {id(recognizer.folds[s]) for s in attacked if s in recognizer.folds}
    kept = {s: recognizer.folds[s] for s in discovery if s in recognizer.folds and id(recognizer.folds[s]) not in held}
    if not kept:
        return None
    return FoldedRecognizer(f"{recognizer.name} siblings", kept, strangers="average", panel=PANEL)
