"""``clips.csv`` column by column: a million rows in tens of megabytes, each text held once."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mask.errors import UnreadableData

from .untrusted import clean

Codes = NDArray[np.int32]
Key = tuple[str, str, str, str]
"""Recognizer, defence, kinetics, attack."""

NEEDED = (
    "recognizer", "defense", "attack", "kinetics", "clip", "subject", "emotion", "clean_prediction",
    "attacked_prediction", "status", "success", "queries",
)  # fmt: skip
OPTIONAL = ("first_success", "region", "x", "y", "size", "angle", "direction", "art", "more", "retrained_prediction")
"""Columns that older results may lack; any others are passed over."""

PLAN = ("x", "y", "size", "angle", "direction", "art", "more")
"""What makes two stickers on one clip the same."""

_CHUNK = 500


@dataclass(frozen=True)
class Column:
    """One column: each distinct text once, and for each row which one it is."""

    names: tuple[str, ...]
    codes: Codes

    def numbers(self) -> NDArray[np.float64]:
        """The column as numbers, NaN where it is empty or is none."""
        return np.array([_number(n) for n in self.names], dtype=np.float64)[self.codes]

    def code(self, name: str) -> int:
        """The code of a name; -1 where it does not occur."""
        return self.names.index(name) if name in self.names else -1

    def into(self, names: Sequence[str], rows: NDArray[np.intp] | slice = slice(None)) -> Codes:
        """Some rows of the column in codes of another list of names, -1 for a name that is not in it."""
        place = {name: i for i, name in enumerate(names)}
        found: Codes = np.array([place.get(n, -1) for n in self.names], dtype=np.int32)[self.codes[rows]]
        return found


@dataclass(frozen=True)
class Clips:
    """One row per clip and cell.

    Args:
        columns: by name, those of `NEEDED` at least.
    """

    columns: Mapping[str, Column]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["clip"].codes)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Rows whose clip was read correctly without a sticker."""
        emotion = self["emotion"]
        found: NDArray[np.bool_] = self["clean_prediction"].into(emotion.names) == emotion.codes
        return found

    @cached_property
    def success(self) -> NDArray[np.bool_]:
        """Rows that were right and are a success of the attack."""
        found: NDArray[np.bool_] = self.right & (self["success"].codes == self["success"].code("True"))
        return found

    @cached_property
    def rows_of(self) -> Mapping[Key, NDArray[np.intp]]:
        """Row numbers of each cell, cells in order of first appearance."""
        parts = [self[name] for name in ("recognizer", "defense", "kinetics", "attack")]
        cell = np.zeros(len(self), dtype=np.int64)
        for part in parts:
            cell = cell * max(len(part.names), 1) + part.codes
        _, first, which = np.unique(cell, return_index=True, return_inverse=True)
        groups = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which, minlength=len(first)))[:-1])
        ordered = (groups[k] for k in np.argsort(first, kind="stable"))
        return {_key([p.names[p.codes[rows[0]]] for p in parts]): rows for rows in ordered if len(rows)}

    @cached_property
    def plan(self) -> NDArray[np.int64]:
        """Equal numbers for rows with equal stickers, whatever the clip; -1 where there is no sticker."""
        known = [self[name] for name in PLAN if name in self.columns]
        number = np.zeros(len(self), dtype=np.int64)
        for part in known:
            number = np.unique(number * (len(part.names) + 1) + part.codes, return_inverse=True)[1].astype(np.int64)
        placed = np.isfinite(self["x"].numbers()) if "x" in self.columns else np.zeros(len(self), dtype=bool)
        return np.where(placed, number, -1)


def read_clips(path: Path) -> Clips:
    """Read ``clips.csv`` in pieces.

    Raises:
        UnreadableData: when it is not one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            missing = [name for name in NEEDED if name not in header]
            if missing or len(set(header)) != len(header):
                told = f"lacks {missing[0]!r}" if missing else "names a column twice"
                raise UnreadableData(f"{path} {told}; expected the columns of clips.csv ({', '.join(NEEDED[:5])}, ...)")
            wanted = {name: header.index(name) for name in (*NEEDED, *OPTIONAL) if name in header}
            return _read(reader, wanted, len(header))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise UnreadableData(f"{path} is not a readable clips.csv ({error})") from error


def _read(reader: object, wanted: Mapping[str, int], width: int) -> Clips:
    seen = {name: _Numbered() for name in wanted}
    parts: dict[str, list[Codes]] = {name: [] for name in wanted}
    line = 1
    while chunk := list(islice(reader, _CHUNK)):  # type: ignore[call-overload]
        for record in chunk:
            line += 1
            if len(record) != width:
                raise ValueError(f"row {line} has {len(record)} of {width} values; the file is damaged or cut off")
        columns = list(zip(*chunk, strict=True))
        for name, at in wanted.items():
            parts[name].append(np.fromiter(map(seen[name].__getitem__, columns[at]), np.int32, len(chunk)))
    return Clips({name: _column(seen[name], parts[name]) for name in wanted})


class _Numbered(dict[str, int]):
    """Numbers what it is asked for, in order of first appearance."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


def _column(table: Mapping[str, int], parts: Sequence[Codes]) -> Column:
    """Names cleaned; those that cleaning makes equal become one."""
    shown = [clean(name) for name in table]
    names = tuple(dict.fromkeys(shown))
    codes = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    if len(names) != len(shown):
        place = {name: i for i, name in enumerate(names)}
        codes = np.array([place[n] for n in shown], dtype=np.int32)[codes]
    return Column(names, codes)


def _key(names: Sequence[str]) -> Key:
    recognizer, defense, kinetics, attack = names
    return recognizer, defense, kinetics, attack


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
