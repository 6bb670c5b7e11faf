"""What a recognizer, an attack and a defence are.

Everything a third party writes against is here: subclass, fill in the abstract method, run the matching
`mask.conformance` check.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.digital.perturbation import Perturbation
from mask.errors import AccessDenied
from mask.plan import Plan, Site, ThreatModel

Status = Literal["ok", "no_face", "refused", "unparseable", "error"]
Source = Literal["softmax", "token_logprob", "rank", "onehot", "au_rule"]
Access = Literal["none", "decision", "score", "gradient"]
Reads = Literal["flow", "pair", "video"]

Proposal = Plan | Perturbation
"""What an attack proposes for one clip."""

Progress = Callable[[int], None]
"""Called with the number of items finished since the last call."""


def quiet(_: int) -> None:
    """A `Progress` that shows nothing."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a recognizer says about N clips.

    Args:
        labels: the K classes by name; the order of the columns is data, never assumed.
        probabilities: ``float64 (N, K)``, rows summing to one; a row is NaN where `status` is not ``ok``.
        status: one per clip. A refusal or a failure is never counted as a success of an attack.
        source: where the probabilities come from.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    status: tuple[Status, ...]
    source: Source = "softmax"

    def __post_init__(self) -> None:
        shape = (len(self.status), len(self.labels))
        if self.probabilities.shape != shape:
            raise ValueError(f"probabilities have shape {self.probabilities.shape}; expected {shape}")
        good = np.array([s == "ok" for s in self.status], dtype=bool)
        rows = self.probabilities[good]
        if rows.size and not (np.isfinite(rows).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-4)):
            raise ValueError("probabilities of an 'ok' row must be finite and sum to 1")

    def __len__(self) -> int:
        return len(self.status)

    @property
    def names(self) -> tuple[str | None, ...]:
        """The predicted label of each clip by name, `None` where there is no answer."""
        return tuple(
            self.labels[int(np.argmax(p))] if s == "ok" else None
            for p, s in zip(self.probabilities, self.status, strict=True)
        )

    def of(self, label: str) -> NDArray[np.float64]:
        """The probability of `label` for each clip, ``float64 (N,)``."""
        return self.probabilities[:, self.labels.index(label)]

    @staticmethod
    def from_logits(labels: tuple[str, ...], logits: NDArray[np.floating[Any]]) -> Prediction:
        """Softmax over ``(N, K)`` logits; a row that is not finite becomes status ``error``."""
        logits = np.asarray(logits, dtype=np.float64)
        good = np.isfinite(logits).all(axis=1)
        with np.errstate(invalid="ignore"):
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        probabilities[~good] = np.nan
        return Prediction(labels, probabilities, tuple("ok" if g else "error" for g in good))

    @staticmethod
    def concatenate(parts: Sequence[Prediction]) -> Prediction:
        """Join predictions of one recognizer, in order."""
        first = parts[0]
        if any(p.labels != first.labels for p in parts):
            raise ValueError("the parts disagree about the order of the labels")
        return Prediction(
            first.labels,
            np.concatenate([p.probabilities for p in parts]),
            tuple(s for p in parts for s in p.status),
            first.source,
        )

    @staticmethod
    def average(parts: Sequence[Prediction]) -> Prediction:
        """The mean of what several recognizers say about the same clips; labels are matched by name.

        A row that one of them did not answer has that status.

        Raises:
            ValueError: when they know different labels.
        """
        first = parts[0]
        if any(set(p.labels) != set(first.labels) for p in parts):
            raise ValueError(f"the recognizers to average know different labels: {sorted({p.labels for p in parts})}")
        rows = [p.probabilities[:, [p.labels.index(n) for n in first.labels]] for p in parts]
        status: tuple[Status, ...] = tuple(
            next((s for s in column if s != "ok"), "ok") for column in zip(*(p.status for p in parts), strict=True)
        )
        return Prediction(first.labels, np.mean(rows, axis=0), status, first.source)


class Recognizer(ABC):
    """A system that reads emotions from clips.

    Attributes:
        name: how results name it.
        labels: the classes by name, in the order of its outputs.
        reads: what it looks at: a flow map, the onset and apex frames, or all frames.
    """

    name: str
    labels: tuple[str, ...]
    reads: Reads

    @abstractmethod
    def predict(self, clips: Sequence[Clip]) -> Prediction:
        """Classify clips; one row each, in order. Must not change any state a caller can see."""

    def card(self) -> dict[str, Any]:
        """What results say about this recognizer: architecture, weights with SHA-256, training. JSON-compatible."""
        return {"name": self.name, "labels": list(self.labels), "reads": self.reads}


@runtime_checkable
class Differentiable(Protocol):
    """A recognizer whose gradient reaches the pixels."""

    def logits(self, video: Any) -> Any:
        """Logits ``(N, K)`` of a ``float32 (N, 3, T, H, W)`` torch tensor in [0, 1], RGB, T as the recognizer reads."""


@runtime_checkable
class DifferentiableFlow(Protocol):
    """A recognizer of flow maps whose gradient reaches them."""

    def flow_logits(self, maps: Any) -> Any:
        """Logits ``(N, K)`` of a ``float32 (N, 3, 28, 28)`` torch tensor of flow maps (u, v, strain) in [0, 1]."""


class WhiteBox(Protocol):
    """The recognizer laid open for one clip; what an attack with access ``gradient`` sees.

    It is a `torch.nn.Module` in eval mode, from pixels to logits: finding the face's crop, flow and normalisation are
    inside. Each row of each forward pass is a query.
    """

    labels: tuple[str, ...]
    given: Any
    """The clean pixels: ``float32 (1, 3, 2, h, w)``, the part of the onset and the apex frame that holds the face box,
    or ``float32 (1, 3, 28, 28)``, the flow map (u, v, strain); in [0, 1]."""

    def __call__(self, pixels: Any) -> Any:
        """Logits ``(N, K)`` of ``float32 (N, ...)`` pixels shaped as `given`; gradients reach the pixels."""

    def propose(self, pixels: Any, evidence: str) -> Perturbation:
        """Pixels shaped as `given`, rounded to 8 bits, as what an attack returns."""


class Target(Protocol):
    """What an attack sees of the recognizer it attacks: metered, and no more than its access allows.

    Each call costs one query per plan. Asking for more than the budget raises `BudgetExhausted`, asking for more
    than the access raises `AccessDenied`.
    """

    @property
    def remaining(self) -> int | None:
        """Queries left before the final look, `None` for no limit."""

    def decide(self, plans: Sequence[Plan]) -> tuple[str | None, ...]:
        """The predicted label under each plan."""

    def score(self, plans: Sequence[Plan]) -> Prediction:
        """The probabilities under each plan."""

    def open(self) -> WhiteBox:
        """The recognizer laid open; `InvalidPlan` where its gradient does not reach the pixels."""


class NoTarget:
    """The target of an attack that has access ``none``."""

    remaining = 0

    def decide(self, plans: Sequence[Plan]) -> tuple[str | None, ...]:
        raise AccessDenied("this attack declared access 'none' and asked its target for a decision")

    def score(self, plans: Sequence[Plan]) -> Prediction:
        raise AccessDenied("this attack declared access 'none' and asked its target for a score")

    def open(self) -> WhiteBox:
        raise AccessDenied("this attack declared access 'none' and asked its target for a gradient")


class Surrogate(Protocol):
    """A recognizer the attacker owns: it may be asked anything, as often as wanted, and is never the target.

    On a discovery clip it answers as a model that has not seen the clip's subject, so that what is learnt there holds
    for strangers; on an attacked clip all its models answer together.
    """

    def __call__(self, clip: Clip, plans: Sequence[Plan]) -> Prediction:
        """Predictions under each plan, or, without plans, one row for the clean clip."""

    def imagine(self, clip: Clip) -> Clip:
        """The clip as a flow map, where that is what these recognizers read; otherwise the clip itself.

        A flow map is what the attacker tries stickers on cheaply, by the model of `mask.sticker.flowspace`.
        """

    def gradient(self, clip: Clip, label: str) -> NDArray[np.float32] | None:
        """How fast the log-odds of `label` change with the input, averaged over the models.

        Returns:
            ``float32 (S, S)``: absolute gradients summed over channels and time, over the face box (row, column);
            `None` where the gradient does not reach the input.
        """


@dataclass(frozen=True)
class Discovery:
    """What an attack may study before it meets the clips it attacks: other subjects, and a surrogate.

    Args:
        clips: labelled clips of subjects disjoint from the attacked ones.
        neutral: clips without expression of those subjects, for controls.
        emotions: the label set.
        threat: the threat model the plans will be held to.
        sites: the places the threat model allows.
        surrogate: what the attacker owns; `None` when the attack is to work from observation alone.
        rng: the only source of randomness.
        progress: called as work is done.
        memory: shared by every discovery on the same clips in one audit. What depends on neither the recognizer nor
            the threat model may be kept here, under a key that names everything it does depend on.
        places: see `Scene.places`.
    """

    clips: tuple[Clip, ...]
    neutral: tuple[Clip, ...]
    emotions: tuple[str, ...]
    threat: ThreatModel
    sites: tuple[Site, ...]
    surrogate: Surrogate | None
    rng: np.random.Generator
    progress: Progress = quiet
    memory: dict[str, Any] = field(default_factory=dict)
    places: Callable[[float], tuple[Site, ...]] | None = None


@dataclass(frozen=True)
class Evidence:
    """What an attack learnt in discovery, as plain data.

    Args:
        summary: one sentence for the report.
        data: JSON-compatible.
    """

    summary: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """What an attack sees when it plans for one clip.

    Args:
        threat: the bounds.
        sites: the places the threat model allows, in a fixed order.
        target: metered access to the recognizer.
        evidence: what `Attack.discover` returned.
        hide: the emotion to hide, when the threat model lets the wearer know it.
        rng: the only source of randomness; seeded per clip, so that plans do not depend on order.
        step: spacing of the sites on frames, as `mask.regions.region_sites` takes it.
        surrogate: what the attacker owns, for offline use on this very clip; `None` for nothing.
        places: the places the threat model allows for one sticker of a given share of the face box; `None` where only
            `sites` are known.
    """

    threat: ThreatModel
    sites: tuple[Site, ...]
    target: Target
    evidence: Evidence | None
    hide: str | None
    rng: np.random.Generator
    step: float | None = None
    surrogate: Surrogate | None = None
    places: Callable[[float], tuple[Site, ...]] | None = None


class Attack(ABC):
    """Chooses a sticker, its place and its motion. Subclasses are frozen dataclasses.

    An attack proposes; the core checks the plan, renders it, quantises to 8 bits, spends the query and counts the
    success. What an attack does not choose (`motion`, say) it draws from ``scene.rng``.
    """

    access: ClassVar[Access] = "none"
    digital: ClassVar[bool] = False
    """Whether it proposes a `Perturbation` in place of a sticker; it is then tried under kinetics ``digital`` alone."""

    @property
    def student(self) -> Attack:
        """The attack whose `discover` gathers the evidence; a control names the attack it is the control of."""
        return self

    def discover(self, discovery: Discovery) -> Evidence | None:
        """Study other subjects; called once before planning. By default nothing."""
        return None

    @abstractmethod
    def plan(self, clip: Clip, scene: Scene) -> Proposal:
        """The plan for one clip. `clip` carries no label when the threat model hides it."""


class Defense(ABC):
    """Wraps a recognizer into a recognizer. Subclasses are frozen dataclasses."""

    @abstractmethod
    def wrap(self, recognizer: Recognizer) -> Recognizer:
        """A recognizer with the same labels that defends the one given."""
