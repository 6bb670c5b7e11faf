"""4DME: 267 micro-expressions, the grey videos at 60 frames per second (Li et al., IEEE TAC 2023).

``4dme:DIR``, the folder with ``4DME_Labelling_Micro_release v1.xlsx`` and ``gray_micro/<subject>/<fold_name>``. A clip
may carry several emotions, and is used when all of them fold into one label. Action units marked ``(k)`` are on the
face all the time and left out.
"""

from __future__ import annotations

from mask.clip import Dataset

from ._build import Source
from ._plain import read_plain

_SOURCE = Source(
    "4dme",
    "4DME",
    fps=60,
    licence="released to researchers under an agreement; not redistributed",
    example="gray_micro/<subject>/<fold_name>",
    prefer=("gray_micro", "gray"),
)


def create(
    path: str, classes: int | str = 3, apex: str = "midpoint", fixes: str = "none", frames: str = "", table: str = ""
) -> Dataset:
    """Read the grey micro-expressions of 4DME.

    Args:
        path: the folder it was unpacked into.
        classes: 3, 4, 5 (negative, positive, surprise, repression, others), native or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    return read_plain(
        _SOURCE,
        path,
        lambda subject, file, _: (subject, file),
        lambda _, file, __: (file,),
        form="{}",
        named=r"4dme.*micro",
        classes=classes,
        apex=apex,
        fixes=fixes,
        frames=frames,
        table=table,
    )
