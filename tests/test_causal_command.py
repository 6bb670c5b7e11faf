"""``mask probe`` with each method and with frames for rows, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mask.cli.probe import probe
from mask.errors import UsageError

DATA = "synthetic:subjects=4,repeats=1,size=128"


def run(data: str, out: Path, **options: Any) -> dict[str, Any]:
    given = {
        "method": "pc", "rows": "clips", "scheme": "mesh", "flow": "farneback", "alpha": 0.05, "bootstraps": 1,
        "seed": 0, "force": False, "as_json": True, "quiet": True, **options,
    }  # fmt: skip
    probe(data, out, **given)
    assert (out / "probe.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (out / "probe.svg").read_bytes()
    told: dict[str, Any] = json.loads((out / "probe.json").read_text(encoding="utf-8"))
    return told


def published(folder: Path, subjects: list[str]) -> str:
    """Flow maps in the layout of MEGC2019: noise, and for surprise a brow that rises."""
    rng = np.random.default_rng(0)
    for subject in subjects:
        for label in range(3):
            place = folder / subject / "u_test" / str(label)
            place.mkdir(parents=True)
            for i in range(3):
                picture = rng.integers(90, 160, (28, 28, 3)).astype(np.uint8)
                picture[4:9, 4:24, 1] -= 60 * (label == 2)
                cv2.imwrite(str(place / f"{subject}_{i} .png"), picture)
    return f"megc-flow:{folder}"


@pytest.mark.parametrize("method", ["boss", "lingam"])
def test_methods_write_data_and_figure(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(DATA, tmp_path / "out", method=method)
    assert told["method"] == method
    assert told["graph"]["edges"]
    assert json.loads(capsys.readouterr().out)["method"] == method


def test_cdnod_compares_the_two_databases(tmp_path: Path) -> None:
    data = published(tmp_path / "maps", ["sub01", "sub02", "006", "007"])
    told = run(data, tmp_path / "out", method="cdnod")
    assert told["graph"]["nodes"][-1] == "dataset"
    assert told["clips"] == 36


def test_frames_say_what_comes_first_or_abstain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(DATA, tmp_path / "out", rows="frames", as_json=False)
    assert told["schema"] == "mask.lead/1"
    assert told["clips"] > 8
    assert len(told["by_emotion"]) == 4
    assert "onset to apex, level 0.05" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (DATA, {"method": "cdnod"}, "compares two datasets; .* holds 1: synthetic"),
        (DATA, {"rows": "pixels"}, "--rows is 'pixels'"),
        (DATA, {"rows": "frames", "method": "ges"}, "leave one out"),
        ("maps", {"rows": "frames"}, "needs clips of frames"),
        ("maps", {"method": "cdnod"}, "holds 1: casme2"),
    ],
)
def test_what_has_no_meaning_is_refused(data: str, options: dict[str, str], message: str, tmp_path: Path) -> None:
    data = published(tmp_path / "maps", ["sub01"]) if data == "maps" else data
    with pytest.raises(UsageError, match=message):
        run(data, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
