"""Success against queries: what each attack had reached by the time it had asked so often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import words
from .drawing import BLUE, GREEN, INK, LINE, ORANGE, PURPLE, SETTINGS, SKY, SOFT, VERMILION, Drawing, place, reach
from .figures import MOST_DRAWN
from .model import Cell, Run

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, INK)
_MARKS = ("o", "s", "D", "^", "v", "P", "X")


def by_queries(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics, where some attack asked more than once; intervals are Wilson's."""
    drawings = []
    plain = [c for c in run.undefended if not c.region and c.anytime]
    for recognizer, kinetics in list(dict.fromkeys((c.recognizer, c.kinetics) for c in plain))[:MOST_DRAWN]:
        cells = [c for c in plain if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
        if any(len(c.anytime) > 1 for c in cells):
            told = [f"{c.attack} {_told(c)}" for c in cells]
            finding = f"{recognizer}, {kinetics}: success by queries. {'; '.join(told)}."
            drawings.append(Drawing(_panel(cells), f"{recognizer}, {kinetics}", finding))
    return drawings


def _told(cell: Cell) -> str:
    return ", ".join(f"{words.number(rate.value)} after {queries}" for queries, rate in cell.anytime)


def _panel(cells: Sequence[Cell]) -> Figure:
    asked = [c for c in cells if len(c.anytime) > 1]
    once = [c for c in cells if len(c.anytime) == 1 and c.anytime[0][1].value is not None]
    legend = 0.75 + reach((_short(c.attack) for c in asked), 8)
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.6, 3.4))
        axes = place(figure, 0.6, 0.5, 6.0 - legend, 2.85)
        for k, cell in enumerate(asked):
            _curve(axes, cell, k, len(asked))
        for cell in once:
            axes.plot([0.72], [float(cell.anytime[0][1].value or 0)], marker="_", color=SOFT, ms=9, mew=1.5, ls="")
        top = min(1.0, 1.15 * max(r.interval[1] for c in cells for _, r in c.anytime) + 0.02)
        for height, name in _apart([(float(c.anytime[0][1].value or 0), c.attack) for c in once], 0.055 * top):
            axes.annotate(_short(name), (0.66, height), ha="right", va="center", fontsize=8, color=SOFT)
        axes.set_xscale("log")
        ticks = sorted({q for c in cells for q, _ in c.anytime})
        axes.set_xticks(ticks, [f"{q:,}" for q in ticks])
        axes.minorticks_off()
        axes.set(xlim=(0.1 if once else 0.8, max(ticks) * 1.4), ylim=(0, top))
        axes.set(xlabel="queries to the recognizer, the final look included", ylabel="success rate")
        axes.grid(axis="y", color=LINE, lw=0.6)
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _curve(axes: Axes, cell: Cell, k: int, of: int) -> None:
    """One attack's curve, set a little aside, so that intervals at one budget do not hide one another."""
    aside = 1 + 0.035 * (k - (of - 1) / 2)
    points = [(q * aside, r.value, r.interval) for q, r in cell.anytime if r.value is not None]
    errors = [[v - low for _, v, (low, _) in points], [high - v for _, v, (_, high) in points]]
    look: dict[str, Any] = {"color": _COLOURS[k % 7], "marker": _MARKS[k % 7], "ms": 4.5, "lw": 1.4, "elinewidth": 0.8}
    axes.errorbar([q for q, _, _ in points], [v for _, v, _ in points], yerr=errors, label=_short(cell.attack), **look)


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _apart(names: Sequence[tuple[float, str]], least: float) -> list[tuple[float, str]]:
    """Heights of names, pushed up where they would lie on one another."""
    placed: list[tuple[float, str]] = []
    for height, name in sorted(names):
        placed.append((max(height, placed[-1][0] + least) if placed else height, name))
    return placed
