"""``mask report``."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from mask.cli.console import say
from mask.errors import UsageError
from mask.files import claim_file


def report(runs: Sequence[Path], out: Path | None, *, force: bool) -> None:
    """Rebuild or compare from the data files alone. Rebuilding a run's own report replaces it."""
    for run in runs:
        if not (run / "results.json").is_file():
            raise UsageError(f"{run} holds no results.json; expected the folder of a finished audit")
    path = out or runs[0] / ("report.html" if len(runs) == 1 else "comparison.html")
    claim_file(path, force or out is None)
    importlib.import_module("mask.reports.html").build(list(runs), path)
    say(f"Report: {path}")
