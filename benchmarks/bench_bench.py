"""``mask bench`` on docs/bench-demo.toml: what a second core is worth, and what a cell costs besides itself.

Recognizers are trained and workers started before the clock runs; both are told apart. The overhead of a cell is the
time of the workers less the seconds that cells themselves took, over the number of cells: looking names up, handing
tasks out, writing and checking files, and waiting for the last task of another worker.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from mask.bench import engine as engines
from mask.bench.address import code
from mask.bench.drive import carry_out_all, train_missing
from mask.bench.grid import Grid, read_grid
from mask.bench.plan import Plan, make_plan
from mask.bench.tables import names, write_tables
from mask.bench.things import Things
from mask.bench.work import Bench

Row = dict[str, Any]

GRID = Path(__file__).resolve().parents[1] / "docs" / "bench-demo.toml"


def run() -> list[Row]:
    """Carry the grid out with one worker and with two, both from nothing; one row per figure."""
    grid = read_grid(GRID)
    with tempfile.TemporaryDirectory() as place:
        models, outs = Path(place) / "models", [Path(place) / str(n) for n in (1, 2)]
        plan = _trained(grid, Path(place))
        spent = []
        for workers, out in enumerate(outs, start=1):
            out.mkdir()
            (out / "models").symlink_to(models)
            spent.append(_carried_out(grid, plan, out, workers))
        seconds = [sum(_bench(grid, out).store.seconds(c.key) for c in plan.cells) for out in outs]
        same = all((outs[0] / t).read_bytes() == (outs[1] / t).read_bytes() for t in names())
        started = time.perf_counter()
        _carried_out(grid, plan, outs[1], 2)
        again = time.perf_counter() - started
    cells = len(plan.cells)
    rows: list[Row] = [
        {"what": f"{cells} cells, {n} worker{'s' if n > 1 else ''}", "ours": s, "unit": "s"}
        for n, s in enumerate(spent, start=1)
    ]
    rows.append({"what": "speed of two workers over one", "ours": spent[0] / spent[1], "limit": 1.7, "unit": "times"})
    rows += [
        {
            "what": f"overhead of a cell, {n} worker{'s' if n > 1 else ''}",
            "ours": (n * s - own) / cells * 1000,
            "limit": 20,
            "unit": "ms",
        }
        for n, (s, own) in enumerate(zip(spent, seconds, strict=True), start=1)
    ]
    rows.append({"what": "a rerun with nothing left to do, tables written", "ours": again, "unit": "s"})
    rows.append({"what": "tables of one and of two workers", "ours": "equal bytes" if same else "they differ"})
    return rows


def _bench(grid: Grid, out: Path) -> Bench:
    return Bench(grid, out, Path.cwd(), code(), os.getpid())


def _trained(grid: Grid, place: Path) -> Plan:
    things = Things(grid, place / "models")
    with engines.maker("local", 2, None)() as engine:
        train_missing(_bench(grid, place), list(grid.train), engine, _no_tick)
    return make_plan(things)


def _carried_out(grid: Grid, plan: Plan, out: Path, workers: int) -> float:
    """Seconds from the first task to the last; then the tables are written."""
    bench = _bench(grid, out)
    with engines.maker("local", workers, None)() as engine:
        list(engine.run(partial(_imported, bench), range(4 * workers), _nothing))
        started = time.perf_counter()
        failures = carry_out_all(bench, plan.tasks, engine, _no_tick)
        spent = time.perf_counter() - started
    if failures or write_tables(plan, bench.store, out):
        raise RuntimeError(f"{len(failures)} cells failed")
    return spent


def _imported(bench: Bench, _: int) -> int:
    """Have a worker import all it will need; it rests, so that every worker gets one of these."""
    time.sleep(0.5)
    return len(Things(bench.grid, bench.models).attacks)


def _nothing() -> None: ...


def _no_tick(_what: str, _done: int, _total: int) -> None: ...


if __name__ == "__main__":
    for line in run():
        print(line)
