"""The screenplay of a clip: which units move when, how the head drifts, what the light does.

Everything is a function of time in seconds, so a clip at 200 frames per second shows the same event as at 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import express
from .camera import HeadPose, steady
from .head import Array, load
from .light import Lamp, Room
from .manner import CLIP, EMOTIONS, RECIPES, STRAY, Dials, Style, reach, stream, style


@dataclass(frozen=True, eq=False)
class Screenplay:
    """Everything that happens in a clip of T frames.

    Args:
        expression: unit -> (T,) weight, the emotion's own units.
        distraction: unit -> (T,) weight, everything else that moves the face.
        resting: unit -> constant weight.
        poses: T head poses.
        gaze: (T, 2) displacement of the pupils, in texels.
        bright: (T,) gain of the light.
        onset: last frame before anything of the emotion shows.
        apex: frame at which it shows most.
        offset: first frame after it has gone.
        action_units: FACS codes of the emotion's units.
        room: the light.
        backdrop: linear RGB.
        defocus: lens blur, pixels.
        noise: shot and read noise.
    """

    expression: Mapping[str, Array]
    distraction: Mapping[str, Array]
    resting: Mapping[str, float]
    poses: tuple[HeadPose, ...]
    gaze: Array
    bright: Array
    onset: int
    apex: int
    offset: int
    action_units: tuple[str, ...]
    room: Room
    backdrop: tuple[float, float, float]
    defocus: float
    noise: tuple[float, float]

    def weights(self, frame: int, expression: bool = True) -> dict[str, float]:
        """Unit -> weight at a frame, with or without the emotion."""
        out = dict(self.resting)
        for moving in (self.distraction, self.expression) if expression else (self.distraction,):
            for code, weight in moving.items():
                out[code] = out.get(code, 0.0) + float(weight[frame])
        return out


def write(seed: int, subject: int, emotion: str | None, take: int, fps: float, dials: Dials) -> Screenplay:
    """The screenplay of one clip.

    Args:
        emotion: one of `EMOTIONS`, or `None` for a neutral clip.
        take: counts the clips of this subject and emotion.
    """
    scene = EMOTIONS.index(emotion) if emotion is not None else len(EMOTIONS)
    rng = stream(seed, CLIP, subject, scene, take)
    manner = style(seed, subject)
    still = float(rng.uniform(0.02, 0.04))
    length = float(np.clip(manner.tempo * 0.08 * np.exp(rng.uniform(0.0, np.log(0.45 / 0.08))), 0.07, 0.50))
    onset = round(still * fps)
    offset = onset + max(round(length * fps), 3)
    count = offset + 1 + round(float(rng.uniform(0.01, 0.03)) * fps)
    time = np.arange(count) / fps
    start, end = onset / fps, offset / fps
    pulse = _pulse(rng, start, end)
    expression, codes, apex = _emotion(rng, manner, emotion, time, pulse, dials) if emotion else ({}, (), None)
    if apex is None:
        apex = int(onset + np.argmax(pulse(time[onset:], 0.0)))
    distraction = _strays(rng, time, codes, dials)
    for code, weight in _blink(rng, time, dials).items():
        distraction[code] = distraction.get(code, np.zeros(count)) + weight
    return Screenplay(
        expression=expression,
        distraction=distraction,
        resting=manner.resting,
        poses=_head(rng, time, dials),
        gaze=_gaze(rng, time, dials),
        bright=_flicker(rng, time),
        onset=onset,
        apex=apex,
        offset=offset,
        action_units=codes,
        room=_room(rng, manner),
        backdrop=manner.backdrop,
        defocus=manner.defocus,
        noise=(1.4e-4 * dials.noise**2, 1.2e-3 * dials.noise),
    )


class _Pulse:
    """Rise, hold and fall between two moments; a late unit starts later and is over at the same time."""

    def __init__(self, start: float, rise: float, hold: float, end: float, sharp: float) -> None:
        self._start, self._rise, self._hold, self._end, self._sharp = start, rise, hold, end, sharp

    def __call__(self, time: Array, late: float) -> Array:
        begin = self._start + late * self._rise
        top = self._start + self._rise * (1 + 0.3 * late)
        fall = np.clip((time - top - self._hold) / max(self._end - top - self._hold, 1e-9), 0, 1)
        up = np.clip((time - begin) / max(top - begin, 1e-9), 0, 1)
        up = up * up * (3 - 2 * up)
        if self._sharp > 1:
            up = up * (1 - (self._sharp - 1) * (1 - up))
        return up * (1 - fall * fall * (3 - 2 * fall))


def _pulse(rng: np.random.Generator, start: float, end: float) -> _Pulse:
    length = end - start
    rise = float(rng.uniform(0.30, 0.52)) * length
    hold = float(rng.uniform(0.04, 0.16)) * length
    return _Pulse(start, rise, hold, end, float(rng.uniform(1.0, 1.6)))


def _emotion(
    rng: np.random.Generator, manner: Style, emotion: str, time: Array, pulse: _Pulse, dials: Dials
) -> tuple[dict[str, Array], tuple[str, ...], int]:
    """The emotion's units over time, their codes, and the frame of the apex."""
    recipe = RECIPES[emotion]
    draws = rng.random(len(recipe))
    cast = [unit for unit, draw in zip(recipe, draws, strict=True) if draw < unit[1]]
    if not any(unit in recipe[:2] for unit in cast):
        cast.append(recipe[int(rng.integers(2))])
    one_sided = bool(rng.random() < 0.22)
    lean = float(np.clip(manner.side + 0.15 * rng.standard_normal(), -0.55, 0.55))
    if one_sided:
        lean = 1.0 if rng.random() < 0.5 + manner.side else -1.0
    peak = dials.intensity * 0.7 * float(np.exp(rng.uniform(0.0, np.log(2.4 / 0.7))))
    strength: dict[str, float] = {}
    late: dict[str, float] = {}
    codes = []
    moves = reach(load())
    for number, _, share in cast:
        amount = share * manner.habit[number] * float(rng.uniform(0.25, 1.0))
        delay = float(rng.uniform(0.0, 0.35))
        both = number in express.SIDED
        codes.append(f"{'L' if lean < 0 else 'R'}{number}" if both and one_sided else f"AU{number}")
        for code in express.sides(f"AU{number}"):
            gain = {"L": 1 - lean, "R": 1 + lean}.get(code[0], 1.0)
            if gain > 0:
                strength[code] = amount * min(gain, 1.0) / float(np.sqrt((moves[code] ** 2).sum(axis=1)).max())
                late[code] = delay
    total = sum((moves[code] * weight for code, weight in strength.items()), np.zeros((468, 2)))
    gain = peak / float(np.sqrt((total**2).sum(axis=1)).max())
    late[min(late, key=lambda code: late[code])] = 0.0  # the onset is where the first unit starts
    curves = {code: gain * weight * pulse(time, late[code]) for code, weight in strength.items()}
    shown = sum((curves[code] / weight for code, weight in strength.items()), np.zeros(len(time)))
    return curves, tuple(codes), int(np.argmax(shown))


def _strays(rng: np.random.Generator, time: Array, codes: tuple[str, ...], dials: Dials) -> dict[str, Array]:
    """Up to three unrelated units, mostly weaker than the emotion, at any moment."""
    out: dict[str, Array] = {}
    moves = reach(load())
    busy = {code.lstrip("AULR") for code in codes}
    for _ in range(int(rng.choice([0, 1, 2, 2, 3, 3]))):
        number = int(rng.choice(STRAY))
        pixels = dials.distraction * float(rng.uniform(0.25, 1.15))
        span = float(rng.uniform(0.12, 0.5))
        start = float(rng.uniform(-0.2, time[-1]))
        pulse = _pulse(rng, start, start + span)
        sides = express.sides(f"AU{number}")
        if len(sides) == 2 and rng.random() < 0.4:
            sides = (sides[int(rng.integers(2))],)
        if str(number) in busy:
            continue
        for code in sides:
            most = float(np.sqrt((moves[code] ** 2).sum(axis=1)).max())
            out[code] = out.get(code, np.zeros(len(time))) + pixels / most * pulse(time, 0.0)
    return out


def _blink(rng: np.random.Generator, time: Array, dials: Dials) -> dict[str, Array]:
    happens, depth = rng.random() < 0.25 * min(dials.distraction, 2.0), float(rng.uniform(0.12, 1.0)) ** 1.5
    start, span = float(rng.uniform(-0.1, time[-1])), float(rng.uniform(0.14, 0.28))
    pulse = _Pulse(start, 0.35 * span, 0.08 * span, start + span, 1.0)
    if not happens:
        return {}
    return {code: depth * pulse(time, 0.0) for code in ("L45", "R45")}


def _head(rng: np.random.Generator, time: Array, dials: Dials) -> tuple[HeadPose, ...]:
    """A pose held through the clip, and a slow drift around it."""
    most = np.array([0.13, 0.11, 0.06, 0.10, 0.03, 0.20])
    held = np.clip(rng.standard_normal(6) * [0.055, 0.045, 0.03, 0.05, 0.03, 0.10], -most, most)
    pose = steady(*(float(v) for v in held))
    held = np.array([pose.yaw, pose.pitch, pose.roll, pose.x, pose.y, pose.z])
    size = np.array([0.0056, 0.0056, 0.0034, 0.0040, 0.0040, 0.008]) * dials.distraction
    drift = np.zeros((len(time), 6))
    for rate in (1.1, 2.3, 4.1):
        phase, power = rng.uniform(0, 2 * np.pi, 6), rng.standard_normal(6)
        drift += size * power / rate**0.6 * np.sin(2 * np.pi * rate * time[:, None] + phase)
    return tuple(HeadPose(*(float(v) for v in held + d)) for d in drift)


def _gaze(rng: np.random.Generator, time: Array, dials: Dials) -> Array:
    """Where the eyes look, and perhaps a small saccade."""
    base = rng.standard_normal(2) * [1.6, 0.9]
    jump = rng.standard_normal(2) * [2.2, 1.0] * dials.distraction * (rng.random() < 0.4)
    moment = float(rng.uniform(0, time[-1]))
    step = np.clip((time - moment) / 0.03, 0, 1)
    return np.asarray(base + jump * (step * step * (3 - 2 * step))[:, None])


def _flicker(rng: np.random.Generator, time: Array) -> Array:
    """Mains flicker beating with the shutter, and a slow drift."""
    depth, beat, phase = float(rng.uniform(0.0, 0.008)), float(rng.uniform(1, 12)), float(rng.uniform(0, 2 * np.pi))
    drift = 0.012 * float(rng.standard_normal()) * np.sin(2 * np.pi * 0.7 * time + float(rng.uniform(0, 2 * np.pi)))
    return np.asarray(1 + depth * np.sin(2 * np.pi * beat * time + phase) + drift)


def _room(rng: np.random.Generator, manner: Style) -> Room:
    """The subject's room: one large lamp to a side, a weaker one opposite, walls all around."""
    azimuth, warm = manner.light
    azimuth = azimuth + 0.05 * float(rng.standard_normal())
    high = 0.45 + 0.04 * float(rng.standard_normal())
    key = np.array([np.sin(azimuth) * np.cos(high), np.sin(high), np.cos(azimuth) * np.cos(high)])
    fill = np.array([-np.sin(azimuth * 1.2) * 0.95, 0.25, 0.6])
    tint = np.array([1 + 0.05 * warm, 1.0, 1 - 0.07 * warm])
    bright = float(np.exp(0.04 * rng.standard_normal()))
    return Room(
        lamps=(Lamp(key, 0.92 * bright * tint), Lamp(fill / np.sqrt((fill**2).sum()), 0.23 * bright / tint)),
        sky=0.51 * bright * tint ** (-0.5),
        ground=0.19 * bright * tint,
    )
