"""``mask spot``: what it writes, what it refuses, and that the clips it cuts out can be attacked."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mask import registry
from mask.cli.app import app
from mask.errors import UsageError
from mask.metrics import leakage_bits
from mask.spot.video import long_videos
from mask.video import VideoWriter, open_frames

LONG = "synthetic-long:subjects=1,videos=1"


def run(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--quiet"])
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two long videos of one expression each, as files; what is found in them is kept between the tests."""
    root = tmp_path_factory.mktemp("videos")
    made = "synthetic-long:subjects=2,videos=1,expressions=1,macros=0,seconds=2.5,size=96,fps=25,intensity=2"
    rows = ["file,subject,onset,apex,offset,emotion,fps,synthetic"]
    for video in long_videos(registry.create("datasets", made)).videos:
        (true,) = video.truth or ()
        with VideoWriter(root / f"{video.subject}.mkv", 96, 96, video.fps, lossless=True) as writer:
            for i in range(len(video)):
                writer.write(video.frame(i))
        times = f"{true.onset},{true.apex},{true.offset}"
        rows.append(f"{video.subject}.mkv,{video.subject},{times},{true.emotion},25,1")
    (root / "annotations.csv").write_text("\n".join(rows) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield root


@pytest.fixture(scope="module")
def spotted(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("spot") / "out"
    run("spot", "flow-peak", "--data", f"folder:{videos}", "--out", str(out))
    told: dict[str, Any] = json.loads((out / "spotting.json").read_text())
    return out, told


def test_it_writes_intervals_scores_and_a_picture(spotted: tuple[Path, dict[str, Any]]) -> None:
    out, told = spotted
    assert told["schema"] == "mask.spotting/1"
    assert set(told["scores"]) == {"flow-peak", "random places"}
    whole = told["scores"]["flow-peak"]
    agreeing = sum(i["agrees_with_onset"] is not None for v in told["videos"] for i in v["intervals"])
    assert whole["tp"] == agreeing
    assert whole["true"] == sum(len(v["annotated"]) for v in told["videos"]) == 2
    assert whole["spotted"] == sum(len(v["intervals"]) for v in told["videos"])
    with (out / "intervals.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["kind"] for r in rows].count("annotated") == 2
    assert [int(r["onset"]) for r in rows if r["kind"] == "spotted"] == [
        i["onset"] for v in told["videos"] for i in v["intervals"]
    ]
    assert (out / "spotting.png").read_bytes()[:4] == b"\x89PNG"


def test_spotted_clips_are_the_frames_of_the_video(spotted: tuple[Path, dict[str, Any]], videos: Path) -> None:
    out, told = spotted
    for video in told["videos"]:
        whole = open_frames(videos / video["key"].split("/")[-1])
        for one in video["intervals"]:
            written = open_frames(out / one["clip"])
            assert len(written) == one["offset"] - one["onset"] + 1
            for at in (one["onset"], one["apex"], one["offset"]):
                assert np.array_equal(written[at - one["onset"]], whole[at])


def test_an_attack_takes_a_spotted_clip(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "spot"
    words = ("--recognizer", "ststnet:flow=dis,size=32", "--out", str(out))
    run("spot", "flow-peak", "--data", f"folder:{videos}", *words)
    told = json.loads((out / "spotting.json").read_text())
    assert told["recognizer"]["name"] == "ststnet"
    assert told["scores"]["flow-peak"]["strs"] is not None
    spec = f"folder:{out / 'clips'}"
    clips = registry.create("datasets", spec)
    assert len(clips) == sum(len(v["intervals"]) for v in told["videos"])
    annotated = {v["annotated"][0]["onset"]: v["annotated"][0]["emotion"] for v in told["videos"]}
    by_file = {f"clips/{c.key.split('/', 2)[2]}": c.emotion for c in clips}
    for one in (i for v in told["videos"] for i in v["intervals"]):
        agrees = one["agrees_with_onset"]
        assert by_file[one["clip"]] == (one["emotion"] if agrees is None else annotated[agrees])
    run(
        *("audit", "ststnet:flow=dis,size=32", "--data", spec, "--attacks", "random,centre", "--out"),
        *(str(tmp_path / "audit"), "--kinetics", "skin", "--draws", "0", "--surrogates", "none"),
    )
    results = json.loads((tmp_path / "audit" / "results.json").read_text())
    assert {c["attack"] for c in results["cells"]} >= {"random", "centre"}


def test_answers_outside_the_labels_leak_nothing() -> None:
    # A recognizer of three emotions that answers with the third about clips of the first two, as here it may.
    assert leakage_bits(np.zeros((2, 2))) == 0.0


def test_a_spotter_is_trained_here_and_used_again(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = json.loads(
        run("spot", "softnet:epochs=1", "--data", f"folder:{videos}", "--train", "loso", "--out", str(out), "--json")
    )
    assert told == json.loads((out / "spotting.json").read_text())
    assert set(told["scores"]) == {"softnet", "flow-peak", "random places"}
    assert told["spotter"]["models"] == 2
    card = json.loads((out / "weights" / "spotter.json").read_text())
    assert card["folds"] == {"s01": "fold-000.safetensors", "s02": "fold-001.safetensors"}
    again = tmp_path / "again"
    run("spot", f"softnet:weights={out / 'weights'}", "--data", f"folder:{videos}", "--out", str(again))
    assert json.loads((again / "spotting.json").read_text())["scores"] == told["scores"]
    run("spot", "softnet:epochs=1", "--data", f"folder:{videos}", "--train", "loso", "--out", str(out), "--force")
    assert json.loads((out / "spotting.json").read_text())["scores"] == told["scores"]


def test_a_video_file_nobody_annotated(videos: Path, tmp_path: Path) -> None:
    told = run("spot", "flow-peak", str(videos / "s01.mkv"), "--out", str(tmp_path / "out"))
    assert "Nobody annotated" in told
    results = json.loads((tmp_path / "out" / "spotting.json").read_text())
    assert results["scores"] is None
    assert results["videos"][0]["annotated"] is None
    assert len(results["videos"][0]["intervals"]) >= 1


def test_an_output_is_replaced_only_when_asked_and_nothing_else_with_it(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("spot", "flow-peak", str(videos / "s01.mkv"), "--out", str(out))
    run(*words)
    first = (out / "intervals.csv").read_text()
    with pytest.raises(UsageError, match="not empty"):
        run(*words)
    mine, away = out / "clips" / "mine.txt", tmp_path / "precious.mkv"
    mine.write_text("a note of mine")
    away.write_bytes(b"not ours")
    listed = json.loads((out / "spotting.json").read_text())
    listed["videos"][0]["intervals"].append({"clip": "clips/../../precious.mkv"})
    (out / "spotting.json").write_text(json.dumps(listed))
    with pytest.raises(UsageError, match="not empty"):
        run(*words, "--force")
    assert away.exists()
    assert mine.exists()
    mine.unlink()
    mine.parent.rmdir()
    run(*words, "--force")
    assert (out / "intervals.csv").read_text() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ststnet", "--data", LONG), "finds none; a spotter is needed"),
        (("flow-peak",), "either --data SPEC or video files"),
        (("softnet", "--data", LONG), "softnet is not trained; give softnet:weights=DIR, or --train"),
        (("flow-peak", "--data", LONG, "--train", "loso"), "a spotter that learns"),
        (("softnet", "--data", LONG, "--train", "best"), "expected one of loso"),
        (("flow-peak", "--data", f"{LONG},emotions=4", "--recognizer", "ststnet"), "'happiness' has no counterpart"),
        (("softnet:weights=/nowhere", "--data", LONG), "holds no spotter.json"),
        (("softnet:share=2", "--data", LONG), "out of range"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=said):
        run("spot", *words, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_training_a_spotter_as_a_recognizer_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mask spot softnet --train loso"):
        run("train", "softnet", "--data", LONG, "--out", str(tmp_path))
