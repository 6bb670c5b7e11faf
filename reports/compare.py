"""Several runs side by side: what differs about them, a column per run, and paired tests where clips match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from . import words
from .clips import Key
from .document import (
    Block,
    Box,
    Chapter,
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
    table,
    whole,
)
from .model import Cell, Clean, Run
from .pairs import Pair, holm, pair, pair_clean
from .success import behind, group_title
from .verdict import LEVEL, beats_random, verdict

FEW = 4
"""Runs up to which each is told at length, and every rate with its interval."""


@dataclass(frozen=True)
class Tested:
    """One cell in the first run and in another, on the clips of both; `pair` is `None` where none match."""

    cell: Key
    other: int
    pair: Pair | None
    p_holm: float = 1.0


def comparison(runs: Sequence[tuple[str, Run]]) -> Chapter:
    """What is said about all runs together.

    Args:
        runs: labels and runs, at least two.
    """
    labels = [label for label, _ in runs]
    blocks: list[Block] = [_verdicts(runs), _differences(runs), _clean(runs), _rates(runs)]
    mark = "▲ marks an attack better than the random placement of the same run (paired, Holm p < .05)."
    blocks.append(Text(mark, soft=True))
    sections = [Section("side", "Runs side by side", tuple(blocks)), _tests(labels, [r for _, r in runs])]
    sizes = by_size(runs)
    if sizes is not None:
        sections.append(sizes)
    return Chapter("all", "", "", tuple(sections))


def _verdicts(runs: Sequence[tuple[str, Run]]) -> Block:
    if len(runs) > FEW:
        rows = [Row((label, Value(" ".join(verdict(run)), style="prose"))) for label, run in runs]
        return table("What each run says", named("run", "verdict"), rows, stacked=True)
    lines = [
        (bold, text) for label, run in runs for bold, text in ((False, f"{label}:"), *((True, v) for v in verdict(run)))
    ]
    return Box(tuple(lines))


def paired_tests(runs: Sequence[Run]) -> list[Tested]:
    """Every cell of the first run against the same cell of each other run, paired by clip, Holm over all.

    Two runs match where both name the same data, and a clip where both name and label it alike.
    """
    first, found = runs[0], list[Tested]()
    for i, run in enumerate(runs[1:], 1):
        known = {c.key for c in run.cells}
        found += [Tested(c.key, i, _match(first, run, c.key)) for c in first.cells if c.key in known]
    done = [t for t in found if t.pair is not None]
    adjusted = iter(holm([t.pair for t in done if t.pair is not None]))
    return [t if t.pair is None else Tested(t.cell, t.other, t.pair, next(adjusted)) for t in found]


def _match(first: Run, other: Run, key: Key) -> Pair | None:
    if first.table is None or other.table is None or first.data_name != other.data_name:
        return None
    if key not in first.table.rows_of or key not in other.table.rows_of:
        return None
    return pair(first.table, key, other.table, key)


def _tests(labels: Sequence[str], runs: Sequence[Run]) -> Section:
    found = paired_tests(runs)
    paired = [t for t in found if t.pair is not None]
    text = (
        f"Every cell of {labels[0]} against the same cell of the others, on clips that both name and label alike and "
        f"read correctly without a sticker: exact McNemar tests, Holm-adjusted over all {len(paired)} of them."
    )
    if not paired:
        return Section("tests", "Do the runs differ?", (Text(f"Not run: {_why_not(runs, found)}."),))
    groups = []
    for name in dict.fromkeys(t.cell[:3] for t in paired):
        rows = [_test_row(t, labels) for t in paired if t.cell[:3] == name]
        groups.append(Group(group_title(*name), tuple(rows)))
    heads = (*named("attack", "run"), *numbered("ASR there", f"ASR in {labels[0]}", "difference"))
    more = numbered("clips", "only there", f"only in {labels[0]}", "p (Holm)")
    blocks: list[Block] = [Text(text), grouped("Runs against the first, clip by clip", (*heads, *more), groups)]
    blocks.append(_clean_tests(labels, runs))
    missing = len(found) - len(paired)
    if missing:
        blocks.append(Text(f"{words.count(missing, 'cell')} could not be paired: {_why_not(runs, found)}."))
    return Section("tests", "Do the runs differ?", tuple(blocks))


def _why_not(runs: Sequence[Run], found: Sequence[Tested]) -> str:
    if len({r.data_name for r in runs}) > 1:
        return "the runs are about different data, so no clip of one is a clip of another"
    if any(r.table is None for r in runs):
        return "a run has no clips.csv"
    if not found:
        return "the runs have no cell in common"
    return "no clip was read correctly in both"


def _test_row(t: Tested, labels: Sequence[str]) -> Row:
    told = t.pair
    if told is None:
        return Row((t.cell[3], labels[t.other], Value("not run", style="soft")))
    mark = "" if t.p_holm >= LEVEL else " ▲" if told.difference < 0 else " ▼"
    return Row(
        (
            t.cell[3], labels[t.other], num(told.second, style="key"), num(told.first),
            Value(words.signed(-told.difference), -told.difference), whole(told.n), whole(told.only_second),
            whole(told.only_first), Value(words.p_value(t.p_holm) + mark, t.p_holm),
        )
    )  # fmt: skip


def _clean_tests(labels: Sequence[str], runs: Sequence[Run]) -> Table:
    """Whether a recognizer of one name reads other clips correctly in another run; it should not, if it is the same."""
    rows = []
    for i, run in enumerate(runs[1:], 1):
        for name in dict.fromkeys(c.key[:2] for c in runs[0].cells):
            one, other = (next((k for k in _keys(r) if k[:2] == name), None) for r in (runs[0], run))
            first, second = runs[0].table, run.table
            if one and other and first is not None and second is not None and runs[0].data_name == run.data_name:
                told = pair_clean(first, one, second, other)
                if told is not None:
                    rows.append(
                        Row(
                            (
                                f"{name[0]}, {behind(name[1])}",
                                labels[i],
                                whole(told.n),
                                whole(told.only_second),
                                whole(told.only_first),
                                Value(words.p_value(told.p), told.p),
                            )
                        )
                    )
    more = numbered("clips", "right only there", f"right only in {labels[0]}", "p")
    heads = (*named("recognizer", "run"), *more)
    return table("Clean answers, clip by clip", heads, rows)


def _keys(run: Run) -> list[Key]:
    return [] if run.table is None else list(run.table.rows_of)


def by_size(runs: Sequence[tuple[str, Run]]) -> Section | None:
    """Success against the size of the sticker, where runs differ in it: more area should never help the recognizer."""
    found: dict[tuple[str, Key], list[Cell]] = {}
    for _, run in runs:
        for cell in run.cells:
            if cell.kinetics != "digital" and not cell.region and cell.rate.value is not None:
                found.setdefault((run.data_name, cell.key), []).append(cell)
    rows = []
    for (data, key), cells in found.items():
        ordered = sorted(cells, key=lambda c: c.area)
        if len({c.area for c in ordered}) > 1:
            # A fall counts where the intervals no longer touch; a wobble is chance.
            falls = any(b.rate.interval[1] < a.rate.interval[0] for a, b in pairwise(ordered))
            path = ", ".join(f"{c.area:.1%}: {words.number(c.rate.value)}" for c in ordered)
            outcome = Value("flag: falls with the size", style="flag") if falls else Value("pass", style="pass")
            rows.append(Row((key[3], key[0], key[2], behind(key[1]), data, Value(path, style="prose"), outcome)))
    if not rows:
        return None
    heads = named("attack", "recognizer", "kinetics", "defence", "data", "ASR by size", "monotone?")
    text = "Row 10 of the checklist over several runs: does a larger sticker ever help the recognizer?"
    return Section("sizes", "By size of the sticker", (Text(text), table("Success by size", heads, rows)))


def _differences(runs: Sequence[tuple[str, Run]]) -> Block:
    told = {
        "data": [f"{r.data_name}, {r.clips} clips of {r.subjects} subjects" for _, r in runs],
        "emotions": [", ".join(r.emotions) for _, r in runs],
        "discovery": [r.discovery for _, r in runs],
        "recognizers": [", ".join(sorted({c.recognizer for c in r.clean})) for _, r in runs],
        "sticker area": [", ".join(sorted({f"{t.area:.4g}" for t in r.threats})) for _, r in runs],
        "queries allowed": [", ".join(sorted({str(t.budget or "no limit") for t in r.threats})) for _, r in runs],
        "seed": [str(r.seed) for _, r in runs],
        "MASK": [_version(r) for _, r in runs],
    }
    rows = [
        Row((name, *(Value(v, style="prose") for v in values))) for name, values in told.items() if len(set(values)) > 1
    ]
    if not rows:
        return Text(
            "The runs say the same about data, discovery, recognizers, sticker size, queries, seed and version."
        )
    heads = named(*(label for label, _ in runs))
    return table("How the runs differ", (*named(""), *heads), rows)


def _version(run: Run) -> str:
    return run.environment["mask"].text() if "mask" in run.environment else "not said"


def _clean(runs: Sequence[tuple[str, Run]]) -> Table:
    scores: list[dict[tuple[str, str], Clean]] = [{(c.recognizer, c.defense): c for c in r.clean} for _, r in runs]
    rows = []
    for name in dict.fromkeys(k for found in scores for k in found):
        cells = [_clean_value(found.get(name), len(runs) <= FEW) for found in scores]
        rows.append(Row((name[0], behind(name[1]), *cells)))
    heads = (*named("recognizer", "defence"), *numbered(*(label for label, _ in runs)))
    return table("Clean UF1" + (", 95 % interval over subjects" if len(runs) <= FEW else ""), heads, rows)


def _clean_value(found: Clean | None, in_full: bool) -> Value:
    if found is None:
        return Value("not run", style="soft")
    interval = f" {words.interval(found.intervals['uf1'])}" if in_full else ""
    return Value(words.number(found.scores.uf1) + interval, found.scores.uf1)


def _rates(runs: Sequence[tuple[str, Run]]) -> Table:
    cells = [{c.key: c for c in r.cells if not c.region} for _, r in runs]
    keys = dict.fromkeys(k for found in cells for k in found)
    groups = []
    for name in dict.fromkeys(k[:3] for k in keys):
        rows = [
            Row(
                (k[3], *(_rate_value(found.get(k), len(runs) <= FEW) for found in cells)),
                "ours" if k[3].split(":")[0] == "causal" else "",
            )
            for k in keys
            if k[:3] == name
        ]
        groups.append(Group(group_title(*name), tuple(rows)))
    caption = "ASR, 95 % Wilson interval, fooled of right before" if len(runs) <= FEW else "ASR"
    return grouped(caption, (*named("attack"), *numbered(*(label for label, _ in runs))), groups)


def _rate_value(cell: Cell | None, in_full: bool) -> Value:
    if cell is None:
        return Value("not run", style="soft")
    if not cell.possible:
        return Value("not possible", style="soft")
    if cell.rate.value is None:
        return Value("none to attack", style="soft")
    mark = " ▲" if beats_random(cell) else ""
    counts = f" {words.interval(cell.rate.interval)} {words.share(cell.rate)}" if in_full else ""
    return Value(words.number(cell.rate.value) + counts + mark, cell.rate.value)
