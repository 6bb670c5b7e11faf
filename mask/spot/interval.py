"""An expression in a long video: where it begins, peaks and ends, and what a spotter says about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """An expression, annotated or spotted.

    Args:
        onset, apex, offset: frame numbers from 0, each included.
        emotion: by name; `None` where nobody said.
        score: how sure a spotter is; `None` for an annotation.

    Raises:
        ValueError: when they are out of order.

    >>> len(Interval(10, 14, 19))
    10
    """

    onset: int
    apex: int
    offset: int
    emotion: str | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.onset <= self.apex <= self.offset:
            raise ValueError(
                f"onset {self.onset}, apex {self.apex} and offset {self.offset} are out of order; expected "
                "0 <= onset <= apex <= offset"
            )

    def __len__(self) -> int:
        return self.offset - self.onset + 1

    def named(self, emotion: str | None) -> Interval:
        """The same interval with an emotion."""
        return replace(self, emotion=emotion)


def iou(one: Interval, other: Interval) -> float:
    """Frames both hold over frames either holds, in [0, 1].

    >>> iou(Interval(0, 4, 9), Interval(5, 7, 9))
    0.5
    """
    both = min(one.offset, other.offset) - max(one.onset, other.onset) + 1
    return max(both, 0) / (len(one) + len(other) - max(both, 0))


@dataclass(frozen=True, eq=False)
class Spotting:
    """What a spotter found in one video.

    Args:
        intervals: in order of their onset.
        curve: ``float32 (T,)``, the smoothed score of every frame; what the intervals are the peaks of.
        threshold: the height a peak had to reach; `None` where there is none.
    """

    intervals: tuple[Interval, ...]
    curve: NDArray[np.float32]
    threshold: float | None = None
