"""Finding a dataset's annotation file among what was unpacked with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mask.errors import UnreadableData

from ._emotions import spell
from ._record import Record, frame_number, subject_id
from ._table import Columns, Row, Sheet, header_of, read_sheets
from ._tree import Place, Tree
from ._units import parse_units, roman

_MOST_FILES = 60

COLUMNS: Columns = {
    "subject": ("Subject", "sub", "sub_ID", "Subject ID"),
    "file": ("Filename", "File name", "fold_name", "Video"),
    "onset": ("OnsetFrame", "Onset", "OnsetF", "Onset Frame"),
    "apex": ("ApexFrame", "Apex", "ApexF", "ApexF1", "Apex Frame"),
    "offset": ("OffsetFrame", "Offset", "OffsetF", "Offset Frame"),
    "units": ("Action Units", "AU", "AUs"),
    "emotion": ("Estimated Emotion", "Emotion"),
    "objective": ("Objective Class", "Objective Classes"),
    "fps": ("Fps", "Frame rate"),
}
"""What most sets call their columns."""


@dataclass(frozen=True)
class Annotations:
    """An annotation file that was read: its rows, and the files that would have done as well."""

    path: Path
    rows: list[Row]
    sheets: list[Sheet]
    also: tuple[str, ...] = ()

    def card(self) -> dict[str, Any]:
        """The files, for a dataset's card."""
        return {"annotations": {"used": self.path.name, "also": list(self.also)}}

    def records(self, make: Callable[[Row], Record | list[Record]]) -> tuple[list[Record], list[str]]:
        """The record or records of every row, and the rows of which `make` raised `ValueError`, with the reason."""
        records: list[Record] = []
        skipped: list[str] = []
        for row in self.rows:
            try:
                made = make(row)
                records += made if isinstance(made, list) else [made]
            except ValueError as error:
                skipped.append(f"line {row.line}: {error}")
        return records, skipped


def find_annotations(
    tree: Tree, what: str, columns: Columns, required: Sequence[str], *, named: str, table: str = ""
) -> Annotations:
    """Read the annotation file of a dataset.

    Args:
        tree: the dataset's folder.
        what: the file as its makers call it, for messages.
        columns: what the columns are called.
        required: the columns a table must have.
        named: a pattern that the usual names match, case left out; of several, the last in order is taken, which is the
            newest where names end in a date or a version.
        table: a file to read and no other; below the root, or anywhere.

    Raises:
        UnreadableData: when there is none, or none has the columns; says what was there.
    """
    if table:
        chosen = [p for p in (tree.root / table, Path(table)) if p.is_file()][:1]
        if not chosen:
            raise UnreadableData(f"there is no annotation file {table}, neither in {tree.root} nor as it is")
    else:
        chosen = sorted(tree.tables(), key=lambda p: _rank(p, named))[:_MOST_FILES]
    seen: list[str] = []
    for path in chosen:
        try:
            sheets = read_sheets(path)
        except UnreadableData as error:
            seen.append(str(error))
            continue
        for sheet in sheets:
            rows = sheet.below(columns, required)
            if rows:
                also = tuple(tree.told(p) for p in chosen if p != path and re.search(named, p.name, re.IGNORECASE))
                return Annotations(path, rows, sheets, also)
        seen.append(f"{tree.told(path)} has {header_of(sheets[0]) if sheets else 'no sheet'}")
    wanted = ", ".join(columns[name][0] for name in required)
    found = "; ".join(seen[:3]) or "no xlsx, xls, csv or txt file"
    raise UnreadableData(
        f"{tree.root} holds no annotation file with the columns {wanted}, which {what} has; found: {found}. Give the "
        "folder the set was unpacked into, or name the file with table="
    )


def record(row: Row, form: str, *places: Callable[[str, str, str], Place]) -> Record:
    """A record of a row with the usual columns.

    Args:
        row: read with `COLUMNS`, or more.
        form: how results name a subject, such as ``sub{:02d}``.
        places: each makes a folder to look in from the subject as results name it, the file, and the emotion as
            annotated.

    Raises:
        ValueError: for a row without subject or file, such as a remark below the table.
    """
    if not row["subject"] or not row["file"]:
        raise ValueError("it has no subject or no file name; taken as a remark")
    subject, file, notes = subject_id(row["subject"], form), row["file"], list[str]()
    units, strange = parse_units(row["units"])
    if strange:
        notes.append(f"action units {strange!r} are not understood")
    return Record(
        line=row.line,
        subject=subject,
        file=file,
        onset=frame_number(row["onset"], "onset", notes),
        apex=frame_number(row["apex"], "apex", notes),
        offset=frame_number(row["offset"], "offset", notes),
        emotions=spell(row["emotion"]),
        units=units,
        objective=roman(row["objective"]),
        places=tuple(place(subject, file, row["emotion"]) for place in places),
        notes=notes,
    )


def _rank(path: Path, named: str) -> tuple[bool, int, tuple[int, ...], str]:
    """Usual names first, nearest first, newest first."""
    numbers = tuple(-int(n) for n in re.findall(r"[0-9]{1,9}", path.stem))
    return re.search(named, path.name, re.IGNORECASE) is None, len(path.parts), numbers, path.name
