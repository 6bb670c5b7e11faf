"""How much a recognizer's answers still tell about the true emotion, in bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask import metrics

from .clips import Clips, Key
from .document import Group, Row, Section, Table, Text, Value, grouped, named, num, numbered, span
from .model import Interval, Run
from .success import group_title

MOST = 120
"""Cells whose interval is computed."""


@dataclass(frozen=True)
class Leak:
    """Mutual information of answers and true emotion, with its interval over subjects."""

    bits: float | None
    interval: Interval | None


def leakage(run: Run) -> Section:
    """Leakage without a sticker, with each, and after retraining."""
    text = (
        "Mutual information between the true emotion and the answer: zero where the answers tell nothing, and at most "
        "the entropy of the emotions. A success rate counts changed answers; a recognizer whose answers changed in a "
        "predictable way still tells the emotion to whoever knows how. Estimates are corrected for few clips "
        "(Miller–Madow), intervals resample subjects and are moved back by the bias that shows. Clips without an "
        "answer are left out."
    )
    if run.table is None:
        why = "Intervals and clean leakage: not run; there is no clips.csv in the folder."
        return Section("leakage", "Leakage", (Text(text), Text(why)))
    note = (
        "Retrained: the same network, trained on the stickered clips of other people, on the same stickered clips; the "
        "opponent that matters in the long run. `mask audit --retrain` trains it."
    )
    return Section("leakage", "Leakage", (Text(text), _table(run), Text(note, soft=True)))


def leaks(run: Run) -> dict[Key, tuple[Leak, Leak, Leak | None]]:
    """Leakage clean, stickered and, where that was done, after retraining, of the first `MOST` cells of no region."""
    if run.table is None:
        return {}
    chosen = [c.key for c in run.cells if not c.region and c.possible and c.key in run.table.rows_of][:MOST]
    clean: dict[tuple[str, str], Leak] = {}
    found = {}
    for key in chosen:
        rows = run.table.rows_of[key]
        if key[:2] not in clean:
            clean[key[0], key[1]] = _leak(run.table, rows, "clean_prediction", run)
        again = "retrained_prediction" in run.table.columns and any(
            run.table["retrained_prediction"].into(run.emotions, rows) >= 0
        )
        found[key] = (
            clean[key[0], key[1]],
            _leak(run.table, rows, "attacked_prediction", run),
            _leak(run.table, rows, "retrained_prediction", run) if again else None,
        )
    return found


def _leak(table: Clips, rows: NDArray[np.intp], column: str, run: Run) -> Leak:
    true, told = table["emotion"].into(run.emotions, rows), table[column].into(run.emotions, rows)
    subject = np.unique(table["subject"].codes[rows], return_inverse=True)[1]
    known = (true >= 0) & (told >= 0)
    k = len(run.emotions)
    where = (subject[known].astype(np.int64) * k + true[known]) * k + told[known]
    totals = np.bincount(where, minlength=(int(subject.max(initial=-1)) + 1) * k * k).reshape(-1, k, k)
    bits = metrics.leakage_bits(totals.sum(axis=0)) if len(totals) else float("nan")
    low, high = metrics.leakage_interval(totals, rng=np.random.default_rng(run.seed), repeats=500)
    return Leak(None if np.isnan(bits) else bits, None if np.isnan(low) else (low, high))


def _table(run: Run) -> Table:
    found = leaks(run)
    cells = {c.key: c for c in run.cells}
    not_run = (Value("not run", None, "soft"), "–")
    groups = []
    for title in dict.fromkeys(k[:3] for k in found):
        mine = {k: v for k, v in found.items() if k[:3] == title}
        clean = next(iter(mine.values()))[0]
        rows = [Row(("without a sticker", num(clean.bits, style="key"), span(clean.interval), "–", "–"), "soft")]
        for key, (_, worn, again) in mine.items():
            retrained = not_run if again is None else (num(again.bits, style="key"), span(again.interval))
            style = "ours" if cells[key].family == "causal" else ""
            rows.append(Row((key[3], num(worn.bits, style="key"), span(worn.interval), *retrained), style))
        groups.append(Group(group_title(*title), tuple(rows)))
    heads = (*named("attack"), *numbered("bits", "95 % (subjects)", "retrained, bits", "95 % (subjects)"))
    return grouped("Leakage, in bits", heads, groups)


def entropy(run: Run) -> float | None:
    """Bits of the true emotion of all clips; `None` without ``clips.csv``."""
    if run.table is None or not run.table.rows_of:
        return None
    rows = next(iter(run.table.rows_of.values()))
    counts = np.bincount(run.table["emotion"].codes[rows])
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())
