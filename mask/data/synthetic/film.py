"""Frames and mesh points of a clip, made when they are looked at.

A frame depends on nothing but its take and its number: not on what was rendered before, nor in which process.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame

from . import head, manner, people, script
from .actor import Actor, dress
from .camera import HeadPose, place, project
from .head import Array
from .manner import FRAME, SUBJECT, Dials, stream
from .raster import Index
from .render import CHANNEL_BITS, Shot, develop, encode, shoot
from .script import Screenplay
from .stage import FULL, Stage

# The sum of four bytes is a bell curve made of nothing but random bits.
_BELL_MEAN, _BELL_SD = 4 * 255 / 2, (4 * (256**2 - 1) / 12) ** 0.5
_EVEN = np.uint64(0x00FF00FF00FF00FF)


@dataclass(frozen=True)
class Take:
    """Which clip: all that its pixels depend on.

    Args:
        seed: of the benchmark.
        subject: number of the subject.
        emotion: one of `manner.EMOTIONS`, or `None` for a neutral clip.
        number: counts the clips of this subject and emotion.
        size: width and height, pixels.
        fps: frames per second.
        dials: how hard.
    """

    seed: int
    subject: int
    emotion: str | None
    number: int
    size: int
    fps: float
    dials: Dials

    def play(self) -> Screenplay:
        """The screenplay."""
        return _play(self)


@lru_cache(maxsize=1024)
def _play(take: Take) -> Screenplay:
    return script.write(take.seed, take.subject, take.emotion, take.number, take.fps, take.dials)


@lru_cache(maxsize=24)
def subject(seed: int, number: int) -> Actor:
    """One subject, dressed: about 8 MB and half a second."""
    pack = head.load()
    return dress(pack, people.draw(pack, number, stream(seed, SUBJECT, number, 0)))


@lru_cache(maxsize=4)
def stage(take: Take) -> Stage:
    """The set of one clip."""
    play = take.play()
    return Stage.build(
        actor=subject(take.seed, take.subject),
        size=take.size,
        pose=play.poses[play.onset],
        room=play.room,
        backdrop=_wall(play.backdrop, take.size),
        defocus=play.defocus * take.size / 256,
    )


def _wall(colour: tuple[float, float, float], size: int) -> Array:
    """A plain wall, lit from above and darker towards the corners."""
    y, x = np.mgrid[:size, :size] / size
    light = 1.14 - 0.32 * y - 0.30 * ((x - 0.5) ** 2 + (y - 0.4) ** 2)
    return np.asarray(light[..., None] * np.array(colour))


def moment(take: Take, frame: int) -> Shot:
    """The posed and rasterised moment of a frame."""
    play = take.play()
    x, y = play.gaze[frame]
    return shoot(stage(take), play.weights(frame), play.poses[frame], (float(x), float(y)), float(play.bright[frame]))


def expose(take: Take, frame: int) -> Frame:
    """Render one frame, sensor noise and all: ``uint8 (size, size, 3)``."""
    play = take.play()
    picture = develop(stage(take), moment(take, frame), float(play.bright[frame]))
    scene = len(manner.EMOTIONS) if take.emotion is None else manner.EMOTIONS.index(take.emotion)
    rng = stream(take.seed, FRAME, take.subject, scene, take.number, frame)
    return encode(_noisy(picture, play.noise, rng))


def _noisy(picture: Index, noise: tuple[float, float], rng: np.random.Generator) -> Index:
    """Shot and read noise on a packed picture, ``int64 (3, H, W)`` levels."""
    spread = _spread(*noise)
    bell = _bell(rng, 3 * picture.size).reshape(3, *picture.shape)
    out = np.empty(bell.shape, dtype=np.int64)
    for i in range(3):
        clean = (picture >> CHANNEL_BITS * (2 - i)) & FULL
        grain = spread.take(clean)
        grain *= bell[i]
        grain >>= 12
        np.add(clean, grain, out=out[i])
    return out


@lru_cache(maxsize=4)
def _spread(shot: float, read: float) -> NDArray[np.int32]:
    """The noise at every level, in 4096ths of a level for a bell of standard deviation 1."""
    level = np.arange(FULL + 1) / FULL
    return np.asarray(np.rint(np.sqrt(shot * level + read * read) * FULL / _BELL_SD * 4096), dtype=np.int32)


def _bell(rng: np.random.Generator, count: int) -> NDArray[np.int16]:
    """Whole numbers around 0 with a standard deviation of 147.8: four random bytes each, added four lanes at a time."""
    words = -(-count // 4)
    raw = rng.bit_generator.random_raw(2 * words)
    pairs = raw >> np.uint64(8)
    pairs &= _EVEN
    raw &= _EVEN
    pairs += raw
    lanes = (pairs[:words] + pairs[words:]).astype("<u8", copy=False).view("<i2")[:count]
    lanes -= np.int16(_BELL_MEAN)
    return lanes


def vertices(take: Take, weights: dict[str, float], pose: HeadPose) -> Array:
    """(V, 3) vertices of the subject in the room."""
    actor = subject(take.seed, take.subject)
    return place(actor.pose(weights), pose, actor.follow)


@dataclass(eq=False)
class Film:
    """The frames of a take: a `mask.clip.Frames`.

    Args:
        take: which clip.
        keep: how many frames are remembered.
    """

    take: Take
    keep: int = 2
    _kept: OrderedDict[int, Frame] = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return len(self.take.play().poses)

    def __getitem__(self, index: int, /) -> Frame:
        index = _within(index, len(self))
        if index not in self._kept:
            self._kept[index] = expose(self.take, index)
            while len(self._kept) > self.keep:
                self._kept.popitem(last=False)
        return self._kept[index].copy()

    def fingerprint(self) -> str:
        """What every pixel follows from, so that nothing has to be rendered to tell two films apart."""
        return repr(self.take)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.stack([self[i] for i in range(len(self))]).astype(dtype or np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {"take": self.take, "keep": self.keep}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


@dataclass(frozen=True)
class Track:
    """The exact mesh points of a take, frame by frame: a `mask.clip.Landmarks`."""

    take: Take

    def __len__(self) -> int:
        return len(self.take.play().poses)

    def __getitem__(self, index: int, /) -> Array:
        return _points(self.take, _within(index, len(self)))

    def fingerprint(self) -> str:
        """What every point follows from."""
        return repr(self.take)


@lru_cache(maxsize=4096)  # 30 MB; dressing a subject again for 468 points would take half a second
def _points(take: Take, index: int) -> Array:
    play = take.play()
    points = mesh(take, play.weights(index), play.poses[index])
    points.flags.writeable = False
    return points


def mesh(take: Take, weights: dict[str, float], pose: HeadPose) -> Array:
    """(468, 2) mesh points in pixels under an expression and a pose."""
    actor = subject(take.seed, take.subject)
    return project(actor.landmarks(vertices(take, weights, pose)), take.size)[0]


def _within(index: int, count: int) -> int:
    at = int(index)
    if not -count <= at < count:
        raise IndexError(f"frame {at} of a clip of {count}")
    return at % count
