"""What a report is made from: the typed contents of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .clips import Clips, Key
from .untrusted import Node

Interval = tuple[float, float]

SMALL = 5
"""Clips under which a rate says next to nothing."""


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
class Refilmed:
    """What is left of the successes when clips are filmed again with their stickers."""

    plans: int
    draws: int
    wrong: int
    value: float
    by_subjects: Interval | None


@dataclass(frozen=True)
class Cell:
    """One recognizer, defence, kinetics and attack.

    Args:
        access: what the attack may ask of the recognizer: ``none``, ``decision``, ``score`` or ``gradient``; empty
            where the run does not say.
        leakage: what the attacked answers tell about the emotion, in bits.
        retrained: the same of the network trained on stickered clips; `None` where that was not done.
    """

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
    access: str
    refilmed: Refilmed | None
    retrained: float | None
    anytime: tuple[tuple[int, Rate], ...] = ()

    @property
    def key(self) -> Key:
        """What tells it from other cells of the run."""
        return self.recognizer, self.defense, self.kinetics, self.attack

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
    """Scores of a recognizer behind a defence, without a sticker.

    Args:
        certified: share of the clips that are proven to be read correctly whatever the sticker; `None` without a proof.
    """

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
    certified: float | None


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
    number: int = 1
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the audit measured on a recognizer.

    Args:
        error: what broke its contract; the rest is then unknown.
    """

    recognizer: str
    deterministic: bool | None = None
    differentiable: bool | None = None
    error: str = ""


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


@dataclass(frozen=True, eq=False)
class Run:
    """One finished run; equal to nothing but itself, so that what is computed from it can be kept.

    Args:
        folder: its name, without the folders above it.
        files: the SHA-256 of each data file.
        synthetic: whether every face belongs to nobody; `None` when the run does not say.
        attacks, defenses: what the names in the cells stand for.
        surrogates: recognizers the attacker owned; `None` when the run does not say.
        siblings: whether the attacker also owned other models of the same study.
        table: ``clips.csv``; `None` when there is no such file.
    """

    folder: str
    files: Mapping[str, str]
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
    facts: tuple[Facts, ...]
    threats: tuple[Threat, ...]
    attacks: Mapping[str, str]
    defenses: Mapping[str, str]
    surrogates: tuple[Node, ...] | None
    siblings: bool | None
    scheme: str
    step: float | None
    seed: int
    clean: tuple[Clean, ...]
    cells: tuple[Cell, ...]
    lessons: tuple[Lesson, ...]
    maps: tuple[PlaceMap, ...]
    examples: tuple[Example, ...]
    not_tried: tuple[str, ...]
    table: Clips | None

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
