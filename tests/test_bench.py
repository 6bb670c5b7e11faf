"""Grid files, addresses, the store of cells, shards and merging: what a bench rests on, without a worker."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mask.reports.reading import read_run

from mask.bench import address, engine, gpu, tables
from mask.bench.drive import Shard, claim, keep_plan
from mask.bench.grid import Data, Grid, read_grid
from mask.bench.merge import merge
from mask.bench.plan import Address, Plan, Task, make_plan, run_name
from mask.bench.store import Store
from mask.bench.tables import write_tables
from mask.bench.things import Things
from mask.cli.app import main
from mask.clip import Clip, Dataset
from mask.errors import UnreadableData, UsageError
from mask.plan import ThreatModel
from mask.results import Row, read_rows, summarise
from tests.models import EMOTIONS, flow_clip, flow_dataset, strained

SYNTHETIC = "synthetic:subjects=2,repeats=1,size=128,emotions=3"
PLAIN = f"""
recognizers = ["ststnet"]
datasets = ["{SYNTHETIC}"]
attacks = ["random", "centre", "fgsm"]
defenses = ["none", "median"]
kinetics = ["skin", "overlay"]
sizes = [0.03, 0.046]
eps = [4]
seeds = [0, 1, 2]
[train.ststnet]
recognizer = "ststnet:flow=dis,size=56"
data = "{SYNTHETIC}"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "grid.toml"
    path.write_text(text, encoding="utf-8")
    return path


def things(folder: Path, text: str = PLAIN) -> Things:
    return Things(read_grid(written(folder, text)), folder / "models")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("recognizers", "recognisers", ["'recognisers'", "recognizers, datasets, attacks"]),
        ('attacks = ["random", "centre", "fgsm"]', "", ["lacks 'attacks'", "docs/bench.md"]),
        ("sizes = [0.03, 0.046]", 'sizes = [0.03, "large"]', ["sizes holds 'large'", "a number"]),
        ("sizes = [0.03, 0.046]", "sizes = [true]", ["sizes holds True", "a number"]),
        ("sizes = [0.03, 0.046]", "sizes = [1.5]", ["area is 1.5", "between 0 and 1"]),
        ("sizes = [0.03, 0.046]", "sizes = 0.03", ["sizes is 0.03", "a list"]),
        ("sizes = [0.03, 0.046]", "sizes = []", ["sizes is []", "at least one"]),
        ("seeds = [0, 1, 2]", "seeds = [0, 1, 0]", ["seeds lists 0 twice"]),
        ("seeds = [0, 1, 2]", "seeds = [-1]", ["seeds holds -1", "a whole number"]),
        ('kinetics = ["skin", "overlay"]', 'kinetics = ["flying"]', ["'flying'", "skin, slip"]),
        ('kinetics = ["skin", "overlay"]', 'kinetics = ["digital"]', ["'digital'", "always tried"]),
        ("eps = [4]", "eps = [0]", ["eps is 0", "1 to 255"]),
        ("[train", "[threat]\nbudjet = 3\n[train", ["threat holds 'budjet'", "budget"]),
        ("[train", '[threat]\nbudget = "3"\n[train', ["budget is '3'", "a whole number"]),
        ("[train", "[threat]\nbudget = 0\n[train", ["budget is 0", "takes 1 query"]),
        ("[train", '[threat]\nwearer_knows_emotion = "no"\n[train', ["'no'", "true or false"]),
        ("[train", "[threat]\ndirections = [1, 2]\n[train", ["directions", "such as [[1.0, 0.0]"]),
        ("[train", '[threat]\nregions = ["nowhere"]\n[train', ["no region 'nowhere'", "mask list regions"]),
        ("[train", "[threat]\narea = 0.1\n[train", ["threat holds 'area'"]),
        ("seeds = [0, 1, 2]", 'seeds = [0]\nretrain = ["pgd:steps=3"]', ["retrains on 'pgd:steps=3'", "does not list"]),
        ("[train.ststnet]", "[train.other]", ["trains 'other'", "recognizers does not list"]),
        ("data = ", 'protocol = "jackknife"\ndata = ', ["'jackknife'", "loso, kfold"]),
        ("data = ", "epochs = 3\ndata = ", ["train, ststnet holds 'epochs'", "protocol"]),
        ('["ststnet"]', '["ststnet", "ststnet:weights=there"]', ["two recognizers are called 'ststnet'", "name ="]),
        ('["ststnet"]', '[{ spec = "ststnet" }]', ["recognizers holds", "name ="]),
        ("seeds = ", "seeds == ", ["is not TOML", "line"]),
        ('"random"', '"nonesuch"', ["no attack 'nonesuch'", "exhaustive"]),
        ('"random"', '"random:colour=1"', ["no parameter 'colour'"]),
        ('"median"', '"nonesuch"', ["no defense 'nonesuch'", "median"]),
        (f'datasets = ["{SYNTHETIC}"]', 'datasets = ["nonesuch"]', ["no dataset 'nonesuch'", "synthetic"]),
        (f'datasets = ["{SYNTHETIC}"]', 'datasets = ["synthetic:subjects=3,emotions=4"]', ["'happiness' has no"]),
        (f'datasets = ["{SYNTHETIC}"]', 'datasets = ["synthetic:subjects=1,emotions=3"]', ["has one subject"]),
        (f'["{SYNTHETIC}"]', f'["{SYNTHETIC}", {{ data = "{SYNTHETIC}" }}]', ["lists {'data'", "twice"]),
        (
            f'["{SYNTHETIC}"]',
            f'[{{ data = "{SYNTHETIC}", name = "x/y" }}, {{ data = "{SYNTHETIC},seed=1", name = "x y" }}]',
            ["two datasets are called 'x-y'", "name ="],
        ),
        ('"ststnet:flow=dis,size=56"', '"nonesuch"', ["no recognizer 'nonesuch'"]),
        ("[train.ststnet]", "[train]\nststnet = 3\n#", ["train, ststnet is 3", "a table"]),
    ],
)
def test_a_bad_grid_is_one_clear_sentence_and_nothing_is_written(
    old: str, new: str, words: Sequence[str], tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in PLAIN
    path = written(tmp_path, PLAIN.replace(old, new, 1))
    monkeypatch.setattr(sys, "argv", ["mask", "bench", str(path), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2, told
    assert told.count("\n") == 1
    assert told.startswith("mask: ")
    assert "Traceback" not in told
    for word in words:
        assert word in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0" * 10, b"a = " + b"[" * 5000, b"#" * (2 << 20)])
def test_what_is_no_grid_at_all_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        read_grid(path)
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError, match=r"none.toml|not TOML"):
            read_grid(missing)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "slurm"], "expected one of local, dask, ray"),
        (["--address", "tcp://x:1"], "--address is for"),
        (["--workers", "0"], "--workers is 0"),
        (["--shard", "3/2"], "--shard is '3/2'"),
        (["--shard", "half"], "--shard is 'half'"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    words: Sequence[str], message: str, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["mask", "bench", str(written(tmp_path, PLAIN)), "--out", str(tmp_path / "out"), *words]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"mask.bench.on_{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"not installed: pip install 'mask-mer\[{name}\]'"):
        engine.maker(name, None, None)


def test_a_dry_run_tells_cells_and_queries_and_writes_nothing(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PLAIN.replace('"centre"', '"centre", "sparse-rs:queries=30", "exhaustive"')
    words = ["bench", str(written(tmp_path, text)), "--out", str(tmp_path / "out"), "--dry-run"]
    monkeypatch.setattr(sys, "argv", ["mask", *words, "--json"])
    with pytest.raises(SystemExit):
        main()
    told = json.loads(capsys.readouterr().out)
    cells = 2 * 2 * 2 * 3  # defences x kinetics x sizes x seeds
    assert told["cells"] == 4 * cells + 2 * 3
    by_name = {c["attack"]: c for c in told["attacks"]}
    clips = 2 * 3
    assert {a: c["cells"] for a, c in by_name.items()} == {
        **dict.fromkeys(("random", "centre", "sparse-rs:queries=30", "exhaustive"), cells),
        "fgsm": 6,
    }
    assert by_name["random"]["queries"] == cells * clips
    assert by_name["sparse-rs:queries=30"]["queries"] == cells * clips * 30
    assert by_name["exhaustive"]["queries"] is None, "nothing limits it without a budget"
    assert by_name["random"]["seconds"] > 0
    monkeypatch.setattr(sys, "argv", ["mask", *words])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().out
    assert "1 recognizer x 1 dataset x 5 attacks x 2 defences x 2 kinetics x 2 sizes x 3 seeds" in told
    assert "102 cells to do" in told
    assert "To be trained first: ststnet" in told
    assert not (tmp_path / "out").exists()


def test_the_demo_grid_has_two_hundred_cells() -> None:
    grid = read_grid(Path(__file__).resolve().parents[1] / "docs" / "bench-demo.toml")
    plan = make_plan(Things(grid, Path("none")))
    assert len(plan.cells) >= 200
    assert len({c.key for c in plan.cells}) == len(plan.cells)


def test_a_grid_becomes_runs_that_audits_could_have_left(tmp_path: Path) -> None:
    plan = make_plan(things(tmp_path))
    assert len(plan.runs) == 3 * (2 + 1)
    assert sorted(c.key for t in plan.tasks for c in t.cells) == sorted(c.key for c in plan.cells)
    digital = [c for c in plan.cells if c.attack == "fgsm"]
    assert {(c.kinetics, c.area, c.eps) for c in digital} == {("digital", None, 4)}
    first = plan.cells[0]
    assert (first.attack, first.defense, first.kinetics, first.area, first.eps) == (
        "random",
        "none",
        "skin",
        0.03,
        None,
    )
    header = plan.runs[first.run]
    assert [t["area"] for t in header["threat_models"]] == [0.03, 0.03]
    assert set(header["attacks"]) == {"random", "centre"}
    assert plan.runs[digital[0].run]["threat_models"][0]["eps"] == 4


def test_a_key_changes_with_all_that_determines_a_number_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys(text: str) -> dict[tuple[Any, ...], str]:
        plan = make_plan(things(tmp_path, text))
        return {(c.attack, c.defense, c.kinetics, c.area, c.eps, c.seed): c.key for c in plan.cells}

    plain = keys(PLAIN)
    assert len(set(plain.values())) == len(plain)
    harmless = (
        PLAIN.replace('["ststnet"]', '[{ name = "renamed", recognizer = "ststnet" }]'),
        PLAIN.replace(f'["{SYNTHETIC}"]', f'[{{ name = "renamed", data = "{SYNTHETIC}" }}]'),
        PLAIN.replace('"random", "centre"', '"centre", "random"'),
        PLAIN.replace("[0, 1, 2]", "[2, 7, 0]"),
        PLAIN.replace('"centre"', '"centre", "grey:bootstraps=0"'),
    )
    for text in harmless:
        again = keys(text)
        both = plain.keys() & again.keys()
        assert len(both) >= 20
        assert {k: plain[k] for k in both} == {k: again[k] for k in both}
    harmful = (
        PLAIN.replace("repeats=1", "repeats=1,seed=1"),
        PLAIN.replace("[train", "[threat]\nbudget = 9\n[train"),
        "step = 0.2\n" + PLAIN,
        'surrogates = ["none"]\n' + PLAIN,
        "draws = 2\n" + PLAIN,
    )
    for text in harmful:
        assert not set(keys(text).values()) & set(plain.values()), text
    monkeypatch.setattr("mask.bench.plan.code", lambda: "other code")
    assert not set(keys(PLAIN).values()) & set(plain.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, flow=np.where(np.indices(c.flow.shape).sum(0) == 40, c.flow ^ 1, c.flow)),
        lambda c: replace(c, emotion="moved" if c.emotion == "calm" else "calm"),
        lambda c: replace(c, subject="another"),
        lambda c: replace(c, key=c.key + "x"),
        lambda c: replace(c, action_units=("AU4",)),
        lambda c: replace(c, fps=99.0),
    ],
)
def test_data_are_told_apart_by_every_pixel_and_label(change: Callable[[Clip], Clip]) -> None:
    clips = [flow_clip(f"s{i}/c", strained([(i, 5)])) for i in range(3)]
    plain = address.data(flow_dataset(clips))
    assert address.data(flow_dataset([replace(c) for c in clips])) == plain
    for i in range(3):
        assert address.data(flow_dataset([change(c) if i == k else c for k, c in enumerate(clips)])) != plain
    assert address.data(flow_dataset(clips[::-1])) != plain
    assert address.data(replace(flow_dataset(clips), neutral=(clips[0],))) != plain


def test_frames_are_told_apart_in_memory_on_disk_and_unrendered(tmp_path: Path) -> None:
    from PIL import Image

    from mask.data.synthetic import create
    from mask.video import open_frames

    def of(frames: Any, points: Any = None) -> str:
        clip = Clip("a/b", "a", "calm", "made", frames=frames, landmarks=points)
        return address.data(Dataset("made", (clip,), EMOTIONS))

    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    points = np.zeros((2, 468, 2), dtype=np.float32)
    seen = {of(pixels), of(pixels, points), of(pixels[:1]), of(pixels.reshape(2, 2, 8, 3)), of(pixels, points + 1e-3)}
    pixels[1, 3, 3, 2] ^= 1
    seen.add(of(pixels))
    assert len(seen) == 6
    for i in range(2):
        Image.fromarray(pixels[i]).save(tmp_path / f"{i}.png")
    before = of(open_frames(tmp_path))
    assert of(open_frames(tmp_path)) == before
    pixels[1, 0, 0, 0] ^= 1
    Image.fromarray(pixels[1]).save(tmp_path / "1.png")
    assert of(open_frames(tmp_path)) != before
    assert address.data(create(subjects=1, repeats=1)) == address.data(create(subjects=1, repeats=1))
    assert address.data(create(subjects=1, repeats=1)) != address.data(create(subjects=1, repeats=1, noise=1.1))


def test_the_code_is_every_file_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set(address._source())
    assert {
        "mask/audit.py",
        "mask/attacks/causal.py",
        "mask/recognizers/ststnet.py",
        "mask/regions/outline.json",
    } <= names
    assert not [n for n in names if n.startswith(("mask/cli/", "mask/bench/", "mask/reports/"))]
    plain = address.code.__wrapped__()
    monkeypatch.setattr(address, "_version", lambda name: "0")
    assert address.code.__wrapped__() != plain


def row(clip: str, success: bool, **more: Any) -> Row:
    told = "calm" if success else "moved"
    return Row("r", "none", "a", "skin", clip, clip, "moved", "moved", told, "ok", success, 1, **more)


def cell(hits: int, n: int = 4) -> dict[str, Any]:
    rows = [row(f"s{i}", i < hits, x=0.1 * i, y=float("nan"), evidence='"quoted", é\n') for i in range(n)]
    summary = {"recognizer": "r", "defense": "none", "attack": "a", "kinetics": "skin", "sticker_area": 0.046}
    summary |= {**summarise(rows, EMOTIONS), "seconds": 0.25}
    return {"key": "audit", "cell": summary, "rows": rows, "evidence": [], "map": None}


def places(count: int, seeds: Sequence[int] = (0,)) -> list[Address]:
    return [
        Address(
            f"{s:016x}{i:016x}", run_name("made", 0.046, None, s), "r", "made", f"a{i}", "none", "skin", 0.046, None, s
        )
        for s in seeds
        for i in range(count)
    ]


def plan_of(cells: Sequence[Address]) -> Plan:
    header = {
        "data": {"name": "made", "card": {}, "n": 4, "synthetic": True, "space": "flow"},
        "subjects": 4,
        "emotions": list(EMOTIONS),
        "discovery": "",
        "recognizers": [{"name": "r"}],
        "threat_models": [ThreatModel().to_json()],
        "attacks": {},
        "defenses": {},
        "scheme": "mesh",
        "step": None,
        "not_tried": [],
    }
    return Plan(tuple(cells), (), {c.run: {**header, "seed": c.seed} for c in cells})


def test_a_cell_comes_back_as_it_was_under_the_labels_of_today(tmp_path: Path) -> None:
    store, (place,) = Store(tmp_path / "cells"), places(1)
    given = cell(2)
    store.write(place.key, given)
    assert store.keys() == {place.key}
    back = store.read(replace(place, recognizer="r", attack="a"))
    assert back["cell"] == given["cell"]
    for ours, theirs in zip(back["rows"], given["rows"], strict=True):
        assert {k: v for k, v in asdict(ours).items() if v == v} == {k: v for k, v in asdict(theirs).items() if v == v}
    renamed = store.read(replace(place, recognizer="new", attack="name"))
    assert renamed["cell"]["recognizer"] == "new"
    assert {(r.recognizer, r.attack) for r in renamed["rows"]} == {("new", "name")}


def test_every_flipped_or_missing_byte_of_a_cell_is_noticed(tmp_path: Path) -> None:
    store, (place, other) = Store(tmp_path / "cells"), places(2)
    store.write(place.key, cell(1, n=2))
    whole = store.path(place.key).read_bytes()
    assert store.damaged([place.key]) == []
    damages = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    damages += [whole[:n] for n in range(0, len(whole) - 1, 7)]
    damages += [whole + b"x", whole[::-1], b"", b"{}\n{}\n", b"[]", b"\xff" * 40]
    for damaged in damages:
        store.path(place.key).write_bytes(damaged)
        with pytest.raises(UnreadableData, match="damaged"):
            store.read(place)
    assert store.damaged([place.key, other.key]) == [place.key]
    assert store.keys() == set(), "a damaged file is gone, so that the cell is done again"
    store.path(other.key).write_bytes(whole)
    assert store.damaged([other.key]) == [other.key], "the file of another cell under this name"


def test_what_killed_writers_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    store, (place,) = Store(tmp_path), places(1)
    store.write(place.key, cell(1))
    old, new = tmp_path / f"{place.key}.1.part", tmp_path / f"{place.key}.2.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.clean()
    assert not old.exists()
    assert new.exists()
    assert store.keys() == {place.key}


@given(st.integers(0, 60), st.integers(1, 9))
def test_shards_are_a_partition(count: int, shards: int) -> None:
    made = tuple(Task("r", Data("d"), "", ThreatModel(), 0, (c,)) for c in places(count))
    parts = [Shard.parse(f"{i + 1}/{shards}").of(made) for i in range(shards)]
    assert sorted(t.cells[0].key for part in parts for t in part) == [t.cells[0].key for t in made]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_tables_say_what_cells_say_and_are_runs_that_the_report_reads(tmp_path: Path) -> None:
    cells = places(3, seeds=(0, 1))
    store = Store(tmp_path / "cells")
    for i, place in enumerate(cells[:-1]):
        store.write(place.key, cell(i % 4))
    missing = write_tables(plan_of(cells), store, tmp_path)
    assert missing == [cells[-1]]
    table = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "clips.parquet").to_pylist()
    assert len(table) == 5 * 4
    assert [(r["key"], r["seed"]) for r in table[::4]] == [(c.key, c.seed) for c in cells[:-1]]
    assert sum(r["success"] for r in table) == 0 + 1 + 2 + 3 + 0
    assert {r["y"] for r in table} == {None}
    lines = (tmp_path / "cells.csv").read_text().splitlines()
    assert len(lines) == 6
    assert "seconds" not in lines[0]
    over = (tmp_path / "over_seeds.csv").read_text().splitlines()
    assert over[1].endswith(",2,0.375,0.5303300858899106,0.0,0.75")
    runs = sorted((tmp_path / "runs").iterdir())
    told = [read_run(folder) for folder in runs]
    assert [len(t.cells) for t in told] == [3, 2]
    assert [c.rate.hits for c in told[0].cells] == [0, 1, 2]
    assert len(read_rows(runs[0] / "clips.csv")) == 12


def test_without_pyarrow_the_other_tables_are_written_and_no_old_one_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips.parquet").write_bytes(b"of other cells")
    cells = places(2)
    for place in cells:
        Store(tmp_path / "cells").write(place.key, cell(1))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tables.names() == ("cells.csv", "over_seeds.csv")
    assert write_tables(plan_of(cells), Store(tmp_path / "cells"), tmp_path) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells", "cells.csv", "over_seeds.csv", "runs"]


def test_a_merge_is_what_one_run_would_have_left(tmp_path: Path) -> None:
    cells = places(5, seeds=(0, 1))
    plan = plan_of(cells)
    for name, part in (("whole", cells), ("a", cells[::2]), ("b", cells[1::2])):
        (tmp_path / name).mkdir()
        for i, place in enumerate(cells):
            if place in part:
                Store(tmp_path / name / "cells").write(place.key, cell(i % 4))
        keep_plan(plan, tmp_path / name)
    write_tables(plan, Store(tmp_path / "whole" / "cells"), tmp_path / "whole")
    told = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    assert (told.missing, told.damaged) == ((), ())
    for table in ("cells.csv", "over_seeds.csv", "clips.parquet", *(f"runs/{r}/clips.csv" for r in plan.runs)):
        assert (tmp_path / "out" / table).read_bytes() == (tmp_path / "whole" / table).read_bytes()

    spoilt = Store(tmp_path / "b" / "cells").path(cells[1].key)
    spoilt.write_bytes(spoilt.read_bytes()[:-9])
    told = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "again")
    assert told.missing == (cells[1],)
    assert told.damaged == (spoilt,)
    told = merge([tmp_path / "a", tmp_path / "b", tmp_path / "whole"], tmp_path / "again")
    assert told.missing == (), "another shard has it undamaged"


def test_shards_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    cells = places(2)
    for name, of in (
        ("a", cells),
        ("fewer", cells[:1]),
        ("weights", [replace(c, key=c.key[::-1]) for c in cells]),
    ):
        (tmp_path / name).mkdir()
        keep_plan(plan_of(of), tmp_path / name)
    for other, words in (
        ("fewer", "different grids: only one has .* a1"),
        ("weights", "different weights, data or co"),
    ):
        with pytest.raises(UsageError, match=words):
            merge([tmp_path / "a", tmp_path / other], tmp_path / "out")
    with pytest.raises(UsageError, match=r"no bench\.json"):
        merge([tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../../escape"},
        {"run": "/tmp/escape"},
        {"run": "."},
        {"key": "../" + "0" * 29},
        {"key": "0" * 31},
        {"area": None, "extra": 1},
    ],
)
def test_a_hostile_plan_writes_nothing_outside(change: dict[str, Any], tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    shard.mkdir()
    keep_plan(plan_of(places(1)), shard)
    told = json.loads((shard / "bench.json").read_text())
    told["cells"][0] |= change
    if "run" in change:
        told["runs"] = {change["run"]: next(iter(told["runs"].values()))}
    (shard / "bench.json").write_text(json.dumps(told))
    with pytest.raises(UnreadableData, match=r"bench\.json is not what"):
        merge([shard], tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shard"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "mask.bench/1"}', '{"schema": "mask.bench/9"}', "[" * 9999]
)
def test_a_damaged_plan_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(content)
    with pytest.raises(UnreadableData, match=r"bench\.json is not what"):
        merge([tmp_path], tmp_path / "out")


def test_a_folder_is_held_by_one_bench_and_never_taken_from_anything_else(tmp_path: Path) -> None:
    with (
        claim(tmp_path / "out"),
        pytest.raises(UsageError, match="another mask bench is at work"),
        claim(tmp_path / "out"),
    ):
        pass
    with claim(tmp_path / "out"):
        pass
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="holds something else"), claim(tmp_path / "mine"):
        pass
    with pytest.raises(UsageError, match="is a file"), claim(tmp_path / "mine" / "thesis.tex"):
        pass


@pytest.mark.parametrize(
    ("visible", "worker", "told"),
    [("0,1", 0, "0"), ("0,1", 1, "1"), ("0,1", 2, "0"), ("3", 5, "3"), ("", 0, ""), ("GPU-a, GPU-b", 1, "GPU-b")],
)
def test_a_worker_sees_one_gpu(visible: str, worker: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpu.pin(worker)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == told


def test_grid_defaults_are_one_plain_cell_a_recognizer() -> None:
    grid = Grid((), (), ())
    assert [t.kinetics for t in grid.threats()] == ["skin", "digital"]
