"""``mask verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mask import registry
from mask.cli.console import Progress, print_json, say, table
from mask.errors import ThresholdNotMet
from mask.verify import verify as work
from mask.video import probe


def verify(
    original: Path, masked: Path, recognizers: Sequence[str], *, require: float | None, as_json: bool, quiet: bool
) -> None:
    """Score both videos and say what changed."""
    models = [registry.create("recognizers", r) for r in recognizers]
    frames = probe(original).frames
    with Progress(quiet) as bar:
        total = None if frames is None else 2 * frames
        told = work(original, masked, models, progress=lambda n: bar("reading", n, total))
    if as_json:
        print_json(told)
    else:
        rows = []
        for r in told["recognizers"]:
            rows.append([r["recognizer"], str(r["read"])])
            for kind in ("changed", "changed_control"):
                low, high = r[f"{kind}_ci95"]
                rows[-1].append(f"{r[kind]} [{low:.2f}, {high:.2f}]")
            rows[-1] += [
                f"{r['p_versus_control']:.2g}",
                *(_share(r[f"probability_{k}"]) for k in ("original", "masked")),
            ]
        header = ["recognizer", "windows", "changed", "without sticker", "p", "confidence before", "after"]
        say(table(rows, header))
        for r in told["recognizers"]:
            say(
                f"{r['recognizer']} reads {_listed(r['readings_original'])} before, "
                f"{_listed(r['readings_masked'])} after"
            )
        say(
            "'without sticker' is the control: the original encoded again. Not tested: "
            + "; ".join(told["not_tested"])
            + "."
        )
    if require is not None:
        worst = min((r["changed_share"] or 0.0 for r in told["recognizers"]), default=0.0)
        if worst < require:
            raise ThresholdNotMet(
                f"{require:.2f} of the readings were required to change; {worst:.2f} did at the least"
            )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items()) or "nothing"
