"""The command line end to end on small synthetic data, and one sentence with the right exit code for bad input."""

from __future__ import annotations

import csv
import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mask.cli import demo
from mask.cli.app import main
from mask.errors import MaskError

Run = Callable[..., tuple[int, str, str]]
DATA = "synthetic:subjects=4,repeats=1,size=128"
MODEL = "ststnet:flow=farneback,size=56,epochs=30"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mask", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """STSTNet trained for a moment on the small benchmark."""
    out = tmp_path_factory.mktemp("models") / "ststnet"
    words = ["train", MODEL, "--data", DATA, "--out", str(out), "--quiet"]
    subprocess.run([sys.executable, "-m", "mask", *words], check=True, capture_output=True)
    return out


def read_rows(out: Path) -> list[dict[str, str]]:
    with (out / "clips.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_version_list_and_doctor(run: Run) -> None:
    assert run("--version")[:2] == (0, "mask 0.1.0\n")
    code, told, _ = run("list", "attacks")
    assert code == 0
    files = (Path(__file__).parents[1] / "attacks").glob("[!_]*.py")
    assert [line.split()[0] for line in told.splitlines()[1:]] == sorted(f.stem.replace("_", "-") for f in files)
    code, told, _ = run("doctor", "--json")
    checks = json.loads(told)
    assert code == 0
    assert checks["works"]
    assert {c["name"] for c in checks["checks"] if not c["works"]} <= {"graphics card"}


def test_training_is_saved_scored_and_not_overwritten(run: Run, weights: Path) -> None:
    card = json.loads((weights / "model.json").read_text(encoding="utf-8"))
    assert card["training"]["protocol"] == "loso"
    assert card["training"]["epoch_selection"].startswith("none")
    assert len(list(weights.glob("fold-*.safetensors"))) == 4
    code, told, _ = run("evaluate", f"ststnet:weights={weights}", "--data", DATA, "--json")
    assert code == 0
    pooled = json.loads(told)["scores"]["pooled"]
    assert np.sum(pooled["confusion"]) == pooled["n"] == 16
    code, _, told = run("train", MODEL, "--data", DATA, "--out", weights)
    assert code == 2
    assert "--force" in told


def test_audit_leaves_what_can_be_recomputed(run: Run, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    words = ["audit", f"ststnet:weights={weights}", "--data", DATA, "--out", out, "--quiet"]
    words += ["--attacks", "random,centre,causal:flow=farneback,bootstraps=0", "--defenses", "jpeg"]
    words += ["--kinetics", "skin", "--area", "0.08"]
    code, told, _ = run(*words)
    assert code == 0
    assert f"Report: {out / 'report.html'}" in told
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["schema"] == "mask.results/1"
    rows = read_rows(out)
    assert len(rows) == 16 * len(results["cells"])
    for cell in results["cells"]:
        mine = [r for r in rows if all(r[k] == cell[k] for k in ("recognizer", "defense", "attack", "kinetics"))]
        right = [r for r in mine if r["clean_prediction"] == r["emotion"]]
        flipped = [r for r in right if r["attacked_prediction"] != r["emotion"] and r["status"] == "ok"]
        assert (cell["n"], cell["n_clean_correct"], cell["n_success"]) == (len(mine), len(right), len(flipped))
        assert [r["success"] for r in flipped] == ["1"] * len(flipped) or {r["success"] for r in flipped} <= {"True"}
        assert cell["queries_max"] <= 1
    assert not (out / "cells").exists()
    before = (out / "report.html").read_bytes()
    code, _, told = run(*words)
    assert (code, "--force" in told) == (2, True)
    (out / "report.html").unlink()
    assert run("report", out)[0] == 0
    assert (out / "report.html").read_bytes() == before
    code, told, _ = run(*words, "--force", "--json", "--require-asr", "1.0")
    again = json.loads((out / "results.json").read_text(encoding="utf-8"))
    seconds = {"seconds"}
    kept = [[{k: v for k, v in c.items() if k not in seconds} for c in r["cells"]] for r in (results, again)]
    assert kept[0] == kept[1]
    assert code == (0 if max(c["asr"] for c in again["cells"]) == 1 else 100)
    json.loads(told)


def test_an_interrupted_audit_goes_on_where_it_stopped(
    run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mask.cell import Cell

    out = tmp_path / "audit"
    words = ["audit", f"ststnet:weights={weights}", "--data", DATA, "--out", out, "--quiet"]
    words += ["--attacks", "random,centre", "--kinetics", "skin,overlay"]
    done: list[str] = []
    work = Cell.run

    def stops(self: Cell, tick: Any, watch: Any) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(self.name)
        return work(self, tick, watch)

    monkeypatch.setattr(Cell, "run", stops)
    code, _, told = run(*words)
    assert code == 130
    assert "3 finished cells are kept" in told
    assert not (out / "results.json").exists()
    monkeypatch.setattr(Cell, "run", lambda self, tick, watch: done.append(self.name) or work(self, tick, watch))
    assert run(*words)[0] == 0
    assert len(done) == 4
    assert len(json.loads((out / "results.json").read_text(encoding="utf-8"))["cells"]) == 4


def test_probe_writes_data_and_figure(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "probe"
    words = ["probe", "--data", DATA, "--out", out, "--flow", "farneback", "--bootstraps", "40", "--quiet"]
    code, told, _ = run(*words)
    assert code == 0
    assert "control, scrambled flow" in told
    found = json.loads((out / "probe.json").read_text(encoding="utf-8"))
    assert {f["emotion"] for f in found["by_emotion"]} == {"happiness", "disgust", "surprise", "sadness"}
    assert (out / "probe.png").read_bytes().startswith(b"\x89PNG")
    assert run(*words)[0] == 2


def test_demo_tells_the_whole_story(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DATA", DATA.replace("subjects=4", "subjects=6"))
    monkeypatch.setattr(demo, "STEP", 0.25)
    monkeypatch.setattr(demo, "BOOTSTRAPS", 20)
    monkeypatch.setattr(demo, "RECOGNIZERS", (MODEL, "mmnet:size=32,width=0.1,epochs=2"))
    out = tmp_path / "demo"
    code, told, _ = run("demo", "--out", out, "--quiet")
    assert code == 0
    lines = told.splitlines()
    assert lines[-1] == f"Report: {out / 'report.html'}"
    blank = max(i for i, line in enumerate(lines) if not line)
    assert len(lines) - blank - 2 == 5, "five lines of conclusion, then where the report is"
    assert {p.name for p in out.iterdir()} >= {"results.json", "clips.csv", "report.html", "probe.json", "models"}


@pytest.mark.shared
def test_golden_confusion_matrices(run: Run, megc: Path) -> None:
    recognizer, data = f"ststnet:weights={megc / 'STSTNet_Weights'}", f"megc-flow:{megc / 'norm_u_v_os'}"
    code, told, _ = run("evaluate", recognizer, "--data", data, "--json", "--quiet")
    assert code == 0
    scores = json.loads(told)["scores"]
    assert scores["casme2"]["confusion"] == [[77, 11, 0], [10, 21, 1], [1, 0, 24]]
    assert scores["samm"]["confusion"] == [[71, 13, 8], [11, 14, 1], [4, 3, 8]]
    assert scores["pooled"]["confusion"] == [[148, 24, 8], [21, 35, 2], [5, 3, 32]]
    assert [round(scores[k]["uf1"], 4) for k in ("casme2", "samm", "pooled")] == [0.8304, 0.5993, 0.7333]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/mask-bomb-went-off"),)


@pytest.fixture
def bad(tmp_path: Path, weights: Path) -> dict[str, Path]:
    """Folders of weights that must be refused."""
    made = {}
    for name in ("bomb", "other", "nan", "torn", "empty"):
        made[name] = tmp_path / name
        made[name].mkdir()
    (made["bomb"] / "006.pth").write_bytes(pickle.dumps({"conv1.weight": Bomb()}))
    torch.save({"conv1.weight": torch.zeros(1)}, made["other"] / "006.pth")
    torch.save({"conv1.weight": torch.zeros(1)}, made["torn"] / "006.pth")
    whole = (made["torn"] / "006.pth").read_bytes()
    (made["torn"] / "006.pth").write_bytes(whole[: len(whole) // 2])
    return {**made, "weights": weights, "file": weights / "model.json"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("evaluate nonesuch --data {data}", 2, "no recognizer 'nonesuch'"),
        ("evaluate ststnet:weights=/no/such --data {data}", 1, "there is no folder of weights at /no/such"),
        ("evaluate ststnet:weights={empty} --data {data}", 1, "holds no model.json"),
        ("evaluate ststnet:weights={bomb} --data {data}", 1, "could run code when loaded"),
        ("evaluate ststnet:weights={other} --data {data}", 1, "does not fit Network"),
        ("evaluate ststnet:weights={torn} --data {data}", 1, "is not a readable torch state dict"),
        ("evaluate mmnet:weights={weights} --data {data}", 1, "describes 'ststnet'"),
        ("evaluate ststnet:weights={weights},width=3 --data {data}", 2, "width"),
        ("evaluate ststnet:weights={weights} --data synthetic:emotions=3,subjects=4", 2, "label"),
        ("evaluate ststnet:weights={weights} --data megc-flow:/no/such", 1, "there is no folder /no/such"),
        ("evaluate ststnet:weights={weights} --data folder:{empty}", 1, "annotations.csv"),
        ("evaluate ststnet:weights={weights} --data synthetic:subjects=0", 2, "subjects is 0"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --attacks nonesuch", 2, "no attack 'nonesuch'"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --attacks region:name=ear", 2, "no region 'ear'"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --defenses soap", 2, "no defense 'soap'"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --kinetics fly", 2, "--kinetics is 'fly'"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --area 2", 2, "area is 2"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --retrain rp2", 2, "--retrain names 'rp2'"),
        ("audit ststnet:weights={weights} --data {data} --out {file}", 2, "is a file"),
        ("audit ststnet:weights={weights} --data {data} --out {new} --discovery {data}", 2, "disjoint"),
        ("train ststnet:weights={weights} --data {data} --out {new}", 2, "trained already"),
        ("train ststnet --data synthetic:subjects=1 --out {new}", 2, "two or more"),
        ("train ststnet --data {data} --out {new} --protocol best", 2, "--protocol is 'best'"),
        ("probe --data {data} --out {new} --scheme ears", 2, "--scheme is 'ears'"),
        ("probe --data {data} --out {new} --alpha 2", 2, "--alpha is 2"),
        ("report {empty}", 2, "holds no results.json"),
        ("data check folder:{empty}", 1, "annotations.csv"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, bad: dict[str, Path], tmp_path: Path, words: str, code: int, said: str
) -> None:
    filled = words.format(data=DATA, new=tmp_path / "new", **bad).split(" ")
    found, out, told = run(*filled)
    assert (found, out) == (code, "")
    (line,) = told.strip().splitlines()
    assert line.startswith("mask: ")
    assert said in line
    assert not Path("/tmp/mask-bomb-went-off").exists()
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())


def test_ctrl_c_leaves_finished_folds_and_training_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "model"
    words = ["train", MODEL.replace("30", "150"), "--data", DATA, "--out", str(out), "--quiet"]
    work = subprocess.Popen([sys.executable, "-m", "mask", *words], stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 120
    while not list(out.glob("fold-000.safetensors")) and work.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    work.send_signal(signal.SIGINT)
    _, told = work.communicate(timeout=60)
    assert work.returncode == 130
    assert told.startswith("mask: interrupted")
    assert not (out / "model.json").exists()
    kept = {p: p.stat().st_mtime_ns for p in out.glob("fold-*.safetensors")}
    assert 1 <= len(kept) < 4
    subprocess.run([sys.executable, "-m", "mask", *words], check=True, capture_output=True)
    assert (out / "model.json").is_file()
    assert {p: p.stat().st_mtime_ns for p in kept} == kept


def test_every_error_of_the_house_has_a_documented_exit_code() -> None:
    kinds = [MaskError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {k.exit_code for k in kinds} <= {1, 2, 3, 100}
