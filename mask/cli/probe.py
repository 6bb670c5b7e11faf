"""``mask probe``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mask import registry
from mask.causal.discover import METHODS
from mask.causal.lead_result import LeadResult
from mask.causal.observe import observe, observe_frames, observe_steps
from mask.causal.paper import paper_null, paper_region
from mask.causal.plot import figure
from mask.causal.plot_lead import lead_figure
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
    rows: str,
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
    _check(method, rows, scheme, flow, alpha)
    dataset = registry.create("datasets", data)
    _fits(dataset, method, rows)
    claim_folder(out, force)
    rng = np.random.default_rng(seed)
    about = {"command": command_line(), "environment": environment(), "data": dataset.name, "seed": seed}
    with Progress(quiet) as bar:
        if method == "paper":
            told = _paper(dataset, rng, bar)
            write_json({**about, **told}, out / "probe.json")
            print_json(told) if as_json else _show_paper(told)
            return
        if rows == "frames":
            over_time = _leads(dataset, load(scheme), rng, bar, flow, bootstraps)
            write_json({**about, **over_time.to_json()}, out / "probe.json")
            _save(lead_figure(over_time), out)
            print_json(over_time.to_json()) if as_json else _show_leads(over_time, out)
            return
        result = motion(dataset, load(scheme), rng, bar, method, flow, alpha, bootstraps)
    keep(result, about, out)
    print_json(result.to_json()) if as_json else show(result)
    if not as_json:
        say(f"\nFigure and data: {out / 'probe.png'}, {out / 'probe.json'}")


def _check(method: str, rows: str, scheme: str, flow: str, alpha: float) -> None:
    options = (
        *((method, "--method", (*METHODS, "paper")), (rows, "--rows", ("clips", "frames"))),
        *((scheme, "--scheme", SCHEMES), (flow, "--flow", FLOWS)),
    )
    for given, name, allowed in options:
        if given not in allowed:
            raise UsageError(f"{name} is {given!r}; expected one of {', '.join(allowed)}")
    if rows == "frames" and method != "pc":
        raise UsageError(f"--rows frames asks what comes first and does not use --method {method}; leave one out")
    if not 0 < alpha < 1:
        raise UsageError(f"--alpha is {alpha}; expected a level between 0 and 1")


def _fits(dataset: Dataset, method: str, rows: str) -> None:
    """Refuse what has no meaning on this dataset, before anything is written."""
    if rows == "frames" and all(clip.space == "flow" for clip in dataset.clips):
        raise UsageError(f"--rows frames needs clips of frames; {dataset.name} holds flow maps from onset to apex")
    parts = sorted({clip.dataset for clip in dataset.clips})
    if method == "cdnod" and len(parts) != 2:
        raise UsageError(f"--method cdnod compares two datasets; {dataset.name} holds {len(parts)}: {', '.join(parts)}")


def motion(
    dataset: Dataset,
    scheme: Scheme,
    rng: np.random.Generator,
    bar: Progress,
    method: str,
    flow: str,
    alpha: float,
    bootstraps: int,
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
        say(f"note: {', '.join(note.what) + ': ' if note.what else ''}{note.why}")


def keep(result: ProbeResult, about: Mapping[str, Any], out: Path) -> None:
    """Write ``probe.json``, ``probe.png`` and ``probe.svg``."""
    write_json({**about, **result.to_json()}, out / "probe.json")
    _save(figure(result), out)


def _save(drawing: Figure, out: Path) -> None:
    for name in ("probe.png", "probe.svg"):
        part = out / f".{name}"
        drawing.savefig(part, format=name[-3:], dpi=150)
        os.replace(part, out / name)


def _leads(
    dataset: Dataset, scheme: Scheme, rng: np.random.Generator, bar: Progress, flow: str, bootstraps: int
) -> LeadResult:
    draws = max(bootstraps, 100)
    total = len(dataset.clips) + max(bootstraps, 1) + 2 * draws
    return observe_frames(
        dataset.clips,
        dataset.emotions,
        scheme,
        rng=rng,
        flow=flow,
        bootstraps=max(bootstraps, 1),
        nulls=draws,
        progress=lambda n: bar("probing over time", n, total),
    )


def _show_leads(result: LeadResult, out: Path) -> None:
    say(f"{result.frames} steps of {result.clips} clips, onset to apex, level {result.level:g}")
    rows = [
        [lead.first, lead.second, f"{lead.score:.2f}", f"{lead.frequency:.2f}", f"{lead.p_null:.3f}"]
        for lead in result.leads[: max(3, len(result.named))]
    ]
    say(table(rows, ["moves first", "moves next", "score", "found in", "p null"]))
    if not result.named:
        say("no region leads another: where time has no direction, some pair scores as high as these")
    for found in result.by_emotion:
        say(f"{found.emotion}: {found.reason}")
    for control in result.controls:
        if control.region_edges is not None:
            share = f"{control.region_edges:.4f} of the pairs are found with nothing there"
            say(f"control, {control.name}: {share} ({control.draws} draws)")
    for note in result.notes:
        say(f"note: {', '.join(note.what) + ': ' if note.what else ''}{note.why}")
    say(f"\nFigure and data: {out / 'probe.png'}, {out / 'probe.json'}")


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
