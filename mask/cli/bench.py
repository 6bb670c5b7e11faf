"""``mask bench``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mask.bench import engine as engines
from mask.bench.address import code
from mask.bench.drive import Shard, carry_out_all, claim, keep_plan, train_missing
from mask.bench.estimate import Cost, estimate
from mask.bench.grid import Grid, read_grid
from mask.bench.plan import Address, Plan, make_plan
from mask.bench.store import Store
from mask.bench.tables import names, write_tables
from mask.bench.things import Things
from mask.bench.work import Bench, Failure
from mask.cli.console import Progress, note, print_json, say, table
from mask.errors import MaskError


def bench(
    grid: Path,
    out: Path,
    *,
    engine: str,
    workers: int | None,
    address: str | None,
    shard: str,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Carry out what is missing of a grid, then write its tables."""
    part = Shard.parse(shard)
    asked = read_grid(grid)
    start = engines.maker(engine, workers, address)
    out = out.resolve()
    things = Things(asked, out / "models")
    preview = make_plan(things)
    if dry_run:
        _foresee(preview, things, Store(out / "cells"), as_json)
        return
    with claim(out), start() as where, Progress(quiet) as bar:
        job = Bench(asked, out, Path.cwd(), code(), os.getpid() if where.children else None)
        plan = _trained(job, things, preview, where, bar)
        keep_plan(plan, out)
        if "clips.parquet" not in names():
            note("mask: clips.parquet will be left out, for want of pyarrow; pip install 'mask-mer[parquet]'")
        _inspect(job.store, plan)
        failures = carry_out_all(job, part.of(plan.tasks), where, bar)
        bar.close()
        whole = part == Shard()
        missing = write_tables(plan, job.store, out) if whole else _absent(plan, job.store)
    _tell(plan, missing, failures, out, whole, as_json)


def _trained(job: Bench, things: Things, preview: Plan, where: engines.Engine, bar: Progress) -> Plan:
    """The plan, once every recognizer has its weights."""
    names = [name for name in job.grid.train if not things.is_trained(name)]
    if not names:
        return preview
    train_missing(job, names, where, bar)
    return make_plan(things)


def _inspect(store: Store, plan: Plan) -> None:
    store.clean()
    damaged = store.damaged(c.key for c in plan.cells)
    for key in damaged:
        cell = next(c for c in plan.cells if c.key == key)
        note(f"mask: the file of a finished cell is damaged, and the cell is done again: {_named(cell)}")


def _absent(plan: Plan, store: Store) -> list[Address]:
    there = store.keys()
    return [c for c in plan.cells if c.key not in there]


def _tell(
    plan: Plan, missing: Sequence[Address], failures: Sequence[Failure], out: Path, whole: bool, as_json: bool
) -> None:
    done = len(plan.cells) - len(missing)
    if as_json:
        failed = [{**asdict(f.cell), "reason": f.reason} for f in failures]
        print_json({"cells": len(plan.cells), "done": done, "failed": failed, "runs": list(plan.runs)})
    elif whole:
        say(f"{done} of {len(plan.cells)} cells in {len(plan.runs)} runs")
        say(f"Tables: {', '.join(str(out / name) for name in names())}")
        say(f"Report: mask report {out}")
    else:
        say(f"{done} of {len(plan.cells)} cells are in {out}; 'mask merge' joins shards and writes the tables")
    if failures:
        raise MaskError(f"{len(failures)} cells failed, the first, {_named(failures[0].cell)}: {failures[0].reason}")


def _named(cell: Address) -> str:
    behind = "" if cell.defense == "none" else f" behind {cell.defense}"
    return f"{cell.attack} ({cell.kinetics}) on {cell.recognizer}{behind}, {cell.run}"


def _foresee(plan: Plan, things: Things, store: Store, as_json: bool) -> None:
    """Cells, queries and time, without doing anything."""
    costs = estimate(plan, things, store)
    if as_json:
        print_json({"cells": len(plan.cells), "runs": list(plan.runs), "attacks": [asdict(c) for c in costs]})
        return
    say(_axes(things.grid, things))
    rows = [_cost(c) for c in costs]
    say(table(rows, ["attack", "cells", "done", "queries left, at most", "of one worker", "from"]))
    known = sum(c.seconds or 0.0 for c in costs)
    least = "" if all(c.measured for c in costs) else " at least; what attacks learn and try beforehand comes on top"
    say(f"\n{sum(c.cells - c.done for c in costs)} cells to do, {_time(known)} of one worker{least}")
    untrained = [name for name in things.grid.train if not things.is_trained(name)]
    if untrained:
        say(f"To be trained first: {', '.join(untrained)}")


def _axes(grid: Grid, things: Things) -> str:
    kinds = [
        (len(grid.recognizers), "recognizers"),
        (len(grid.datasets), "datasets"),
        (len(things.attacks), "attacks"),
        (len(things.defenses), "defences"),
        (len(grid.kinetics), "kinetics"),
        (len(grid.sizes), "sizes"),
        (len(grid.seeds), "seeds"),
    ]
    return " x ".join(f"{n} {what if n != 1 or what == 'kinetics' else what[:-1]}" for n, what in kinds) + "\n"


def _cost(cost: Cost) -> list[str]:
    queries = "no limit" if cost.queries is None else f"{cost.queries:,}"
    seconds = "not known" if cost.seconds is None else _time(cost.seconds)
    how = "-" if cost.seconds is None else "cells done" if cost.measured else "looks alone"
    return [cost.attack, str(cost.cells), str(cost.done), queries, seconds, how]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
