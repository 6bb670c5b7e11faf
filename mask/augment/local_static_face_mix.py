"""LocalStaticFaceMix: a part of another person's onset frame, blended into every frame of a clip (MER-CLIP).

Source: S. Liu, X. Mao, S. Zhao, P. Li, T. Xu, E. Chen, "MER-CLIP: AU-Guided Vision-Language Alignment for
Micro-Expression Recognition", IEEE Transactions on Affective Computing 2025 (arXiv 2505.05937), written from the paper:
the first frame of another sample is blended, with weight `alpha`, into the rectangle of the forehead, the chin or one
cheek, the same in all frames, so that the face changes and does not move differently elsewhere. The label stays.

Differences: rectangles follow the landmarks of each face, so frames need not be aligned; the other sample is of another
subject, since a person's own skin adds no diversity; it is done once before training, `copies` times per clip, in place
of anew in each epoch: with the defaults as many mixed clips as plain ones are trained on, as in the paper.

What it costs: within the rectangle the moving skin is seen through a still one, so at `alpha` .5 a motion there leaves
half its change of brightness, and optical flow finds less of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Frame
from mask.errors import NoFaceError, UsageError
from mask.regions import load

from ._base import Augmentation, by_subject, draw, onset_mesh, provenance, ranked

_MESH = load("mesh")
PARTS: dict[str, tuple[int, ...]] = {
    "forehead": (10, 104, 105, 333, 334),
    "chin": (18, 152, 176, 400),
    "cheek_left": _MESH["cheek_left"].polygons[0],
    "cheek_right": _MESH["cheek_right"].polygons[0],
}
"""The mesh vertices whose bounding box is each rectangle; the forehead ends above the brows. Left as seen."""

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, the last two excluded."""


@dataclass(frozen=True)
class LocalStaticFaceMix(Augmentation):
    """Blends a part of another training subject's onset frame into all frames of a clip.

    Args:
        alpha: weight of the other face within the rectangle, in (0, 1].
        probability: that a copy of a clip is made, in (0, 1].
        copies: how often that is drawn per clip, each time with its own part and its own other face.

    Raises:
        ValueError: for a value out of range.
    """

    alpha: float = 0.5
    probability: float = 0.5
    copies: int = 2
    name: ClassVar[str] = "local-static-face-mix"

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1 or not 0 < self.probability <= 1:
            raise ValueError(f"alpha is {self.alpha} and probability {self.probability}; expected above 0, at most 1")
        if not isinstance(self.copies, int) or not 1 <= self.copies <= 100:
            raise ValueError(f"copies is {self.copies}; expected a whole number from 1 to 100")

    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        """See `Augmentation.make`; `UsageError` with fewer than two training subjects."""
        people = by_subject(training)
        if len(people) < 2:
            raise UsageError(f"{self.name} mixes the faces of two training subjects, and there are {len(people)}")
        lots = [(clip, (seed, self.name, copy, clip.key)) for clip in training for copy in range(self.copies)]
        return [self._mixed(clip, people, lot) for clip, lot in lots if draw("whether", *lot) < self.probability]

    def _mixed(self, clip: Clip, people: Mapping[str, Mapping[str, Clip]], lot: tuple[object, ...]) -> Clip:
        part = list(PARTS)[int(draw("part", *lot) * len(PARTS))]
        theirs = people[ranked(set(people) - {clip.subject}, "who", *lot)[0]]
        other = theirs[ranked(theirs, "which", *lot)[0]]
        return replace(
            clip,
            key=f"{clip.key} with {self.alpha:g} of the {part} of {other.key}",
            frames=MixedFrames(clip, other, PARTS[part], self.alpha),
            synthetic=clip.synthetic and other.synthetic,
            truth=provenance(self, (clip, other), part=part),
        )


class MixedFrames:
    """The frames of a clip with a part of another one's onset frame blended in; a `mask.clip.Frames`."""

    def __init__(self, clip: Clip, other: Clip, part: Sequence[int], alpha: float) -> None:
        self._clip, self._other, self._part, self._alpha = clip, other, part, alpha
        self._patch: tuple[Rectangle, NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return 0 if self._clip.frames is None else len(self._clip.frames)

    def __getitem__(self, index: int, /) -> Frame:
        frame = self._clip.frame(index).copy()
        if self._patch is None:
            self._patch = self._still(frame)
        (left, top, right, bottom), patch = self._patch
        inside = frame[top:bottom, left:right]
        inside[:] = np.rint((1 - self._alpha) * inside + self._alpha * patch)
        return frame

    def _still(self, frame: Frame) -> tuple[Rectangle, NDArray[np.uint8]]:
        """Where the other face's part goes, and its pixels in that size."""
        place = _rectangle(self._clip, self._part, frame)
        source = self._other.frame(self._other.onset)
        left, top, right, bottom = _rectangle(self._other, self._part, source)
        size = (place[2] - place[0], place[3] - place[1])
        how = cv2.INTER_AREA if size[0] < right - left else cv2.INTER_LINEAR
        patch = cv2.resize(source[top:bottom, left:right], size, interpolation=how)
        return place, np.asarray(patch, dtype=np.uint8)


def _rectangle(clip: Clip, part: Sequence[int], frame: Frame) -> Rectangle:
    """The box around some mesh points of the onset, within the picture."""
    points = onset_mesh(clip)[list(part)]
    limit = frame.shape[1::-1]
    left, top = np.clip(np.floor(points.min(axis=0)), 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(points.max(axis=0)) + 1, 0, limit).astype(int).tolist()
    if right <= left or bottom <= top:
        raise NoFaceError(f"clip {clip.key} shows too little of the face in its onset frame {clip.onset}")
    return left, top, right, bottom


def create(alpha: float = 0.5, probability: float = 0.5, copies: int = 2) -> LocalStaticFaceMix:
    """LocalStaticFaceMix with these numbers."""
    return LocalStaticFaceMix(alpha, probability, copies)
