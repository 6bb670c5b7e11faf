"""A figure of a probe's result: the graph, and every emotion's scores against what nothing scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .result import Finding, ProbeResult

INK, GREY, PALE, ACCENT = "#22313f", "#8a97a3", "#d5dbe1", "#c8553d"

TOP = 5
"""Regions shown per emotion."""


def figure(result: ProbeResult | Mapping[str, Any]) -> Figure:
    """Draw a probe's result.

    Args:
        result: a `ProbeResult`, or its JSON.

    Returns:
        A figure of two panels, saved with ``figure.savefig(path)``. On the left the causal graph: regions on a
        ring, emotions in the middle; a line is as wide as its share of the resamples, and a named region is filled.
        On the right, each emotion's highest scores; the dashed line is the score that one set of permuted labels in
        twenty exceeds.
    """
    found = result if isinstance(result, ProbeResult) else ProbeResult.from_json(result)
    shown = Figure(figsize=(12.5, 6.2), layout="constrained")
    left, right = shown.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_graph(left, found)
    _draw_scores(right, found)
    return shown


def _draw_graph(axes: Axes, found: ProbeResult) -> None:
    places = _places(found)
    frequency = {frozenset((p.first, p.second)): p.adjacent for p in found.pairs}
    frequency |= {frozenset((s.region, f.emotion)): s.frequency for f in found.by_emotion for s in f.ranking}
    named = {(f.region, f.emotion) for f in found.by_emotion}
    for edge in found.graph.edges:
        into = edge.target in found.emotions
        share = frequency.get(frozenset((edge.source, edge.target)), 0.0)
        axes.annotate(
            "",
            places[edge.target],
            places[edge.source],
            arrowprops={
                "arrowstyle": "-|>" if edge.kind.endswith(">") else "-",
                "color": ACCENT if (edge.source, edge.target) in named else INK if into else GREY,
                "lw": 0.4 + 2.6 * share,
                "alpha": 0.35 + 0.65 * share,
                "shrinkA": 9,
                "shrinkB": 22 if into else 9,
            },
        )
    told = {f.region for f in found.by_emotion}
    for region in found.regions:
        x, y = places[region]
        axes.plot(x, y, "o", ms=11, mec=INK, mfc=ACCENT if region in told else "white", zorder=3)
        turn = np.degrees(np.arctan2(y, x))
        back = abs(turn) > 90
        axes.text(
            1.09 * x,
            1.09 * y,
            region.replace("_", " "),
            rotation=turn + 180 if back else turn,
            ha="right" if back else "left",
            va="center",
            rotation_mode="anchor",
            color=INK,
            fontsize=9,
            parse_math=False,
        )
    for name in (n for n in places if n not in found.regions):
        box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": INK if name in found.emotions else GREY}
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 10, "color": INK, "bbox": box}
        axes.text(*places[name], name, zorder=4, parse_math=False, **style)
    axes.set(xlim=(-1.75, 1.75), ylim=(-1.6, 1.6), aspect="equal")
    axes.axis("off")
    axes.set_title(
        f"{found.method.upper()} graph, {found.clips} clips of {found.subjects or 'unknown'} subjects",
        fontsize=10,
        color=INK,
    )


def _draw_scores(axes: Axes, found: ProbeResult) -> None:
    line = next((c.highest for c in found.controls if c.name == "permuted labels"), None)
    height, ticks, names = 0.0, [], []
    for finding in found.by_emotion:
        verdict = f"{finding.emotion}: {finding.region or 'abstains'}".replace("_", " ")
        clear = {"fc": "white", "ec": "none", "pad": 1}
        style: dict[str, Any] = {"fontsize": 10, "color": INK, "weight": "bold", "va": "bottom", "bbox": clear}
        axes.text(0.0, height - 0.1, verdict, parse_math=False, **style)
        for score in finding.ranking[:TOP]:
            height += 1
            colour = _colour(finding, score.region)
            axes.plot([score.direct, score.tie], [height, height], color=colour, lw=2, solid_capstyle="round")
            axes.plot(score.score, height, "o", ms=7, color=colour)
            ticks.append(height)
            names.append(f"{score.region.replace('_', ' ')}  {score.frequency:.0%}")
        height += 1.7
    if line is not None:
        axes.axvline(line, color=INK, ls="--", lw=1, zorder=0)
        axes.text(line, height - 0.8, " permuted labels reach this 1 time in 20", fontsize=8, color=INK, va="bottom")
    axes.set_yticks(ticks, names, fontsize=9, color=INK, parse_math=False)
    axes.set_ylim(height - 0.5, -0.9)
    axes.set_xlim(left=0)
    axes.set_xlabel("evidence |z|: given other regions (left end) to alone (right end)", fontsize=9)
    axes.tick_params(left=False, colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("scores, with the share of resamples that keep the edge", fontsize=10, color=INK)


def _places(found: ProbeResult) -> dict[str, tuple[float, float]]:
    """Regions on the unit circle, emotions on a small one inside it, any other node below them all."""
    others = [n for n in found.graph.nodes if n not in found.regions and n not in found.emotions]
    places = {name: (0.6 * i - 1.45, -1.5) for i, name in enumerate(others)}
    for names, radius, start in ((found.regions, 1.0, np.pi / 2), (found.emotions, 0.42, np.pi / 2 + 0.3)):
        for i, name in enumerate(names):
            angle = start - 2 * np.pi * i / len(names)
            places[name] = (radius * float(np.cos(angle)), radius * float(np.sin(angle)))
    return places


def _colour(finding: Finding, region: str) -> str:
    if region == finding.region:
        return ACCENT
    return INK if region in finding.candidates and not finding.abstained else GREY
