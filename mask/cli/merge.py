"""``mask merge``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mask.bench.merge import merge as work
from mask.cli.console import note, print_json, say
from mask.errors import MaskError


def merge(shards: Sequence[Path], out: Path, *, as_json: bool) -> None:
    """Join shards of one grid and write its tables."""
    told = work(shards, out.resolve())
    for path in told.damaged:
        note(f"mask: {path} is damaged and was left out")
    count = len(told.plan.cells)
    if as_json:
        print_json({"cells": count, "done": count - len(told.missing), "runs": list(told.plan.runs)})
    else:
        say(f"{count - len(told.missing)} of {count} cells in {len(told.plan.runs)} runs, in {out}")
    if told.missing:
        first = told.missing[0]
        raise MaskError(
            f"{len(told.missing)} cells are in no shard, such as {first.attack} on {first.recognizer}, {first.run}; "
            "the tables leave them out"
        )
