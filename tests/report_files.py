"""Runs for the tests of the report: made by the real audit on a recognizer of known answers, or by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mask.audit import Setting, run
from mask.evaluate import score
from mask.plan import ThreatModel
from mask.registry import create
from mask.results import Row, summarise, write_results, write_rows
from mask.runs import environment
from mask.summary import gather
from tests.models import LinearFlow, flow_clip, flow_dataset, strained

BLOCK = [(r, c) for r in range(4, 8) for c in range(12, 16)]
ATTACKS = (
    "random",
    "centre",
    "region:name=glabella",
    "region:name=upper_lip",
    "grey:bootstraps=20",
    "causal:bootstraps=20",
    "exhaustive",
)
HOSTILE = "<script>alert(1)</script>\"' onload=x <img src=http://x/y> $\\frac{1$ javascript:alert(1) ]]> --> \u202e"


def moving(flow: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same strain, with motion in it that differs from clip to clip and by region."""
    blocks = rng.integers(-40, 40, (7, 7, 2)).repeat(4, axis=0).repeat(4, axis=1)
    flow[1:27, 1:27, :2] = (100 + blocks)[1:27, 1:27]
    return flow


def audit(out: Path, seed: int = 0) -> Path:
    """A small run made by the real audit: two recognizers that see alike, two kinetics, a defence."""
    rng = np.random.default_rng(seed)
    clips = []
    for s in range(6):
        for k in range(3):
            shift = int(rng.integers(0, 3))
            block = [(r, c + shift) for r, c in BLOCK]
            clips.append(flow_clip(f"s{s}/moved{k}", moving(strained(block, 250 - s), rng)))
            clips.append(flow_clip(f"s{s}/calm{k}", moving(strained(block[: 4 + shift], 250), rng), "calm"))
    setting = Setting(
        recognizers=(LinearFlow(np.ones((28, 28)), 2000.0), LinearFlow(np.ones((28, 28)), 2100.0, name="other")),
        dataset=flow_dataset(clips),
        attacks={label: create("attacks", label) for label in ATTACKS},
        threats=(ThreatModel("skin"), ThreatModel("overlay", directions=((1.0, 0.0), (0.0, 1.0)))),
        defenses={"none": None, "median": create("defenses", "median")},
        defended=("random", "causal:bootstraps=20"),
        surrogates=(LinearFlow(np.ones((28, 28)), 2000.0, name="twin"),),
        seed=seed,
    )
    cells = list(run(setting))
    out.mkdir(parents=True)
    write_rows([row for cell in cells for row in cell["rows"]], out / "clips.csv")
    told = {"command": ["mask", "audit", "linear"], "environment": environment()}
    write_results(
        {"schema": "mask.results/1", **told, **gather(setting, cells, show_faces=False)}, out / "results.json"
    )
    return out


def by_hand(out: Path, rows: Iterable[Row], emotions: tuple[str, ...] = ("calm", "moved"), **more: Any) -> Path:
    """A run whose every clip is given; what else ``results.json`` holds follows from them or is next to nothing."""
    cells: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.recognizer, row.defense, row.kinetics, row.attack), []).append(row)
    recognizers = list(dict.fromkeys(k[0] for k in cells))
    every = next(iter(cells.values()), [])
    results = {
        "schema": "mask.results/1",
        "command": ["mask", "audit", "byhand"],
        "environment": {"mask": "0", "python": "3", "packages": {}},
        "data": {"name": "by hand", "card": {}, "n": len(every), "synthetic": True, "space": "flow"},
        "subjects": len({r.subject for r in every}),
        "emotions": list(emotions),
        "discovery": "none",
        "recognizers": [{"name": r, "labels": list(emotions)} for r in recognizers],
        "threat_models": [ThreatModel(k).to_json() for k in dict.fromkeys(k[2] for k in cells)],  # type: ignore[arg-type]
        "attacks": {k[3]: k[3] for k in cells},
        "defenses": {k[1]: k[1] for k in cells if k[1] != "none"},
        "scheme": "mesh",
        "step": None,
        "seed": 0,
        "clean": [_clean(found, key, emotions) for key, found in _first(cells).items()],
        "cells": [_cell(key, found, emotions) for key, found in cells.items()],
        "evidence": [],
        "maps": [],
        "examples": [],
        "not_tried": [],
        **more,
    }
    out.mkdir(parents=True)
    write_results(results, out / "results.json")
    write_rows([row for found in cells.values() for row in found], out / "clips.csv")
    return out


def row(clip: str, emotion: str, before: str, after: str, **more: Any) -> Row:
    """One clip; its subject is what stands before the slash of its name."""
    told: dict[str, Any] = {"recognizer": "r", "defense": "none", "attack": "x", "kinetics": "skin", "queries": 1}
    told |= {"subject": clip.split("/")[0], "status": "ok", **more}
    success = told["status"] == "ok" and before == emotion and after not in ("", emotion)
    return Row(
        clip=clip, emotion=emotion, clean_prediction=before, attacked_prediction=after, **{"success": success, **told}
    )


def changed(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a run whose results.json was tampered with."""
    copied = tmp_path / "changed"
    shutil.copytree(folder, copied, dirs_exist_ok=True)
    data = json.loads((copied / "results.json").read_text(encoding="utf-8"))
    change(data)
    (copied / "results.json").write_text(json.dumps(data), encoding="utf-8")
    return copied


def _first(cells: dict[tuple[str, str, str, str], list[Row]]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for key, rows in cells.items():
        found.setdefault(key[:2], rows)
    return found


def _clean(rows: list[Row], key: tuple[str, str], emotions: tuple[str, ...]) -> dict[str, Any]:
    told = score(rows, [r.clean_prediction or None for r in rows], emotions)
    return {"recognizer": key[0], "defense": key[1], **told}


def _cell(key: tuple[str, str, str, str], rows: list[Row], emotions: tuple[str, ...]) -> dict[str, Any]:
    names = dict(zip(("recognizer", "defense", "kinetics", "attack"), key, strict=True))
    return {**names, "sticker_area": 0.046, **summarise(rows, emotions), "seconds": 0.0, "vs_random": None}


_MADE: list[Path] = []


def audited(factory: pytest.TempPathFactory) -> Path:
    """The small run, made once for all tests."""
    if not _MADE:
        _MADE.append(audit(factory.mktemp("audit") / "first"))
    return _MADE[0]
