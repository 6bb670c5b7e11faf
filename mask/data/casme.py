"""CASME: 189 micro-expressions of 19 subjects at 60 frames per second (Yan et al., FG 2013).

``casme:DIR``, the folder with the annotation table and ``CASME_raw_selected`` or ``Cropped``. The table has two apexes;
the first is used.
"""

from __future__ import annotations

from mask.clip import Dataset

from ._build import Source
from ._plain import read_plain

_SOURCE = Source(
    "casme",
    "CASME",
    fps=60,
    licence="released to researchers on request; not redistributed",
    example="CASME_raw_selected/sub01/EP01_1",
    prefer=("raw_selected", "raw"),
)


def create(
    path: str, classes: int | str = 3, apex: str = "midpoint", fixes: str = "none", frames: str = "", table: str = ""
) -> Dataset:
    """Read CASME.

    Args:
        path: the folder it was unpacked into.
        classes: 3, 4, native (eight emotions) or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    return read_plain(
        _SOURCE,
        path,
        lambda subject, file, _: (subject, file),
        form="sub{:02d}",
        named=r"casme",
        classes=classes,
        apex=apex,
        fixes=fixes,
        frames=frames,
        table=table,
    )
