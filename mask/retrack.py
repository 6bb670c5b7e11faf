"""Recognizers that find the face anew in the frames they are given, as a system must that is sent a video.

Clips carry landmarks, found before any sticker or change of pixels, and alignment uses them. That is fair to placement,
and it hides what a sticker does to the finding of the face itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mask.clip import Clip
from mask.contracts import Prediction, Recognizer


class Retracking(Recognizer):
    """A recognizer behind the face detector and the mesh network; flow maps pass as they are.

    A clip in whose onset frame no face is found has the status ``no_face``, which is no success of an attack.

    Args:
        inner: the recognizer, which aligns a clip without landmarks by looking for the face.
    """

    def __init__(self, inner: Recognizer) -> None:
        self.inner = inner
        self.name, self.labels, self.reads = f"{inner.name}+retrack", inner.labels, inner.reads

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        return self.inner.predict([forget(c) for c in clips])

    def card(self) -> dict[str, Any]:
        return {**self.inner.card(), "name": self.name}


def forget(clip: Clip) -> Clip:
    """The clip without its landmarks."""
    return replace(clip, landmarks=None)
