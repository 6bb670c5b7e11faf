"""A leaderboard over many runs: what each recognizer is worth clean, and under the worst attack on each clip.

Runs about the same recognizer, defence, kinetics, size and clips are taken together, so that an attack found later
lowers a row that is there already. A row that a check casts doubt on is marked; no mark changes a number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import causes, words
from .checks import checks
from .clips import Clips
from .document import (
    Block,
    Chapter,
    Document,
    Group,
    Row,
    Section,
    Table,
    Text,
    Value,
    grouped,
    named,
    num,
    numbered,
    span,
    table,
    whole,
)
from .model import Cell, Run
from .success import behind
from .worst import Worst, worst

MOST_RUNS = 500

_READ = (
    "Worst UF1 is that of the worst case clip by clip: for each clip the attack that hurts most, the mean over clips "
    "of the minimum over attacks. It can only fall when an attack is added, so rows are ranked by the attacks that all "
    "rows "
    "of their group met (shared), and the worst of all that a row met stands beside it. One-shot ASR is the highest of "
    "any attack with a single look at the recognizer, chosen afterwards. Rows stand together only where data, kinetics "
    "and size are the same."
)


@dataclass(frozen=True)
class Entry:
    """One row.

    Args:
        subject: data, recognizer, defence, kinetics and area.
        clean: its clean UF1.
        shared: under the attacks every row of the group met; `None` without ``clips.csv``, or where none is shared.
        worst: under all attacks it met; `None` without ``clips.csv``.
        one_shot: the cell of the highest one-shot ASR; `None` where no attack was one-shot.
        certified: `None` without a certificate.
        runs: labels of the runs it is made of.
        flags: rows of the checklist that are flags in one of them.
    """

    subject: tuple[str, str, str, str, float]
    clean: float | None
    shared: Worst | None
    worst: Worst | None
    one_shot: Cell | None
    certified: float | None
    runs: tuple[str, ...]
    flags: tuple[int, ...]

    @property
    def place(self) -> tuple[str, str, float]:
        """What rows have to have in common to be ranked: data, kinetics and area."""
        return self.subject[0], self.subject[3], self.subject[4]


Gathered = list[tuple[str, Run, list[Cell]]]
"""What makes one row: labels, runs, and their cells."""


def leaderboard(runs: Sequence[tuple[str, Run]]) -> Document:
    """The page."""
    found = entries(runs)
    blocks: list[Block] = [Text(_READ), _table(found)]
    flagged = Text(
        "⚠ marks a row with flags in the checklist of its runs, by number; they are listed below.", soft=True
    )
    sections = (Section("board", "Leaderboard", (*blocks, flagged)), _doubts(runs), _made(runs))
    title = f"Leaderboard of {words.count(len({e.subject[1:3] for e in found}), 'system')}"
    return Document(title, words.count(len(runs), "run"), (Chapter("l", "", "", sections),))


def entries(runs: Sequence[tuple[str, Run]]) -> list[Entry]:
    """Every row, best worst case first within data, kinetics and size."""
    rows: dict[tuple[str, str, str, str, str, float, tuple[int, ...]], Gathered] = {}
    for label, run in runs:
        parts: dict[tuple[str, str, str, float], list[Cell]] = {}
        for cell in run.cells:
            parts.setdefault((cell.recognizer, cell.defense, cell.kinetics, cell.area), []).append(cell)
        for (recognizer, defense, kinetics, area), cells in parts.items():
            same = (run.data_name, recognizer, _identity(run, recognizer), defense, kinetics, area)
            rows.setdefault((*same, _clips(run, cells)), []).append((label, run, cells))
    groups: dict[tuple[str, str, float], list[Gathered]] = {}
    for (data, _, _, _, kinetics, area, _), gathered in rows.items():
        groups.setdefault((data, kinetics, area), []).append(gathered)
    flags = {label: _flags(run) for label, run in runs}
    found = []
    for group in groups.values():
        met = [{c.attack for _, _, cells in gathered for c in cells if c.possible} for gathered in group]
        found += [_entry(gathered, set.intersection(*met), flags) for gathered in group]
    return sorted(found, key=lambda e: (e.place, -_uf1(e.shared), -_uf1(e.worst)))


def _uf1(found: Worst | None) -> float:
    return -1.0 if found is None else found.scores.uf1


def _identity(run: Run, recognizer: str) -> str:
    """What tells two recognizers of one name apart: their cards, weights included."""
    cards = [node.raw() for node in run.recognizers if node["name"].text() == recognizer]
    return json.dumps(cards, sort_keys=True, default=str)


def _clips(run: Run, cells: Sequence[Cell]) -> tuple[int, ...]:
    """The clips of some cells and what was read in them clean; only equal ones can be taken together."""
    rows = None if run.table is None else run.table.rows_of.get(cells[0].key)
    if run.table is None or rows is None:
        return (id(run),)
    keys = zip(_names(run.table, "clip", rows), _names(run.table, "clean_prediction", rows), strict=True)
    return (hash(frozenset(keys)), len(rows))


def _names(found: Clips, column: str, rows: NDArray[np.intp]) -> list[str]:
    return [found[column].names[c] for c in found[column].codes[rows]]


def _flags(run: Run) -> tuple[int, ...]:
    return tuple(c.number for c in checks(run, causes.probes(run)) if c.outcome == "flag")


def _entry(gathered: Gathered, shared: set[str], flags: dict[str, tuple[int, ...]]) -> Entry:
    run, cells = gathered[0][1], [c for _, _, found in gathered for c in found]
    one = cells[0]
    clean = next((c for c in run.clean if (c.recognizer, c.defense) == (one.recognizer, one.defense)), None)
    at_once = [c for c in cells if c.one_shot and c.possible and c.rate.value is not None]
    return Entry(
        subject=(run.data_name, one.recognizer, one.defense, one.kinetics, one.area),
        clean=None if clean is None else clean.scores.uf1,
        shared=_worst(gathered, shared),
        worst=_worst(gathered, {c.attack for c in cells}),
        one_shot=max(at_once, key=lambda c: c.rate.value or 0.0, default=None),
        certified=None if clean is None else clean.certified,
        runs=tuple(label for label, _, _ in gathered),
        flags=tuple(sorted({n for label, _, _ in gathered for n in flags[label]})),
    )


def _worst(gathered: Gathered, attacks: set[str]) -> Worst | None:
    sources = []
    for _, run, cells in gathered:
        keys = [c.key for c in cells if c.attack in attacks and run.table is not None and c.key in run.table.rows_of]
        if run.table is not None and keys:
            sources.append((run.table, keys))
    return worst(sources, sources[0][1][0][:3], gathered[0][1].emotions) if sources else None


def _table(found: Sequence[Entry]) -> Table:
    groups = []
    for place in dict.fromkeys(e.place for e in found):
        data, kinetics, area = place
        size = "" if kinetics == "digital" else f", {area:.1%} of the face"
        rows = [_row(i, e) for i, e in enumerate((e for e in found if e.place == place), 1)]
        groups.append(Group(f"{data}, {kinetics}{size}", tuple(rows)))
    scores = numbered("rank", "clean UF1", "worst UF1, shared", "attacks", "worst UF1, all", "attacks", "clips")
    end = (*numbered("one-shot ASR", "95 %"), *named("by"), *numbered("certified"), *named("runs"))
    heads = (*named("recognizer", "defence", "flags"), *scores, *end)
    return grouped("Clean, and under the worst attack on each clip", heads, groups)


def _row(rank: int, e: Entry) -> Row:
    absent = Value("not run", None, "soft")
    scores = []
    for told, style in ((e.shared, "key"), (e.worst, "")):
        scores += [absent, absent] if told is None else [num(told.scores.uf1, style=style), whole(told.attacks)]
    once = (absent, Value("–"), Value(""))
    if e.one_shot is not None:
        once = (num(e.one_shot.rate.value), span(e.one_shot.rate.interval), Value(e.one_shot.attack))
    proof = absent if e.certified is None else num(e.certified)
    marks = Value(f"⚠ {', '.join(map(str, e.flags))}", style="flag") if e.flags else Value("none", style="pass")
    clips = Value("–") if e.worst is None else whole(e.worst.clips)
    runs = Value(", ".join(e.runs), style="prose")
    start = (e.subject[1], behind(e.subject[2]), marks, whole(rank), num(e.clean))
    return Row((*start, *scores, clips, *once, proof, runs))


def _doubts(runs: Sequence[tuple[str, Run]]) -> Section:
    rows = [
        Row((label, str(c.number), Value(c.question, style="prose"), Value(c.told, style="prose")))
        for label, run in runs
        for c in checks(run, causes.probes(run))
        if c.outcome == "flag"
    ]
    heads = named("run", "row", "question", "what was found")
    if not rows:
        return Section("flags", "Flags", (Text("No check of any run is a flag."),))
    return Section("flags", "Flags", (table("Flags of every run", heads, rows, stacked=True),))


def _made(runs: Sequence[tuple[str, Run]]) -> Section:
    rows = [
        Row(
            (
                label,
                run.data_name,
                Value(" ".join(run.command), style="prose"),
                Value(run.files.get("results.json", ""), style="code"),
            )
        )
        for label, run in runs
    ]
    heads = named("run", "data", "command", "SHA-256 of results.json")
    return Section("runs", "Runs", (table("What it was made from", heads, rows, stacked=True),))
