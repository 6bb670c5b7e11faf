"""Tables from finished cells alone: equal cells give equal bytes, whatever the order, engine or number of workers.

How long a cell took is in ``results.json`` and nowhere else. ``clips.parquet`` needs pyarrow.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from mask.errors import UnreadableData
from mask.results import SCHEMA, write_results, write_rows
from mask.runs import command_line, environment
from mask.summary import counted

from .plan import Address, Plan
from .store import Store

_COUNTS = ("n", "n_clean_correct", "n_success", "asr")
_SCORES = ("uf1", "uar", "accuracy")
_REST = ("queries_mean", "queries_max", "unanswered", "invalid", "abstained")
_PLACE = ("dataset", "recognizer", "defense", "attack", "kinetics", "area", "eps")


def names() -> tuple[str, ...]:
    """The tables that are written here."""
    parquet = ("clips.parquet",) if importlib.util.find_spec("pyarrow") else ()
    return ("cells.csv", "over_seeds.csv", *parquet)


def write_tables(plan: Plan, store: Store, out: Path) -> list[Address]:
    """Write the tables of `names`, and one folder a run under ``runs``.

    Each run's folder is what an audit leaves, and `mask report` reads it.

    Returns:
        Cells that are not there, and are in no table.
    """
    lines: list[dict[str, Any]] = []
    missing: list[Address] = []
    with _clip_table(out / "clips.parquet") as clips:
        for run, addresses in groupby(plan.cells, attrgetter("run")):
            cells = dict(_read(store, addresses, missing))
            if not cells:
                continue
            header = plan.runs[run]
            told = counted(list(cells.values()), header["emotions"], header["seed"])
            _write_run(out / "runs" / run, header, told, cells)
            for (address, cell), summary in zip(cells.items(), told["cells"], strict=True):
                lines.append(_line(address, summary))
                if clips is not None:
                    clips.add(address, cell["rows"])
    _write_csv(lines, out / "cells.csv")
    _write_csv(list(_over_seeds(lines)), out / "over_seeds.csv")
    _drop_others(out / "runs", set(plan.runs))
    return missing


def _clip_table(path: Path) -> AbstractContextManager[Any]:
    if path.name in names():
        table: AbstractContextManager[Any] = importlib.import_module("mask.bench.parquet").ClipTable(path)
        return table
    path.unlink(missing_ok=True)  # One that was written elsewhere would be of other cells.
    return nullcontext()


def _read(
    store: Store, addresses: Iterable[Address], missing: list[Address]
) -> Iterator[tuple[Address, dict[str, Any]]]:
    for address in addresses:
        try:
            yield address, store.read(address)
        except (FileNotFoundError, UnreadableData):
            missing.append(address)


def _write_run(
    folder: Path, header: Mapping[str, Any], told: Mapping[str, Any], cells: Mapping[Address, Mapping[str, Any]]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows((row for cell in cells.values() for row in cell["rows"]), folder / "clips.csv")
    made = {"command": command_line(), "environment": environment()}
    write_results({"schema": SCHEMA, **made, **header, **told, "examples": []}, folder / "results.json")


def _line(address: Address, summary: Mapping[str, Any]) -> dict[str, Any]:
    versus = summary["vs_random"] or {}
    by_subject = summary["asr_ci95_subjects"] or (None, None)
    return {
        **{k: getattr(address, k) for k in (*_PLACE, "seed")},
        **{k: summary[k] for k in _COUNTS},
        **dict(zip(("asr_low", "asr_high"), summary["asr_ci95"], strict=True)),
        **dict(zip(("asr_subjects_low", "asr_subjects_high"), by_subject, strict=True)),
        "error_rate": summary["error_rate"],
        **{f"{when}_{k}": summary[when][k] for when in ("clean", "attacked") for k in _SCORES},
        "leakage_bits": summary["attacked"]["leakage_bits"],
        **{k: summary[k] for k in _REST},
        "over_random": versus.get("difference"),
        "over_random_p_holm": versus.get("p_holm"),
        "run": address.run,
        "key": address.key,
    }


def _over_seeds(lines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What seeds do to the attack success rate; a cell without a clip that was correct clean is left out."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault(tuple(line[k] for k in _PLACE), []).append(line)
    for place, group in groups.items():
        rates = [line["asr"] for line in group if line["asr"] is not None]
        yield {
            **dict(zip(_PLACE, place, strict=True)),
            "seeds": len(rates),
            "asr_mean": statistics.fmean(rates) if rates else None,
            "asr_sd": statistics.stdev(rates) if len(rates) > 1 else None,
            "asr_least": min(rates, default=None),
            "asr_most": max(rates, default=None),
        }


def _write_csv(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]) if lines else [])
    writer.writeheader()
    writer.writerows(lines)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text.getvalue(), encoding="utf-8", newline="")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _drop_others(runs: Path, kept: set[str]) -> None:
    """Remove the files of runs that an earlier, larger grid had; whatever else is there stays."""
    for folder in (f for f in runs.glob("*") if f.name not in kept and (f / "results.json").is_file()):
        for name in ("results.json", "clips.csv"):
            (folder / name).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
