"""Every success rate as one long table: by run, cell, emotion and region, for spreadsheets and data frames.

A row without an emotion and a region is about the whole cell.
"""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mask.errors import UsageError
from mask.files import write_text

from .breakdown import strata
from .clips import Key
from .model import Rate, Run

_TEXT = ("run", "data", "recognizer", "defense", "kinetics", "attack", "emotion", "region")
_COUNTS = ("n_clean_correct", "n_success")
_NUMBERS = ("asr", "asr_low", "asr_high")
COLUMNS = (*_TEXT, *_COUNTS, *_NUMBERS)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run as a formula."""


def rates(runs: Sequence[tuple[str, Run]]) -> Iterator[tuple[Any, ...]]:
    """Rows of `COLUMNS`."""
    for label, run in runs:
        start = (label, run.data_name)
        for cell in run.cells:
            yield (*start, *_row(cell.key, "", "", cell.rate))
            for emotion, found in cell.by_emotion.items():
                yield (*start, *_row(cell.key, emotion, "", found))
        for s in strata(run):
            if s.region:
                yield (*start, *_row(s.cell, s.emotion, s.region, s.rate))


def _row(key: Key, emotion: str, region: str, rate: Rate) -> tuple[Any, ...]:
    low, high = rate.interval if rate.value is not None else (None, None)
    return (*key, emotion, region, rate.n, rate.hits, rate.value, low, high)


def write_csv(runs: Sequence[tuple[str, Run]], path: Path) -> None:
    """Write the table as CSV; a text that a spreadsheet would run gets an apostrophe in front."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rates(runs):
        writer.writerow([f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA) else v for v in row])
    write_text(text.getvalue(), path)


def write_parquet(runs: Sequence[tuple[str, Run]], path: Path) -> None:
    """Write the table as Parquet.

    Raises:
        UsageError: without pyarrow.
    """
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise UsageError("Parquet needs pyarrow; pip install 'mask-mer[parquet]', or ask for csv") from error
    named = arrow.dictionary(arrow.int32(), arrow.string())
    types = [
        *((n, named) for n in _TEXT),
        *((n, arrow.int64()) for n in _COUNTS),
        *((n, arrow.float64()) for n in _NUMBERS),
    ]
    columns = list(zip(*rates(runs), strict=True)) or [()] * len(COLUMNS)
    table = arrow.table(dict(zip(COLUMNS, columns, strict=True)), schema=arrow.schema(types))
    part = path.with_name(path.name + ".part")
    try:
        parquet.write_table(table, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
