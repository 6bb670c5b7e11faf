"""MMEW: 300 micro-expressions of 36 subjects at 90 frames per second (Ben et al., IEEE TPAMI 2022).

``mmew:DIR``, the folder with ``MMEW_Micro_Exp.xlsx`` and ``Micro_Expression/<emotion>/<clip>``. What the table calls
others lies in a folder that may be called repression.
"""

from __future__ import annotations

from mask.clip import Dataset

from ._build import Source
from ._plain import read_plain

_SOURCE = Source(
    "mmew",
    "MMEW",
    fps=90,
    licence="released to researchers under an agreement that restricts changes; not redistributed",
    example="Micro_Expression/happiness/S01-01-001",
    prefer=("micro",),
)


def create(
    path: str, classes: int | str = 3, apex: str = "midpoint", fixes: str = "none", frames: str = "", table: str = ""
) -> Dataset:
    """Read the micro-expressions of MMEW.

    Args:
        path: the folder it was unpacked into.
        classes: 3, 4, 6 (without others), 7, native or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    return read_plain(
        _SOURCE,
        path,
        lambda _, file, emotion: (emotion, file),
        lambda _, file, emotion: ("repression" if emotion.casefold() in ("other", "others") else "others", file),
        form="S{:02d}",
        named=r"mmew.*micro",
        classes=classes,
        apex=apex,
        fixes=fixes,
        frames=frames,
        table=table,
    )
