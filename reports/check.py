"""One reason to doubt a run, looked at: a pass, a flag, or not run. A flag changes no number, and there is no score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "flag", "not run"]


@dataclass(frozen=True)
class Check:
    """One question, its answer, and the numbers behind it.

    Args:
        number: its row in the checklist.
        source: who asks it.
    """

    number: int
    question: str
    source: str
    outcome: Outcome
    told: str


@dataclass(frozen=True)
class Finding:
    """What one look told."""

    outcome: Outcome
    told: str


def passed(told: str) -> Finding:
    """Nothing to doubt here."""
    return Finding("pass", told)


def flagged(told: str) -> Finding:
    """A reason to doubt."""
    return Finding("flag", told)


def not_run(told: str) -> Finding:
    """Nobody looked, or there was nothing to look at."""
    return Finding("not run", told)


def together(findings: Sequence[Finding]) -> Finding:
    """Several looks as one answer: a flag wins, then a pass; what was not run is said all the same."""
    order: tuple[Outcome, ...] = ("flag", "pass", "not run")
    outcome = next(o for o in order if any(f.outcome == o for f in findings))
    told = [f.told if f.outcome != "not run" or outcome == "not run" else f"not run: {f.told}" for f in findings]
    return Finding(outcome, "; ".join(dict.fromkeys(told)))
