"""Checks a third party runs on their own recognizer, attack or defence; ours run them in the test suite.

Each check returns what it measured and raises `NotConforming` with one sentence about what is wrong. What can be
measured is measured, not believed: determinism and gradients above all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import numpy as np

from mask.apply import check
from mask.clip import Clip
from mask.contracts import (
    Attack,
    Defense,
    Differentiable,
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


class NotConforming(MaskError):
    """Something breaks its contract."""


@dataclass(frozen=True)
class RecognizerFacts:
    """What a recognizer turned out to be.

    Args:
        deterministic: equal inputs give equal probabilities, call after call.
        differentiable: it has `logits`, and their gradient reaches the pixels, finite and not zero.
        batch_difference: the largest change of a probability between one clip alone and in a batch.
    """

    deterministic: bool
    differentiable: bool
    batch_difference: float


def check_recognizer(recognizer: Recognizer, clips: Sequence[Clip], *, tolerance: float = 1e-4) -> RecognizerFacts:
    """Check a recognizer on at least two clips it should be able to read.

    Raises:
        NotConforming: when labels repeat, rows are not distributions, order or batch size changes an answer, or the
            global random state is touched.
    """
    _need(len(clips) >= 2, "give at least two clips to check a recognizer on")
    labels = recognizer.labels
    _need(len(labels) >= 1 and len(set(labels)) == len(labels), f"labels {labels} are empty or repeat")
    _need(recognizer.reads in ("flow", "pair", "video"), f"reads is {recognizer.reads!r}; expected flow, pair or video")
    state = _random_state()
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
    return RecognizerFacts(deterministic, _differentiable(recognizer), difference)


def _differentiable(recognizer: Recognizer) -> bool:
    """Whether `logits` exists and its gradient reaches the pixels."""
    if not isinstance(recognizer, Differentiable):
        return False
    import torch

    size = int(getattr(recognizer, "size", 112))
    frames = 2 if recognizer.reads != "video" else 8
    generator = torch.Generator().manual_seed(0)
    video = torch.rand((1, 3, frames, size, size), generator=generator).requires_grad_()
    modules = [m for m in vars(recognizer).values() if isinstance(m, torch.nn.Module)]
    before = [{n: t.clone() for n, t in m.state_dict().items()} for m in modules]
    training = [s.training for m in modules for s in m.modules()]
    out = recognizer.logits(video)
    _need(tuple(out.shape) == (1, len(recognizer.labels)), f"logits have shape {tuple(out.shape)}")
    (gradient,) = torch.autograd.grad(out.sum() + out[0, 0], video, allow_unused=True)
    for module, saved in zip(modules, before, strict=True):
        _need(all(torch.equal(t, saved[n]) for n, t in module.state_dict().items()), "logits changes the weights")
    _need(training == [s.training for m in modules for s in m.modules()], "logits changes the training mode")
    if gradient is None:
        return False
    _need(bool(torch.isfinite(gradient).all()), "the gradient of logits is not finite")
    return bool((gradient != 0).any())


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
