"""Several runs side by side: the same recognizer, defence, kinetics and attack, a column per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .model import Cell, Clean, Run

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Comparison:
    """What the runs share and where they differ.

    Args:
        clean: recognizer and defence, and the clean scores in each run, `None` where it has none.
        groups: recognizer, defence and kinetics, and under each its attacks with a cell per run.
        differences: what is not the same about the runs, one line each.
    """

    clean: tuple[tuple[tuple[str, str], tuple[Clean | None, ...]], ...]
    groups: tuple[tuple[tuple[str, str, str], tuple[tuple[str, tuple[Cell | None, ...]], ...]], ...]
    differences: tuple[tuple[str, tuple[str, ...]], ...]


def compare(runs: Sequence[Run]) -> Comparison:
    """Line up the cells of several runs; the fixed regions stay in the runs' own tables."""
    cells = [{(c.recognizer, c.defense, c.kinetics, c.attack): c for c in r.cells if not c.region} for r in runs]
    keys: list[Key] = list(dict.fromkeys(k for found in cells for k in found))
    groups = tuple(
        (group, tuple((k[3], tuple(found.get(k) for found in cells)) for k in keys if k[:3] == group))
        for group in dict.fromkeys(k[:3] for k in keys)
    )
    clean = [{(c.recognizer, c.defense): c for c in r.clean} for r in runs]
    named = dict.fromkeys(k for found in clean for k in found)
    return Comparison(tuple((k, tuple(found.get(k) for found in clean)) for k in named), groups, _differences(runs))


def _differences(runs: Sequence[Run]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    told = {
        "data": [f"{r.data_name}, {r.clips} clips of {r.subjects} subjects" for r in runs],
        "emotions": [", ".join(r.emotions) for r in runs],
        "discovery": [r.discovery for r in runs],
        "recognizers": [", ".join(sorted({c.recognizer for c in r.clean})) for r in runs],
        "sticker area": [", ".join(sorted({f"{t.area:.4g}" for t in r.threats})) for r in runs],
        "queries allowed": [", ".join(sorted({str(t.budget or "no limit") for t in r.threats})) for r in runs],
        "seed": [str(r.seed) for r in runs],
        "MASK": [_version(r) for r in runs],
    }
    return tuple((name, tuple(values)) for name, values in told.items() if len(set(values)) > 1)


def _version(run: Run) -> str:
    return run.environment["mask"].text() if "mask" in run.environment else "not said"
