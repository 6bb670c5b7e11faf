"""Checks a third party runs on their own recognizer, attack or defence; ours run them in the test suite.

Each check returns what it measured and raises `NotConforming` with one sentence about what is wrong. What can be
measured is measured, not believed: determinism and gradients above all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import numpy as np

from mask import gradients
from mask.apply import check
from mask.clip import Clip
from mask.contracts import (
    Attack,
    Defense,
    Discovery,
    Evidence,
    NoTarget,
    Prediction,
    Proposal,
    Recognizer,
    Scene,
)
from mask.digital import Perturbation
from mask.errors import AccessDenied, BudgetExhausted, InvalidPlan, MaskError
from mask.oracle import MeteredTarget, Scorer
from mask.plan import Plan, Site, ThreatModel
from mask.surrogate import Owned

_GRADIENT, _LOGITS = 1e-3, 1e-3
"""How far gradients may be from finite differences, relatively, and answers from those of logits or another device."""


class NotConforming(MaskError):
    """Something breaks its contract."""


@dataclass(frozen=True)
class RecognizerFacts:
    """What a recognizer turned out to be.

    Args:
        deterministic: equal inputs give equal probabilities, call after call.
        differentiable: it has logits for clips like these, and their gradient reaches the pixels of the frames, or the
            flow map, finite and not zero.
        batch_difference: the largest change of a probability between one clip alone and in a batch.
        gradient_error: the relative difference between that gradient and central differences in float64; `None` where
            none gets there.
        device_difference: the largest change of a probability between the CPU and the graphics card; `None` where
            there is no card.
    """

    deterministic: bool
    differentiable: bool
    batch_difference: float
    gradient_error: float | None = None
    device_difference: float | None = None


def check_recognizer(recognizer: Recognizer, clips: Sequence[Clip], *, tolerance: float = 1e-4) -> RecognizerFacts:
    """Check a recognizer on at least two clips it should be able to read.

    Raises:
        NotConforming: when labels repeat, rows are not distributions, order, batch size or device changes an answer,
            logits disagree with the answers or their gradient with finite differences, or any state is left behind.
    """
    _need(len(clips) >= 2, "give at least two clips to check a recognizer on")
    labels = recognizer.labels
    _need(len(labels) >= 1 and len(set(labels)) == len(labels), f"labels {labels} are empty or repeat")
    _need(recognizer.reads in ("flow", "pair", "video"), f"reads is {recognizer.reads!r}; expected flow, pair or video")
    state = _random_state()
    with _conforming(), gradients.unchanged(recognizer, "predict"):
        first = recognizer.predict(clips)
    _need(_same_state(state, _random_state()), "predict changes a global random state")
    _need(len(first) == len(clips), f"{len(clips)} clips gave {len(first)} rows")
    _need(first.labels == labels, f"predict answers with labels {first.labels}, the recognizer says {labels}")
    _need("ok" in first.status, f"no clip was answered; the statuses are {sorted(set(first.status))}")
    again = recognizer.predict(clips)
    deterministic = _equal(first, again, 0.0)
    backwards = recognizer.predict(list(clips)[::-1])
    alone = Prediction.concatenate([recognizer.predict([c]) for c in clips])
    if deterministic:
        flipped = replace(
            backwards, probabilities=backwards.probabilities[::-1].copy(), status=tuple(backwards.status[::-1])
        )
        _need(_equal(first, flipped, tolerance), "the order of the clips changes their answers")
        _need(_equal(first, alone, tolerance), "a clip is answered differently alone and in a batch")
    _need(recognizer.predict([]).probabilities.shape == (0, len(labels)), "no clips must give a prediction of no rows")
    difference = float(np.nanmax(np.abs(first.probabilities - alone.probabilities)))
    with _conforming():
        slope = gradients.slope(recognizer, clips[0].space)
    _need((slope.error or 0.0) < _GRADIENT, f"the gradient is {slope.error} from finite differences, relatively")
    seen = [i for i, s in enumerate(first.status) if s == "ok"]
    apart = gradients.disagreement(recognizer, [clips[i] for i in seen], first.probabilities[seen])
    _need(not deterministic or (apart or 0.0) < _LOGITS, f"logits and predict differ by {apart}: are labels in order?")
    moved = gradients.device_difference(recognizer, clips)
    _need(not deterministic or (moved or 0.0) < _LOGITS, f"the graphics card answers otherwise by {moved}")
    return RecognizerFacts(deterministic, slope.reaches, difference, slope.error, moved)


@contextmanager
def _conforming() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise NotConforming(str(error)) from error


def check_attack(
    attack: Attack, recognizer: Recognizer, clips: Sequence[Clip], threat: ThreatModel, sites: Sequence[Site]
) -> list[Proposal]:
    """Check an attack on labelled clips of two subjects or more; the first subject is attacked.

    Raises:
        NotConforming: when it is mutable, reads the target beyond its access or budget, leaves its threat model,
            touches a global random state, or plans differently from equal seeds.
    """
    _need(attack.access in ("none", "decision", "score", "gradient"), f"access is {attack.access!r}")
    _need_frozen(attack)
    subjects = sorted({c.subject for c in clips})
    _need(len(subjects) >= 2, "give clips of two subjects or more to check an attack on")
    attacked = [c for c in clips if c.subject == subjects[0]]
    studied = tuple(c for c in clips if c.subject != subjects[0])
    state = _random_state()
    rounds = [_plan_all(attack, recognizer, attacked, studied, threat, tuple(sites)) for _ in range(2)]
    _need(_same_state(state, _random_state()), "planning changes a global random state")
    _need([p.key for p in rounds[0]] == [p.key for p in rounds[1]], "equal seeds give different plans")
    for clip, plan in zip(attacked, rounds[0], strict=True):
        try:
            check(clip, plan, threat)
        except InvalidPlan as error:
            raise NotConforming(f"it leaves its threat model: {error}") from error
    return rounds[0]


def _plan_all(
    attack: Attack,
    recognizer: Recognizer,
    attacked: Sequence[Clip],
    studied: tuple[Clip, ...],
    threat: ThreatModel,
    sites: tuple[Site, ...],
) -> list[Proposal]:
    scorer = Scorer(recognizer)
    emotions = tuple(dict.fromkeys(str(c.emotion) for c in studied))
    owned = Owned([recognizer])
    rng = np.random.default_rng(0)
    evidence: Evidence | None = attack.student.discover(Discovery(studied, (), emotions, threat, sites, owned, rng))
    plans: list[Proposal] = []
    wanted = Perturbation if attack.digital else Plan
    for k, clip in enumerate(attacked):
        metered = MeteredTarget(scorer, clip, attack.access, threat.budget)
        target = NoTarget() if attack.access == "none" else metered
        scene = Scene(threat, sites, target, evidence, clip.emotion, np.random.default_rng(k), surrogate=owned)
        blind = replace(clip, emotion=None, action_units=(), truth={})
        try:
            plan = attack.plan(blind, scene)
        except (AccessDenied, BudgetExhausted) as error:
            raise NotConforming(f"it asks its target for more than it may: {error}") from error
        _need(isinstance(plan, wanted), f"plan returned a {type(plan).__name__}, not a {wanted.__name__}")
        plans.append(plan)
        spent = metered.finish(plan)
        _need(threat.budget is None or spent <= threat.budget, f"{spent} queries were spent of {threat.budget}")
    return plans


def check_defense(defense: Defense, recognizer: Recognizer, clips: Sequence[Clip]) -> RecognizerFacts:
    """Check that a defence gives a conforming recognizer of the same labels and leaves the one it wraps alone.

    Raises:
        NotConforming: when it does not.
    """
    _need_frozen(defense)
    before = recognizer.predict(clips)
    wrapped = defense.wrap(recognizer)
    _need(wrapped.labels == recognizer.labels, f"the labels change from {recognizer.labels} to {wrapped.labels}")
    _need(wrapped.name != recognizer.name, "the defended recognizer needs a name of its own")
    facts = check_recognizer(wrapped, clips)
    _need(_equal(before, recognizer.predict(clips), 0.0), "wrapping changes the recognizer that was wrapped")
    return facts


def _need_frozen(thing: Any) -> None:
    named = [f.name for f in fields(thing)] if hasattr(thing, "__dataclass_fields__") else None
    _need(named is not None, f"{type(thing).__name__} must be a frozen dataclass with explicit parameters")
    for name in named or ():
        try:
            setattr(thing, name, getattr(thing, name))
        except FrozenInstanceError:
            continue
        raise NotConforming(f"{type(thing).__name__} must be a frozen dataclass; {name} can be changed")


def _equal(one: Prediction, other: Prediction, tolerance: float) -> bool:
    return one.status == other.status and bool(
        np.allclose(one.probabilities, other.probabilities, rtol=0, atol=tolerance, equal_nan=True)
    )


def _random_state() -> tuple[Any, ...]:
    import random

    import torch

    return (np.random.get_state(), random.getstate(), torch.random.get_rng_state())  # noqa: NPY002


def _same_state(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    legacy = all(np.array_equal(a, b) for a, b in zip(one[0], other[0], strict=True))
    return legacy and one[1] == other[1] and bool((one[2] == other[2]).all())


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise NotConforming(message)
