"""What must be true of a table before a search for causes may see it.

causal-learn answers anything: a column that never varies gives a correlation of NaN, a p-value of NaN, and so an edge
to everything; a duplicate column or too few rows end in an exception. A region that does not move is common in
micro-expressions, so these columns are taken out first, and the result says which and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.errors import MaskError

from .graph import Note

Floats = NDArray[np.float64]

DUPLICATE = 1 - 1e-6
"""Absolute correlation above which two columns count as one."""

COLLINEAR = 1e-8
"""Share of a column's variance that must remain when the columns before it are taken out."""

SPARE = 4
"""Rows a Fisher-z test needs beyond its conditioning set: ``n - |S| - 3`` has to be at least one."""


class TooFewSamples(MaskError):
    """There are not enough rows, or not enough columns, for any test."""


@dataclass(frozen=True, eq=False)
class Guarded:
    """A table fit for discovery.

    Args:
        data: ``float64 (N', P')``, finite, no column constant, duplicate or collinear with those before it.
        names: the columns kept.
        columns: ``int (P',)``, where they were in the table given.
        rows: ``int (N',)``, the rows kept.
        samples: N' less the degrees of freedom already spent.
        max_k: the largest conditioning set the samples carry, or the one asked for where that is smaller.
        notes: what was dropped or limited, and why.
    """

    data: Floats
    names: tuple[str, ...]
    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    samples: float
    max_k: int
    notes: tuple[Note, ...]


def guard(data: ArrayLike, names: Sequence[str], *, lost: float = 0.0, max_k: int | None = None) -> Guarded:
    """Drop what would make a search invent edges or fail, and say so.

    Args:
        data: ``(N, P)`` rows of observations.
        names: P unique names.
        lost: degrees of freedom already spent on these rows, such as subject means taken out.
        max_k: largest conditioning set wanted; `None` for as many as the rows carry.

    Raises:
        ValueError: when the table and the names do not fit together.
        TooFewSamples: when no test at all is possible.

    >>> kept = guard([[0, 1, 2], [3, 1, 7], [9, 1, 3], [4, 1, 1], [5, 1, 0]], ["brow", "nose", "lip"])
    >>> kept.names, kept.notes[0].kind
    (('brow', 'lip'), 'constant')
    """
    table = np.asarray(data, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"data have shape {table.shape} and there are {len(names)} names; expected (N, {len(names)})")
    if len(set(names)) != len(names):
        raise ValueError("the names of the columns must differ from one another")
    notes: list[Note] = []
    columns, rows = _finite(table, names, notes)
    columns = _varying(table[rows], columns, names, notes)
    samples = len(rows) - lost
    if len(columns) > 1 and samples >= SPARE:
        columns = _independent(table[np.ix_(rows, columns)], columns, names, samples, notes)
    if samples < SPARE or len(columns) < 2:
        raise TooFewSamples(
            f"{samples:g} independent rows and {len(columns)} usable columns are left of {table.shape[0]} rows and "
            f"{table.shape[1]} columns; a test needs at least {SPARE} rows and 2 columns"
        )
    carried = int(samples) - SPARE
    wanted = len(columns) - 2 if max_k is None else min(max_k, len(columns) - 2)
    if carried < wanted:
        notes.append(Note("samples", (), f"{samples:g} independent rows carry conditioning sets of at most {carried}"))
    kept = _named(names, columns)
    return Guarded(table[np.ix_(rows, columns)], kept, columns, rows, samples, min(carried, wanted), tuple(notes))


def _finite(table: Floats, names: Sequence[str], notes: list[Note]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns that are mostly numbers, then rows that are all numbers."""
    good = np.isfinite(table)
    hollow = good.mean(axis=0) < 0.5 if len(table) else np.zeros(table.shape[1], dtype=bool)
    if hollow.any():
        what = _named(names, np.flatnonzero(hollow))
        notes.append(Note("not finite", what, "fewer than half of its values are finite numbers"))
    columns = np.flatnonzero(~hollow)
    rows = np.flatnonzero(good[:, columns].all(axis=1))
    if len(rows) < len(table):
        notes.append(Note("rows", (), f"{len(table) - len(rows)} of {len(table)} rows hold a value that is not finite"))
    return columns, rows


def _varying(table: Floats, columns: NDArray[np.intp], names: Sequence[str], notes: list[Note]) -> NDArray[np.intp]:
    if not len(table):
        return columns
    part = table[:, columns]
    # A column of one repeated value has a spread of rounding size, not of zero.
    still = np.ptp(part, axis=0) <= 1e-12 * np.abs(part).max(axis=0)
    if still.any():
        notes.append(Note("constant", _named(names, columns[still]), "it never varies"))
    return np.asarray(columns[~still])


def _independent(
    table: Floats, columns: NDArray[np.intp], names: Sequence[str], samples: float, notes: list[Note]
) -> NDArray[np.intp]:
    """Drop a column that repeats an earlier one, or that earlier ones add up to."""
    correlation = np.asarray(np.corrcoef(table.T), dtype=np.float64)
    kept: list[int] = []
    for c in range(len(columns)):
        twin = next((k for k in kept if abs(correlation[k, c]) > DUPLICATE), None)
        if twin is not None:
            why = f"it repeats {names[columns[twin]]} (absolute correlation above 1 - 1e-6)"
            notes.append(Note("duplicate", (names[columns[c]],), why))
        elif len(kept) + SPARE < samples and _remaining(correlation, kept, c) < COLLINEAR:
            notes.append(Note("collinear", (names[columns[c]],), "it is a linear combination of columns before it"))
        else:
            kept.append(c)
    return columns[kept]


def _named(names: Sequence[str], columns: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(names[int(c)] for c in columns)


def _remaining(correlation: Floats, kept: list[int], column: int) -> float:
    """The share of a column's variance that the kept columns leave unexplained."""
    if not kept:
        return 1.0
    inner = correlation[np.ix_(kept, kept)]
    outer = correlation[kept, column]
    return float(1.0 - outer @ np.linalg.solve(inner, outer))
