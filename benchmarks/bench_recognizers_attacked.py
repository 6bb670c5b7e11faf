"""Stickers against the five recognizers of ``bench_recognizers``, each trained leave-one-subject-out without leakage.

``python -m benchmarks recognizers_attacked`` trains them first where that was not done (see ``bench_recognizers``). An
overlay on 4.6 % of the face, one look at the recognizer; each database is attacked with what was learnt on the other.
The attacker owns models of the same study that judge discovery subjects. Success is over the clips read correctly
clean, with 95 % Wilson intervals; *exhaustive* asks about every place and motion, and is what was possible.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from mask import registry
from mask.audit import Setting
from mask.audit import run as audit
from mask.clip import Dataset
from mask.files import write_json
from mask.metrics import wilson
from mask.plan import ThreatModel
from mask.weights import sha256

from .bench_recognizers import chosen, flow_maps, models, trained

Row = dict[str, Any]
PARTS = ("casme2", "samm")
ATTACKS = {"random": "random", "causal": "causal:bootstraps=40", "exhaustive": "exhaustive"}
THREAT = ThreatModel("overlay", area=0.046)


def run() -> list[Row]:
    """Measure; one row per recognizer and attack. Empty where the real data is absent."""
    data = flow_maps()
    return [] if data is None else [row for name in chosen() for row in _rows(_cells(name, data))]


def _cells(name: str, data: Dataset) -> dict[str, Any]:
    """By attack and part, what the audit counted; kept beside the weights it was counted on."""
    model = trained(name, data)
    key = repr((ATTACKS, THREAT, sha256(models() / name / "model.json")))
    kept = models() / f"{name}-attacked.json"
    if kept.is_file() and (told := json.loads(kept.read_text(encoding="utf-8")))["key"] == key:
        return dict(told)
    told = {"key": key, "name": name, "cells": _attack(name, model)}
    write_json(told, kept)
    return told


def _attack(name: str, model: Any) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {attack: {} for attack in ATTACKS}
    start = time.process_time()
    for part in PARTS:
        other = next(p for p in PARTS if p != part)
        setting = Setting(
            recognizers=(model,),
            dataset=flow_maps(part),
            discovery=flow_maps(other),
            attacks={attack: registry.create("attacks", spec) for attack, spec in ATTACKS.items()},
            threats=(THREAT,),
        )
        for result in audit(setting):
            found[result["cell"]["attack"]][part] = result["cell"]
    print(f"{name}: attacked in {time.process_time() - start:.0f} CPU s", file=sys.stderr)
    return found


def _rows(told: dict[str, Any]) -> Iterator[Row]:
    for attack, cells in told["cells"].items():
        yield {"recognizer": told["name"], "attack": attack, **{part: _told([cells[part]]) for part in PARTS}} | {
            "both": _told(list(cells.values())),
            "queries a clip": round(sum(c["queries_mean"] for c in cells.values()) / len(cells), 1),
        }


def _told(cells: list[dict[str, Any]]) -> str:
    hits, of = (sum(c[key] for c in cells) for key in ("n_success", "n_clean_correct"))
    low, high = wilson(hits, of)
    return f"{hits}/{of} = {hits / max(of, 1):.3f} [{low:.3f}, {high:.3f}]"
