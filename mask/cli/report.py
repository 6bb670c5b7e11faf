"""``mask report``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mask.cli.console import say
from mask.errors import ThresholdNotMet, UsageError
from mask.files import claim_file

_SHOWN = 12
"""Judgements of one rule that are printed."""


def report(
    runs: Sequence[Path],
    out: Path | None,
    *,
    formats: str = "",
    fail_if: Sequence[str] = (),
    leaderboard: bool = False,
    force: bool = False,
) -> None:
    """Report on finished runs from their data files alone, and judge them by rules.

    Without `out` the files stand in the first run's folder, and replace what an earlier report left there.
    """
    writing, gate = importlib.import_module("mask.reports.write"), importlib.import_module("mask.reports.gate")
    paper = importlib.import_module("mask.reports.paper")
    rules = [gate.parse(text) for text in fail_if]
    every = [one for folder in runs for one in _members(folder)]
    start = out or runs[0] / ("leaderboard" if leaderboard else "report" if len(every) == 1 else "comparison")
    paths = _paths(start, out, _formats(formats, out, writing.FORMATS), writing.FORMATS)
    for path in paths.values():
        claim_file(path, force or out is None)
    most = importlib.import_module("mask.reports.leaderboard").MOST_RUNS if leaderboard else paper.MOST_RUNS
    found = paper.read_runs(every, most)
    judged = gate.judge(rules, found)
    writing.write(found, judged, paths, board=leaderboard)
    for path in paths.values():
        say(f"Report: {path}")
    _judge(rules, judged)


def _formats(text: str, out: Path | None, known: Mapping[str, str]) -> list[str]:
    """The formats asked for; by default what the name of the file says."""
    wanted = list(dict.fromkeys(w for w in (p.strip() for p in text.split(",")) if w))
    unknown = [w for w in wanted if w not in known]
    if unknown:
        raise UsageError(f"there is no format {unknown[0]!r}; there are {', '.join(known)}")
    if wanted:
        return wanted
    by_end = {end: name for name, end in known.items()}
    if out is None:
        return ["html"]
    if out.suffix not in by_end:
        raise UsageError(f"{out} names no format by its end; expected {', '.join(by_end)}, or --format")
    return [by_end[out.suffix]]


def _paths(start: Path, out: Path | None, formats: Sequence[str], ends: Mapping[str, str]) -> dict[str, Path]:
    """The file of each format; a single one keeps the name it was given."""
    if len(formats) == 1 and out is not None:
        return {formats[0]: out}
    return {f: start.with_suffix(ends[f]) for f in formats}


def _members(folder: Path) -> list[Path]:
    """The runs of a folder: itself, or, for that of ``mask bench``, those in it."""
    inside = sorted(path.parent for path in folder.glob("runs/*/results.json"))
    return [folder] if (folder / "results.json").is_file() or not inside else inside


def _judge(rules: Sequence[Any], judged: Sequence[Any]) -> None:
    """Print what rules came to.

    Raises:
        ThresholdNotMet: when one is met, or could be judged nowhere.
    """
    failed = []
    for rule in rules:
        mine = [j for j in judged if j.rule is rule]
        broken = [j for j in mine if j.broken]
        unknown = [j for j in mine if j.broken is None]
        say(
            f"{rule.text}: met by {len(broken)} of {len(mine)}"
            + (f", {len(unknown)} without a value" if unknown else "")
        )
        for j in broken[:_SHOWN]:
            say(f"  {j.what}: {j.value:.4g}")
        if len(broken) > _SHOWN:
            say(f"  and {len(broken) - _SHOWN} more")
        if broken or len(unknown) == len(mine):
            failed.append(rule.text)
    if failed:
        raise ThresholdNotMet(f"not passed: {'; '.join(failed)}")
