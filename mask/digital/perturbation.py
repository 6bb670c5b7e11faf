"""A change of pixels: what a digital attack proposes, in 8 bits and within a bound the core enforces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Frame, Frames
from mask.errors import InvalidPlan
from mask.plan import ThreatModel


@dataclass(frozen=True, eq=False)
class Perturbation:
    """A part of a clip's onset and apex frames, or its whole flow map, with changed pixels.

    Args:
        pixels: ``uint8 (2, h, w, 3)``, RGB, onset first; or ``uint8 (28, 28, 3)`` for a flow map (u, v, strain).
        corner: (row, column) of the part's top left pixel in the frames; (0, 0) for a flow map.
        evidence: in a few words, what made it.

    Raises:
        InvalidPlan: for pixels of another type or shape.
    """

    pixels: NDArray[np.uint8]
    corner: tuple[int, int] = (0, 0)
    evidence: str = ""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        whole = self.pixels.ndim == 4 and shape[0] == 2 and shape[-1] == 3 and 0 not in shape
        if self.pixels.dtype != np.uint8 or not (whole or shape == (28, 28, 3)):
            raise InvalidPlan(
                f"the perturbed pixels are {self.pixels.dtype} {shape}; expected uint8 (2, h, w, 3) or (28, 28, 3)"
            )
        if min(self.corner) < 0:
            raise InvalidPlan(f"the perturbation begins at {self.corner}, outside the frame")

    @classmethod
    def quantised(cls, video: NDArray[np.floating[Any]], corner: tuple[int, int] = (0, 0), evidence: str = "") -> Self:
        """Round to 8 bits what an attack made.

        Args:
            video: ``float (3, 2, h, w)`` or ``(3, 28, 28)`` in [0, 1].

        Raises:
            InvalidPlan: where it is not finite or leaves [0, 1].
        """
        if not np.isfinite(video).all() or video.min() < -1e-6 or video.max() > 1 + 1e-6:
            raise InvalidPlan("the perturbed pixels are not finite or leave [0, 1]")
        levels = np.rint(np.moveaxis(np.asarray(video, dtype=np.float64), 0, -1) * 255)
        return cls(np.ascontiguousarray(np.clip(levels, 0, 255).astype(np.uint8)), corner, evidence)

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What the perturbed clip depends on: perturbations with equal keys give equal pixels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes()).hexdigest()
        return ("perturbation", self.pixels.shape, self.corner, digest)

    def check(self, clip: Clip, threat: ThreatModel) -> None:
        """Hold the 8-bit pixels to the threat model.

        Raises:
            InvalidPlan: when it is not about digital perturbations, the part does not lie in the clip, or a pixel moves
                by more than ``threat.eps`` levels.
        """
        if threat.kinetics != "digital":
            raise InvalidPlan(f"the attack changes pixels; this threat model is about {threat.kinetics} stickers")
        moved = int(np.abs(self.pixels.astype(np.int16) - self._under(clip)).max())
        if moved > threat.eps:
            raise InvalidPlan(f"the perturbation moves a pixel by {moved}/255; the limit is {threat.eps}/255")

    def on(self, clip: Clip) -> Clip:
        """The clip with these pixels; where onset and apex are one frame, it shows the apex's.

        Raises:
            InvalidPlan: when the part does not lie in the clip.
        """
        self._under(clip)
        if clip.flow is not None:
            return clip.with_flow(self.pixels)
        if clip.frames is None:
            raise ValueError(f"clip {clip.key} holds neither frames nor flow")
        return clip.with_frames(_Changed(clip.frames, self, (clip.onset, clip.apex)))

    def _under(self, clip: Clip) -> NDArray[np.uint8]:
        """The clip's own pixels where this would change them."""
        clean = clip.flow if clip.flow is not None else np.stack([self._cut(frame) for frame in clip.pair()])
        if clean.shape != self.pixels.shape:
            raise InvalidPlan(
                f"the perturbation has pixels of shape {self.pixels.shape} at {self.corner}; clip {clip.key} has "
                f"{clean.shape} there"
            )
        return clean

    def _cut(self, frame: Frame) -> Frame:
        (top, left), (height, width) = self.corner, self.pixels.shape[-3:-1]
        return frame[top : top + height, left : left + width]


@dataclass(frozen=True, eq=False)
class _Changed:
    """Frames of which two have changed pixels; a `mask.clip.Frames`."""

    base: Frames
    change: Perturbation
    times: tuple[int, int]

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: int) -> Frame:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"frame {index} of {count}")
        frame = self.base[index]
        if index % count not in self.times:
            return frame
        (top, left), pixels = self.change.corner, self.change.pixels[int(index % count == self.times[1])]
        shown = frame.copy()
        shown[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return shown
