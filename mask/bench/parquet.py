"""Every clip of every cell in one Parquet file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from mask.results import Row

from .plan import Address

GROUP = 1 << 16
"""Rows to a row group, but for the last."""

_OF_CELL = {
    "dataset": pa.string(),
    "area": pa.float64(),
    "eps": pa.int64(),
    "seed": pa.int64(),
    "run": pa.string(),
    "key": pa.string(),
}
_TYPES = {"str": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "int | None": pa.int64(), "float": pa.float64()}
COLUMNS = pa.schema([*_OF_CELL.items(), *((f.name, _TYPES[str(f.type)]) for f in fields(Row))])


class ClipTable:
    """``clips.parquet`` being written, whole or not at all: the columns of ``clips.csv``, and where the cell stands."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._waiting: dict[str, list[Any]] = {name: [] for name in COLUMNS.names}

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._part, COLUMNS)
        return self

    def add(self, address: Address, rows: Sequence[Row]) -> None:
        """Append the rows of a cell."""
        for name, column in self._waiting.items():
            if name in _OF_CELL:
                column += [getattr(address, name)] * len(rows)
            else:
                column += [None if v != v else v for v in (getattr(row, name) for row in rows)]
        if len(self._waiting["key"]) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.table(self._waiting, schema=COLUMNS), row_group_size=2 * GROUP)
        self._waiting = {name: [] for name in COLUMNS.names}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._flush()
            self._writer.close()
            if error is None:
                os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)
