"""``mask verify``."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mask import registry
from mask.cli.console import Progress, note, print_json, say, table
from mask.errors import ThresholdNotMet, UsageError
from mask.verify import verify as work
from mask.video import PartialVideo, probe


def verify(
    original: Path, masked: Path, recognizers: Sequence[str], *, require: float | None, as_json: bool, quiet: bool
) -> None:
    """Score both videos and say what changed."""
    if require is not None and not 0 <= require <= 1:
        raise UsageError(f"--require is {require}; expected a share between 0 and 1")
    models = [registry.create("recognizers", r) for r in recognizers]
    frames = probe(original).frames
    total = None if frames is None else 2 * frames
    with Progress(quiet) as bar, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", PartialVideo)
        told = work(original, masked, models, progress=lambda n: bar("reading", n, total))
    partly = dict.fromkeys(str(w.message) for w in heard if issubclass(w.category, PartialVideo))
    for problem in partly:
        note(f"mask: {problem}")
    if as_json:
        print_json(told)
    else:
        _show(told)
    if require is not None:
        worst = min((r["changed_share"] or 0.0 for r in told["recognizers"]), default=0.0)
        if worst < require:
            raise ThresholdNotMet(
                f"{require:.2f} of the readings were required to change; {worst:.2f} did at the least"
            )


def _show(told: dict[str, Any]) -> None:
    rows = []
    for r in told["recognizers"]:
        rows.append([r["recognizer"], str(r["read"])])
        for kind in ("changed", "changed_control"):
            low, high = r[f"{kind}_ci95"]
            rows[-1].append(f"{r[kind]} [{low:.2f}, {high:.2f}]")
        rows[-1] += [f"{r['p_versus_control']:.2g}", *(_share(r[f"probability_{k}"]) for k in ("original", "masked"))]
    say(table(rows, ["recognizer", "windows", "changed", "without sticker", "p", "confidence before", "after"]))
    for r in told["recognizers"]:
        before, after = _listed(r["readings_original"]), _listed(r["readings_masked"])
        say(f"{r['recognizer']} reads {before} before, {after} after")
        if r["unanswered_original"] or r["unanswered_masked"]:
            say(f"  no answer: {r['unanswered_original']} before, {r['unanswered_masked']} only after; not counted")
        say(f"  {_verdict(r)}")
    away, count = told["windows_without_a_face_throughout"], told["windows"]
    if away:
        say(f"{away} of {count} windows show no face throughout and were not read")
    say("'without sticker' is the control: the original encoded again. Not tested: " + "; ".join(told["not_tested"]))


def _verdict(r: dict[str, Any]) -> str:
    """What the numbers allow to be said."""
    if not r["read"]:
        return "it read nothing in both videos, so nothing can be said"
    if r["p_versus_control"] < 0.05 and r["changed"] > r["changed_control"]:
        return "the sticker changes more readings than encoding alone does (McNemar, p < 0.05)"
    return "no evidence that the sticker changes more readings than encoding alone does"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items()) or "nothing"
