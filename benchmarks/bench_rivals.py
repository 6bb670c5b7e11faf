"""Every rival at equal area and equal budgets of 1, 10, 100 and 1000 queries, on real models and real flow.

``python -m benchmarks rivals`` attacks the published STSTNet models on the 278 MEGC2019 flow maps at hand, as ``mask
audit`` does: attacked and studied subjects are disjoint, and the attacker owns models of the same study. One sticker on
4.6 % of the face. Success is over the clips read correctly clean, with 95 % Wilson intervals; *queries* is the mean a
clip at the largest budget, every attack stopping at its first success.

- An attack that looks once is a row with one figure. A search is started anew for each budget, which it knows; its
  figure for one query is its first guess.
- *region* is the best of the constant places, each counted over all clips: chosen in hindsight, and so a bound.
- *exhaustive* asks about every place and motion; nothing can do better. On flow maps a drawing's content is not seen,
  and attacks that optimise it (eot-patch, rp2, the texture of patch-attack) have nothing to work on: see *skin
  attacks*.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

from benchmarks.bench_recognizers import flow_maps, megc
from mask import registry
from mask.audit import Setting, Shared
from mask.audit import run as audit
from mask.metrics import wilson
from mask.naming import attacks
from mask.plan import ThreatModel

Row = dict[str, Any]
Cell = dict[str, Any]
BUDGETS = (10, 100, 1000)
LOOKS = (
    "random",
    "centre",
    "region",
    "grey",
    "au-sticker",
    "saliency",
    "saliency:evidence=occlusion",
    "universal",
    "ensemble",
    "causal",
)
SEARCHES = ("rhde", "sparse-rs", "patch-attack", "devopatch", "hardbeat")
THREATS = (ThreatModel("overlay", area=0.046), ThreatModel("skin", area=0.046))
"""Equal area, with and without motion of its own."""


def run() -> list[Row]:
    """Measure; one row per threat model and attack. Empty where the real data is absent."""
    data = flow_maps()
    if data is None:
        return []
    model = registry.create("recognizers", f"ststnet:weights={megc() / 'STSTNet_Weights'}")
    known, rows = Shared(), []
    for threat in THREATS:
        setting = Setting((model,), data, attacks(LOOKS), (threat,))
        cells = _cells(setting, known)
        regions = [cells.pop(label) for label in list(cells) if label.startswith("region:")]
        best = max(regions, key=lambda c: c["n_success"])
        rows += [_row(threat, label, {"1": cell}) for label, cell in cells.items()]
        rows.append(_row(threat, f"{best['attack']}, best of {len(regions)}", {"1": best}))
        searched: dict[str, dict[str, Cell]] = {name: {} for name in SEARCHES}
        for budget in BUDGETS:
            threats = (replace(threat, budget=budget),)
            allowed = replace(setting, attacks=attacks(SEARCHES), threats=threats)
            for name, cell in _cells(allowed, known).items():
                searched[name][str(budget)] = cell
        rows += [_row(threat, name, found) for name, found in searched.items()]
        (bound,) = _cells(replace(setting, attacks=attacks(["exhaustive"])), known).values()
        rows.append(_row(threat, "exhaustive", {"all": bound}))
    return rows


def _cells(setting: Setting, known: Shared) -> dict[str, Cell]:
    """What the audit counted, by attack."""
    start = time.process_time()
    found = {result["cell"]["attack"]: result["cell"] for result in audit(setting, shared=known)}
    threat = setting.threats[0]
    print(
        f"{threat.kinetics}, budget {threat.budget}, {len(found)} attacks: {time.process_time() - start:.0f} CPU s",
        file=sys.stderr,
    )
    return found


def _row(threat: ThreatModel, attack: str, cells: dict[str, Cell]) -> Row:
    row: Row = {"threat": f"{threat.kinetics} {threat.area:.1%}", "attack": attack}
    row |= dict.fromkeys(("1", *map(str, BUDGETS), "all"))
    if "10" in cells:
        first = next(a for a in cells["10"]["anytime"] if a["queries"] == 1)
        row["1"] = _rate(first["n_success"], first["n"])
    row |= {budget: _rate(cell["n_success"], cell["n_clean_correct"]) for budget, cell in cells.items()}
    return row | {"queries": round(list(cells.values())[-1]["queries_mean"], 1)}


def _rate(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits / of:.3f} [{low:.3f}, {high:.3f}]"
