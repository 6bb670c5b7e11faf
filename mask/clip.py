"""What a clip is: the frames of one facial movement, or its precomputed flow, and what is known about it.

A clip is immutable and lazy. Its frames and landmarks are sequences that produce one item at a time, so a
dataset of thousands of clips costs nothing until somebody looks, and a stickered clip is the same clip with
another frame sequence around it (`Clip.with_frames`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""One RGB picture, ``uint8 (H, W, 3)``."""

Points = NDArray[np.floating[Any]]
"""Mesh points of one face in pixels, ``float (468, 2)``, (x, y), picture convention of `mask.geometry`."""


@runtime_checkable
class Frames(Protocol):
    """A random-access sequence of RGB frames; an ``uint8 (T, H, W, 3)`` array is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Frame: ...


@runtime_checkable
class Landmarks(Protocol):
    """Mesh points frame by frame, `None` where no face was found; a ``float (T, 468, 2)`` array is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Points | None: ...


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip of one subject.

    Args:
        key: unique within a run, as ``dataset/subject/file``; it names the clip in every result.
        subject: who is seen, as text.
        emotion: the label by name, or `None` where unknown.
        dataset: the adapter's name.
        frames: RGB frames, or `None` for a clip of precomputed flow.
        landmarks: mesh points per frame, in the pixels of `frames`; `None` when not known yet.
        flow: precomputed onset-to-apex flow map, ``uint8 (28, 28, 3)`` as (u, v, optical strain), each channel
            stretched to 0..255; `None` for a clip of frames.
        fps: frames per second.
        onset, apex, offset: indices into `frames`.
        action_units: FACS codes such as ``"AU12"`` or ``"L14"``.
        synthetic: whether the face belongs to nobody; only such faces are shown in a report unasked.
        truth: exact knowledge that only a synthetic clip has (regions that move, flow, parameters).

    Raises:
        ValueError: when there is neither a frame nor a flow map, or an index lies outside the frames.
    """

    key: str
    subject: str
    emotion: str | None
    dataset: str
    frames: Frames | None = None
    landmarks: Landmarks | None = None
    flow: NDArray[np.uint8] | None = None
    fps: float | None = None
    onset: int = 0
    apex: int = 0
    offset: int = 0
    action_units: tuple[str, ...] = ()
    synthetic: bool = False
    truth: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if (self.frames is None) == (self.flow is None):
            raise ValueError(f"clip {self.key}: give either frames or a flow map")
        if self.flow is not None and (self.flow.dtype != np.uint8 or self.flow.shape != (28, 28, 3)):
            raise ValueError(
                f"clip {self.key}: the flow map is {self.flow.dtype} {self.flow.shape}; expected uint8 (28, 28, 3)"
            )
        if self.frames is not None:
            count = len(self.frames)
            if not 0 <= self.onset < count or not 0 <= self.apex < count or not 0 <= self.offset < count:
                raise ValueError(
                    f"clip {self.key}: onset {self.onset}, apex {self.apex} and offset {self.offset} "
                    f"must lie in its {count} frames"
                )

    def __repr__(self) -> str:
        what = "flow map" if self.frames is None else f"{len(self.frames)} frames"
        return f"Clip({self.key!r}, {self.emotion}, {what})"

    @property
    def space(self) -> Literal["frames", "flow"]:
        """What a sticker is put on."""
        return "flow" if self.frames is None else "frames"

    def frame(self, index: int) -> Frame:
        """Frame `index` as ``uint8 (H, W, 3)``; `ValueError` on a clip of flow."""
        if self.frames is None:
            raise ValueError(f"clip {self.key} holds a flow map and no frames")
        return self.frames[index]

    def points(self, index: int) -> Points | None:
        """Mesh points of frame `index`, or `None` when there is no face or nobody has looked."""
        return None if self.landmarks is None else self.landmarks[index]

    def pair(self) -> tuple[Frame, Frame]:
        """The onset and the apex frame."""
        return self.frame(self.onset), self.frame(self.apex)

    def with_frames(self, frames: Frames) -> Clip:
        """The same clip, seen through other frames of the same count and size."""
        return replace(self, frames=frames)

    def with_flow(self, flow: NDArray[np.uint8]) -> Clip:
        """The same clip, with another flow map."""
        return replace(self, flow=flow)


@dataclass(frozen=True)
class Dataset:
    """Clips that belong together, and the card that says what they are.

    Args:
        name: the spec it was loaded from, without private paths.
        clips: the labelled clips, in a fixed order.
        emotions: the label set by name, in the dataset's own order.
        neutral: clips without any expression, for controls; never part of a score.
        card: where it comes from, licence, counts, what was skipped and why. JSON-compatible.
    """

    name: str
    clips: tuple[Clip, ...]
    emotions: tuple[str, ...]
    neutral: tuple[Clip, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def only(self, subjects: Collection[str]) -> Dataset:
        """The clips of some subjects."""
        kept = tuple(c for c in self.clips if c.subject in subjects)
        return replace(self, clips=kept, neutral=tuple(c for c in self.neutral if c.subject in subjects))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject once, sorted."""
        return tuple(sorted({clip.subject for clip in self.clips}))
