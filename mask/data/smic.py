"""SMIC: 164 micro-expressions of 16 subjects at 100 frames per second, 71 of 8 at 25 (Li et al., FG 2013).

``smic:DIR`` with ``camera=hs`` (the usual one), ``vis`` or ``nir``. The clips as cut,
``HS/s1/micro/negative/s1_ne_01``, need no table; the long clips of SMIC-E need ``SMIC-HS-E_annotation.xlsx`` and hold
a second or third micro-expression in places. Neither has an apex.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mask.clip import Dataset
from mask.errors import UnreadableData, UsageError

from ._annotations import find_annotations
from ._build import Source, build
from ._emotions import spell
from ._fixes import correct
from ._record import Record, frame_number, subject_id
from ._table import Columns, Row
from ._tree import Tree

_FPS = {"hs": 100, "vis": 25, "nir": 25}
_FORM = "s{:02d}"
_SUBJECTS = tuple(f"s{n}" for n in range(1, 21))
_EMOTIONS = ("negative", "positive", "surprise")
_COLUMNS: Columns = {
    "subject": ("Subject",),
    "file": ("Filename",),
    "onset": ("OnsetF", "Onset"),
    "offset": ("OffsetF", "Offset"),
    "onset2": ("Onset2F",),
    "offset2": ("Offset2F",),
    "onset3": ("Onset3F",),
    "offset3": ("Offset3F",),
    "first": ("FirstF",),
    "emotion": ("Emotion",),
}


def create(
    path: str,
    camera: str = "hs",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
    frames: str = "",
    table: str = "",
) -> Dataset:
    """Read SMIC.

    Args:
        path: the folder it was unpacked into.
        camera: ``hs`` (100 frames per second), ``vis`` or ``nir`` (25).
        classes: 3, 4 or native, which are all the three of SMIC.
        apex, fixes, frames, table: see `mask.data.casme2.create`; every apex is missing here.

    Raises:
        UnreadableData: when every picture is missing, or the table of the long clips; says what was there.
        UsageError: for an option that does not exist.
    """
    camera = str(camera).casefold()
    if camera not in _FPS:
        raise UsageError(f"camera is {camera!r}; expected hs, vis or nir")
    source = Source(
        "smic",
        f"SMIC-{camera.upper()}",
        fps=_FPS[camera],
        licence="released to researchers under an agreement; not redistributed",
        example=f"{camera.upper()}/s1/micro/negative/s1_ne_01",
    )
    tree = Tree(Path(str(path)), source.title)
    base = _base(tree, camera, str(frames), source.example)
    records = _cut(tree, base)
    skipped: list[str] = []
    card: dict[str, Any] = {"annotations": {"used": "the names of the folders", "also": []}}
    if not records:
        required = ("subject", "file", "onset", "offset", "emotion")
        what = f"SMIC-{camera.upper()}-E_annotation.xlsx"
        found = find_annotations(tree, what, _COLUMNS, required, named=rf"{camera}.*annotation", table=str(table))
        records, skipped = found.records(_records)
        card = found.card()
    card |= {"fixes": correct("smic", records, fixes)}
    return build(source, tree, records, classes=classes, apex=apex, frames="", card=card, skipped=skipped, bases=[base])


def _base(tree: Tree, camera: str, frames: str, example: str) -> Path:
    """The folder of this camera's subjects; uncut pictures go before cropped ones."""

    def of_camera(base: Path) -> bool:
        words = re.split(r"[^a-z]+", f"{tree.root.name}/{tree.told(base)}".casefold())
        return camera in words or not set(words) & set(_FPS)

    found = [b for b in tree.bases(_SUBJECTS) if of_camera(b) and frames.casefold() in tree.told(b).casefold()]
    if not found:
        raise UnreadableData(
            f"{tree.root} holds no subjects of SMIC-{camera.upper()}; expected folders such as {example}. Give the "
            "folder it was unpacked into"
        )
    return min(found, key=lambda b: "crop" in tree.told(b).casefold())


def _cut(tree: Tree, base: Path) -> list[Record]:
    """The clips as SMIC cuts them; the folders say what they are."""
    records = []
    for subject in (s for same in tree.folders(base).values() for s in same):
        for emotion in _EMOTIONS:
            for folder in _below(tree, base, subject.name, emotion):
                numbers = sorted(tree.pictures(folder)) or [0]
                place = folder.relative_to(base).parts
                records.append(
                    Record(
                        line=0,
                        subject=subject_id(subject.name, _FORM),
                        file=folder.name,
                        onset=numbers[0],
                        offset=numbers[-1] if len(numbers) > 1 else numbers[0] + 1,
                        emotions=(emotion,),
                        places=(place,),
                    )
                )
    return sorted(records, key=lambda r: (r.subject, r.file))


def _below(tree: Tree, base: Path, subject: str, emotion: str) -> Sequence[Path]:
    for place in ((subject, "micro", emotion), (subject, emotion)):
        folder = tree.find(base, place)
        if folder is not None:
            return [f for same in tree.folders(folder).values() for f in same]
    return ()


def _records(row: Row) -> list[Record]:
    """A record for each micro-expression of a long clip: up to three."""
    subject = subject_id(row["subject"], _FORM)
    if not row["file"] or not row["onset"] or not row["emotion"]:
        raise ValueError("it has no clip with an onset and an emotion; taken as a remark")
    found = []
    for n in ("", "2", "3"):
        if n and not (row[f"onset{n}"] and row[f"offset{n}"]):
            continue
        notes: list[str] = []
        found.append(
            Record(
                line=row.line,
                subject=subject,
                file=row["file"],
                onset=frame_number(row[f"onset{n}"], "onset", notes),
                offset=frame_number(row[f"offset{n}"], "offset", notes),
                first=frame_number(row["first"], "first frame", notes),
                emotions=spell(row["emotion"]),
                places=((subject, row["file"]),),
                notes=notes,
            )
        )
    return found
