"""CAS(ME)^3: 860 micro-expressions of part A, 165 of part C, at 30 frames per second (Li et al., IEEE TPAMI 2023).

``casme3:DIR`` with ``part=a`` (the usual one) or ``c``. Part A is ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`` and
``part_A/spNO.1/a/color``, or clips cut from it in which a repeated name has a number added; part C is
``CAS(ME)3_part_C_ME.xlsx`` and a colour folder per subject, without apexes. The first seven or eight pictures of most
videos are missing in the set itself.
"""

from __future__ import annotations

from pathlib import Path

from mask.clip import Dataset
from mask.errors import UsageError

from ._annotations import COLUMNS, find_annotations, record
from ._build import Source, build
from ._fixes import correct
from ._record import Record
from ._table import Columns, Row
from ._tree import Place, Tree

_LICENCE = "released to researchers under an agreement; not redistributed"
_SOURCES = {
    "a": Source("casme3", "CAS(ME)^3 part A", 30, _LICENCE, "part_A/spNO.1/a/color", ("part_a", "me_a")),
    "c": Source("casme3", "CAS(ME)^3 part C", 30, _LICENCE, "part_C/1/a/color", ("part_c", "me_c")),
}
_COLUMNS_C: Columns = {**COLUMNS, "file": ("count", "Filename")}
# Clips of one subject and one name, cut into folders a, a2, a3 and so on.
_REPEATS = 12


def create(
    path: str,
    part: str = "a",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
    frames: str = "",
    table: str = "",
) -> Dataset:
    """Read CAS(ME)^3.

    Args:
        path: the folder it was unpacked into.
        part: ``a`` or ``c``.
        classes: 3, 4, 7 (part A), native or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`; part C has no apex.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    chosen = str(part).casefold()
    if chosen not in _SOURCES:
        raise UsageError(f"part is {part!r}; expected a or c")
    source = _SOURCES[chosen]
    tree = Tree(Path(str(path)), source.title)
    if chosen == "a":
        required: tuple[str, ...] = ("subject", "file", "onset", "apex", "offset", "emotion")
        columns, named, make = COLUMNS, r"part_?a.*me_label", _of_a
    else:
        required = ("subject", "file", "onset", "offset", "emotion")
        columns, named, make = _COLUMNS_C, r"part_?c", _of_c
    found = find_annotations(tree, f"the table of {source.title}", columns, required, named=named, table=str(table))
    records, skipped = found.records(make)
    fixed = correct("casme3" if chosen == "a" else "casme3 part C", records, fixes)
    card = found.card() | {"part": chosen.upper(), "fixes": fixed}
    return build(source, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)


def _of_a(row: Row) -> Record:
    made = record(row, "spNO.{}")
    cut: tuple[Place, ...] = tuple((made.subject, f"{made.file}{n}", "color") for n in range(2, _REPEATS + 1))
    made.places = ((made.subject, made.file, "color"), (made.subject, made.file), *cut)
    return made


def _of_c(row: Row) -> Record:
    made = record(row, "{}")
    made.places = (
        (made.subject, "a", "color"),
        (made.subject, made.file, "color"),
        (made.subject, "*", "color"),
        (made.subject, "color"),
    )
    made.subject = f"C{made.subject.zfill(2)}"
    return made
