"""Recognizers whose right answers are known in closed form, and clips to try them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Dataset
from mask.contracts import Prediction, Reads, Recognizer

EMOTIONS = ("calm", "moved")


@dataclass
class LinearFlow(Recognizer):
    """Answers ``moved`` when a weighted sum of the strain channel exceeds a threshold.

    A rigid sticker takes away exactly the strain it covers, so the best place is the one of largest covered weight.
    """

    weights: NDArray[np.float64]
    threshold: float
    name: str = "linear"
    labels: tuple[str, ...] = EMOTIONS
    reads: Reads = "flow"
    calls: list[int] = field(default_factory=list)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.calls.append(len(clips))
        strain = np.stack([np.asarray(c.flow)[..., 2] for c in clips]).astype(float) if clips else np.empty((0, 28, 28))
        score = (strain * self.weights).sum(axis=(1, 2)) - self.threshold
        return Prediction.from_logits(self.labels, np.stack([-score, score], axis=1) / 50)


def strained(cells: Sequence[tuple[int, int]], value: int = 255, corner: bool = True) -> NDArray[np.uint8]:
    """A flow map whose strain is `value` in some cells; the corners pin the stretch of every channel."""
    flow = np.full((28, 28, 3), 100, dtype=np.uint8)
    flow[..., 2] = 0
    for row, column in cells:
        flow[row, column, 2] = value
    if corner:
        flow[0, 0], flow[0, 27], flow[27, 0] = (0, 0, 0), (255, 255, 0), (100, 100, 255)
    return flow


def flow_clip(key: str, flow: NDArray[np.uint8], emotion: str = "moved", subject: str = "") -> Clip:
    return Clip(key, subject or key.split("/")[0], emotion, "made", flow=flow)


def flow_dataset(clips: Sequence[Clip]) -> Dataset:
    return Dataset("made", tuple(clips), EMOTIONS)
