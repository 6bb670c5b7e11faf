"""One look at a model nobody has seen: what each source of evidence is worth, on real models and real flow.

``python -m benchmarks one_shot`` attacks the published STSTNet models on MEGC2019 flow, one database with what was
learnt on the other (half an hour of CPU). Success is over the clips read correctly clean, with 95 % Wilson
intervals; one query each, but for the best place, which asks about every place and motion. *Share of best* is success
over that of the best place: what was possible.

- *siblings*: the attacker owns models of the same study that judge discovery subjects. They are trained as the target
  is, and have seen the attacked clips. *trained*: the attacker trains STSTNet on the discovery database and owns
  nothing else.
- *brute force* is the plan that flips most discovery clips of the emotion: what there was before.
- *in 4*: up to four stickers that share the area. Nobody can try all ways to place four; the best are found greedily,
  each where it hides most on the target beside those before it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mask import registry
from mask.audit import Setting, Shared
from mask.audit import run as audit
from mask.metrics import wilson
from mask.plan import ThreatModel

Row = dict[str, Any]
PARTS = ("casme2", "samm")
OWNED: dict[str, dict[str, Any]] = {"siblings": {"siblings": True}, "trained": {"siblings": False}}
ATTACKS = {
    "causal, all three sources": "causal:bootstraps=40",
    "causal, emotion predicted": "causal:hide=predicted,bootstraps=40",
    "brute force by emotion": "universal:per_emotion=true",
}
ABLATIONS = {
    "causal without observation": "causal:use=intervention+clip",
    "causal without the clip": "causal:use=observation+intervention,bootstraps=40",
    "causal, intervention alone": "causal:use=intervention",
    "causal, observation alone": "causal:use=observation,bootstraps=40",
    "transfer, the clip alone": "ensemble",
    "saliency": "saliency",
}
"""Tried under the first threat model only."""
BOUNDS = {"random": "random", "best place": "exhaustive"}
PIECES = {"random places": "pieces:on=chance", "best places, greedily": "pieces:on=target"}
THREATS = (
    ThreatModel("overlay", area=0.046),
    ThreatModel("overlay", area=0.02),
    ThreatModel("skin", area=0.046),
    ThreatModel("skin", area=0.046, number=4),
)


def run() -> list[Row]:
    """Measure; one row per threat model, database, owned models and attack. Empty where the real data is absent."""
    folder = (
        Path(os.environ.get("MASK_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared")) / "data" / "megc2019"
    )
    if not folder.is_dir():
        print(f"{folder} is absent; nothing was measured", file=sys.stderr)
        return []
    model = registry.create("recognizers", f"ststnet:weights={folder / 'STSTNet_Weights'}")
    return [row for part in PARTS for row in _rows(folder, model, part)]


def _rows(folder: Path, model: Any, part: str) -> Iterator[Row]:
    other = next(p for p in PARTS if p != part)
    known = {owned: Shared() for owned in OWNED}
    for threat in THREATS:
        told: dict[tuple[str, str], dict[str, Any]] = {}
        for owned, options in OWNED.items():
            named = ATTACKS | (ABLATIONS if threat == THREATS[0] else {})
            if owned == "siblings":
                named |= BOUNDS if threat.number == 1 else PIECES
            setting = Setting(
                recognizers=(model,),
                dataset=registry.create("datasets", f"megc-flow:{folder / 'norm_u_v_os'},part={part}"),
                discovery=registry.create("datasets", f"megc-flow:{folder / 'norm_u_v_os'},part={other}"),
                attacks={name: registry.create("attacks", spec) for name, spec in named.items()},
                threats=(threat,),
                surrogates=() if owned == "siblings" else (registry.create("recognizers", "ststnet"),),
                **options,
            )
            for result in audit(setting, shared=known[owned]):
                cell = result["cell"]
                told["-" if cell["attack"] in BOUNDS | PIECES else owned, cell["attack"]] = cell
        best = next(
            told["-", name]["n_success"] for name in ("best place", "best places, greedily") if ("-", name) in told
        )
        for (owned, attack), cell in told.items():
            yield _row(threat, part, owned, attack, cell, best)


def _row(threat: ThreatModel, part: str, owned: str, attack: str, cell: dict[str, Any], best: int) -> Row:
    hits, of = cell["n_success"], cell["n_clean_correct"]
    low, high = wilson(hits, of)
    several = f" in {threat.number}" if threat.number > 1 else ""
    return {
        "threat": f"{threat.kinetics} {threat.area:.1%}{several}",
        "clips": part,
        "owned": owned,
        "attack": attack,
        "success": f"{hits}/{of} = {hits / of:.3f}",
        "95 %": f"{low:.3f} to {high:.3f}",
        "share of best": round(hits / best, 2) if best else None,
    }
