"""Synthetic long videos: several micro-expressions each, among macro-expressions, blinks and head turns; exact truth.

``synthetic-long:subjects=6,videos=2`` renders faces that belong to nobody (`mask.data.synthetic`) through some seconds,
and cuts a clip out for every micro-expression, with a margin of still frames. The clips are a dataset like any other;
``mask spot`` finds the long videos behind them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mask.clip import Clip, Dataset
from mask.data.synthetic.dataset import Options, shown_as
from mask.data.synthetic.film import Film, Track
from mask.data.synthetic.manner import Dials
from mask.data.synthetic.timeline import Event, LongTake
from mask.spot.cut import Cut

VERSION = 1
"""Goes up whenever a pixel changes."""

_MARGIN_S = 0.1
_EACH_S = 2.5
_MOST = 1000


@dataclass(frozen=True)
class LongOptions:
    """What `create` was asked for."""

    subjects: int = 6
    videos: int = 2
    expressions: int = 3
    macros: int = 1
    seconds: float = 12.0
    emotions: int = 3
    seed: int = 0
    size: int = 128
    fps: float = 30.0
    intensity: float = 1.0
    distraction: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("videos", 1), ("expressions", 1), ("macros", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
                raise ValueError(f"{name} is {value!r}; expected a whole number from {least} to {_MOST}")
        least_s = _EACH_S * (self.expressions + self.macros)
        number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        if not number or not least_s <= self.seconds <= 600:
            raise ValueError(
                f"seconds is {self.seconds!r}; expected {least_s:g} ({_EACH_S:g} for each expression) to 600"
            )

    @property
    def of_faces(self) -> Options:
        """What the short clips are asked for, checked."""
        dials = (self.intensity, self.distraction, self.noise)
        return Options(self.subjects, self.emotions, 1, 0, self.seed, self.size, self.fps, *dials)

    @property
    def name(self) -> str:
        """The spec: ``synthetic-long`` and every option that is not the default."""
        plain = asdict(LongOptions())
        changed = [f"{k}={v}" for k, v in asdict(self).items() if v != plain[k]]
        return "synthetic-long" + (":" + ",".join(changed) if changed else "")


def create(
    subjects: int = 6,
    videos: int = 2,
    expressions: int = 3,
    macros: int = 1,
    seconds: float = 12.0,
    emotions: int = 3,
    seed: int = 0,
    size: int = 128,
    fps: float = 30.0,
    intensity: float = 1.0,
    distraction: float = 1.0,
    noise: float = 1.0,
) -> Dataset:
    """Synthetic long videos; nothing is rendered until a frame is looked at.

    Args:
        subjects: how many people.
        videos: long videos per subject.
        expressions: micro-expressions per video.
        macros: macro-expressions per video, which are not annotated.
        seconds: length of a video, at least 2.5 for every expression.
        emotions, seed, size, fps, intensity, distraction, noise: see `mask.data.synthetic.create`.

    Raises:
        ValueError: for an option out of range.

    >>> data = create(subjects=1, videos=1)
    >>> len(data), data.clips[0].key.rsplit("/", 1)[0]
    (3, 'synthetic-long/s01/v1')
    """
    asked = LongOptions(
        subjects,
        videos,
        expressions,
        macros,
        seconds,
        emotions,
        seed,
        size,
        float(fps),
        intensity,
        distraction,
        noise,
    )
    labels = asked.of_faces.labels
    clips = [
        clip
        for subject in range(subjects)
        for number in range(videos)
        for clip in _video(asked, labels, subject, number)
    ]
    return Dataset(
        name=asked.name,
        clips=tuple(clips),
        emotions=labels,
        card={
            "title": "MASK synthetic long videos",
            "version": VERSION,
            "options": asdict(asked),
            "videos": subjects * videos,
            "clips": len(clips),
            "source": "rendered by MASK from a CC0 head model (MakeHuman/MPFB2 and Face Units 01)",
            "licence": "CC0-1.0",
            "note": "The faces belong to nobody. Evidence about methods, not about people.",
        },
    )


def _video(asked: LongOptions, labels: tuple[str, ...], subject: int, number: int) -> list[Clip]:
    """The micro-expressions of one video; each label takes its turn."""
    shown = [labels[(subject + number + i) % len(labels)] for i in range(asked.expressions)]
    take = LongTake(
        asked.seed,
        subject,
        None,
        number,
        asked.size,
        asked.fps,
        Dials(asked.intensity, asked.distraction, asked.noise),
        shown=tuple(shown_as(label, subject, number + i) for i, label in enumerate(shown)),
        macros=asked.macros,
        seconds=asked.seconds,
    )
    film, track = Film(take), Track(take)
    return [_clip(take, film, track, event, label) for event, label in zip(take.events(), shown, strict=True)]


def _clip(take: LongTake, film: Film, track: Track, event: Event, label: str) -> Clip:
    margin = round(_MARGIN_S * take.fps)
    first = max(event.onset - margin, 0)
    count = min(event.offset + margin + 1, len(film)) - first
    subject = f"s{take.subject + 1:02d}"
    return Clip(
        key=f"synthetic-long/{subject}/v{take.number + 1}/{event.onset}",
        subject=subject,
        emotion=label,
        dataset="synthetic-long",
        frames=Cut(film, first, count),
        landmarks=Cut(track, first, count),
        fps=take.fps,
        onset=event.onset - first,
        apex=event.apex - first,
        offset=event.offset - first,
        action_units=event.action_units,
        synthetic=True,
    )
