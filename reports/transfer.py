"""Whether a sticker that fools one recognizer fools another: the same sticker, on the same clip, seen by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from mask import metrics

from . import words
from .breakdown import rate_of
from .causes import studies
from .clips import Clips
from .document import Block, Figure, Row, Section, Table, Text, Value, named, num, numbered, span, table, whole
from .drawing import SETTINGS, Drawing, place, reach
from .face import HEAT
from .model import Interval, Rate, Run


@dataclass(frozen=True)
class Passage:
    """What stickers do to one recognizer, given what they did to another.

    Args:
        tried: stickers on clips that both read correctly before, each sticker and clip once per attack.
        passed: of those that fooled `source`, how many fool `target` too.
        others: of those that did not fool `source`, how many fool `target`.
        by_subjects: bootstrap interval of `passed`.
    """

    kinetics: str
    source: str
    target: str
    tried: int
    passed: Rate
    others: Rate
    by_subjects: Interval | None


def transfer(run: Run) -> Section:
    """The transfer matrix, and how attacks aimed on owned recognizers do on the one under audit."""
    blocks: list[Block] = []
    found = passages(run)
    if found:
        caption = (
            "Transfer without a defence: of the stickers that fooled the recognizer of the row, the share that fool "
            "the recognizer of the column too, on clips both read correctly before. Only stickers that are the same in "
            "both "
            "cells count, whatever the attack."
        )
        blocks.append(Figure(tuple(_drawings(found)), caption, _table(found)))
    else:
        blocks.append(Text(f"Transfer between recognizers: not run; {_why_not(run)}."))
    owned = _owned(run)
    if owned.size:
        text = (
            "Attacks are aimed on recognizers the attacker owns. What they flip there, on discovery clips, beside what "
            "they flip on the recognizer under audit:"
        )
        blocks += [Text(text), owned]
    return Section("transfer", "Transfer between recognizers", tuple(blocks))


def passages(run: Run, repeats: int = 500) -> list[Passage]:
    """Every ordered pair of recognizers, by kinetics, that met the same stickers."""
    names = list(dict.fromkeys(c.recognizer for c in run.undefended))
    found = []
    for kinetics in dict.fromkeys(c.kinetics for c in run.undefended):
        for source in names:
            for target in names:
                if run.table is not None and source != target:
                    told = _passage(run.table, kinetics, source, target, run.seed, repeats)
                    if told is not None:
                        found.append(told)
    return found


def _passage(table: Clips, kinetics: str, source: str, target: str, seed: int, repeats: int) -> Passage | None:
    here, there = [], []
    for cell in table.rows_of:
        if cell[:3] == (source, "none", kinetics) and (target, *cell[1:]) in table.rows_of:
            a, b = _same_stickers(table, table.rows_of[cell], table.rows_of[target, cell[1], cell[2], cell[3]])
            here.append(a)
            there.append(b)
    if not here or not sum(map(len, here)):
        return None
    rows, twins = np.concatenate(here), np.concatenate(there)
    fooled, too = table.success[rows], table.success[twins]
    totals = metrics.per_subject(
        [str(s) for s in table["subject"].codes[rows]], np.column_stack([fooled & too, fooled]).astype(float)
    )
    low, high = metrics.bootstrap(
        totals, lambda sums: sums[:, 0] / sums[:, 1], rng=np.random.default_rng(seed), repeats=repeats
    )
    return Passage(
        kinetics, source, target, len(rows), rate_of(int((fooled & too).sum()), int(fooled.sum())),
        rate_of(int((~fooled & too).sum()), int((~fooled).sum())), None if np.isnan(low) else (low, high),
    )  # fmt: skip


def _same_stickers(table: Clips, a: NDArray[np.intp], b: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of two cells about one clip and one sticker, right before in both, side by side."""
    a, b = a[table.right[a] & (table.plan[a] >= 0)], b[table.right[b] & (table.plan[b] >= 0)]
    clip, clips = table["clip"].codes, len(table["clip"].names)
    _, i, j = np.intersect1d(table.plan[a] * clips + clip[a], table.plan[b] * clips + clip[b], return_indices=True)
    return a[i], b[j]


def _why_not(run: Run) -> str:
    if run.table is None:
        return "there is no clips.csv in the folder"
    if len({c.recognizer for c in run.undefended}) < 2:
        return "one recognizer was audited; audit several in one run to see what carries over"
    return "no sticker was the same on two recognizers"


def _drawings(found: Sequence[Passage]) -> list[Drawing]:
    drawings = []
    for kinetics in dict.fromkeys(p.kinetics for p in found):
        mine = [p for p in found if p.kinetics == kinetics]
        told = [
            f"{p.source} to {p.target} {words.number(p.passed.value)} of {words.count(p.passed.n, 'sticker')}"
            for p in mine
        ]
        drawings.append(Drawing(_matrix(mine), kinetics, f"{kinetics}, stickers that pass: {'; '.join(told)}."))
    return drawings


def _matrix(found: Sequence[Passage]) -> Canvas:
    names = list(dict.fromkeys(n for p in found for n in (p.source, p.target)))
    labels = [n if len(n) <= 14 else f"{n[:13]}…" for n in names]
    left, size = 0.5 + reach(labels, 9.5), 0.95 * len(names)
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Canvas(figsize=(left + size + 0.4, size + 0.65))
        axes = place(figure, left, 0.6, size, size)
        heat = Normalize(0, 1)
        for p in found:
            x, y, value = names.index(p.target), names.index(p.source), p.passed.value
            fill = mpl.colors.to_hex(HEAT(heat(value))) if value is not None else "none"
            axes.add_patch(mpl.patches.Rectangle((x - 0.5, y - 0.5), 1, 1, fc=fill, ec="none"))
            text = f"{words.number(value, 2)}\n{words.share(p.passed)}" if value is not None else "none\nto pass"
            dark = value is not None and value > 0.55
            axes.text(x, y, text, ha="center", va="center", fontsize=9, color="#fefefe" if dark else "#111111")
        axes.set_xticks(range(len(names)), labels)
        axes.set_yticks(range(len(names)), labels)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="also fooled", ylabel="fooled")
        axes.set_aspect("equal")
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
    return figure


def _table(found: Sequence[Passage]) -> Table:
    rows = [
        Row(
            (
                p.source, p.target, p.kinetics, whole(p.tried), whole(p.passed.n), whole(p.passed.hits),
                num(p.passed.value, style="key"), span(p.by_subjects), num(p.others.value), whole(p.others.n),
            )
        )
        for p in found
    ]  # fmt: skip
    heads = named("fooled", "also fooled?", "kinetics")
    more = numbered("same stickers", "fooled the first", "and the second", "share", "95 % (subjects)")
    return table("Transfer, sticker by sticker", (*heads, *more, *numbered("share, first not fooled", "of")), rows)


def _owned(run: Run) -> Table:
    rows = []
    for study in studies(run):
        clips = sum(e.clips for e in study.effects)
        flips = sum(e.flips * e.clips for e in study.effects) / clips if clips else None
        lesson = study.lesson
        cell = next(
            (c for c in run.undefended if c.key == (lesson.recognizer, "none", lesson.kinetics, lesson.attack)), None
        )
        under_audit = Value("–") if cell is None else num(cell.rate.value, style="key")
        interval = None if cell is None else cell.rate.interval
        rows.append(
            Row(
                (
                    lesson.attack,
                    lesson.recognizer,
                    lesson.kinetics,
                    lesson.attacked,
                    num(flips),
                    whole(clips),
                    under_audit,
                    span(interval),
                )
            )
        )
    heads = named("attack", "recognizer under audit", "kinetics", "used on")
    more = numbered("flips, owned models", "discovery clips", "ASR under audit", "95 %")
    return table("From owned recognizers to the one under audit", (*heads, *more), rows)
