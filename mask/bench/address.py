"""What determines a number, as hashes: the code, the data, and all of a cell's parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mask import __version__
from mask.clip import Clip, Dataset
from mask.faces import TrackedLandmarks

PACKAGES = ("torch", "numpy", "scipy", "opencv-python", "kornia", "causal-learn", "torchattacks", "av")
"""Whose versions are a part of the code."""

_HOMES = ("mask", "mask.attacks", "mask.defenses", "mask.recognizers")
_ELSEWHERE = ("bench", "cli", "reports")
"""Rooms of `mask` that decide where, for whom and how something is told, and never what is computed."""


@runtime_checkable
class Fingerprinted(Protocol):
    """Frames or landmarks that can say what they hold without being looked at one by one."""

    def fingerprint(self) -> str:
        """Changes with anything that any item depends on, and with nothing else."""


def digest(*parts: Any) -> str:
    """The SHA-256 of plain data, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def code() -> str:
    """What computes the numbers: MASK's source and assets, and the versions of the packages it computes with."""
    return digest(__version__, {name: _version(name) for name in PACKAGES}, sorted(_source().items()))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _source() -> dict[str, str]:
    """The SHA-256 of every file, under the same names whether MASK is installed or runs from its source."""
    found = {}
    for home in _HOMES:
        # In a source checkout the path of `mask` also names the folder above, where the families are.
        folders = [f for f in map(Path, import_module(home).__path__) if (f / "__init__.py").is_file()]
        for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
            inside = path.relative_to(next(f for f in folders if path.is_relative_to(f)))
            if "__pycache__" in inside.parts or (home == "mask" and inside.parts[0] in _ELSEWHERE):
                continue
            content = path.read_bytes()
            if path.suffix == ".py":
                content = content.replace(b"\r\n", b"\n")
            found["/".join((*home.split("."), *inside.parts))] = hashlib.sha256(content).hexdigest()
    return found


def origin(things: Iterable[object]) -> list[str]:
    """The source of what third parties registered: one SHA-256 for each package that is not MASK's own.

    Args:
        things: recognizers, attacks, defences.
    """
    packages = {type(t).__module__.split(".")[0] for t in things if t is not None}
    return [_package(p) for p in sorted(packages - {"mask"})]


@cache
def _package(name: str) -> str:
    """Every Python file of a package, or the one of a module."""
    file = getattr(import_module(name), "__file__", None)
    if file is None:
        return name
    files = sorted(Path(file).parent.rglob("*.py")) if Path(file).name == "__init__.py" else [Path(file)]
    return digest([(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in files])


def data(dataset: Dataset) -> str:
    """Every label, index and pixel of a dataset, neutral clips included."""
    whole = hashlib.sha256(digest(dataset.name, dataset.emotions).encode())
    for clip in (*dataset.clips, *dataset.neutral):
        for part in _clip(clip):
            whole.update(part)
    return whole.hexdigest()


def _clip(clip: Clip) -> Iterator[bytes]:
    plain = (clip.key, clip.subject, clip.emotion, clip.dataset, clip.fps, clip.onset, clip.apex, clip.offset)
    yield digest(*plain, clip.action_units).encode()
    if clip.flow is not None:
        yield clip.flow.tobytes()
    # What is found by tracking follows from the frames and the code.
    for items in (clip.frames, None if isinstance(clip.landmarks, TrackedLandmarks) else clip.landmarks):
        if isinstance(items, Fingerprinted):
            yield items.fingerprint().encode()
        elif items is not None:
            for i in range(len(items)):
                item = items[i]
                yield (
                    b""
                    if item is None
                    else digest(str(item.dtype), item.shape).encode() + np.ascontiguousarray(item).tobytes()
                )
