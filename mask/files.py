"""Writing a file: claimed before the work, whole or not at all after it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mask.errors import UsageError


def claim_file(path: Path, force: bool) -> None:
    """Raise `UsageError` when `path` exists and may not be replaced; make its folder otherwise."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file to write")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; choose another name, or --force to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)


def write_json(data: Any, path: Path) -> None:
    """Write JSON, whole or not at all."""
    write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_bytes(text.encode(), path)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
