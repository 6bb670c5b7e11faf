"""Plans carried out and written as clips: what is read back is what was attacked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mask.apply import apply
from mask.cli.app import app
from mask.data.folder import create as folder
from mask.data.megc_flow import create as megc_flow
from mask.data.synthetic import create as synthetic
from mask.evaluate import evaluate
from mask.export import Exporter
from mask.plan import Kinetics, Placement, Plan
from mask.registry import create
from tests.models import flow_clip

STICKER = Plan(Placement(0.2, 0.5, 0.046), Kinetics("skin"), "heart")


def test_frames_are_read_back_pixel_by_pixel(tmp_path: Path) -> None:
    data = synthetic(subjects=2, repeats=1, size=96)
    worn = [apply(c, STICKER) for c in data.clips[:2]]
    exporter = Exporter(tmp_path, data.emotions)
    for clip in worn:
        exporter.add(clip)
    assert exporter.finish() == f"folder:{tmp_path}"
    for before, after in zip(worn, folder(str(tmp_path)), strict=True):
        assert (after.subject, after.emotion, after.synthetic) == (before.subject, before.emotion, True)
        assert (after.onset, after.apex, after.offset) == (before.onset, before.apex, before.offset)
        assert after.fps == pytest.approx(before.fps)
        assert tuple(map(str, after.action_units)) == tuple(map(str, before.action_units))
        for i in range(len(before.frames or ())):
            np.testing.assert_array_equal(after.frame(i), before.frame(i))


def test_flow_maps_are_read_back(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)
    exporter = Exporter(tmp_path, ("negative", "positive", "surprise"))
    for i, flow in enumerate(maps):
        exporter.add(replace(flow_clip(f"samm/006/006_{i}", flow, "surprise", "006")))
    assert exporter.finish() == f"megc-flow:{tmp_path}"
    again = megc_flow(str(tmp_path)).clips
    assert [(c.key, c.emotion) for c in again] == [("samm/006/006_0", "surprise"), ("samm/006/006_1", "surprise")]
    np.testing.assert_array_equal([c.flow for c in again], maps)


def test_names_from_outside_stay_inside_and_apart(tmp_path: Path) -> None:
    clip = synthetic(subjects=2, repeats=1, size=96).clips[0]
    hostile = [("x/../../../etc/passwd", "../.."), ("x/a b", "s"), ("x/a:b", "s"), ("x/A_B", "S"), ("/", "")]
    exporter = Exporter(tmp_path / "out", (str(clip.emotion),))
    (tmp_path / "out").mkdir()
    files = [exporter.add(replace(clip, key=key, subject=subject)) for key, subject in hostile]
    assert len({f.lower() for f in files}) == len(files)
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(written) == len(files)
    assert all(p.is_relative_to(tmp_path / "out") for p in written)


def test_the_command_counts_as_the_clips_it_wrote_do(megc: Path, tmp_path: Path) -> None:
    out, weights = tmp_path / "out", f"ststnet:weights={megc / 'STSTNet_Weights'}"
    arguments = ["attack", weights, "--data", f"megc-flow:{megc / 'norm_u_v_os'},part=samm", "--attack", "random"]
    done = CliRunner().invoke(app, [*arguments, "--kinetics", "overlay", "--out", str(out), "--quiet"])
    assert done.exit_code == 0, done.output
    told = json.loads((out / "plans.json").read_text(encoding="utf-8"))
    assert told["schema"] == "mask.plans/1"
    assert told["n"] == len(told["clips"]) == 133
    score = evaluate(create("recognizers", weights), megc_flow(str(out)))["scores"]["pooled"]
    right = sum(c["attacked_prediction"] == c["emotion"] for c in told["clips"])
    assert score["accuracy"] == pytest.approx(right / 133)
    wrong = [c for c in told["clips"] if c["success"]]
    assert len(wrong) == told["n_success"] > 0
    plans = [Plan.from_json(c["plan"]) for c in told["clips"]]
    assert all(p.kinetics.kind == "overlay" and p.placement.area == 0.046 for p in plans)
    again = [*arguments, "--kinetics", "overlay", "--out", str(out), "--quiet"]
    assert CliRunner().invoke(app, again).exit_code != 0, "nothing is overwritten unasked"
    stale = out / told["clips"][0]["file"]
    (out / "mine.txt").write_text("kept", encoding="utf-8")
    (tmp_path / "x").write_text("not ours", encoding="utf-8")
    earlier = stale.with_name("earlier.png")
    stale.rename(earlier)
    told["clips"].append({"file": str(earlier.relative_to(out))})
    (out / "plans.json").write_text(json.dumps({"clips": [*told["clips"], {"file": "../x"}, 3]}), encoding="utf-8")
    assert CliRunner().invoke(app, [*again, "--force"]).exit_code == 0
    assert stale.is_file()
    assert not earlier.exists(), "a clip of the earlier run would be read with the new ones"
    assert (out / "mine.txt").is_file()
    assert (tmp_path / "x").is_file()


def test_one_attack_and_one_way_of_moving(megc: Path, tmp_path: Path) -> None:
    arguments = ["attack", f"ststnet:weights={megc / 'STSTNet_Weights'}", "--data", f"megc-flow:{megc / 'norm_u_v_os'}"]
    for more in (["--attack", "random,centre"], ["--kinetics", "skin,overlay"]):
        done = CliRunner().invoke(app, [*arguments, *more, "--out", str(tmp_path / "out")])
        assert done.exit_code != 0
        assert "one attack that move in one way" in str(done.exception)
        assert not (tmp_path / "out").exists()
