"""The folder a run writes: claimed once, filled cell by cell, resumable, never mixed up with another run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from mask import __version__
from mask.errors import UnreadableData, UsageError
from mask.files import write_json
from mask.results import SCHEMA, row_from, write_results, write_rows

_OWN_FILES = (
    "run.json",
    "results.json",
    "clips.csv",
    "probe.json",
    "probe.png",
    "probe.svg",
    "plans.json",
    "annotations.csv",
    *(
        f"{name}.{end}"
        for name in ("report", "comparison", "leaderboard")
        for end in ("html", "pdf", "json", "csv", "parquet", "xml")
    ),
)
_OWN_FOLDERS = ("cells", "figures", "models")


def claim_folder(out: Path, force: bool) -> None:
    """Make an empty output folder, or empty one that an earlier run of ours filled when `force` allows it.

    Only files this program writes are ever removed.

    Raises:
        UsageError: when `out` is a file, or holds anything and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out expects a folder")
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise UsageError(f"{out} exists and is not empty; choose another folder, or --force to replace its results")
        for name in _OWN_FILES:
            (out / name).unlink(missing_ok=True)
        for name in _OWN_FOLDERS:
            shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def claim_training(out: Path, force: bool) -> None:
    """With `force`, remove an earlier training from `out`, finished or not; `mask.train` refuses one otherwise."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out expects a folder")
    if force and out.is_dir():
        ours = ("model.json", "training.json", "MODEL_CARD.md", "log.csv")
        for path in [*(out / name for name in ours), *out.glob("fold-*.safetensors")]:
            path.unlink(missing_ok=True)


class Run:
    """An output folder being filled.

    Args:
        out: the folder.
        header: everything that identifies the run; an interrupted run with an equal header is gone on with.
        force: replace the results of another run.

    Raises:
        UsageError: when `out` holds something else and `force` is off.
    """

    def __init__(self, out: Path, header: Mapping[str, Any], force: bool = False) -> None:
        self.out = out
        self._cells = out / "cells"
        mark = out / "run.json"
        same = mark.is_file() and not (out / "results.json").exists() and _read(mark) == _normal(header)
        if not same:
            claim_folder(out, force)
        self._cells.mkdir(exist_ok=True)
        write_json(_normal(header), mark)

    @property
    def finished(self) -> dict[str, dict[str, Any]]:
        """Cells an interrupted run left, by key; a damaged one is left out and done again."""
        found = {}
        for path in sorted(self._cells.glob("*.json")):
            try:
                cell = _read(path)
                found[cell["key"]] = {**cell, "rows": [row_from(r) for r in cell["rows"]]}
            except (UnreadableData, KeyError, TypeError, ValueError):
                path.unlink(missing_ok=True)
        return found

    def keep(self, cell: Mapping[str, Any]) -> None:
        """Store one finished cell."""
        rows = [{k: None if v != v else v for k, v in asdict(r).items()} for r in cell["rows"]]
        write_json(_normal({**cell, "rows": rows}), self._cells / f"{cell['key']}.json")

    def finish(self, results: Mapping[str, Any], rows: Iterable[Any]) -> None:
        """Write the two data files and drop the per-cell ones."""
        write_rows(rows, self.out / "clips.csv")
        write_results({"schema": SCHEMA, **results}, self.out / "results.json")
        shutil.rmtree(self._cells, ignore_errors=True)
        (self.out / "run.json").unlink(missing_ok=True)


def environment() -> dict[str, Any]:
    """Versions and hardware, for the record; nothing that identifies the person or the machine."""
    packages = ("torch", "numpy", "opencv-python", "kornia", "causal-learn", "torchattacks", "av")
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "mask": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        **_torch(),
        "packages": versions,
    }


def _torch() -> dict[str, Any]:
    """The device and the mode of torch, where a run has used it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "device": device,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def command_line() -> list[str]:
    """The command as given, with folders above the last part of each path left out."""
    return ["mask", *(_shorten(word) for word in sys.argv[1:])]


def _shorten(word: str) -> str:
    head, colon, tail = word.rpartition("=") if "=" in word else word.rpartition(":")
    if "/" in tail:
        tail = "/".join(Path(tail).parts[-2:]) if Path(tail).is_absolute() else tail
    return f"{head}{colon}{tail}"


def _normal(value: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(value, default=str))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableData(f"{path} is damaged ({error})") from error
