"""The screenplay of a long video: several micro-expressions, and everything else a face does in the meantime.

Micro-expressions are those of the short clips, each with its own onset, apex and offset. Between and over them lie what
a spotter must not take for one: macro-expressions, the same units larger and longer than half a second; blinks and
changes of gaze; and a head that drifts and, now and then, turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .camera import HeadPose
from .film import Take
from .head import Array
from .manner import CLIP, EMOTIONS, Dials, stream
from .script import Screenplay
from .script import write as write_clip

_BLINK_S = (2.0, 6.0)
_TURN_S = (2.5, 6.0)
_GLANCE_S = (1.0, 3.0)
_MACRO_GAIN = 3.0
# Micro-expressions last up to half a second, macro-expressions longer.
_MICRO_S, _MACRO_S = (0.28, 0.5), (0.7, 1.6)
# Frames per second at which the short clips' curves are taken before they are drawn out.
_FINE = 400.0
# Beyond the numbers that the short clips count their takes with.
_FIRST = 10_000


@dataclass(frozen=True)
class Event:
    """One micro-expression: its frames, which of `EMOTIONS` it shows, and the codes of its units."""

    onset: int
    apex: int
    offset: int
    emotion: str
    action_units: tuple[str, ...]


@dataclass(frozen=True)
class LongTake(Take):
    """Which long video: all that its pixels depend on.

    Args:
        shown: the emotions of its micro-expressions, in order, each one of `EMOTIONS`.
        macros: how many macro-expressions come between them.
        seconds: how long it is.
    """

    shown: tuple[str, ...] = ()
    macros: int = 1
    seconds: float = 12.0

    def play(self) -> Screenplay:
        """The screenplay; its onset, apex and offset are those of the first micro-expression."""
        return _written(self)[0]

    def events(self) -> tuple[Event, ...]:
        """The micro-expressions, in order."""
        return _written(self)[1]


@lru_cache(maxsize=256)
def _written(take: LongTake) -> tuple[Screenplay, tuple[Event, ...]]:
    rng = stream(take.seed, CLIP, take.subject, len(EMOTIONS) + 1, take.number)
    count = round(take.seconds * take.fps)
    time = np.arange(count) / take.fps
    expression: dict[str, Array] = {}
    distraction: dict[str, Array] = {}
    events: list[Event] = []
    first: Screenplay | None = None
    shown = iter(take.shown)
    for slot, (start, is_macro) in enumerate(_slots(rng, len(take.shown), take.macros, count)):
        emotion = EMOTIONS[int(rng.integers(len(EMOTIONS)))] if is_macro else next(shown)
        number = _FIRST + 100 * take.number + slot
        dials = replace(take.dials, intensity=take.dials.distraction * _MACRO_GAIN) if is_macro else take.dials
        play = write_clip(take.seed, take.subject, emotion, number, _FINE, dials)
        first = first or play
        span = max(round(float(rng.uniform(*(_MACRO_S if is_macro else _MICRO_S))) * take.fps), 3)
        _add(distraction if is_macro else expression, _lasting(play, span), start, count)
        if not is_macro:
            peak = round((play.apex - play.onset) / (play.offset - play.onset) * span)
            events.append(Event(start, start + peak, start + span, emotion, play.action_units))
    for begin in _moments(rng, take.seconds, *_BLINK_S):
        lids = float(rng.uniform(0.5, 1.0)) * min(take.dials.distraction, 1.0) * _bump(rng, time, begin)
        _add(distraction, {"L45": lids, "R45": lids}, 0, count)
    if first is None:
        first = write_clip(take.seed, take.subject, None, _FIRST + 100 * take.number, take.fps, take.dials)
    lead = events[0] if events else Event(0, 0, 0, "", ())
    play = replace(
        first,
        expression=expression,
        distraction=distraction,
        poses=_head(rng, time, first.poses[0], take.dials),
        gaze=_gaze(rng, time, take.dials),
        bright=1 + 0.01 * np.sin(2 * np.pi * (0.3 * time + float(rng.uniform()))),
        onset=lead.onset,
        apex=lead.apex,
        offset=lead.offset,
        action_units=lead.action_units,
    )
    return play, tuple(events)


def _slots(rng: np.random.Generator, micros: int, macros: int, count: int) -> list[tuple[int, bool]]:
    """Where each expression begins, in order, and whether it is a macro-expression; no two share a slot."""
    number = max(micros + macros, 1)
    kinds = rng.permutation([False] * micros + [True] * macros)
    width = count / number
    return [(int((i + float(rng.uniform(0.05, 0.35))) * width), bool(kind)) for i, kind in enumerate(kinds)]


def _add(into: dict[str, Array], curves: Mapping[str, Array], start: int, count: int) -> None:
    for code, curve in curves.items():
        whole = into.setdefault(code, np.zeros(count))
        room = whole[start : start + len(curve)]
        room += curve[: len(room)]


def _lasting(play: Screenplay, span: int) -> dict[str, Array]:
    """The expression of a short clip from onset to offset, over another number of frames."""
    at = np.linspace(play.onset, play.offset, span + 1)
    return {code: np.interp(at, np.arange(len(curve)), curve) for code, curve in play.expression.items()}


def _moments(rng: np.random.Generator, seconds: float, least: float, most: float) -> Sequence[float]:
    """Moments with random pauses in between, from the beginning on."""
    pauses = rng.uniform(least, most, 1 + int(seconds / least))
    times = np.cumsum(pauses) - least / 2
    return [float(t) for t in times if t < seconds]


def _bump(rng: np.random.Generator, time: Array, begin: float) -> Array:
    """A blink: from 0 to 1 and back within 0.14 to 0.28 s."""
    span = float(rng.uniform(0.14, 0.28))
    return np.asarray(np.sin(np.pi * np.clip((time - begin) / span, 0, 1)) ** 2)


def _ease(time: Array, begin: float, span: float) -> Array:
    step = np.clip((time - begin) / span, 0, 1)
    return np.asarray(step * step * (3 - 2 * step))


def _head(rng: np.random.Generator, time: Array, held: HeadPose, dials: Dials) -> tuple[HeadPose, ...]:
    """A pose, a slow drift around it, and turns to other poses near it."""
    size = np.array([0.0056, 0.0056, 0.0034, 0.0040, 0.0040, 0.008]) * dials.distraction
    moved = np.zeros((len(time), 6))
    for rate in (0.3, 1.1, 2.3):
        phase, power = rng.uniform(0, 2 * np.pi, 6), rng.standard_normal(6)
        moved += size * power / max(rate, 1.0) ** 0.6 * np.sin(2 * np.pi * rate * time[:, None] + phase)
    now = np.zeros(6)
    for begin in _moments(rng, float(time[-1]), *_TURN_S):
        to = np.clip(rng.standard_normal(6), -1.5, 1.5) * size * 4
        moved += (to - now) * _ease(time, begin, float(rng.uniform(0.4, 0.9)))[:, None]
        now = to
    base = np.array([held.yaw, held.pitch, held.roll, held.x, held.y, held.z])
    return tuple(HeadPose(*(float(v) for v in base + m)) for m in moved)


def _gaze(rng: np.random.Generator, time: Array, dials: Dials) -> Array:
    out = np.zeros((len(time), 2))
    now = np.zeros(2)
    for begin in _moments(rng, float(time[-1]), *_GLANCE_S):
        to = rng.standard_normal(2) * [2.2, 1.0] * min(dials.distraction, 2.0)
        out += (to - now) * _ease(time, begin, 0.03)[:, None]
        now = to
    return out
