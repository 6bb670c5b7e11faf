"""Annotation tables as shipped: xlsx, xls, csv and txt, found by their header, every cell as text.

Excel files come from strangers: their size is bounded before and after unpacking, formulas are not evaluated, and
nothing in them is followed. openpyxl (MIT) reads xlsx and xlrd (BSD) the older xls; both are small and pure Python.
"""

from __future__ import annotations

import csv
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from mask.errors import UnreadableData

SUFFIXES = (".xlsx", ".xls", ".csv", ".txt")
MAX_BYTES = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_ROWS, MAX_COLUMNS, MAX_TEXT = 200_000, 200, 2_000
# SAMM's header stands in line 14, below a text about the codes.
_HEADER_WITHIN = 40

Columns = Mapping[str, tuple[str, ...]]
"""What a column means to the names it goes by, compared without case, spaces and punctuation."""


@dataclass(frozen=True)
class Row:
    """One line of a table: its number in the file, from 1, and its cells by name; one that is not there is empty."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file, every cell as text."""

    name: str
    rows: tuple[tuple[str, ...], ...]

    def below(self, columns: Columns, required: Sequence[str]) -> list[Row] | None:
        """The rows below the header that has all `required` columns, empty ones left out; `None` without one."""
        names = {_plain(alias): field for field, aliases in columns.items() for alias in aliases}
        for start, header in enumerate(self.rows[:_HEADER_WITHIN]):
            fields = [names.get(_plain(cell)) for cell in header]
            if all(f in fields for f in required):
                return list(self._rows(fields, start + 1))
        return None

    def _rows(self, fields: Sequence[str | None], start: int) -> Iterator[Row]:
        for place, values in enumerate(self.rows[start:]):
            cells: dict[str, str] = {}
            for field, value in zip(fields, values, strict=False):
                if field is not None and value:
                    cells.setdefault(field, value)
            if cells:
                yield Row(start + place + 1, cells)


def read_sheets(path: Path) -> list[Sheet]:
    """Every sheet of a table file; a csv or txt file is one.

    Raises:
        UnreadableData: when it is missing, damaged, too large, or not a table.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableData(
                f"{path} has {size >> 20} MB; an annotation table of at most {MAX_BYTES >> 20} is read"
            )
        if path.suffix.lower() == ".xlsx":
            return list(_xlsx(path))
        if path.suffix.lower() == ".xls":
            return list(_xls(path))
        return [Sheet(path.stem, _text_rows(_delimited(path)))]
    except UnreadableData:
        raise
    # Damaged files make the parsers fail in any way there is.
    except Exception as error:
        told = str(error).split("\n", 1)[0] or type(error).__name__
        raise UnreadableData(f"{path} is not a readable table ({told}); fetch it anew") from error


def header_of(sheet: Sheet) -> str:
    """The first line that looks like a header, for messages."""
    for row in sheet.rows[:_HEADER_WITHIN]:
        named = [cell for cell in row if cell]
        if len(named) > 2:
            return ", ".join(named[:12])
    return "nothing that looks like a header"


def tidy(value: Any) -> str:
    """A cell as text: whole numbers without a decimal point, full-width signs as plain ones, no outer blanks.

    >>> tidy(12.0), tidy("４+７，9 "), tidy(None)
    ('12', '4+7,9', '')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, date):
        value = value.isoformat()
    return unicodedata.normalize("NFKC", str(value))[:MAX_TEXT].strip(" \t\r\n\ufeff\u200b")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _text_rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(tidy(v) for v in islice(row, MAX_COLUMNS)) for row in islice(rows, MAX_ROWS))


def _xlsx(path: Path) -> Iterator[Sheet]:
    from openpyxl import load_workbook  # type: ignore[import-untyped, unused-ignore]

    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED:
        raise UnreadableData(f"{path} unpacks to {unpacked >> 20} MB; at most {MAX_UNPACKED >> 20} are read")
    book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            # A sheet may claim a size that has nothing to do with its cells.
            sheet.reset_dimensions()
            yield Sheet(sheet.title, _text_rows(sheet.iter_rows(values_only=True)))
    finally:
        book.close()


def _xls(path: Path) -> Iterator[Sheet]:
    import xlrd  # type: ignore[import-untyped, unused-ignore]

    # Bytes and not a name: xlrd maps a named file into memory, and would see it change.
    with xlrd.open_workbook(file_contents=path.read_bytes(), on_demand=True) as book:
        for sheet in book.sheets():
            yield Sheet(sheet.name, _text_rows(sheet.row_values(i) for i in range(sheet.nrows)))


def _delimited(path: Path) -> Iterator[list[str]]:
    raw = path.read_bytes()
    if b"\0" in raw:
        raise UnreadableData(f"{path} holds binary data; expected text with a table")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel writes on a Chinese system, where most of these sets come from.
        text = raw.decode("gb18030")
    lines = text.splitlines()
    sample = "\n".join(lines[:_HEADER_WITHIN])
    mark = next((m for m in ("\t", ",", ";") if m in sample), None)
    return csv.reader(lines, delimiter=mark) if mark else (line.split() for line in lines)
