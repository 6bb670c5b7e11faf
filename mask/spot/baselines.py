"""What spotters are held against and learn nothing: peaks of motion, and intervals at random places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .interval import Interval, Spotting
from .motion import SIDE, Motion
from .spotter import PRESENCE, Spotter


class FlowPeak(Spotter):
    """The peaks of how far brows and mouth move within half a micro-expression, in pixels; nothing is learnt."""

    name = "flow-peak"
    labels = PRESENCE

    def read(self, seen: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        moved = np.linalg.norm(seen.maps[..., :2].astype(np.float32), axis=-1)
        return moved.reshape(-1, SIDE * SIDE).mean(axis=1, dtype=np.float64), None


def scattered(found: Spotting, frames: int, rng: np.random.Generator) -> Spotting:
    """The control of a spotter: its own intervals at random places, not overlapping where there is room.

    It is what the number, the lengths and the emotions of the intervals score by themselves.

    Args:
        found: what the spotter found.
        frames: of the video.
        rng: the only source of randomness.
    """
    order = rng.permutation(len(found.intervals))
    shuffled = [found.intervals[i] for i in order]
    free = max(frames - sum(map(len, shuffled)), 0)
    placed, used = [], 0
    for gap, one in zip(np.sort(rng.integers(0, free + 1, len(shuffled))), shuffled, strict=True):
        length = min(len(one), frames)
        onset = min(int(gap) + used, frames - length)
        placed.append(Interval(onset, onset + (length - 1) // 2, onset + length - 1, one.emotion, one.score))
        used += length
    return Spotting(tuple(placed), found.curve, found.threshold)


BASELINES = {"flow-peak": FlowPeak}
"""By the name that ``mask spot`` takes."""
