"""Folders as people unpack them: nested, in other case, with or without leading zeros. Never written to."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mask.errors import UnreadableData

from ._table import SUFFIXES

_DEPTH = 4
_ENTRIES = 20_000
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")

Place = tuple[str, ...]
"""Folder names from a base folder down to a clip's pictures; ``*`` stands for anything."""


def alike(name: str) -> str:
    """A name without case and leading zeros: ``S01_NE_01`` and ``s1_ne_1`` are alike."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.casefold())


class Tree:
    """A dataset's root folder, listed once.

    Raises:
        UnreadableData: when there is no such folder.
    """

    def __init__(self, root: Path, what: str) -> None:
        if not root.is_dir():
            kind = "is a file" if root.exists() else "does not exist"
            raise UnreadableData(f"{root} {kind}; give the folder that {what} was unpacked into")
        self.root = root
        self._below: dict[Path, dict[str, list[Path]]] = {}
        self._last: tuple[Path, dict[int, str]] | None = None

    def tables(self) -> list[Path]:
        """Files that may be annotation tables, in the root and two levels below it, nearest first."""
        return [
            folder / name
            for folder in self._walk(2)
            for name in sorted(_entries(folder)[1])
            if name.lower().endswith(SUFFIXES) and not name.startswith(("~$", "."))
        ]

    def bases(self, first: Collection[str]) -> list[Path]:
        """The folders that hold folders of these names, none of them below another; those that hold most come first."""
        wanted = _Names({alike(name) for name in first})
        found: list[tuple[int, int, Path]] = []
        for order, folder in enumerate(self._walk(_DEPTH, stop=wanted)):
            here = len(wanted.among(self.folders(folder)))
            if here:
                found.append((-here, order, folder))
        return [folder for *_, folder in sorted(found)]

    def find(self, base: Path, place: Place) -> Path | None:
        """The folder at `place` below `base`, or `None`; an exact name goes before one that is alike."""
        for name in place:
            below = self.folders(base)
            key = alike(name)
            keys = [k for k in below if fnmatchcase(k, key)] if "*" in key else [key]
            near = [p for k in keys for p in below.get(k, ())]
            exact = [p for p in near if p.name == name]
            if not exact and len(near) != 1:
                return None
            base = (exact or near)[0]
        return base

    def folders(self, base: Path) -> dict[str, list[Path]]:
        """The folders in `base` by what their names are alike to, in order."""
        if base not in self._below:
            grouped: dict[str, list[Path]] = {}
            for name in sorted(_entries(base)[0]):
                grouped.setdefault(alike(name), []).append(base / name)
            self._below[base] = grouped
        return self._below[base]

    def pictures(self, folder: Path) -> dict[int, str]:
        """The names of a folder's pictures by the last number in them; those without a number are left out."""
        # The clips of one long video come one after the other, and a folder may hold thousands of pictures.
        if self._last is None or self._last[0] != folder:
            found: dict[int, str] = {}
            for name in sorted(_entries(folder)[1]):
                stem, suffix = os.path.splitext(name)
                numbers = re.findall(r"[0-9]+", stem) if suffix.lower() in _PICTURES and name[0] != "." else []
                if numbers:
                    found.setdefault(int(numbers[-1][-18:]), name)
            self._last = folder, found
        return self._last[1]

    def told(self, path: Path) -> str:
        """A path as messages name it: below the root."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _walk(self, depth: int, stop: _Names | None = None) -> Sequence[Path]:
        """Folders breadth first, but not below one that holds folders of the names to stop at."""
        seen: list[Path] = []
        queue = deque([(self.root, 0)])
        while queue and len(seen) < _ENTRIES:
            folder, level = queue.popleft()
            seen.append(folder)
            if level < depth and not (stop and stop.among(self.folders(folder))):
                queue += [(p, level + 1) for same in self.folders(folder).values() for p in same]
        return seen


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            (folders if entry.is_dir() else files).append(entry.name)
    return folders, files


class _Names:
    """Names looked for, some with patterns; sorted out once, for there may be thousands."""

    def __init__(self, names: Collection[str]) -> None:
        self._plain = frozenset(n for n in names if "*" not in n)
        self._patterns = [n for n in names if "*" in n]

    def among(self, below: Collection[str]) -> list[str]:
        return [k for k in below if k in self._plain or any(fnmatchcase(k, p) for p in self._patterns)]
