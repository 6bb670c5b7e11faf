"""Arrays kept between runs, by the content they were computed from: landmarks, flow maps, spotted apexes.

Off unless the environment variable ``MASK_CACHE`` names a folder; ``MASK_CACHE_LIMIT`` bounds its size (``2G`` when it
is not set). An entry's name is a digest of the pictures, of every parameter and of the code that computes it, so that
an entry cannot be out of date. Files appear whole or not at all, carry a checksum, and the ones not used for longest
go first; processes may share the folder, and one may be killed at any moment. A full or failing disk costs time, never
a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.errors import UsageError

FOLDER, LIMIT = "MASK_CACHE", "MASK_CACHE_LIMIT"
_DEFAULT_LIMIT = "2G"
_CHECKSUM = 16
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# A temporary file this old was left by a process that was killed.
_ABANDONED_S = 3600
_SUFFIX, _PART = ".entry", ".part"


class Cache:
    """A folder of arrays.

    Args:
        folder: made when the first entry is written.
        limit: bytes the entries may take. Each process counts what it writes and looks at the folder again after an
            eighth of the limit, so that many processes together may pass it by an eighth each for a moment.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._unseen = limit

    def get(self, key: str) -> NDArray[Any] | None:
        """The array kept under a key, or `None`; a damaged entry is removed."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
            if _sum(raw[_CHECKSUM:]) != raw[:_CHECKSUM]:
                raise ValueError("the checksum does not fit")
            found: NDArray[Any] = np.load(io.BytesIO(raw[_CHECKSUM:]), allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            _remove(path)
            return None
        # Another process may have removed it just now; what was read is whole.
        with contextlib.suppress(OSError):
            os.utime(path)
        return found

    def put(self, key: str, array: NDArray[Any]) -> None:
        """Keep an array; nothing happens when the disk refuses."""
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        payload = stream.getvalue()
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(suffix=_PART, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_sum(payload) + payload)
                os.replace(part, path)
            except BaseException:
                _remove(Path(part))
                raise
        except OSError:
            return
        self._unseen += len(payload) + _CHECKSUM
        if self._unseen > self.limit // 8:
            self.trim()

    def trim(self) -> None:
        """Remove the entries not used for longest until the limit is kept, and what killed processes left."""
        self._unseen = 0
        entries, now = [], time.time()
        for path in self.folder.glob("??/*"):
            try:
                told = path.stat()
            except OSError:
                continue
            if path.suffix == _SUFFIX:
                entries.append((told.st_mtime_ns, told.st_size, path))
            elif path.suffix == _PART and now - told.st_mtime > _ABANDONED_S:
                _remove(path)
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.limit:
                break
            _remove(path)
            total -= size

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / (key[2:] + _SUFFIX)


def active() -> Cache | None:
    """The cache that ``MASK_CACHE`` asks for, or `None`.

    Raises:
        UsageError: when ``MASK_CACHE`` is a file, or ``MASK_CACHE_LIMIT`` no size.
    """
    folder = os.environ.get(FOLDER, "")
    return _open(folder, os.environ.get(LIMIT) or _DEFAULT_LIMIT) if folder else None


@cache
def _open(folder: str, limit: str) -> Cache:
    match = re.fullmatch(r"([0-9]{1,12})([KMGT]?)B?", limit.strip().upper())
    if match is None:
        raise UsageError(f"{LIMIT} is {limit!r}; expected a size such as 500M or 2G")
    place = Path(folder).expanduser()
    if place.exists() and not place.is_dir():
        raise UsageError(f"{FOLDER} is {folder!r}, which is a file; expected a folder")
    return Cache(place, int(match[1]) * _UNITS[match[2]])


def digest(*parts: Any) -> str:
    """A key for these parts: arrays by type, shape and content, bytes as they are, everything else by its text."""
    told = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, np.ndarray):
            raw: Any = np.ascontiguousarray(part)
            what = f"{part.dtype.str}{part.shape}"
        else:
            raw = part if isinstance(part, bytes) else str(part).encode()
            what = type(part).__name__
        told.update(f"{what}:{memoryview(raw).nbytes};".encode())
        told.update(memoryview(raw).cast("B"))
    return told.hexdigest()


def content(frames: Any) -> str | None:
    """A digest of the files that frames are read from; `None` for frames that are not simply files.

    A stickered or otherwise changed sequence has no files of its own, so nothing of it is ever kept.
    """
    if not isinstance(getattr(frames, "sources", None), tuple):
        return None
    try:
        return str(frames.fingerprint())
    except OSError:
        return None


@cache
def code(package: str) -> str:
    """A digest of the source files of a package or module of MASK: other code, other entries."""
    place = Path(__file__).parent / package
    files = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return digest(*(p.read_bytes() for p in files))


def _sum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_CHECKSUM).digest()


def _remove(path: Path) -> None:
    # Another process may be faster, and the disk may refuse; the next trim tries again.
    with contextlib.suppress(OSError):
        path.unlink()
