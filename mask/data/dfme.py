"""DFME: 7,526 micro-expressions of 671 subjects at 200 to 500 frames per second (Zhao et al., IEEE TAC 2023).

``dfme:DIR``, the folder with one or more tables (``training``, ``testA``, ``testB``; all that have the columns are
read) and a folder of pictures per clip, which may lie below folders of the parts.
"""

from __future__ import annotations

from pathlib import Path

from mask.clip import Dataset
from mask.errors import UnreadableData, UsageError

from ._annotations import COLUMNS, find_annotations, record
from ._build import Source, build
from ._fixes import correct
from ._record import Record
from ._table import Columns, Row
from ._tree import Tree

_SOURCE = Source(
    "dfme",
    "DFME",
    fps=200,
    licence="non-commercial research only; not redistributed; some subjects may not be shown in print",
    example="train/sub0003_01",
    every=True,
)
_COLUMNS: Columns = {**COLUMNS, "id": ("EmotionId", "Emotion Id", "label")}
# The order of the labels in the challenge that released the set (CCAC 2023).
_BY_ID = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_PARTS = ("all", "train", "testa", "testb")


def create(
    path: str,
    part: str = "all",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
    frames: str = "",
    table: str = "",
) -> Dataset:
    """Read DFME.

    Args:
        path: the folder it was unpacked into.
        part: ``all``, ``train``, ``testA`` or ``testB``, by the name of the table.
        classes: 3, 4, 7, native or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    chosen = str(part).casefold()
    if chosen not in _PARTS:
        raise UsageError(f"part is {part!r}; expected all, train, testA or testB")
    tree = Tree(Path(str(path)), _SOURCE.title)
    named = r"train|test" if chosen == "all" else chosen
    required = ("subject", "file", "onset", "apex", "offset")
    first = find_annotations(tree, "a table of DFME", _COLUMNS, required, named=named, table=str(table))
    tables = [first]
    for name in first.also:
        try:
            tables.append(find_annotations(tree, "a table of DFME", _COLUMNS, required, named=named, table=name))
        except UnreadableData:
            continue
    records: list[Record] = []
    skipped: list[str] = []
    for one in tables:
        made, bad = one.records(_record)
        records += made
        skipped += [f"{one.path.name}, {reason}" for reason in bad]
    card = {
        "annotations": {"used": ", ".join(t.path.name for t in tables), "also": []},
        "fixes": correct("dfme", records, fixes),
    }
    return build(_SOURCE, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)


def _record(row: Row) -> Record:
    made = record(row, "sub{:04d}", lambda _, file, __: (file,), lambda subject, file, _: (subject, file))
    if not made.emotions and row["id"].isdecimal() and int(row["id"]) < len(_BY_ID):
        made.emotions = (_BY_ID[int(row["id"])],)
    try:
        made.fps = float(row["fps"]) or None
    except ValueError:
        made.fps = None
    return made
