"""Every attack that chooses its place, beside the controls of equal area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from . import words
from .document import Group, Row, Section, Table, Text, Value, grouped, named, num, numbered, whole
from .model import Cell, Run
from .pairs import Pair, holm, pair
from .success import group_title
from .verdict import CONTROLS, LEVEL


@dataclass(frozen=True)
class Comparison:
    """One attack against one control on the same clips."""

    attack: Cell
    control: Cell
    pair: Pair
    p_holm: float

    @property
    def better(self) -> bool:
        """Whether the attack succeeds more often, Holm p < .05."""
        return self.p_holm < LEVEL and self.pair.difference > 0


def controls(run: Run) -> Section:
    """Placement attacks and their controls, paired by clip."""
    text = (
        "A place that was chosen means something only beside places that were not: drawn at random, the middle of the "
        "face, the same place with a plain grey sticker (is it the drawing?), every fixed region. All of one area, "
        "and, but for the upper bound, of one query. Differences are on the same clips (exact McNemar, Holm over the "
        "comparisons of one recognizer and kinetics)."
    )
    found = _table(run, comparisons(run))
    if not found.size:
        return Section("controls", "Controls side by side", (Text(text), Text(_why_not(run))))
    return Section("controls", "Controls side by side", (Text(text), found))


@lru_cache(maxsize=1)
def comparisons(run: Run) -> tuple[Comparison, ...]:
    """Every undefended one-shot attack against every control of its recognizer and kinetics, from the clips."""
    found: list[Comparison] = []
    for recognizer, kinetics in run.groups if run.table is not None else ():
        cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics) and c.possible]
        found += _compare(run, cells)
    return tuple(found)


def _compare(run: Run, cells: list[Cell]) -> list[Comparison]:
    told = []
    for attack in cells:
        if attack.family in CONTROLS or attack.family == "exhaustive" or not attack.one_shot:
            continue
        for control in cells:
            fits = control.family in ("random", "centre") or (control.family == "grey" and attack.family == "causal")
            if fits and run.table is not None and {attack.key, control.key} <= run.table.rows_of.keys():
                paired = pair(run.table, attack.key, run.table, control.key)
                if paired is not None:
                    told.append((attack, control, paired))
    return [Comparison(*t, p) for t, p in zip(told, holm([t[2] for t in told]), strict=True)]


def _why_not(run: Run) -> str:
    if run.table is None:
        return "Not run: there is no clips.csv in the folder, and clips cannot be paired without it."
    return "Not run: there is no one-shot attack together with a random or central placement."


def _table(run: Run, found: Sequence[Comparison]) -> Table:
    groups = []
    for recognizer, kinetics in run.groups:
        mine = [c for c in found if (c.attack.recognizer, c.attack.kinetics) == (recognizer, kinetics)]
        rows = [_row(c) for c in mine]
        for attack in {c.attack.key: c.attack for c in mine}.values():
            rows += _beyond(run, attack)
        groups.append(Group(group_title(recognizer, "none", kinetics), tuple(rows)))
    heads = (*named("attack", "against"), *numbered("ASR", "control", "difference", "clips"))
    more = numbered("only attack", "only control", "p (Holm)")
    return grouped("Attacks against controls, clip by clip", (*heads, *more), groups)


def _row(c: Comparison) -> Row:
    mark = " ▲" if c.better else " ▼" if c.p_holm < LEVEL else ""
    return Row(
        (
            c.attack.attack,
            c.control.attack,
            num(c.pair.first, style="key"),
            num(c.pair.second),
            Value(words.signed(c.pair.difference), c.pair.difference),
            whole(c.pair.n),
            whole(c.pair.only_first),
            whole(c.pair.only_second),
            Value(words.p_value(c.p_holm) + mark, c.p_holm),
        ),
        "ours" if c.attack.family == "causal" else "",
    )


def _beyond(run: Run, attack: Cell) -> list[Row]:
    """The best fixed region and the best place per clip: known only afterwards, so they are bounds and no tests."""
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (attack.recognizer, attack.kinetics)]
    fixed = [c for c in cells if c.region and c.possible and c.rate.value is not None]
    bounds = []
    if fixed:
        best = max(fixed, key=lambda c: c.rate.value or 0.0)
        bounds.append((f"best of {len(fixed)} regions: {words.region(best.region)}", best))
    bounds += [("best place per clip (upper bound)", c) for c in cells if c.family == "exhaustive"]
    rows = []
    for name, cell in bounds:
        ours, theirs = attack.rate.value, cell.rate.value
        less = None if ours is None or theirs is None else ours - theirs
        signed = Value("–" if less is None else words.signed(less), less)
        end = (whole(cell.rate.n), Value("–"), Value("–"), Value("known afterwards", style="soft"))
        rows.append(Row((attack.attack, name, num(ours), num(theirs), signed, *end), "soft"))
    return rows
