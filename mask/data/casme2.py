"""CASME II: 255 micro-expressions of 26 subjects at 200 frames per second (Yan et al., PLoS ONE 2014).

``casme2:DIR``, the folder with ``CASME2-coding-20140508.xlsx`` or a later version and ``CASME2_RAW_selected``,
``CASME2-RAW`` or ``Cropped``. ``CASME2-ObjectiveClasses.xlsx`` is read where it is there; without it the objective
classes follow from the action units.
"""

from __future__ import annotations

from pathlib import Path

from mask.clip import Dataset
from mask.errors import UnreadableData

from ._annotations import COLUMNS, find_annotations, record
from ._build import Source, build
from ._fixes import correct
from ._plain import REQUIRED
from ._record import Record, subject_id
from ._tree import Tree
from ._units import roman

_SOURCE = Source(
    "casme2",
    "CASME II",
    fps=200,
    licence="released to researchers on request; not redistributed",
    example="CASME2_RAW_selected/sub01/EP02_01f",
    prefer=("raw_selected", "raw"),
)
_FORM = "sub{:02d}"


def create(
    path: str, classes: int | str = 3, apex: str = "midpoint", fixes: str = "none", frames: str = "", table: str = ""
) -> Dataset:
    """Read CASME II.

    Args:
        path: the folder it was unpacked into.
        classes: 3 (negative, positive, surprise), 4, 5, 7, native or objective.
        apex: what stands in for a missing apex: ``midpoint`` of onset and offset, or ``spotted`` from the flow.
        fixes: published corrections, ``none`` or ``meb``; which were applied stands in the results.
        frames: part of the path of the pictures to use, where there are several copies, such as ``Cropped``; without
            it the uncut ones.
        table: the annotation file, where it is not the newest of the usual ones.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    tree = Tree(Path(str(path)), _SOURCE.title)
    found = find_annotations(
        tree, "CASME2-coding-20140508.xlsx", COLUMNS, REQUIRED, named=r"casme2.*coding", table=str(table)
    )
    records, skipped = found.records(lambda row: record(row, _FORM, lambda subject, file, _: (subject, file)))
    card = found.card() | {"fixes": correct("casme2", records, fixes)}
    _add_objective(tree, records)
    return build(_SOURCE, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)


def _add_objective(tree: Tree, records: list[Record]) -> None:
    try:
        found = find_annotations(
            tree, "CASME2-ObjectiveClasses.xlsx", COLUMNS, ("subject", "file", "objective"), named=r"objective"
        )
    except UnreadableData:
        return
    classes = {(subject_id(r["subject"], _FORM), r["file"]): roman(r["objective"]) for r in found.rows}
    for one in records:
        one.objective = one.objective or classes.get((one.subject, one.file), "")
