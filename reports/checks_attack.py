"""Rows of the checklist about the attacks: are they as strong as they could be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import words
from .causes import studies
from .check import Finding, flagged, not_run, passed
from .model import Cell, Run

_ONE_STEP = ("fgsm",)
_MANY_STEPS = ("pgd",)

POINT = 0.01
"""A gain in success that still counts as one."""


def black_box(run: Run) -> Finding:
    """Row 8: a clip that only a black-box attack turns says that the white-box ones are weak."""
    told, off = [], []
    for group in _groups(run):
        white = [c for c in group if c.access == "gradient"]
        black = [c for c in group if c.access in ("none", "decision", "score")]
        if white and black and run.table is not None:
            by_white, by_black = (_turned(run, cells) for cells in (white, black))
            only = len(by_black - by_white)
            where = f"{group[0].recognizer} {group[0].kinetics}"
            told.append(f"{where}: {only} of {words.count(len(by_black | by_white), 'clip')} turned by black box alone")
            if only:
                off.append(told[-1])
    if not told:
        return not_run("needs a white-box and a black-box attack under one kinetics, and clips.csv")
    return flagged("; ".join(off)) if off else passed("; ".join(told))


def _turned(run: Run, cells: list[Cell]) -> set[int]:
    """The clips that some of the attacks turned."""
    if run.table is None:
        return set()
    rows = [run.table.rows_of[c.key] for c in cells if c.key in run.table.rows_of]
    return {int(c) for r in rows for c in run.table["clip"].codes[r[run.table.success[r]]]}


def one_step(run: Run) -> Finding:
    """Row 9."""
    told: list[str] = []
    off: list[str] = []
    for group in _groups(run):
        ones = [c for c in group if _is(c, _ONE_STEP) and c.rate.value is not None]
        many = [c for c in group if _is(c, _MANY_STEPS) and c.rate.value is not None]
        for one in ones:
            for more in many:
                text = f"{one.recognizer}: {one.attack} {words.number(one.rate.value)}, {more.attack} "
                text += words.number(more.rate.value)
                (off if (one.rate.value or 0) > (more.rate.value or 0) else told).append(text)
    if not told and not off:
        return not_run(f"needs {_ONE_STEP[0]} and {_MANY_STEPS[0]}")
    return flagged("; ".join(off)) if off else passed("; ".join(told))


def _is(cell: Cell, names: tuple[str, ...]) -> bool:
    """Whether a cell's attack goes by one of the names, as itself or by way of a library."""
    return cell.family in names or any(cell.attack.lower().endswith(f"={n}") for n in names)


def budget(run: Run) -> Finding:
    """Row 10, the part one run can answer: more queries never undo a success."""
    falls = [
        c for c in run.cells if any(b.hits < a.hits for (_, a), (_, b) in zip(c.anytime, c.anytime[1:], strict=False))
    ]
    if falls:
        return flagged(f"success falls with the number of queries for {words.listed([c.attack for c in falls[:3]])}")
    areas = sorted({t.area for t in run.threats if t.kinetics != "digital"})
    return not_run(
        f"one size was tried ({words.listed([f'{a:.1%}' for a in areas]) or 'none'}); compare runs of several"
    )


def convergence(run: Run) -> Finding:
    """Row 11: does the last step up in queries still gain?"""
    curves = [c for c in run.undefended if len(c.anytime) > 1 and c.family != "exhaustive"]
    if not curves:
        return not_run("no search with more than one budget of queries")
    rising = []
    for c in curves:
        (_, before), (asked, last) = c.anytime[-2:]
        if (last.value or 0) - (before.value or 0) > POINT:
            rising.append(f"{c.attack} on {c.recognizer} ({c.kinetics}) at {asked:,} queries")
    if rising:
        more = f" and {len(rising) - 4} more" if len(rising) > 4 else ""
        return flagged(
            f"success still rose at the last budget for {'; '.join(rising[:4])}{more}; more queries would find more"
        )
    return passed(
        f"the last tenfold of queries gained at most one point for {words.count(len(curves), 'search', 'searches')}"
    )


def silent(run: Run) -> Finding:
    """Row 12: a query that was answered wrongly, and a final look that was not."""
    if run.table is None or "first_success" not in run.table.columns:
        return not_run("the run does not say which query was first answered wrongly")
    seen = np.isfinite(run.table["first_success"].numbers())
    lost = seen & run.table.right & ~run.table.success
    if lost.any():
        names = run.table["attack"]
        which = list(dict.fromkeys(names.names[c] for c in names.codes[lost]))
        return flagged(
            f"{words.count(int(lost.sum()), 'clip')} had a wrong answer on the way and a right one at the end, by "
            f"{words.listed(which[:5])}"
        )
    return passed(
        f"all {int((seen & run.table.right).sum()):,} clips that were ever answered wrongly were so at the end"
    )


def surrogates(run: Run) -> Finding:
    """Row 14: stickers that fool what the attacker owns, and not what it attacks."""
    told: list[str] = []
    off: list[str] = []
    for study in studies(run):
        lesson = study.lesson
        cell = next(
            (c for c in run.undefended if c.key == (lesson.recognizer, "none", lesson.kinetics, lesson.attack)), None
        )
        clips = sum(e.clips for e in study.effects)
        if cell is None or not clips or cell.rate.value is None:
            continue
        flips = sum(e.flips * e.clips for e in study.effects) / clips
        text = f"{lesson.recognizer} {lesson.kinetics}: {words.number(flips)} of discovery clips on owned models, "
        text += f"{words.number(cell.rate.value)} under audit"
        (off if flips > cell.rate.interval[1] else told).append(text)
    if not told and not off:
        return not_run("no attack of this run was aimed on a surrogate")
    return flagged("; ".join(dict.fromkeys(off))) if off else passed("; ".join(dict.fromkeys(told)))


def bounded(run: Run) -> Finding:
    """Row 15."""
    free = {t.kinetics for t in run.threats if (t.kinetics == "digital" and t.eps == 255)}
    cells = [c for c in run.undefended if c.kinetics in free and c.rate.value is not None]
    if not cells:
        return not_run("no attack without bounds was tried (eps 255)")
    weak = [c for c in cells if (c.rate.value or 0) < 1]
    if weak:
        return flagged(f"{weak[0].attack} reaches {words.number(weak[0].rate.value)} with no bounds at all")
    return passed(f"{words.count(len(cells), 'cell')} without bounds, all clips turned")


def _groups(run: Run) -> Iterator[list[Cell]]:
    for recognizer, kinetics in run.groups:
        yield [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics) and c.possible]
