"""``mask probe``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mask import registry
from mask.causal.discover import METHODS
from mask.causal.observe import observe, observe_steps
from mask.causal.paper import paper_null, paper_region
from mask.causal.plot import figure
from mask.causal.result import ProbeResult
from mask.cli.console import Progress, print_json, say, table
from mask.clip import Dataset
from mask.errors import NoFaceError, UsageError
from mask.faces import aligned_pair
from mask.files import write_json
from mask.flow import METHODS as FLOWS
from mask.regions import SCHEMES, Scheme, load
from mask.runs import claim_folder, command_line, environment

PAPER_SIZE = 224


def probe(
    data: str,
    out: Path,
    *,
    method: str,
    scheme: str,
    flow: str,
    alpha: float,
    bootstraps: int,
    seed: int,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Probe a dataset and write ``probe.json`` and, for the motion modes, ``probe.png`` and ``probe.svg``."""
    _check(method, scheme, flow, alpha)
    dataset = registry.create("datasets", data)
    claim_folder(out, force)
    rng = np.random.default_rng(seed)
    about = {"command": command_line(), "environment": environment(), "data": dataset.name, "seed": seed}
    with Progress(quiet) as bar:
        if method == "paper":
            told = _paper(dataset, rng, bar)
            write_json({**about, **told}, out / "probe.json")
            print_json(told) if as_json else _show_paper(told)
            return
        result = motion(dataset, load(scheme), rng, bar, method, flow, alpha, bootstraps)
    keep(result, about, out)
    print_json(result.to_json()) if as_json else show(result)
    if not as_json:
        say(f"\nFigure and data: {out / 'probe.png'}, {out / 'probe.json'}")


def _check(method: str, scheme: str, flow: str, alpha: float) -> None:
    known = (*METHODS, "paper")
    for given, name, allowed in ((method, "--method", known), (scheme, "--scheme", SCHEMES), (flow, "--flow", FLOWS)):
        if given not in allowed:
            raise UsageError(f"{name} is {given!r}; expected one of {', '.join(allowed)}")
    if not 0 < alpha < 1:
        raise UsageError(f"--alpha is {alpha}; expected a level between 0 and 1")


def motion(
    dataset: Dataset, scheme: Scheme, rng: Any, bar: Progress, method: str, flow: str, alpha: float, bootstraps: int
) -> ProbeResult:
    """Probe the motion between onset and apex, with a bar."""
    draws = max(bootstraps, 100)
    total = observe_steps(bootstraps, draws)
    return observe(
        dataset.clips,
        dataset.neutral,
        dataset.emotions,
        scheme,
        rng=rng,
        method=next(m for m in METHODS if m == method),
        flow=flow,
        alpha=alpha,
        bootstraps=bootstraps,
        nulls=draws,
        progress=lambda n: bar("probing", n, total),
    )


def show(result: ProbeResult) -> None:
    """Print what the probe found and what its controls say."""
    rows = []
    for finding in result.by_emotion:
        first = finding.ranking[0] if finding.ranking else None
        named = finding.region or "abstains"
        if first is None:
            rows.append([finding.emotion, named, "", "", "", "", ""])
            continue
        others = ", ".join(c for c in finding.candidates if c != first.region)
        rows.append(
            [
                *(finding.emotion, named, first.direction, f"{first.score:.2f}", f"{first.top_frequency:.2f}"),
                *(f"{first.p_null:.3f}", others or "-"),
            ]
        )
    say(f"{result.clips} clips of {result.subjects} subjects, {result.method}, level {result.level:g}")
    say(table(rows, ["emotion", "region", "motion", "score", "first in", "p null", "may also be"]))
    for finding in result.by_emotion:
        if finding.abstained:
            say(f"{finding.emotion}: {finding.reason}")
    for control in result.controls:
        if control.draws:
            found = control.false_edges if control.false_edges is not None else control.region_edges
            say(
                f"control, {control.name}: {found:.3f} of the edges are found with nothing there "
                f"({control.draws} draws)"
            )
        else:
            say(f"control, {control.name}: not run, {control.why_not}")
    for flag in result.flags:
        say(f"caution: {flag}")
    for note in result.notes:
        say(f"note: {note}")


def keep(result: ProbeResult, about: Mapping[str, Any], out: Path) -> None:
    """Write ``probe.json``, ``probe.png`` and ``probe.svg``."""
    write_json({**about, **result.to_json()}, out / "probe.json")
    drawing = figure(result)
    for name in ("probe.png", "probe.svg"):
        part = out / f".{name}"
        drawing.savefig(part, format=name[-3:], dpi=150)
        os.replace(part, out / name)


def _paper(dataset: Dataset, rng: np.random.Generator, bar: Progress) -> dict[str, Any]:
    """The published recipe on every clip, and on pictures with nothing in them."""
    scheme = load("au14")
    wins = np.zeros(len(scheme.names), dtype=int)
    fallbacks = used = 0
    size = PAPER_SIZE
    for clip in dataset:
        bar("published recipe", 1, len(dataset))
        try:
            picture = clip.flow if clip.flow is not None else aligned_pair(clip, size)[0]
        except NoFaceError:
            continue
        size = len(picture)
        choice = paper_region(picture, scheme.box_masks(size))
        wins[choice.index] += 1
        fallbacks += choice.fallback
        used += 1
    draws = 50
    null = paper_null((size, size), scheme.box_masks(size), rng, draws, progress=lambda n: bar("its null", n, draws))
    return {
        "schema": "mask.probe-paper/1",
        "method": "Tan et al., ICASSP 2025: PC, Fisher-z, .05, rows are pixels, columns are masked regions",
        "clips": used,
        "rows": 3 * size * size,
        "fallback": fallbacks / max(1, used),
        "null_draws": null.draws,
        "null_fallback": null.fallback,
        "chosen": {n: float(w / max(1, used)) for n, w in zip(scheme.names, wins, strict=True)},
        "chosen_null": {n: float(p) for n, p in zip(scheme.names, null.chosen, strict=True)},
    }


def _show_paper(told: dict[str, Any]) -> None:
    say(
        f"The published recipe on {told['clips']} clips, {told['rows']} rows each; "
        f"fallback used in {told['fallback']:.0%}"
    )
    rows = [[n, f"{p:.2f}", f"{told['chosen_null'][n]:.2f}"] for n, p in told["chosen"].items()]
    say(table(rows, ["region", "chosen", "chosen with nothing there"]))
    say("A region chosen as often on content-free pictures is chosen by the shape of its mask, not by the face.")
