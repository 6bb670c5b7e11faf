"""Success rates by everything at once, counted from the clips: by cell, emotion and region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from mask import metrics

from .clips import Clips, Key
from .model import Rate, Run


@dataclass(frozen=True)
class Stratum:
    """The clips of one cell that show one emotion, with the sticker on one region, and were read correctly before."""

    cell: Key
    emotion: str
    region: str
    n: int
    hits: int

    @property
    def rate(self) -> Rate:
        """The share that was fooled."""
        return rate_of(self.hits, self.n)


def rate_of(hits: int, n: int) -> Rate:
    """A rate from its counts, with Wilson's interval."""
    return Rate(n, hits, hits / n if n else None, _wilson(hits, n))


@cache
def _wilson(hits: int, n: int) -> metrics.Interval:
    return metrics.wilson(hits, n)


def strata(run: Run) -> Iterator[Stratum]:
    """Every stratum with a clip in it, in the order of the cells; none where there is no ``clips.csv``."""
    if run.table is not None:
        for cell in run.table.rows_of:
            yield from _of_cell(run.table, cell)


def by_region(run: Run, recognizer: str, kinetics: str) -> tuple[str, Mapping[tuple[str, str], Rate]]:
    """Success by emotion and region where the region was nobody's choice.

    Returns:
        What the rates come from, and the rate of each (emotion, region): from the fixed regions where these were
        asked for, else from the random placement; nothing where neither was.
    """
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
    fixed = [c for c in cells if c.region and c.possible]
    if fixed:
        return "fixed regions", {(e, c.region): found for c in fixed for e, found in c.by_emotion.items()}
    random = (recognizer, "none", kinetics, "random")
    if run.table is None or random not in run.table.rows_of:
        return "", {}
    return "random places", {(s.emotion, s.region): s.rate for s in _of_cell(run.table, random) if s.region}


def _of_cell(table: Clips, cell: Key) -> Iterator[Stratum]:
    emotion, region = table["emotion"], table.columns.get("region")
    names = region.names if region else ("",)
    rows = table.rows_of[cell]
    rows = rows[table.right[rows]]
    where = emotion.codes[rows].astype(np.int64) * len(names)
    if region:
        where += region.codes[rows]
    n = np.bincount(where, minlength=len(emotion.names) * len(names))
    hits = np.bincount(where, table.success[rows], minlength=len(n))
    for k in np.flatnonzero(n):
        yield Stratum(cell, emotion.names[k // len(names)], names[k % len(names)], int(n[k]), int(hits[k]))
