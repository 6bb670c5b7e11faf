"""What both ways of magnifying motion share: a clip with its motion since the onset made larger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mask.clip import Clip, Frames, Landmarks, Points

from ._base import Augmentation, provenance

MOST = 10.0
"""The largest factor; beyond it noise is all one sees."""


def check_factor(factor: float) -> None:
    """Raise `ValueError` for a factor that magnifies nothing, or too much."""
    if not 1 < factor <= MOST:
        raise ValueError(f"factor is {factor}; expected above 1, at most {MOST:g}")


def magnified(
    way: Augmentation, training: Sequence[Clip], factor: float, draw: Callable[[Clip], Frames], how: str
) -> list[Clip]:
    """One magnified clip of each.

    Args:
        draw: the magnified frames of a clip.
        how: in a few words, with every number that pixels depend on; becomes part of the key.
    """
    return [
        replace(
            clip,
            key=f"{clip.key} {how}",
            frames=draw(clip),
            landmarks=None if clip.landmarks is None else MagnifiedLandmarks(clip.landmarks, clip.onset, factor),
            truth=provenance(way, (clip,), factor=factor),
        )
        for clip in training
    ]


class MagnifiedLandmarks:
    """Mesh points whose motion since the onset is multiplied; a `mask.clip.Landmarks`."""

    def __init__(self, base: Landmarks, onset: int, factor: float) -> None:
        self._base, self._onset, self._factor = base, onset, factor

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int, /) -> Points | None:
        start, now = self._base[self._onset], self._base[index]
        if index == self._onset or start is None or now is None:
            return now
        return np.asarray(start + self._factor * (now - start))
