"""Finished cells on disk: one file each, whole or not there, and known to be undamaged when it is read."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from mask.errors import UnreadableData
from mask.results import Row, row_from

from .plan import Address

SCHEMA = "mask.bench-cell/1"
_NAMES = ("recognizer", "defense", "attack", "kinetics")
"""Columns of a row that are the same all over a cell; labels, which may change without changing a number."""

_COLUMNS = tuple(f.name for f in fields(Row) if f.name not in _NAMES)
_ABANDONED = 3600.0
"""Seconds after which a half-written file is taken for one whose writer was killed."""


class Store:
    """A folder of cells, each in the file that its key names.

    A file is a line of JSON that says what follows and its SHA-256, and a line of JSON that is the cell. Several
    processes, on several machines, may write into one store: equal keys have equal contents.

    Args:
        folder: made when the first cell is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """The file of a cell."""
        return self.folder / f"{key}.cell"

    def keys(self) -> set[str]:
        """The cells there seem to be; none is looked into."""
        try:
            return {name.removesuffix(".cell") for name in os.listdir(self.folder) if name.endswith(".cell")}
        except FileNotFoundError:
            return set()

    def write(self, key: str, cell: Mapping[str, Any]) -> None:
        """Keep what `mask.audit.run` yields for a cell, whole or not at all."""
        body = json.dumps(_plain(cell), separators=(",", ":"), allow_nan=False, default=_number).encode()
        head = json.dumps({"schema": SCHEMA, "key": key, "sha256": _checksum(key, body)}).encode()
        self._put(key, head + b"\n" + body + b"\n")

    def read(self, address: Address) -> dict[str, Any]:
        """A cell as `mask.audit.run` yielded it, under the labels of an address.

        Raises:
            FileNotFoundError: when it is not there.
            UnreadableData: when its file is not what was written.
        """
        body = self._body(address.key)
        names = {k: getattr(address, k) for k in _NAMES}
        rows = [row_from({**names, **dict(zip(_COLUMNS, r, strict=True))}) for r in body["rows"]]
        return {**body, "cell": {**body["cell"], **names}, "rows": rows}

    def seconds(self, key: str) -> float:
        """What a cell took; raises as `read` does."""
        return float(self._body(key)["cell"]["seconds"])

    def damaged(self, keys: Iterable[str]) -> list[str]:
        """Those of some cells that are there and not what was written; their files are removed."""
        found = []
        for key in keys:
            try:
                self._body(key)
            except FileNotFoundError:
                continue
            except UnreadableData:
                self.path(key).unlink(missing_ok=True)
                found.append(key)
        return found

    def take(self, other: Store, keys: Iterable[str]) -> list[Path]:
        """Copy those of some cells that another store has and this one lacks; returns files there that are damaged."""
        damaged = []
        for key in sorted((set(keys) & other.keys()) - self.keys()):
            try:
                other._body(key)
            except UnreadableData:
                damaged.append(other.path(key))
            else:
                self._put(key, other.path(key).read_bytes())
        return damaged

    def clean(self) -> None:
        """Remove what writers that were killed left behind."""
        for part in self.folder.glob("*.part"):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink(missing_ok=True)

    def _put(self, key: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # A name of its own for each writer: another may be at work on the same cell.
        part = self.folder / f"{key}.{uuid.uuid4().hex}.part"
        try:
            part.write_bytes(content)
            os.replace(part, self.path(key))
        finally:
            part.unlink(missing_ok=True)

    def _body(self, key: str) -> dict[str, Any]:
        path = self.path(key)
        head, _, rest = path.read_bytes().partition(b"\n")
        body = rest.removesuffix(b"\n")
        try:
            told = json.loads(head)
            sound = told == {"schema": SCHEMA, "key": key, "sha256": _checksum(key, body)}
        except ValueError:
            sound = False
        if not sound:
            raise UnreadableData(f"{path} is damaged: it is not what was written there")
        found: dict[str, Any] = json.loads(body)
        return found


def _checksum(key: str, body: bytes) -> str:
    return hashlib.sha256(key.encode() + b"\n" + body).hexdigest()


def _plain(cell: Mapping[str, Any]) -> dict[str, Any]:
    rows = [[None if v != v else v for v in (getattr(row, k) for k in _COLUMNS)] for row in cell["rows"]]
    return {**{k: cell[k] for k in ("cell", "evidence", "map")}, "rows": rows}


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
