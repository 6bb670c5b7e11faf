"""SAMM: 159 micro-expressions of 29 subjects at 200 frames per second, grey (Davison et al., IEEE TAC 2018).

``samm:DIR``, the folder with ``SAMM_Micro_FACS_Codes_v2.xlsx`` (its header stands below a text) and the folders of the
subjects, ``006/006_1_2/006_05562.jpg``.
"""

from __future__ import annotations

from mask.clip import Dataset

from ._build import Source
from ._plain import read_plain

_SOURCE = Source(
    "samm",
    "SAMM",
    fps=200,
    licence="released to researchers under an agreement; not redistributed",
    example="006/006_1_2",
)


def create(
    path: str, classes: int | str = 3, apex: str = "midpoint", fixes: str = "none", frames: str = "", table: str = ""
) -> Dataset:
    """Read SAMM.

    Args:
        path: the folder it was unpacked into.
        classes: 3, 4, 5 (anger, contempt, happiness, surprise, others), 7 (without others), native or objective.
        apex, fixes, frames, table: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when the annotations or every picture are missing; says what was there.
        UsageError: for an option that does not exist.
    """
    return read_plain(
        _SOURCE,
        path,
        lambda subject, file, _: (subject, file),
        form="{:03d}",
        named=r"samm.*(micro|facs)",
        classes=classes,
        apex=apex,
        fixes=fixes,
        frames=frames,
        table=table,
    )
