"""A report on a million clips: seconds, memory and size, from two files of made-up results.

Four recognizers, with and without two defences, under four kinetics and twenty attacks: 960 cells of 1042 clips. The
limits are those the project sets itself: 30 s, 2 GB and 5 MB for the page.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mask.plan import ThreatModel
from mask.results import COLUMNS, SCHEMA

Row = dict[str, Any]

CLIPS, SUBJECTS = 1042, 52
EMOTIONS = ("negative", "positive", "surprise")
RECOGNIZERS = ("ststnet", "mmnet", "rcn", "htnet")
DEFENSES = ("none", "jpeg", "median")
KINETICS = ("skin", "slip", "raised", "overlay")
REGIONS = ("forehead", "nose", "cheek_left", "cheek_right", "chin", "glabella")
ATTACKS = ("random", "centre", "grey", "au-sticker", "causal", "ensemble", "universal", "saliency", "rhde", "sparse-rs",
           "patch-attack", "devopatch", "hardbeat", "exhaustive", *(f"region:name={r}" for r in REGIONS))  # fmt: skip

RUN = """
import resource, sys, time
from pathlib import Path
start = time.perf_counter()
from mask.reports.paper import read_runs
from mask.reports.write import FORMATS, write
runs = read_runs([Path(sys.argv[1])])
read = time.perf_counter() - start
write(runs, [], {sys.argv[2]: Path(sys.argv[1]) / f"report{FORMATS[sys.argv[2]]}"})
print(read, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def run() -> list[Row]:
    """Write the results, report on them in a fresh process; one row per format."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "million"
        folder.mkdir()
        rows = make(folder)
        size = (folder / "clips.csv").stat().st_size / 1e6
        print(f"{rows:,} rows, clips.csv of {size:.0f} MB", file=sys.stderr)
        return [_row(folder, form, rows) for form in ("html", "csv", "parquet", "json", "junit", "pdf")]


def _row(folder: Path, form: str, rows: int) -> Row:
    done = subprocess.run([sys.executable, "-c", RUN, str(folder), form], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-800:])
    read, seconds, peak = map(float, done.stdout.split())
    end = {"junit": "xml"}.get(form, form)
    size = (folder / f"report.{end}").stat().st_size / 1e6
    told = {"what": f"{form}, {rows:,} clip rows", "wall_s": seconds, "of it reading": read, "peak_gb": peak}
    limits = {"limit_s": 30, "limit_gb": 2, "limit_mb": 5} if form == "html" else {}
    return {**told, "file_mb": size, **limits}


def make(folder: Path) -> int:
    """Write ``results.json`` and ``clips.csv`` of a large run, and return the number of clip rows."""
    rng = np.random.default_rng(0)
    emotion = rng.choice(EMOTIONS, CLIPS, p=(0.55, 0.25, 0.2))
    subject = np.sort(rng.integers(0, SUBJECTS, CLIPS))
    keys = [f"casme2/sub{s:02d}/ep{k:04d}" for k, s in enumerate(subject)]
    told: list[dict[str, Any]] = []
    clean: dict[tuple[str, str], Any] = {}
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for recognizer, defense, kinetics, attack in product(RECOGNIZERS, DEFENSES, KINETICS, ATTACKS):
            if (recognizer, defense) not in clean:
                clean[recognizer, defense] = _answers(rng, emotion, 0.75)
            before = clean[recognizer, defense]
            turned = rng.random(CLIPS) < rng.beta(1, 4)
            after = np.where(turned, _other(rng, before), before)
            region = rng.choice(REGIONS, CLIPS) if ":" not in attack else np.full(CLIPS, attack.partition("=")[2])
            queries = 1000 if attack in ("exhaustive", "rhde", "hardbeat") else 1
            x, y = np.round(rng.integers(0, 28, (2, CLIPS)) / 28, 6)
            success = (before == emotion) & (after != emotion)
            first = np.where(success, rng.integers(1, queries + 1, CLIPS), 0)
            columns = (emotion, before, after, success, first, region, x, y, keys, subject)
            for true, was, told_as, hit, at, where, u, v, key, who in zip(*columns, strict=True):
                known = {
                    "recognizer": recognizer, "defense": defense, "attack": attack, "kinetics": kinetics, "clip": key,
                    "subject": f"s{who}", "emotion": true, "clean_prediction": was, "attacked_prediction": told_as,
                    "status": "ok", "success": bool(hit), "queries": queries, "first_success": at or "",
                    "region": where, "x": u, "y": v, "size": 0.046, "angle": 0.0, "art": "heart", "abstained": False,
                    "evidence": f"{where} takes {u:.2f} of log-odds on discovery clips",
                }  # fmt: skip
                writer.writerow([known.get(name, "") for name in COLUMNS])
            name = (recognizer, defense, kinetics, attack)
            told.append(_cell(name, emotion, before, success, region, first, queries))
    (folder / "results.json").write_text(json.dumps(_results(told, clean, emotion)), encoding="utf-8")
    return len(told) * CLIPS


def _answers(rng: np.random.Generator, emotion: Any, right: float) -> Any:
    return np.where(rng.random(CLIPS) < right, emotion, rng.choice(EMOTIONS, CLIPS))


def _other(rng: np.random.Generator, answer: Any) -> Any:
    step = rng.integers(1, len(EMOTIONS), CLIPS)
    return np.array(EMOTIONS)[(np.searchsorted(EMOTIONS, answer) + step) % len(EMOTIONS)]


def _rate(n: int, hits: int) -> dict[str, Any]:
    return {"n": n, "n_success": hits, "asr": hits / n if n else None, "asr_ci95": [0.0, 1.0]}


def _cell(key: tuple[str, ...], emotion: Any, before: Any, success: Any, region: Any, first: Any, queries: int) -> Any:
    right = before == emotion
    n, hits = int(right.sum()), int(success.sum())
    parts = {"by_emotion": (emotion, EMOTIONS), "by_region": (region, sorted(set(region.tolist())))}
    rates = {
        name: {v: _rate(int((right & (of == v)).sum()), int((success & (of == v)).sum())) for v in values}
        for name, (of, values) in parts.items()
    }
    scores = {"uf1": 0.5, "uar": 0.5, "accuracy": 0.5}
    asked = [q for q in (1, 10, 100, 1000) if q <= queries]
    return {
        **dict(zip(("recognizer", "defense", "kinetics", "attack"), key, strict=True)),
        **_rate(n, hits), "n": CLIPS, "n_clean_correct": n, "sticker_area": 0.046,
        "asr_ci95_subjects": None, "error_rate": 0.5, "clean": scores, "attacked": {**scores, "leakage_bits": 0.1},
        **rates, "unanswered": 0, "invalid": 0, "abstained": 0, "queries_mean": queries, "queries_max": queries,
        "seconds": 1.0, "vs_random": None,
        "anytime": [{"queries": q, **_rate(n, int((success & (first <= q)).sum()))} for q in asked],
    }  # fmt: skip


def _results(cells: list[Any], clean: Any, emotion: Any) -> dict[str, Any]:
    scores = {"uf1": 0.7, "uar": 0.7, "accuracy": 0.75}
    intervals = {f"{k}_ci95": [0.6, 0.8] for k in scores}
    return {
        "schema": SCHEMA, "command": ["mask", "bench"], "environment": {"mask": "0", "python": "3", "packages": {}},
        "data": {"name": "made up", "card": {}, "n": CLIPS, "synthetic": True, "space": "frames"},
        "subjects": SUBJECTS, "emotions": list(EMOTIONS), "discovery": "none",
        "recognizers": [{"name": r, "labels": list(EMOTIONS)} for r in RECOGNIZERS],
        "threat_models": [ThreatModel(k).to_json() for k in KINETICS], "attacks": {a: a for a in ATTACKS},
        "access": dict.fromkeys(ATTACKS, "none"), "surrogates": [], "siblings": False, "defenses": {}, "scheme": "mesh",
        "step": 1 / 6, "seed": 0, "cells": cells, "evidence": [], "maps": [], "examples": [], "not_tried": [],
        "clean": [
            {
                "recognizer": r, "defense": d, "n": CLIPS, "unanswered": [0] * 3, **scores, **intervals,
                "confusion": [[int(((emotion == a) & (told == b)).sum()) for b in EMOTIONS] for a in EMOTIONS],
                "majority": {"label": EMOTIONS[0], "uf1": 0.24, "uar": 0.33, "accuracy": 0.55}, "leakage_bits": 0.4,
            }
            for (r, d), told in clean.items()
        ],
    }  # fmt: skip


if __name__ == "__main__":
    for line in run():
        print(line)
