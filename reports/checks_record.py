"""Rows of the checklist about what a run says of itself."""

from __future__ import annotations

import numpy as np

from . import words
from .check import Finding, flagged, not_run, passed, together
from .model import SMALL, Run


def clean(run: Run) -> Finding:
    """Row 1: clean scores, better than one constant answer, and counts that follow from the clips."""
    return together([_reads_anything(run), _counts(run)])


def _reads_anything(run: Run) -> Finding:
    poor = []
    for told in run.clean:
        low = (told.intervals["uf1"] or (told.scores.uf1 or 0.0, 0.0))[0]
        if told.majority.uf1 is not None and low <= told.majority.uf1:
            poor.append(_named(told.recognizer, told.defense))
    if not run.clean:
        return flagged("there are no clean scores")
    if not any(c.rate.n for c in run.cells):
        return flagged("no clip was read correctly before a sticker, so there was nothing to attack")
    if poor:
        return flagged(f"the interval of UF1 reaches down to the baseline for {words.listed(poor)}")
    return passed("the interval of UF1 lies above the majority baseline everywhere")


def _counts(run: Run) -> Finding:
    if run.table is None:
        return not_run("whether the counts follow from the clips; there is no clips.csv in the folder")
    found, twice = {}, 0
    for key, rows in run.table.rows_of.items():
        twice += len(rows) - len(np.unique(run.table["clip"].codes[rows]))
        found[key] = (len(rows), int(run.table.right[rows].sum()), int(run.table.success[rows].sum()))
    cells = {c.key: (c.n, c.rate.n, c.rate.hits) for c in run.cells}
    wrong = [key for key in cells.keys() | found.keys() if cells.get(key) != found.get(key)]
    if wrong:
        told = f"{len(wrong)} of {len(cells)} cells differ from clips.csv, {', '.join(min(wrong))} among them"
        return flagged(f"{told}: one of the two files is damaged, cut off or of another run")
    if twice:
        return flagged(f"{words.count(twice, 'row')} of clips.csv name a clip twice in one cell")
    return passed(f"clips, correct clips and successes agree with clips.csv in all {len(cells)} cells")


def threat(run: Run) -> Finding:
    """Row 2; without a threat model there is no report at all."""
    return passed(f"goal, knowledge, size, motion and queries, for {words.listed([t.kinetics for t in run.threats])}")


def intervals(run: Run) -> Finding:
    """Row 19."""
    small = {e for c in run.undefended for e, rate in c.by_emotion.items() if rate.n < SMALL}
    if small:
        few = f"fewer than {SMALL} clips right before for {words.listed(sorted(small))} in some cell"
        return flagged(f"{few}; their rates are not shown, only the counts")
    return passed(f"at least {SMALL} clips behind every rate by emotion; Wilson and subject intervals throughout")


def queries(run: Run) -> Finding:
    """Row 23."""
    budget = {t.kinetics: t.budget for t in run.threats}
    over = [c for c in run.cells if (most := budget.get(c.kinetics)) is not None and c.queries_max > most]
    if over:
        return flagged(f"{len(over)} cells are above the budget, {over[0].attack} among them")
    one, more = [c for c in run.cells if c.one_shot], [c for c in run.cells if not c.one_shot]
    told = [f"{words.count(len(one), 'cell')} with one query per clip at most"]
    if more:
        names = list(dict.fromkeys(c.attack for c in more))
        told.append(f"{words.listed(names[:6])} with up to {max(c.queries_max for c in more):,}")
    missed = sum(c.unanswered for c in run.cells)
    if missed:
        told.append(f"{missed:,} of {sum(c.n for c in run.cells):,} looks had no answer; none counts as a success")
    return flagged("; ".join(told)) if missed else passed("; ".join(told))


def manifest(run: Run) -> Finding:
    """Row 25."""
    told = {
        "the command": bool(run.command),
        "what each attack's name stands for": {c.attack for c in run.cells} <= run.attacks.keys(),
        "versions": "packages" in run.environment,
        "the device": "device" in run.environment,
        "whether torch was deterministic": "deterministic" in run.environment,
    }
    missing = [name for name, there in told.items() if not there]
    if missing:
        return flagged(f"the run does not say {words.listed(missing, 'or')}")
    return passed("all in results.json, and under How to reproduce")


def _named(recognizer: str, defense: str) -> str:
    return recognizer if defense == "none" else f"{recognizer} behind {defense}"
