"""Multi-sequence driven generation: the motion of several clips of one emotion, fused, drawn on another face.

After the idea of driving one neutral face by several sequences to multiply scarce micro-expressions (the generation
task of MEGC drives it by one). The motion of each driving clip is measured by optical flow at the points of the face
mesh, brought to face-box coordinates, and averaged with random weights at equal phases between onset, apex and
offset: what the clips share remains, and what differs, such as a drift of the head, shrinks. The mean moves the onset
frame of a training clip through its own mesh (`mask.augment._motion`); nothing is learnt, so there is no generator that
could have seen a face that is tested.

Limits: a warp moves skin and cannot draw what the face did not show: teeth, furrows, closing eyes. The generated frames
have the sensor noise of one frame, moved along. Averaging different ways to show one emotion makes a weaker motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mask.clip import Clip, Frame, Points
from mask.errors import UsageError

from ._around import resampled, start
from ._base import Augmentation, by_subject, draw, provenance, ranked
from ._motion import Fusion, driver, mover


@dataclass(frozen=True)
class Driven(Augmentation):
    """New clips: faces of the training clips, moved as several other training clips of one emotion move.

    Emotions take turns, so that a rare one is generated as often as a common one.

    Args:
        clips: how many.
        drivers: how many clips drive each, 2 to 10; fewer where an emotion has no more.

    Raises:
        ValueError: for a number out of range.
    """

    clips: int = 200
    drivers: int = 3
    name: ClassVar[str] = "driven"

    def __post_init__(self) -> None:
        if not isinstance(self.clips, int) or not 1 <= self.clips <= 100_000:
            raise ValueError(f"clips is {self.clips}; expected a whole number from 1 to 100000")
        if not isinstance(self.drivers, int) or not 2 <= self.drivers <= 10:
            raise ValueError(f"drivers is {self.drivers}; expected a whole number from 2 to 10")

    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        """See `Augmentation.make`; `UsageError` without two clips of one emotion to drive and a third to be driven."""
        moving = [c for c in training if c.apex > c.onset]
        by_emotion = {e: [c for c in moving if c.emotion == e] for e in {c.emotion for c in moving if c.emotion}}
        emotions = sorted(e for e, clips in by_emotion.items() if len(clips) > 1)
        if not emotions or len(training) < 3:
            raise UsageError(
                f"{self.name} needs two training clips of one emotion whose apex follows the onset, to drive a third; "
                "there are none"
            )
        people = by_subject(training)
        turns = [emotions[k % len(emotions)] for k in range(self.clips)]
        return [self._driven(people, by_emotion[e], (seed, self.name, k)) for k, e in enumerate(turns)]

    def _driven(
        self,
        people: Mapping[str, Mapping[str, Clip]],
        moving: Sequence[Clip],
        lot: tuple[object, ...],
    ) -> Clip:
        most = min(self.drivers, sum(map(len, people.values())) - 1)
        names = ranked((c.key for c in moving), "drivers", *lot)[:most]
        others = {subject: theirs.keys() - set(names) for subject, theirs in people.items()}
        who = ranked((subject for subject, keys in others.items() if keys), "who", *lot)[0]
        face = people[who][ranked(others[who], "which", *lot)[0]]
        raw = [0.5 + draw("weight", *lot, name) for name in names]
        weights = [round(w / sum(raw), 3) for w in raw]
        weights[0] = 1 - sum(weights[1:])
        known = {c.key: c for c in moving}
        sources = [known[name] for name in names]
        fusion = Fusion([driver(c) for c in sources], weights)
        rise, fall = fusion.durations(face.fps)
        film = DrivenFrames(face, fusion, rise, fall)
        return Clip(
            key=f"{face.key} driven by " + " + ".join(f"{w:.3f} {n}" for w, n in zip(weights, names, strict=True)),
            subject=face.subject,
            emotion=sources[0].emotion,
            dataset=face.dataset,
            frames=film,
            landmarks=DrivenLandmarks(film),
            fps=face.fps,
            apex=rise,
            offset=rise + fall,
            action_units=_shared(sources, weights),
            synthetic=all(c.synthetic for c in (face, *sources)),
            truth=provenance(self, (face, *sources), face=face.key, weights=tuple(weights), film=film),
        )


def _shared(clips: Sequence[Clip], weights: Sequence[float]) -> tuple[str, ...]:
    """The action units that more than half of the weight shows."""
    units = dict.fromkeys(unit for clip in clips for unit in clip.action_units)
    weighed = {u: sum(w for c, w in zip(clips, weights, strict=True) if u in c.action_units) for u in units}
    return tuple(u for u, w in weighed.items() if w > 0.5)


class DrivenFrames:
    """One onset frame moved as other clips move; a `mask.clip.Frames`.

    Args:
        face: the clip whose onset frame is moved.
        fusion: how.
        rise, fall: frames from the onset to the apex, and from there to the offset.
    """

    def __init__(self, face: Clip, fusion: Fusion, rise: int, fall: int) -> None:
        self.face, self.fusion, self._rise, self._fall = face, fusion, rise, fall

    def __len__(self) -> int:
        return self._rise + self._fall + 1

    def __getitem__(self, index: int, /) -> Frame:
        still = self.face.frame(self.face.onset)
        phase = self.phase(index)
        if phase == 0:
            return still
        field = mover(self.face).field(self.fusion.at(phase))
        part = mover(self.face).around
        return part.paste(resampled(part.cut(still), start(field)), still)

    def phase(self, index: int) -> float:
        """Where a frame lies: 0 the onset, 1 the apex, 2 the offset; `IndexError` outside the clip."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return index / self._rise if index <= self._rise else 1 + (index - self._rise) / self._fall


class DrivenLandmarks:
    """The mesh of a driven face, known from its motion; a `mask.clip.Landmarks`."""

    def __init__(self, film: DrivenFrames) -> None:
        self._film = film

    def __len__(self) -> int:
        return len(self._film)

    def __getitem__(self, index: int, /) -> Points | None:
        return np.asarray(mover(self._film.face).points(self._film.fusion.at(self._film.phase(index))))


def create(clips: int = 200, drivers: int = 3) -> Driven:
    """Driven generation with these numbers."""
    return Driven(clips, drivers)
