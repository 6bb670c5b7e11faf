"""Grids carried out for real: on every engine, killed, damaged, grown, sharded; no number ever changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib.externals.loky import get_reusable_executor

from mask.audit import Setting
from mask.audit import run as audit
from mask.bench.grid import read_grid
from mask.bench.plan import make_plan
from mask.bench.store import Store
from mask.bench.things import Things
from mask.cli.app import main
from mask.naming import attacks, defenses
from mask.plan import ThreatModel
from mask.registry import create
from tests import bench_things
from tests.bench_things import told

Bench = Callable[..., tuple[int, str, str]]

GRID = """
recognizers = ["ststnet", "linear"]
datasets = ["made"]
attacks = ["random", "causal:bootstraps=0", "sparse-rs:queries=6", "told", "killer"]
defenses = ["none", "median"]
kinetics = ["overlay"]
seeds = [0, 1]
[train.ststnet]
recognizer = "ststnet:epochs=4"
data = "made"
"""
SMALL = """
recognizers = ["linear"]
datasets = ["made"]
attacks = ["told"]
sizes = [0.03, 0.046]
seeds = [0, 1, 2, 3]
"""
CLIPS = 16
TABLES = ("cells.csv", "over_seeds.csv", "clips.parquet")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine of two GPUs, as far as its environment says, on which somebody installed `tests.bench_things`."""
    place = tmp_path_factory.mktemp("world")
    bench_things.install(place / "packages")
    root = str(Path(__file__).resolve().parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(place / "packages"), root]))
        patch.setenv("MASK_BENCH_LOG", str(place / "log"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        patch.syspath_prepend(root)
        patch.syspath_prepend(str(place / "packages"))
        yield place
        get_reusable_executor().shutdown(kill_workers=True)


@pytest.fixture
def bench(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Run ``mask bench`` in this process: exit code, standard output, standard error."""
    (world / "log").unlink(missing_ok=True)

    def call(grid: str, out: Path, *words: object, command: str = "bench") -> tuple[int, str, str]:
        path = tmp_path / "grid.toml"
        path.write_text(grid)
        given = [path] if command == "bench" else []
        monkeypatch.setattr(sys, "argv", ["mask", command, *map(str, [*given, "--out", out, *words])])
        with pytest.raises(SystemExit) as end:
            main()
        spoken = capfd.readouterr()
        return int(end.value.code or 0), spoken.out, spoken.err

    return call


@pytest.fixture(scope="module")
def reference(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`GRID`, carried out by one worker that nobody killed."""
    place = tmp_path_factory.mktemp("reference")
    (place / "grid.toml").write_text(GRID)
    (world / "log").unlink(missing_ok=True)
    bench_things.tell("killed")
    words = ["bench", place / "grid.toml", "--out", place / "out", "--workers", 1, "--quiet"]
    subprocess.run([sys.executable, "-m", "mask", *map(str, words)], check=True, capture_output=True)
    return place / "out"


def tables(out: Path) -> dict[str, bytes]:
    found = {name: (out / name).read_bytes() for name in TABLES}
    return found | {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.glob("runs/*/clips.csv"))}


def bodies(out: Path) -> dict[str, Any]:
    found = {p.name: json.loads(p.read_bytes().split(b"\n")[1]) for p in sorted((out / "cells").iterdir())}
    for body in found.values():
        del body["cell"]["seconds"]
    return found


def test_a_cell_is_what_the_audit_says(reference: Path, world: Path) -> None:
    torch.set_num_threads(1)
    grid = read_grid(reference.parent / "grid.toml")
    things = Things(grid, reference / "models")
    plan = make_plan(things)
    data = create("datasets", "made")
    chosen = attacks(["random", "causal:bootstraps=0", "sparse-rs:queries=6"])
    for named in grid.recognizers:
        recognizer = things.recognizer(things.spec(named))
        setting = Setting(
            recognizers=(recognizer,),
            dataset=data,
            attacks=chosen,
            threats=(ThreatModel("overlay", area=0.046),),
            defenses=defenses(["none", "median"]),
            seed=1,
        )
        store, tried = Store(reference / "cells"), 0
        for cell in audit(setting):
            names = (recognizer.name, cell["cell"]["defense"], cell["cell"]["attack"], 1)
            (place,) = [c for c in plan.cells if (c.recognizer, c.defense, c.attack, c.seed) == names]
            ours = store.read(place)
            assert [(r.clip, r.region, r.direction, r.attacked_prediction, r.queries) for r in ours["rows"]] == [
                (r.clip, r.region, r.direction, r.attacked_prediction, r.queries) for r in cell["rows"]
            ]
            assert {**ours["cell"], "seconds": 0} == json.loads(json.dumps({**cell["cell"], "seconds": 0}))
            tried += 1
        assert tried == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "workers"),
    [("local", 2), ("dask", 2), ("ray", 2)],
)
def test_no_engine_no_number_of_workers_and_no_death_changes_a_number(
    engine: str, workers: int, reference: Path, bench: Bench, tmp_path: Path
) -> None:
    if engine != "local":
        pytest.importorskip({"dask": "distributed", "ray": "ray"}[engine], reason=f"the extra [{engine}] is missing")
    out = tmp_path / "out"
    code, _, err = bench(GRID, out, "--engine", engine, "--workers", workers, "--quiet")
    assert code == 0, err
    assert len(told("killed")) == 1, "a worker died in the middle"
    assert tables(out) == tables(reference)
    assert bodies(out) == bodies(reference)
    loads = [entry for entry in told("loaded") if entry["pid"] != os.getpid()]
    assert len({entry["pid"] for entry in loads}) == len(loads), "each worker loads a model once"
    assert {tuple(entry["threads"]) for entry in loads} == {(1, 1, "1")}
    if engine != "ray":  # Ray deals out what it finds, which is no GPU.
        assert {entry["gpu"] for entry in loads} <= {"0", "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "number", "whole", "code"),
    [
        ("local", signal.SIGKILL, True, -9),
        ("local", signal.SIGKILL, False, -9),
        ("local", signal.SIGINT, True, 130),
        ("dask", signal.SIGINT, True, 130),
        ("ray", signal.SIGTERM, False, 143),
    ],
)
def test_stopped_anywhere_a_rerun_repeats_no_more_than_what_was_in_flight(
    engine: str, number: signal.Signals, whole: bool, code: int, bench: Bench, tmp_path: Path
) -> None:
    if engine != "local":
        pytest.importorskip({"dask": "distributed", "ray": "ray"}[engine], reason=f"the extra [{engine}] is missing")
    slow = SMALL.replace('"told"', '"told:rest=0.03"')
    (tmp_path / "slow.toml").write_text(slow)
    out = tmp_path / "out"
    words = ["bench", tmp_path / "slow.toml", "--out", out, "--engine", engine, "--workers", 2, "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mask", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test suite in the background is deaf to Ctrl-C, and so would be what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while len(list((out / "cells").glob("*.cell"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    (os.killpg if whole else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    if code > 0:
        how = "interrupted" if code == 130 else "terminated"
        # On a busy machine joblib remarks upon its own semaphores here.
        assert f"mask: {how}; what was finished is kept, and nothing half-written is left" in err.splitlines()
        assert "Traceback" not in err
        assert not list(out.rglob("*.part"))
    _wait_for_the_end_of(process.pid)
    finished = len(list((out / "cells").glob("*.cell")))
    assert 3 <= finished < 8
    before = len(told("clip"))
    assert bench(slow, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) - before == (8 - finished) * CLIPS
    assert len(told("clip")) <= (8 + 2) * CLIPS
    count = len(told("clip"))
    assert bench(slow, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) == count, "nothing is left to do"
    assert bench(slow, tmp_path / "at once", "--workers", 2, "--quiet")[0] == 0
    assert tables(out) == tables(tmp_path / "at once")


def _wait_for_the_end_of(group: int) -> None:
    """Workers of a driver that was killed end by themselves, after the cell they are at."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("workers outlive their driver")


def test_a_damaged_cell_is_reported_and_done_again(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    before, count = tables(out), len(told("clip"))
    assert count == 8 * CLIPS
    victim = sorted((out / "cells").glob("*.cell"))[2]
    victim.write_bytes(victim.read_bytes().replace(b'"s1"', b'"s2"', 1))
    code, _, err = bench(SMALL, out, "--workers", 2, "--quiet")
    assert code == 0
    assert err.count("is damaged, and the cell is done again: told (skin) on linear, made_area=0.0") == 1
    assert len(told("clip")) == count + CLIPS
    assert tables(out) == before
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) == count + CLIPS, "nothing is left to do"


def test_a_grown_grid_runs_its_new_cells_alone(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    grown = SMALL.replace('"told"]', '"told", "told:mark=1"]').replace("sizes = [0.03,", "sizes = [0.06, 0.03,")
    first, second = json.loads(bench(grown, out, "--dry-run", "--json")[1])["attacks"]
    assert (first["cells"], first["done"], first["measured"]) == (12, 8, True), "timed on the cells that are done"
    assert (second["cells"], second["done"], second["measured"]) == (12, 0, False)
    assert bench(grown, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) == 2 * 3 * 4 * CLIPS
    assert len([e for e in told("clip") if e["mark"] == 1]) == 3 * 4 * CLIPS
    assert bench(grown, tmp_path / "fresh", "--workers", 2, "--quiet")[0] == 0
    assert tables(out) == tables(tmp_path / "fresh")
    count = len(told("clip"))
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) == count
    assert len(list((out / "runs").iterdir())) == 8, "runs of the larger grid are gone, and its cells are not"
    for changed in ('["linear:threshold=1400"]', '["made:pixel=1"]'):
        kind = "linear" if "linear" in changed else "made"
        assert bench(SMALL.replace(f'["{kind}"]', changed), out, "--workers", 2, "--quiet")[0] == 0
        assert len(told("clip")) == count + 8 * CLIPS, f"{changed}: other weights or data, other cells"
        count = len(told("clip"))


def test_shards_merge_into_what_one_run_leaves(bench: Bench, tmp_path: Path) -> None:
    assert bench(SMALL, tmp_path / "whole", "--workers", 2, "--quiet")[0] == 0
    for i in (1, 2, 3):
        code, said, _ = bench(SMALL, tmp_path / f"s{i}", "--shard", f"{i}/3", "--workers", 2, "--quiet")
        assert code == 0
        assert "of 8 cells are in" in said
        assert not (tmp_path / f"s{i}" / "cells.csv").exists()
    assert len(told("clip")) == 2 * 8 * CLIPS, "no cell belongs to two shards"
    shards = [tmp_path / f"s{i}" for i in (3, 1, 2)]
    code, _, err = bench(SMALL, tmp_path / "two", *shards[:2], command="merge")
    assert code == 1
    assert "cells are in no shard, such as told on linear, made_area=" in err
    code, said, err = bench(SMALL, tmp_path / "out", *shards, command="merge")
    assert (code, err) == (0, "")
    assert "8 of 8 cells in 8 runs" in said
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")


def test_a_cell_that_fails_stops_no_other_and_is_tried_again(bench: Bench, world: Path, tmp_path: Path) -> None:
    out, bug = tmp_path / "out", world / "log.broken"
    bug.touch()
    grid = SMALL.replace('"told"', '"told", "broken"')
    code, _, err = bench(grid, out, "--workers", 2, "--quiet")
    assert code == 1
    assert "8 cells failed, the first, broken (skin) on linear, made_area=" in err
    assert err.rstrip().endswith("RuntimeError: a bug of somebody's")
    assert err.count("\n") == 1
    assert len((out / "cells.csv").read_text().splitlines()) == 1 + 8
    bug.unlink()
    count = len(told("clip"))
    assert bench(grid, out, "--workers", 2, "--quiet")[0] == 0
    assert len(told("clip")) == count + 8 * CLIPS
    assert len((out / "cells.csv").read_text().splitlines()) == 1 + 16


@pytest.mark.slow
def test_a_cell_that_always_kills_its_worker_is_given_up_and_named(bench: Bench, tmp_path: Path) -> None:
    grid = SMALL.replace('"told"', '"killer:times=99", "told"').replace("[0, 1, 2, 3]", "[0]")
    grid = grid.replace("[0.03, 0.046]", '[0.03]\ndefenses = ["none", "median"]')
    code, _, err = bench(grid, tmp_path / "out", "--workers", 1, "--quiet")
    assert code == 1
    assert "a worker process was killed, perhaps for want of memory; it worked on killer:times=99 on linear" in err
    assert "or on one of 1 more" in err
    assert len(told("killed")) <= 6
    assert len(list((tmp_path / "out" / "cells").iterdir())) == 2, "no other cell was lost with it"


def test_a_bench_is_reported_whole_or_run_by_run(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    one = next((out / "runs").iterdir())
    for given, file in ((one, one / "report.html"), (out, out / "comparison.html")):
        monkeypatch.setattr(sys, "argv", ["mask", "report", str(given)])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert "linear" in file.read_text(encoding="utf-8")
    before = tables(out)
    assert bench(SMALL, out, "--workers", 2, "--quiet")[0] == 0
    assert tables(out) == before
    assert (one / "report.html").is_file(), "what others put there stays"
