"""Rows of the checklist about defences and about the physical world."""

from __future__ import annotations

from . import words
from .check import Finding, flagged, not_run, passed
from .defences import adaptive as asked_behind
from .model import Run
from .worst import worst_cases


def adaptive(run: Run) -> Finding:
    """Row 20."""
    names = list(dict.fromkeys(c.defense for c in run.cells if c.defense != "none"))
    if not names:
        return not_run("no defence was tried")
    without = [n for n in names if not asked_behind(run, n)]
    if without:
        return flagged(f"nothing that knows of {words.listed(without, 'or')} was tried; their numbers are optimistic")
    told = [f"{n}: {words.listed(list(dict.fromkeys(c.attack for c in asked_behind(run, n))))}" for n in names]
    return passed("; ".join(told))


def certified(run: Run) -> Finding:
    """Row 21: a proof that promises more than attacks leave is no proof."""
    proven = {(c.recognizer, c.defense): c.certified for c in run.clean if c.certified is not None}
    if not proven:
        return not_run("no defence of this run comes with a certificate")
    off: list[str] = []
    told: list[str] = []
    for w in worst_cases(run):
        share = proven.get((w.recognizer, w.defense))
        if share is not None and w.kinetics != "digital":
            text = f"{w.recognizer} behind {w.defense}, {w.kinetics}: certified {words.number(share)}, "
            text += f"empirical {words.number(w.scores.accuracy)}"
            (off if share > w.scores.accuracy + 1e-9 else told).append(text)
    if not off and not told:
        return not_run("there is no clips.csv to compare the certificate with")
    return flagged("; ".join(off)) if off else passed("; ".join(told))


def refilmed(run: Run) -> Finding:
    """Row 22."""
    found = [c for c in run.undefended if c.refilmed is not None]
    if not found:
        return not_run(
            "successes were not filmed again; every sticker is rounded to 8 bits before the recognizer sees it"
        )
    kept = [(c, c.refilmed.wrong / c.refilmed.draws) for c in found if c.refilmed is not None and c.refilmed.draws]
    if not kept:
        return not_run("no draw left the clip without a sticker readable")
    told = [f"{c.attack} on {c.recognizer} ({c.kinetics}): {words.number(share, 2)} of draws" for c, share in kept]
    text = f"successes that are still wrong when filmed again: {'; '.join(told[:6])}"
    text += f" and {len(told) - 6} more" if len(told) > 6 else ""
    return flagged(text) if any(share < 0.5 for _, share in kept) else passed(text)
