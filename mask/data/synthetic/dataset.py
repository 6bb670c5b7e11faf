"""The synthetic benchmark as a `mask.clip.Dataset`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mask.clip import Clip, Dataset

from .film import Film, Take, Track
from .manner import EMOTIONS, Dials
from .truth import Truth

VERSION = 1
"""Goes up whenever a pixel of the benchmark changes."""

_MEGC = {"happiness": "positive", "disgust": "negative", "sadness": "negative", "surprise": "surprise"}
MEGC = ("negative", "positive", "surprise")
_MOST = 1000


@dataclass(frozen=True)
class Options:
    """What `create` was asked for."""

    subjects: int = 12
    emotions: int = 4
    repeats: int = 3
    neutral: int = 1
    seed: int = 0
    size: int = 256
    fps: float = 100.0
    intensity: float = 1.0
    distraction: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("subjects", 1, _MOST),
            ("repeats", 1, _MOST),
            ("neutral", 0, _MOST),
            ("seed", 0, 2**63 - 1),
            ("size", 96, 1024),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ValueError(f"{name} is {value!r}; expected a whole number from {least} to {most}")
        if self.emotions not in (3, 4):
            raise ValueError(
                f"emotions is {self.emotions!r}; expected 4 ({', '.join(EMOTIONS)}) or 3 ({', '.join(MEGC)})"
            )
        gains = ("intensity", "distraction", "noise")
        for name, low, high in (("fps", 25.0, 1000.0), *((gain, 0.0, 10.0) for gain in gains)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}")

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set."""
        return EMOTIONS if self.emotions == 4 else MEGC

    @property
    def name(self) -> str:
        """The spec: ``synthetic`` and every option that is not the default."""
        plain = asdict(Options())
        changed = [f"{k}={v}" for k, v in asdict(self).items() if v != plain[k]]
        return "synthetic" + (":" + ",".join(changed) if changed else "")


def create(
    subjects: int = 12,
    emotions: int = 4,
    repeats: int = 3,
    neutral: int = 1,
    seed: int = 0,
    size: int = 256,
    fps: float = 100.0,
    intensity: float = 1.0,
    distraction: float = 1.0,
    noise: float = 1.0,
) -> Dataset:
    """The synthetic benchmark; nothing is rendered until a frame is looked at.

    Args:
        subjects: how many people.
        emotions: 4 for happiness, disgust, surprise and sadness; 3 for the classes of MEGC2019 (negative, positive,
            surprise), where negative takes turns between disgust and sadness.
        repeats: clips per subject and emotion.
        neutral: clips per subject without an expression, in `Dataset.neutral`.
        seed: which benchmark; the same seed gives the same pixels.
        size: width and height of the frames in pixels; the eyes are 66/256 of it apart.
        fps: frames per second, 100 to 200 being usual for micro-expressions.
        intensity: gain of the expressions; at 1 they peak between about 0.7 and 3 px at 256 px.
        distraction: gain of head motion, blinks, gaze and unrelated action units.
        noise: gain of the sensor noise.

    Raises:
        ValueError: for an option out of range.

    >>> data = create(subjects=2, repeats=1)
    >>> len(data), data.emotions
    (8, ('happiness', 'disgust', 'surprise', 'sadness'))
    >>> data.clips[0].key
    'synthetic/s01/happiness_1'
    """
    return build(Options(subjects, emotions, repeats, neutral, seed, size, float(fps), intensity, distraction, noise))


def build(options: Options) -> Dataset:
    """The benchmark for checked options."""
    dials = Dials(options.intensity, options.distraction, options.noise)
    clips, neutral = [], []
    for subject in range(options.subjects):

        def take(emotion: str | None, number: int, subject: int = subject) -> Take:
            return Take(options.seed, subject, emotion, number, options.size, options.fps, dials)

        for label in options.labels:
            emotions = (shown_as(label, subject, repeat) for repeat in range(options.repeats))
            clips += [_clip(take(emotion, repeat), label) for repeat, emotion in enumerate(emotions)]
        neutral += [_clip(take(None, number), None) for number in range(options.neutral)]
    return Dataset(
        name=options.name,
        clips=tuple(clips),
        emotions=options.labels,
        neutral=tuple(neutral),
        card=_card(options, clips, neutral),
    )


def shown_as(label: str, subject: int, repeat: int) -> str:
    """The emotion behind a label: itself, or one of those the MEGC class gathers, in turns."""
    if label in EMOTIONS:
        return label
    behind = [emotion for emotion in EMOTIONS if _MEGC[emotion] == label]
    return behind[(subject + repeat) % len(behind)]


def _clip(take: Take, label: str | None) -> Clip:
    play = take.play()
    subject = f"s{take.subject + 1:02d}"
    return Clip(
        key=f"synthetic/{subject}/{label or 'neutral'}_{take.number + 1}",
        subject=subject,
        emotion=label,
        dataset="synthetic",
        frames=Film(take),
        landmarks=Track(take),
        fps=take.fps,
        onset=play.onset,
        apex=play.apex,
        offset=play.offset,
        action_units=play.action_units,
        synthetic=True,
        truth=Truth(take),
    )


def _card(options: Options, clips: list[Clip], neutral: list[Clip]) -> dict[str, Any]:
    return {
        "title": "MASK synthetic micro-expressions",
        "version": VERSION,
        "options": asdict(options),
        "subjects": options.subjects,
        "clips": len(clips),
        "neutral": len(neutral),
        "emotions": {label: sum(c.emotion == label for c in clips) for label in options.labels},
        "source": "rendered by MASK from a CC0 head model (MakeHuman/MPFB2 and Face Units 01)",
        "licence": "CC0-1.0",
        "skipped": {},
        "note": "The faces belong to nobody. Evidence about methods, not about people.",
    }
