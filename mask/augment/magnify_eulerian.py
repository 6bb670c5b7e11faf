"""Eulerian video magnification: what changes at each pixel in a band of time is amplified, by spatial scale.

Source: H.-Y. Wu, M. Rubinstein, E. Shih, J. Guttag, F. Durand, W. Freeman, "Eulerian Video Magnification for Revealing
Subtle Changes in the World", SIGGRAPH 2012, which MPFNet and others put before their networks: a temporal band-pass, a
Laplacian pyramid of what it passes, amplified by `factor` - 1 and added. As the paper has it, an amplified change is a
magnified motion only where (1 + alpha) d < wavelength / 8 for a motion of d: scales of shorter wavelength are amplified
less, and the finest not at all. `reach` is that d; unless it is given, the motion of each clip at its apex, by flow.

Differences, for clips of some dozen frames that begin at the onset: the band-pass is a difference of two Gaussian
low-passes in time in place of an ideal or recursive one, and its value at the onset is taken off, so that the onset
stays as it was filmed. Only the face is changed. Light that changes is amplified with the motion; noise is, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Frame
from mask.errors import UsageError
from mask.flow import flow

from ._around import Around, onset_around
from ._base import Augmentation
from ._magnified import check_factor, magnified

_SMALLEST = 8
"""The least side of a level of the pyramid, pixels."""
_TAIL = 3.0
"""Where the temporal Gaussians end, in standard deviations."""


@dataclass(frozen=True)
class MagnifyEulerian(Augmentation):
    """One clip of each training clip with its changes in a band of time amplified.

    Args:
        factor: of the motion, above 1, at most 10; changes are amplified by `factor` - 1.
        low, high: the band in hertz, where a change is passed with half its size; `low` 0 passes slow changes too.
        reach: the greatest motion of a clip in pixels, the more, the less of fine detail is amplified; 0 for what
            optical flow finds at its apex.

    Raises:
        ValueError: for a value out of range.
    """

    factor: float = 2.0
    low: float = 0.0
    high: float = 12.0
    reach: float = 0.0
    name: ClassVar[str] = "magnify-eulerian"

    def __post_init__(self) -> None:
        check_factor(self.factor)
        if not 0 <= self.low < self.high <= 1000:
            raise ValueError(f"the band is {self.low} to {self.high} Hz; expected 0 <= low < high, at most 1000")
        if not 0 <= self.reach <= 100:
            raise ValueError(f"reach is {self.reach}; expected 0 to 100 pixels")

    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        """See `Augmentation.make`; `UsageError` for a clip whose frames per second are not known."""
        for clip in training:
            if clip.fps is None:
                raise UsageError(
                    f"{self.name} needs the frames per second, and those of {clip.key} are not known; add them to the "
                    "annotations, or use magnify"
                )
        how = f"amplified {self.factor:g} times from {self.low:g} to {self.high:g} Hz"
        how += f" with reach {self.reach:g}" if self.reach else ""
        return magnified(self, training, self.factor, lambda clip: AmplifiedFrames(clip, self), how)


class AmplifiedFrames:
    """The frames of a clip with their changes since the onset amplified; a `mask.clip.Frames`."""

    def __init__(self, clip: Clip, options: MagnifyEulerian) -> None:
        self._clip, self._options = clip, options

    def __len__(self) -> int:
        return 0 if self._clip.frames is None else len(self._clip.frames)

    def __getitem__(self, index: int, /) -> Frame:
        frame = self._clip.frame(index)
        if index == self._clip.onset:
            return frame
        part, _ = onset_around(self._clip)
        reach = self._options.reach or _moved(self._clip)
        added = amplify(self._change(index, part), self._options.factor, reach)
        amplified = part.cut(frame) + part.window * added
        return part.paste(np.rint(np.clip(amplified, 0, 255)).astype(np.uint8), frame)

    def _change(self, index: int, part: Around) -> NDArray[np.float32]:
        """The band's value at a frame, less that at the onset, ``float32 (h, w, 3)``."""
        fps, count = float(self._clip.fps or 0), len(self)
        band = (self._options.low / fps, self._options.high / fps)
        weights = band_pass(count, index, *band) - band_pass(count, self._clip.onset, *band)
        used = np.flatnonzero(np.abs(weights) > 1e-6).tolist()
        parts = (np.float32(weights[i]) * part.cut(self._clip.frame(i)) for i in used)
        return np.asarray(sum(parts, np.zeros((*part.window.shape[:2], 3), np.float32)))


@lru_cache(maxsize=64)
def _moved(clip: Clip) -> float:
    """How far the face has moved at the apex, pixels."""
    part, before = onset_around(clip)
    return max(part.largest(flow(before, part.cut(clip.frame(clip.apex)), method="dis")), 0.01)


def band_pass(count: int, index: int, low: float, high: float) -> NDArray[np.float64]:
    """What each frame counts for in the band-passed frame `index`, ``float64 (count,)``.

    Args:
        low, high: cycles a frame at half amplitude. `low` 0 passes what does not change as well.
    """
    return _low_pass(count, index, high) - (_low_pass(count, index, low) if low else 0)


def _low_pass(count: int, index: int, cutoff: float) -> NDArray[np.float64]:
    """A Gaussian in time; before its first and after its last frame a clip stands still."""
    sigma = math.sqrt(2 * math.log(2)) / (2 * math.pi * cutoff)
    reach = math.ceil(_TAIL * sigma)
    steps = np.arange(-reach, reach + 1)
    shape = np.exp(-0.5 * (steps / sigma) ** 2)
    weights = np.zeros(count)
    np.add.at(weights, np.clip(index + steps, 0, count - 1), shape / shape.sum())
    return weights


def amplify(change: NDArray[np.float32], factor: float, reach: float) -> NDArray[np.float32]:
    """What is to be added to a frame for its motion to be magnified.

    Args:
        change: ``float32 (h, w, 3)``, how the frame differs from the onset.
        factor, reach: see `MagnifyEulerian`.

    Returns:
        ``float32 (h, w, 3)``: each band of the change's Laplacian pyramid times its `gain`.
    """
    levels = max(0, int(math.log2(min(change.shape[:2]) / _SMALLEST)))
    smaller: list[NDArray[Any]] = [change]
    for _ in range(levels):
        smaller.append(cv2.pyrDown(smaller[-1]))
    total = smaller[-1] * (factor - 1)
    for level in range(levels - 1, -1, -1):
        size = smaller[level].shape[1::-1]
        detail = smaller[level] - cv2.pyrUp(smaller[level + 1], dstsize=size)
        total = cv2.pyrUp(total, dstsize=size) + gain(level, factor, reach) * detail
    return np.asarray(total, dtype=np.float32)


def gain(level: int, factor: float, reach: float) -> float:
    """How much a level of the pyramid, 0 the finest, is amplified: its wavelengths are about 3 * 2 ** level pixels.

    >>> [gain(level, 2.0, 0.5) for level in range(4)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return min(max(3 * 2.0**level / (8 * reach) - 1, 0.0), factor - 1)


def create(factor: float = 2.0, low: float = 0.0, high: float = 12.0, reach: float = 0.0) -> MagnifyEulerian:
    """Eulerian magnification with these numbers."""
    return MagnifyEulerian(factor, low, high, reach)
