"""Rows of the checklist about controls: random, central and grey stickers, and the worst case."""

from __future__ import annotations

from . import words
from .check import Finding, flagged, not_run, passed, together
from .controls import comparisons
from .model import Run
from .worst import worst_cases


def random(run: Run) -> Finding:
    """Row 16."""
    found = [c for c in comparisons(run) if c.attack.family == "causal" and c.control.family in ("random", "centre")]
    if not found:
        return together(
            [not_run("needs the causal attack, a random and a central placement, and clips.csv"), _exact(run)]
        )
    off = [c for c in found if not c.better]
    if off:
        names = [f"{c.control.attack} on {c.attack.recognizer} ({c.attack.kinetics})" for c in off]
        beaten = flagged(f"the causal place is not better than {words.listed(names)}")
    else:
        beaten = passed(f"better than both in all {words.count(len(found), 'comparison')} (paired, Holm p < .05)")
    missing = [name for name in ("random", "centre", "region") if name not in {c.family for c in run.undefended}]
    told = [beaten, *([not_run(f"{words.listed(missing)} as controls")] if missing else []), _exact(run)]
    return together(told)


def _exact(run: Run) -> Finding:
    """Whether random places, drawn once per clip, came out near their exact average."""
    near, off = 0, []
    for found in run.maps:
        here = (found.recognizer, found.defense, found.kinetics)
        cell = next((c for c in run.cells if c.key[:3] == here and c.attack == "random"), None)
        if cell is None or found.random_exact is None or found.n != cell.rate.n:
            continue
        low, high = cell.rate.interval
        if low <= found.random_exact <= high:
            near += 1
        else:
            text = f"{found.recognizer} {found.kinetics}: drawn {words.number(cell.rate.value)}, exact "
            off.append(text + words.number(found.random_exact))
    if off:
        return flagged(f"the random placement, drawn once per clip, is far from its exact average: {'; '.join(off)}")
    if near:
        return passed(f"random places near their exact average in {words.count(near, 'case')}")
    return not_run("the exact average of random places; no attack asked about every place")


def grey(run: Run) -> Finding:
    """Row 17: the place, or the drawing?"""
    found = [c for c in comparisons(run) if c.control.family == "grey"]
    if not found:
        return not_run("needs the causal attack and its grey control")
    told = [
        f"{c.attack.recognizer} {c.attack.kinetics}: {words.number(c.pair.first)} with the drawing, "
        f"{words.number(c.pair.second)} in plain grey, p {words.p_value(c.p_holm)}"
        for c in found
    ]
    text = "; ".join(told)
    if all(c.better for c in found):
        return passed(text)
    return flagged(f"{text}; where there is no difference, what works is the place or the covering, not the drawing")


def worst_case(run: Run) -> Finding:
    """Row 18."""
    found = worst_cases(run)
    if not found:
        return not_run("there is no clips.csv in the folder")
    told = [f"{w.recognizer} {w.kinetics} UF1 {words.number(w.scores.uf1)}" for w in found if w.defense == "none"]
    bounds = {c.key[:3]: c for c in run.cells if c.family == "exhaustive"}
    above = [c for c in run.cells if (b := bounds.get(c.key[:3])) and c.rate.hits > b.rate.hits]
    if above:
        names = [f"{c.attack} on {c.recognizer} ({c.kinetics})" for c in above[:3]]
        return flagged(
            f"{words.listed(names)} found more than the search meant as a bound, on a grid of its own; "
            f"{'; '.join(told)}"
        )
    return passed("; ".join(told))
