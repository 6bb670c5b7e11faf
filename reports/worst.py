"""The worst case clip by clip: for each clip the attack that hurts most, and what a recognizer is worth then.

The mean over clips of the minimum over attacks, never the minimum over attacks of the mean. Doing nothing is one of
the attacks, so a clip that was read wrongly without a sticker stays wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mask import metrics

from .clips import Clips, Key
from .model import Run


@dataclass(frozen=True)
class Worst:
    """Scores under the worst attack on each clip.

    Args:
        attacks: how many there were to choose from.
        clips: of those that every attack was tried on.
        clean: the scores of the same clips without a sticker.
        flips: clips right before that some attack turned, and of how many.
    """

    recognizer: str
    defense: str
    kinetics: str
    attacks: int
    clips: int
    clean: metrics.Scores
    scores: metrics.Scores
    flips: tuple[int, int]


@lru_cache(maxsize=1)
def worst_cases(run: Run) -> tuple[Worst, ...]:
    """One per recognizer, defence and kinetics; none without ``clips.csv``."""
    if run.table is None:
        return ()
    known = {c.key for c in run.cells}
    cells = [k for k in run.table.rows_of if k in known]
    names = dict.fromkeys(k[:3] for k in cells)
    return tuple(worst([(run.table, [k for k in cells if k[:3] == n])], n, run.emotions) for n in names)


def worst(sources: Sequence[tuple[Clips, Sequence[Key]]], name: tuple[str, str, str], emotions: Sequence[str]) -> Worst:
    """The worst case over cells of one recognizer, defence and kinetics, which may come from several runs.

    Args:
        sources: tables, and the cells to take from each; at least one cell, and all about the same clips.
        emotions: the label set.
    """
    labels = list(emotions)
    first, cells = sources[0]
    rows = first.rows_of[cells[0]]
    true, clean = (_labels(first, column, rows, labels) for column in ("emotion", "clean_prediction"))
    wrong = np.zeros((len(rows), len(labels) + 1), dtype=np.int64)
    for table, cells in sources:
        place_of = _places(first, rows, table)
        for cell in cells:
            rows_here = table.rows_of[cell]
            place = place_of[table["clip"].codes[rows_here]]
            told = _labels(table, "attacked_prediction", rows_here, labels)
            mine = (place >= 0) & (told != true[place])
            np.add.at(wrong, (place[mine], told[mine]), 1)
    # Of several wrong answers the commonest stands for the clip.
    answer = np.where(clean != true, clean, np.where(wrong.any(axis=1), wrong.argmax(axis=1), true))
    right, turned = int((clean == true).sum()), int(((clean == true) & (answer != true)).sum())
    count = sum(len(cells) for _, cells in sources)
    return Worst(*name, count, len(rows), _scores(true, clean, labels), _scores(true, answer, labels), (turned, right))


def _places(first: Clips, rows: NDArray[np.intp], table: Clips) -> NDArray[np.intp]:
    """Where in `rows` each clip of a table is, by its code there; -1 for one that is not."""
    place = np.full(len(first["clip"].names) + 1, -1, dtype=np.intp)
    place[first["clip"].codes[rows]] = np.arange(len(rows))
    if table is first:
        return place[:-1]
    number = {name: i for i, name in enumerate(first["clip"].names)}
    found: NDArray[np.intp] = place[[number.get(name, -1) for name in table["clip"].names]]
    return found


def _labels(table: Clips, column: str, rows: NDArray[np.intp], labels: Sequence[str]) -> NDArray[np.int64]:
    """Codes of labels; the last, one more than there are, is no answer."""
    codes = table[column].into(labels, rows).astype(np.int64)
    return np.where(codes < 0, len(labels), codes)


def _scores(true: NDArray[np.int64], told: NDArray[np.int64], labels: Sequence[str]) -> metrics.Scores:
    k = len(labels)
    known = true < k
    table = np.bincount(true[known] * (k + 1) + told[known], minlength=k * (k + 1)).reshape(k, k + 1)
    uf1, uar, accuracy = metrics.score_tables(table[None])
    return metrics.Scores(float(uf1[0]), float(uar[0]), float(accuracy[0]))
