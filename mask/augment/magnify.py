"""Motion magnification by optical flow: every frame warped on along its own motion since the onset.

Source: C. Liu, A. Torralba, W. T. Freeman, F. Durand, E. H. Adelson, "Motion Magnification", SIGGRAPH 2005, the
Lagrangian way; here with dense flow (`mask.flow.dis`) of each frame against the onset in place of tracked layers. What
moved by d since the onset stands at `factor` times d; the onset itself stays as it was filmed.

Everything that moves is magnified, the head too; beyond the face the motion dies away. Limits: the flow's error is
magnified with the motion; no frame is moved on by more than a tenth of the face box's width (`FURTHEST`), so that a
head that turns is not torn from its neck: a frame with more motion is magnified by less; where the flow times `factor`
changes by a pixel per pixel the picture would fold over itself and is smeared; what appears or vanishes, such as teeth
or an eye that closes, is moved and not magnified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Frame
from mask.flow import flow

from ._around import Field, look_up, onset_around, resampled, start
from ._base import Augmentation
from ._magnified import check_factor, magnified

FURTHEST = 0.1
"""How far a face may be moved on, in widths of the face box: 14 mm."""


@dataclass(frozen=True)
class Magnify(Augmentation):
    """One clip of each training clip with its motion since the onset multiplied.

    Args:
        factor: above 1, at most 10; frames with much motion are magnified by less, see `FURTHEST`.

    Raises:
        ValueError: for another factor.
    """

    factor: float = 2.0
    name: ClassVar[str] = "magnify"

    def __post_init__(self) -> None:
        check_factor(self.factor)

    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        """See `Augmentation.make`; there is nothing to choose."""
        how = f"magnified {self.factor:g} times"
        return magnified(self, training, self.factor, lambda clip: MagnifiedFrames(clip, self.factor), how)


class MagnifiedFrames:
    """The frames of a clip with the motion since the onset multiplied; a `mask.clip.Frames`."""

    def __init__(self, clip: Clip, factor: float) -> None:
        self._clip, self._factor = clip, factor

    def __len__(self) -> int:
        return 0 if self._clip.frames is None else len(self._clip.frames)

    def __getitem__(self, index: int, /) -> Frame:
        frame = self._clip.frame(index)
        if index == self._clip.onset:
            return frame
        part, before = onset_around(self._clip)
        now = part.cut(frame)
        motion = flow(before, now, method="dis") * part.window
        most = FURTHEST * part.width / max(part.largest(motion), 1e-6)
        return part.paste(further(now, motion, 1 + min(self._factor - 1, most)), frame)


def further(now: NDArray[np.uint8], motion: Field, factor: float) -> NDArray[np.uint8]:
    """A picture whose content has moved by `motion` since the onset, moved on until it has moved `factor` times that.

    Args:
        now: ``uint8 (h, w, 3)``.
        motion: ``float32 (h, w, 2)`` from the onset to `now`, convention of `mask.flow`.
        factor: 1 changes nothing.
    """
    # What belongs at y set out at x, with x + factor * motion(x) = y, and is seen now at x + motion(x).
    origin = start(factor * motion)
    return resampled(now, origin + look_up(motion, origin))


def create(factor: float = 2.0) -> Magnify:
    """Magnification by flow."""
    return Magnify(factor)
