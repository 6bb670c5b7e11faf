"""A bounded memory of frames."""

from __future__ import annotations

import hashlib
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mask.clip import Frame

_BYTES = 64 * 1024 * 1024
# How many sequences keep frames and an open file: a data set holds thousands.
_WARM = 8
_warm: OrderedDict[int, weakref.ref[CachedFrames]] = OrderedDict()
_warming = threading.Lock()


class CachedFrames(ABC):
    """A sequence of frames that keeps the last ones; safe to use from several threads, and picklable.

    Only the eight sequences used last keep anything; the others let go of their frames and files until asked again.

    Args:
        path: where the frames come from.
        max_cached: how many to keep at most; never more than 64 MB of them, and at least two.
    """

    def __init__(self, path: Path, max_cached: int) -> None:
        self.path = path
        self._max_cached = max_cached
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that the frames are read from."""
        return (self.path,)

    @abstractmethod
    def _count(self) -> int:
        """How many frames there are."""

    @abstractmethod
    def _load(self, index: int) -> Frame:
        """Frame `index`, which is in range and not cached."""

    def __len__(self) -> int:
        with self._lock:
            return self._count()

    def __getitem__(self, index: int) -> Frame:
        with self._lock:
            count = self._count()
            if not -count <= index < count:
                raise IndexError(f"frame {index} of {count} in {self.path}")
            index %= count
            if index not in self._cache:
                self._warm_up()
                self._keep(index, self._load(index))
            self._cache.move_to_end(index)
            return self._cache[index]

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"open_frames({str(self.path)!r}, max_cached={self._max_cached})"

    def fingerprint(self) -> str:
        """The SHA-256 of the files the frames come from, so that a change is noticed without decoding anything."""
        whole = hashlib.sha256()
        for file in self.sources:
            with file.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
        return whole.hexdigest()

    def __reduce__(self) -> tuple[type[CachedFrames], tuple[Any, ...]]:
        return type(self), (self.path, self._max_cached)

    @abstractmethod
    def _let_go(self) -> None:
        """Close what is open, until the next `_load`."""

    def _warm_up(self) -> None:
        with _warming:
            _warm[id(self)] = weakref.ref(self)
            _warm.move_to_end(id(self))
            cold = [_warm.popitem(last=False)[1]() for _ in range(len(_warm) - _WARM)]
        for frames in cold:
            # One that is in use in another thread just now stays as it is.
            if frames is not None and frames._lock.acquire(blocking=False):
                frames._cache.clear()
                frames._let_go()
                frames._lock.release()

    def _keep(self, index: int, frame: Frame) -> None:
        # Whoever changed a cached frame would change it for everybody.
        frame.flags.writeable = False
        self._cache[index] = frame
        while len(self._cache) > min(self._max_cached, max(_BYTES // frame.nbytes, 2)):
            self._cache.popitem(last=False)
