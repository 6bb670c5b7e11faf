"""What a run says before any table, plainly; a null result is said as plainly as any other."""

from __future__ import annotations

from . import words
from .model import Cell, Run

LEVEL = 0.05

CONTROLS = ("random", "centre", "region", "grey")
"""Attacks that are there to be beaten: they choose no place, or only repeat another's choice."""


def verdict(run: Run) -> list[str]:
    """A sentence for each recognizer and kinetics: did any one-shot placement do better than a random one?"""
    if not any(c.rate.n for c in run.undefended):
        return ["No clip was read correctly before a sticker, so there was nothing to attack."]
    if not any(c.rate.hits for c in run.cells):
        return ["Null result: no sticker changed a single correct answer."]
    return [_sentence(run, recognizer, kinetics) for recognizer, kinetics in run.groups]


def beats_random(cell: Cell) -> bool:
    """Whether a cell's success rate is above the random placement's, paired, Holm p < .05."""
    return cell.versus is not None and cell.versus.p_holm < LEVEL and cell.versus.difference > 0


def best_region(run: Run, recognizer: str, kinetics: str) -> str:
    """The fixed region that did best, beside the causal choice; empty where no region was tried."""
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics) and c.possible]
    fixed = [c for c in cells if c.region and c.rate.value is not None]
    if not fixed:
        return ""
    best = min(fixed, key=lambda c: (-(c.rate.value or 0), c.region))
    told = f"{recognizer}, {kinetics}: of {len(fixed)} fixed regions {words.region(best.region)} did best, "
    told += f"{words.number(best.rate.value)}"
    ours = next((c for c in cells if c.family == "causal"), None)
    return told + (f"; the causal choice, made beforehand, reached {words.number(ours.rate.value)}." if ours else ".")


def _sentence(run: Run, recognizer: str, kinetics: str) -> str:
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
    start = f"{recognizer}, {words.KINETICS.get(kinetics, kinetics)}:"
    tried = [c for c in cells if c.family not in CONTROLS and c.one_shot and c.possible and c.versus is not None]
    random = next((c for c in cells if c.attack == "random"), None)
    if not tried or random is None:
        return f"{start} no one-shot placement was compared with a random one."
    better = sorted((c for c in tried if beats_random(c)), key=lambda c: -(c.rate.value or 0))
    by_chance = words.number(random.rate.value)
    if better:
        told = [f"{c.attack} ({words.number(c.rate.value)})" for c in better[:3]]
        return f"{start} {words.listed(told)} fooled it more often than a random placement ({by_chance})."
    told = [f"{c.attack} {words.number(c.rate.value)}" for c in tried[:4]]
    told.append(f"random {by_chance}")
    return f"{start} null result, no one-shot placement did better than a random one ({', '.join(told)})."
