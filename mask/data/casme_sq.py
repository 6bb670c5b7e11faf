"""CAS(ME)^2: 57 micro- and 300 macro-expressions of 22 subjects at 30 frames per second (Qu et al., IEEE TAC 2018).

``casme-sq:DIR``, the folder with ``CAS(ME)^2code_final.xlsx`` and ``rawpic`` or ``selectedpic``. The table has no
header; two further sheets say which folder a subject's number and a video's name stand for. An offset of 0 means that
the clip ends at its apex.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mask.clip import Dataset
from mask.errors import UnreadableData, UsageError

from ._build import Source, build
from ._emotions import spell
from ._fixes import correct
from ._record import Record, frame_number
from ._table import Sheet, header_of, read_sheets
from ._tree import Place, Tree
from ._units import parse_units

_SOURCE = Source(
    "casme-sq",
    "CAS(ME)^2",
    fps=30,
    licence="released to researchers on request; not redistributed",
    example="rawpic/s15/15_0101disgustingteeth",
    prefer=("rawpic",),
)
_KINDS = {"micro": ("micro",), "macro": ("macro",), "all": ("micro", "macro")}
_SUBJECT, _VIDEO = re.compile(r"s[0-9]{1,3}"), re.compile(r"[a-z]+[0-9]+")
# subject, video, onset, apex, offset, units, emotion, kind, self-report
_WIDTH, _KIND = 8, 7


def create(
    path: str,
    kind: str = "micro",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
    frames: str = "",
    table: str = "",
) -> Dataset:
    """Read CAS(ME)^2.

    Args:
        path: the folder it was unpacked into.
        kind: ``micro``, ``macro`` or ``all`` expressions.
        classes: 3, 4 (with others), native (the same four) or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    if kind not in _KINDS:
        raise UsageError(f"kind is {kind!r}; expected {', '.join(_KINDS)}")
    tree = Tree(Path(str(path)), _SOURCE.title)
    file, sheets, start = _read(tree, str(table))
    names = _names(sheets)
    records: list[Record] = []
    skipped: list[str] = []
    for line, row in enumerate(sheets[start].rows, start=1):
        if not any(row) or not _kind(row).startswith(_KINDS[kind]):
            continue
        try:
            records.append(_record(line, row, names))
        except ValueError as error:
            skipped.append(f"line {line}: {error}")
    card = {
        "annotations": {"used": file.name, "also": []},
        "kind": kind,
        "fixes": correct("casme-sq", records, fixes),
    }
    return build(_SOURCE, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)


def _read(tree: Tree, table: str) -> tuple[Path, list[Sheet], int]:
    """The annotation file, its sheets, and which of them holds the clips."""
    paths = [p for p in (tree.root / table, Path(table)) if table and p.is_file()][:1] if table else tree.tables()
    seen = []
    for path in sorted(paths, key=lambda p: "final" not in p.name.casefold()):
        try:
            sheets = read_sheets(path)
        except UnreadableData as error:
            seen.append(str(error))
            continue
        for n, sheet in enumerate(sheets):
            if any(_kind(row) for row in sheet.rows):
                return path, sheets, n
        seen.append(f"{path.name} has {header_of(sheets[0]) if sheets else 'no sheet'}")
    raise UnreadableData(
        f"{tree.root} holds no CAS(ME)^2code_final.xlsx, a table without header whose eighth column says "
        f"micro-expression or macro-expression; found: {'; '.join(seen[:3]) or 'no table'}"
    )


def _kind(row: Sequence[str]) -> str:
    word = row[_KIND].casefold() if len(row) >= _WIDTH else ""
    return word if word.startswith(("micro", "macro")) else ""


def _names(sheets: Sequence[Sheet]) -> tuple[dict[str, str], dict[str, str]]:
    """The folder of each subject number, and the number of each video name, from the sheets of naming rules."""
    subjects: dict[str, str] = {}
    videos: dict[str, str] = {}
    for row in (r for sheet in sheets for r in sheet.rows if not _kind(r)):
        cells = [c.casefold() for c in row[:4]]
        numbers = [c for c in cells if c.isdecimal()]
        folder = next((c for c in cells if _SUBJECT.fullmatch(c)), None)
        video = next((c for c in cells if _VIDEO.fullmatch(c) and c != folder), None)
        if folder and numbers:
            subjects[numbers[-1]] = folder
        elif video and numbers:
            videos[video] = numbers[0]
    return subjects, videos


def _record(line: int, row: Sequence[str], names: tuple[dict[str, str], dict[str, str]]) -> Record:
    subjects, videos = names
    number, file = row[0].casefold(), row[1]
    subject = number if _SUBJECT.fullmatch(number) else subjects.get(number)
    if subject is None:
        raise ValueError(f"no sheet of the table says which folder subject {row[0]!r} has")
    notes: list[str] = []
    units, strange = parse_units(row[5])
    if strange:
        notes.append(f"action units {strange!r} are not understood")
    code = videos.get(file.casefold().split("_")[0])
    long: tuple[Place, ...] = ((subject, f"{subject[1:]}_{code}*"),) if code else ()
    return Record(
        line=line,
        subject=subject,
        file=file,
        onset=frame_number(row[2], "onset", notes),
        apex=frame_number(row[3], "apex", notes),
        offset=frame_number(row[4], "offset", notes),
        emotions=spell(row[6]),
        units=units,
        places=(*long, (subject, file)),
        notes=notes,
    )
