"""SAMM Long Videos: 159 micro- and 343 macro-expressions in 147 videos at 200 frames per second (Yap et al., FG 2020).

``samm-long:DIR``, the folder with ``SAMM_LongVideos_V3_Release.xlsx`` and ``SAMM_longvideos/006_1``. The set has no
emotions: those of the micro-expressions come, by the file's name, from ``SAMM_Micro_FACS_Codes_v2.xlsx``, which is
looked for in the same folder or given with ``emotions=FILE``. Frame numbers are those of the long videos, not those of
SAMM; some macro-expressions have fractions of frames, and some begin before the video.
"""

from __future__ import annotations

from pathlib import Path

from mask.clip import Dataset
from mask.errors import UnreadableData, UsageError

from ._annotations import COLUMNS, Annotations, find_annotations, record
from ._build import Source, build
from ._emotions import spell
from ._fixes import correct
from ._table import Columns
from ._tree import Tree, alike

_SOURCE = Source(
    "samm-long",
    "SAMM Long Videos",
    fps=200,
    licence="released to researchers under an agreement; not redistributed",
    example="SAMM_longvideos/006_1",
    prefer=("longvideos",),
)
_COLUMNS: Columns = {**COLUMNS, "kind": ("Type",)}
_KINDS = {"micro": ("micro",), "macro": ("macro",), "all": ("micro", "macro")}


def create(
    path: str,
    emotions: str = "",
    kind: str = "micro",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
    frames: str = "",
    table: str = "",
) -> Dataset:
    """Read SAMM Long Videos.

    Args:
        path: the folder it was unpacked into.
        emotions: the table of SAMM that has the emotions, where it does not lie in the same folder.
        kind: ``micro``, ``macro`` or ``all`` expressions; macro-expressions have no emotion, and are used with
            ``classes=objective`` alone.
        classes: as for SAMM.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations, the emotions or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    if kind not in _KINDS:
        raise UsageError(f"kind is {kind!r}; expected {', '.join(_KINDS)}")
    tree = Tree(Path(str(path)), _SOURCE.title)
    required = ("subject", "file", "onset", "apex", "offset", "kind")
    what = "SAMM_LongVideos_V3_Release.xlsx"
    found = find_annotations(tree, what, _COLUMNS, required, named=r"long_?videos", table=str(table))
    rows = [r for r in found.rows if r["kind"].casefold().startswith(_KINDS[kind])]
    found = Annotations(found.path, rows, found.sheets, found.also)
    records, skipped = found.records(
        lambda row: record(row, "{:03d}", lambda _, file, __: ("_".join(file.split("_")[:2]),))
    )
    card = found.card() | {"kind": kind, "fixes": correct("samm-long", records, fixes)}
    if str(classes) != "objective":
        source = _emotions(tree, str(emotions))
        named = {alike(r["file"]): spell(r["emotion"]) for r in source.rows}
        for one in records:
            one.emotions = named.get(alike(one.file), ())
        card["emotions"] = source.path.name
    return build(_SOURCE, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)


def _emotions(tree: Tree, table: str) -> Annotations:
    try:
        return find_annotations(
            tree,
            "SAMM_Micro_FACS_Codes_v2.xlsx",
            COLUMNS,
            ("file", "emotion"),
            named=r"samm.*(micro|facs)",
            table=table,
        )
    except UnreadableData as error:
        raise UnreadableData(
            f"SAMM Long Videos has no emotions of its own, and the table that has them was not found ({error}). Put "
            "SAMM_Micro_FACS_Codes_v2.xlsx beside it, name it with emotions=FILE, or use classes=objective"
        ) from error
