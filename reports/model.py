"""What a report is made from: the typed contents of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mask.results import Row

from .untrusted import Node

Interval = tuple[float, float]


@dataclass(frozen=True)
class Rate:
    """Successes of n clips that were correct clean; `value` is `None` when there was none to attack."""

    n: int
    hits: int
    value: float | None
    interval: Interval


@dataclass(frozen=True)
class Scores:
    """UF1, UAR and accuracy."""

    uf1: float | None
    uar: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Versus:
    """A paired comparison with the random placement."""

    n: int
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Cell:
    """One recognizer, defence, kinetics and attack."""

    recognizer: str
    defense: str
    attack: str
    kinetics: str
    area: float
    n: int
    rate: Rate
    by_subjects: Interval | None
    error_rate: float | None
    attacked: Scores
    leakage: float | None
    by_emotion: Mapping[str, Rate]
    by_region: Mapping[str, Rate]
    unanswered: int
    invalid: int
    abstained: int
    queries_mean: float
    queries_max: int
    seconds: float
    versus: Versus | None
    anytime: tuple[tuple[int, Rate], ...] = ()

    @property
    def family(self) -> str:
        """The attack's name without its parameters."""
        return self.attack.split(":")[0]

    @property
    def region(self) -> str:
        """The region of an attack that always takes the same one; empty for others."""
        name, _, rest = self.attack.partition(":name=")
        return rest.split(",")[0] if name == "region" else ""

    @property
    def possible(self) -> bool:
        """Whether the attack could be carried out on any clip at all."""
        return self.n == 0 or self.invalid < self.n

    @property
    def one_shot(self) -> bool:
        """Whether no clip took more than one query."""
        return self.queries_max <= 1


@dataclass(frozen=True)
class Clean:
    """Scores of a recognizer behind a defence, without a sticker."""

    recognizer: str
    defense: str
    n: int
    emotions: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    unanswered: tuple[int, ...]
    scores: Scores
    intervals: Mapping[str, Interval | None]
    majority_label: str
    majority: Scores
    leakage: float | None


@dataclass(frozen=True)
class Threat:
    """What the wearer was allowed."""

    kinetics: str
    area: float
    reach_mm: float
    directions: int
    budget: int | None
    knows_emotion: bool
    eps: int | None = None
    slip_mm: float | None = None
    height_mm: float | None = None


@dataclass(frozen=True)
class Place:
    """One place of a map, in face-box coordinates, and how often it flipped a clip."""

    x: float
    y: float
    region: str
    mean: float
    best: float


@dataclass(frozen=True)
class PlaceMap:
    """How often each place flipped clips that were correct clean."""

    recognizer: str
    defense: str
    attack: str
    kinetics: str
    n: int
    random_exact: float | None
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Lesson:
    """What an attack learnt on discovery subjects; `data` is unchecked."""

    recognizer: str
    attack: str
    kinetics: str
    attacked: str
    summary: str
    data: Node


@dataclass(frozen=True)
class Example:
    """One clip before and after, as PNG data URIs; `frames` is (onset, apex) before and after, or empty."""

    recognizer: str
    attack: str
    kinetics: str
    clip: str
    emotion: str
    before: str
    after: str
    region: str
    flow: tuple[str, ...]
    frames: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Run:
    """One finished run.

    Args:
        folder: its name, without the folders above it.
        synthetic: whether every face belongs to nobody; `None` when the run does not say.
        rows: of ``clips.csv``; `None` when there is no such file.
    """

    folder: str
    command: tuple[str, ...]
    environment: Node
    data_name: str
    data_card: Node
    synthetic: bool | None
    clips: int
    subjects: int
    emotions: tuple[str, ...]
    discovery: str
    recognizers: tuple[Node, ...]
    threats: tuple[Threat, ...]
    scheme: str
    step: float | None
    seed: int
    clean: tuple[Clean, ...]
    cells: tuple[Cell, ...]
    lessons: tuple[Lesson, ...]
    maps: tuple[PlaceMap, ...]
    examples: tuple[Example, ...]
    not_tried: tuple[str, ...]
    raw: Mapping[str, Any]
    rows: tuple[Row, ...] | None

    @property
    def undefended(self) -> tuple[Cell, ...]:
        """The cells without a defence."""
        return tuple(c for c in self.cells if c.defense == "none")

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """Recognizer and kinetics of the undefended cells, each pair once, in order."""
        return tuple(dict.fromkeys((c.recognizer, c.kinetics) for c in self.undefended))

    @property
    def evidence(self) -> str:
        """``synthetic``, ``real``, or ``not said`` when the run does not tell."""
        return "not said" if self.synthetic is None else "synthetic" if self.synthetic else "real"
