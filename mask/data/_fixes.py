"""Corrections of annotations that others published, applied when asked for (``fixes=meb``) and listed in the results.

``meb``: T. Varanka, Y. Li, W. Peng, G. Zhao, "Data leakage and evaluation issues in micro-expression analysis", IEEE
Transactions on Affective Computing 2023 (arXiv 2211.11425), as its toolbox MEB applies them (github tvaranka/meb,
Apache-2.0): frame numbers corrected to the pictures, apexes set from the optical flow. MEB counts rows; where the clip
of a row is known from public lists it is named here, elsewhere the rows are counted only in a table of MEB's length.
A corrected apex that does not lie in the clip as this annotation has it is left out, and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mask.errors import UsageError

from ._record import Record
from ._units import parse_units

SOURCE = "MEB (Varanka et al., arXiv 2211.11425; github tvaranka/meb)"


@dataclass(frozen=True)
class Fix:
    """New values for one clip, which is named, or counted from 0 below the header."""

    where: tuple[str, str] | int
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    units: str = ""
    units_of: int | None = None


_CASME2_APEX = {
    ("sub04", "EP12_01f"): 279,
    ("sub05", "EP03_01"): 68,
    ("sub05", "EP07_01"): 77,
    ("sub05", "EP09_05f"): 81,
    ("sub05", "EP16_04f"): 166,
    ("sub06", "EP01_01"): 100,
    ("sub07", "EP06_01"): 78,
    ("sub12", "EP09_02"): 187,
    ("sub12", "EP09_06"): 89,
    ("sub13", "EP09_10"): 80,
    ("sub16", "EP01_08"): 88,
    ("sub17", "EP03_09"): 134,
    ("sub17", "EP06_07"): 231,
    ("sub17", "EP13_09"): 53,
    ("sub17", "EP15_03"): 329,
    ("sub18", "EP19_01"): 111,
    ("sub20", "EP16_01"): 91,
    ("sub20", "EP16_04"): 103,
    ("sub25", "EP09_02"): 98,
    ("sub25", "EP12_01"): 153,
    ("sub25", "EP18_04f"): 98,
}
_MMEW = {
    33: (40, 75),
    35: (15, 54),
    36: (46, 59),
    37: (20, 98),
    38: (25, 80),
    39: (20, 93),
    40: (23, 58),
    41: (28, 61),
    42: (32, 68),
    142: (56, 88),
    143: (32, 80),
    145: (27, 85),
    146: (22, 61),
    148: (29, 108),
    154: (31, 72),
    156: (38, 106),
}

FIXES: Mapping[str, tuple[Fix, ...]] = {
    "casme": (
        Fix(40, onset=100, apex=120, offset=149),
        Fix(42, onset=101, apex=110, offset=119),
        Fix(43, onset=57, apex=65, offset=74),
        Fix(54, offset=40),
        Fix(140, offset=142),
    ),
    "casme2": (
        Fix(("sub07", "EP06_01"), offset=91),
        *(Fix(where, apex=apex) for where, apex in _CASME2_APEX.items()),
    ),
    "samm": (
        Fix(("013", "013_1_9"), offset=5739),
        Fix(("028", "028_4_1"), apex=1105),
        Fix(("032", "032_3_1"), apex=4945),
        Fix(("032", "032_3_2"), apex=5130),
        Fix(("007", "007_6_1"), units="R12+R15"),
        Fix(("007", "007_6_5"), units="R12+R15"),
        Fix(("011", "011_4_2"), units="L14"),
        Fix(("014", "014_5_2"), units="R14"),
        Fix(("035", "035_7_2"), units="R14A"),
    ),
    "mmew": tuple(Fix(row, apex=apex, offset=offset) for row, (apex, offset) in _MMEW.items()),
    "casme3": (
        Fix(128, apex=160),
        Fix(708, offset=34),
        Fix(749, onset=2647),
        Fix(750, onset=1, apex=1),
        Fix(796, offset=1845),
        Fix(798, offset=2403),
    ),
    "4dme": (Fix(144, units_of=145), Fix(145, units_of=144)),
}
"""Published corrections by dataset; a set that is not named has none."""

ROWS: Mapping[str, int] = {"casme": 189, "mmew": 300, "casme3": 860, "4dme": 267}
"""How many rows a table has in which corrections are counted by row."""


def correct(dataset: str, records: Sequence[Record], fixes: str) -> dict[str, Any]:
    """Apply published corrections to records, in place.

    Returns:
        What was asked, from where, and what was and was not applied, for the dataset's card.

    Raises:
        UsageError: for another choice than ``none`` and ``meb``.
    """
    if fixes not in ("none", "meb"):
        raise UsageError(f"fixes is {fixes!r}; expected none or meb")
    if fixes == "none":
        return {"asked": "none"}
    known = FIXES.get(dataset, ())
    told: dict[str, Any] = {"asked": fixes, "source": SOURCE, "applied": [], "not applied": []}
    if not known:
        told["not applied"].append(f"MEB publishes no correction of {dataset}")
    named = {(r.subject, r.file): r for r in records}
    counted = dict(enumerate(records))
    before = {row: record.units for row, record in counted.items()}
    for fix in known:
        if isinstance(fix.where, int) and len(records) != ROWS[dataset]:
            told["not applied"].append(f"row {fix.where}: the table has {len(records)} clips, MEB's {ROWS[dataset]}")
            continue
        record = counted.get(fix.where) if isinstance(fix.where, int) else named.get(fix.where)
        if record is None:
            told["not applied"].append(f"{fix.where}: the table has no such clip")
            continue
        _apply(fix, record, before, told)
    return told


def _apply(fix: Fix, record: Record, before: Mapping[int, Any], told: dict[str, Any]) -> None:
    name = f"{record.subject}/{record.file}"
    for what in ("onset", "offset", "apex"):
        new, old = getattr(fix, what), getattr(record, what)
        if new is None or new == old:
            continue
        if what == "apex" and not _inside(new, record):
            told["not applied"].append(f"{name}: apex {new} lies outside {record.onset} to {record.offset}")
            continue
        setattr(record, what, new)
        told["applied"].append(f"{name}: {what} {old} -> {new}")
    if fix.units:
        record.units = parse_units(fix.units)[0]
        told["applied"].append(f"{name}: action units {fix.units}")
    if fix.units_of is not None:
        record.units = before[fix.units_of]
        told["applied"].append(f"{name}: action units of row {fix.units_of}")


def _inside(apex: int, record: Record) -> bool:
    return record.onset is not None and record.offset is not None and record.onset <= apex <= record.offset
