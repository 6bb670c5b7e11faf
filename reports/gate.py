"""Rules a run must not break, such as ``causal/overlay asr>0.2``: parsed, never run as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mask.errors import UsageError

from . import causes
from .checks import checks
from .model import Cell, Run

_RULE = re.compile(
    r"\s*(?:(?P<where>\S+)\s+)?(?P<metric>[a-z_][a-z_0-9]*)\s*(?P<sign>>=|<=|>|<)\s*(?P<limit>-?[0-9.e+-]+%?)\s*"
)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

CELL: dict[str, Callable[[Cell], float | None]] = {
    "asr": lambda c: c.rate.value,
    "asr_low": lambda c: None if c.rate.value is None else c.rate.interval[0],
    "asr_high": lambda c: None if c.rate.value is None else c.rate.interval[1],
    "asr_refilmed": lambda c: None if c.refilmed is None else c.refilmed.value,
    "error_rate": lambda c: c.error_rate,
    "uf1": lambda c: c.attacked.uf1,
    "uar": lambda c: c.attacked.uar,
    "accuracy": lambda c: c.attacked.accuracy,
    "leakage_bits": lambda c: c.leakage,
    "retrained_bits": lambda c: c.retrained,
    "queries_mean": lambda c: c.queries_mean,
    "queries_max": lambda c: c.queries_max,
}
"""What can be asked of a cell; scores are those of the stickered clips."""

CLEAN = ("clean_uf1", "clean_uar", "clean_accuracy")
"""What can be asked of a recognizer behind a defence, without a sticker."""

CHECKS = ("flags", "not_run")
"""What can be asked of a run: how many rows of its checklist came out so."""


@dataclass(frozen=True)
class Rule:
    """What must not be true.

    Args:
        text: as given.
        where: words that a cell must all answer to: its attack with or without parameters, kinetics, recognizer,
            defence (``none`` is no defence), or ``one-shot``.
    """

    text: str
    where: tuple[str, ...]
    metric: str
    sign: str
    limit: float


@dataclass(frozen=True)
class Judgement:
    """One rule and one thing it was asked of.

    Args:
        what: cell, recognizer or run, in words.
        value: `None` where it has none, as the success rate where there was nothing to attack.
        broken: whether the rule is met, so that the run fails; `None` where there is no value.
    """

    rule: Rule
    what: str
    value: float | None
    broken: bool | None


def parse(text: str) -> Rule:
    """Read a rule.

    Raises:
        UsageError: when it is none.

    >>> parse("causal/overlay asr>20%")
    Rule(text='causal/overlay asr>20%', where=('causal', 'overlay'), metric='asr', sign='>', limit=0.2)
    """
    found = _RULE.fullmatch(text)
    known = (*CELL, *CLEAN, *CHECKS)
    if found is None:
        raise UsageError(f"{text!r} is no rule; expected one such as 'asr>0.2' or 'causal/overlay asr>0.2'")
    if found["metric"] not in known:
        raise UsageError(f"{text!r} asks for {found['metric']!r}; expected one of {', '.join(known)}")
    try:
        limit = float(found["limit"].removesuffix("%")) / (100 if found["limit"].endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"{text!r} compares with {found['limit']!r}, which is no number") from error
    where = tuple(w for w in (found["where"] or "").split("/") if w)
    if where and found["metric"] in CHECKS:
        raise UsageError(f"{text!r} names {where[0]!r}; {found['metric']} is about a whole run")
    return Rule(text, where, found["metric"], found["sign"], limit)


def judge(rules: Sequence[Rule], runs: Sequence[tuple[str, Run]]) -> list[Judgement]:
    """Ask every rule of everything it is about.

    Raises:
        UsageError: when a rule is about nothing in any run, which is more likely a slip than a pass.
    """
    found = []
    for rule in rules:
        told = [j for label, run in runs for j in _judge(rule, run, f"{label}: " if len(runs) > 1 else "")]
        if not told:
            cells = [c for _, run in runs for c in run.cells]
            names = list(dict.fromkeys(w for c in cells for w in _words(c)))
            raise UsageError(f"no cell answers to {'/'.join(rule.where)!r}; there are {', '.join(names[:40])}")
        found += told
    return found


def _judge(rule: Rule, run: Run, prefix: str) -> list[Judgement]:
    asked: list[tuple[str, float | None]]
    if rule.metric in CHECKS:
        outcome = {"flags": "flag", "not_run": "not run"}[rule.metric]
        asked = [("checklist", float(sum(c.outcome == outcome for c in checks(run, causes.probes(run)))))]
    elif rule.metric in CLEAN:
        score = rule.metric.removeprefix("clean_")
        mine = [c for c in run.clean if set(rule.where) <= {c.recognizer, c.defense}]
        asked = [(f"{c.recognizer}, {c.defense}", getattr(c.scores, score)) for c in mine]
    else:
        cells = [c for c in run.cells if set(rule.where) <= set(_words(c)) and c.possible]
        asked = [(", ".join(c.key), CELL[rule.metric](c)) for c in cells]
    compare = _SIGNS[rule.sign]
    return [
        Judgement(rule, prefix + what, value, None if value is None else compare(value, rule.limit))
        for what, value in asked
    ]


def _words(cell: Cell) -> tuple[str, ...]:
    """What a cell answers to."""
    one = ("one-shot",) if cell.one_shot else ()
    return tuple(dict.fromkeys((cell.attack, cell.family, cell.kinetics, cell.recognizer, cell.defense, *one)))
