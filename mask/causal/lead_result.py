"""What the probe over time found, as plain data with one JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .graph import Note
from .result import Control

SCHEMA = "mask.lead/1"


@dataclass(frozen=True)
class Lead:
    """One region before another.

    Args:
        first, second: the regions by name.
        score: how much more of the second's next step the first tells forward in time than backward, in standard
            normal units.
        frequency: share of resamples of clips in which the score lies above what reversed time reaches one time in
            twenty.
        p_null: share of draws with clips reversed at random in which any pair scores as high.
    """

    first: str
    second: str
    score: float
    frequency: float
    p_null: float


@dataclass(frozen=True)
class EmotionLead:
    """The region that moves before the rest of the face on the way to an emotion's apex.

    Args:
        emotion: by name.
        region: the region named, `None` when the probe abstains.
        reason: why it names the region, or why it abstains.
        score, frequency, p_null: of the highest scoring region, as in `Lead`.
    """

    emotion: str
    region: str | None
    reason: str
    score: float
    frequency: float
    p_null: float


@dataclass(frozen=True)
class LeadResult:
    """Everything the probe over time found.

    Args:
        level: the family-wise level a lead had to meet against reversed time.
        clips, frames: what went in after the guards.
        resamples: how many resamples of clips.
        regions: those that move, by name.
        emotions: by name.
        leads: every pair with a positive score, highest first.
        by_emotion: one finding per emotion.
        controls: reversed time, and frames in random order.
        notes: what the guards dropped.
    """

    level: float
    clips: int
    frames: int
    resamples: int
    regions: tuple[str, ...]
    emotions: tuple[str, ...]
    leads: tuple[Lead, ...]
    by_emotion: tuple[EmotionLead, ...]
    controls: tuple[Control, ...]
    notes: tuple[Note, ...]

    @property
    def named(self) -> tuple[Lead, ...]:
        """The pairs that meet the level."""
        return tuple(lead for lead in self.leads if lead.p_null <= self.level)

    @property
    def abstained(self) -> bool:
        """Whether no pair and no region is named at all."""
        return not self.named and all(found.region is None for found in self.by_emotion)

    def to_json(self) -> dict[str, Any]:
        """The result as JSON-compatible data, with ``"schema": "mask.lead/1"``."""
        data = asdict(self)
        named = [asdict(lead) for lead in self.named]
        return {"schema": SCHEMA, **data, "named": named, "abstained": self.abstained}

    @staticmethod
    def nothing(why: str, level: float, emotions: tuple[str, ...], notes: tuple[Note, ...]) -> LeadResult:
        """The result where nothing could be tested."""
        blank = tuple(EmotionLead(e, None, why, 0.0, 0.0, 1.0) for e in emotions)
        missing = Control("reversed time", 0, why_not=why)
        return LeadResult(level, 0, 0, 0, (), emotions, (), blank, (missing,), notes)
