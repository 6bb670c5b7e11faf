"""A part of something longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Cut:
    """A run of frames, or of landmarks, within a longer sequence.

    Args:
        whole: the longer sequence.
        first: where the run begins in it.
        count: how long it is.

    >>> Cut("a long video", 2, 4)[1]
    'o'
    """

    whole: Any
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Any:
        if not -self.count <= index < self.count:
            raise IndexError(f"frame {index} of {self.count}")
        return self.whole[self.first + index % self.count]
