"""One panel of rates with their intervals: a row per label, a mark per series, the evidence beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import BLUE, GREEN, INK, LINE, ORANGE, PAPER, PURPLE, SETTINGS, SKY, SOFT, VERMILION, place, reach
from .model import Interval, Rate

ENDS = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Where an axis of rates may end."""

WIDTH = 5.2
_ACROSS = 4
ROW = 0.29


@dataclass(frozen=True)
class Look:
    """A series is told apart by shape, then by colour."""

    marker: str
    colour: str
    filled: bool = True


LOOKS = {
    "random": Look("o", SOFT, filled=False),
    "centre": Look("v", SKY),
    "grey": Look("s", SOFT, filled=False),
    "au-sticker": Look("s", ORANGE),
    "causal": Look("D", BLUE),
    "exhaustive": Look("D", INK, filled=False),
}

_MORE = (Look("^", GREEN), Look("P", VERMILION), Look("X", PURPLE), Look("<", GREEN), Look(">", VERMILION))


def look(name: str, position: int = 0) -> Look:
    """How an attack is drawn; those not known here take turns."""
    return LOOKS.get(name, _MORE[position % len(_MORE)])


@dataclass(frozen=True)
class Mark:
    """One rate of one series."""

    series: str
    rate: Rate
    look: Look


@dataclass(frozen=True)
class Line:
    """A row: marks, and small ticks without intervals."""

    label: str
    marks: tuple[Mark, ...] = ()
    ticks: tuple[float, ...] = ()
    note: str = ""


def end(lines: Sequence[Line]) -> float:
    """The smallest end of the axis that shows every interval whole."""
    tops = [m.rate.interval[1] for line in lines for m in line.marks if m.rate.value is not None]
    tops += [t for line in lines for t in line.ticks]
    return next((e for e in ENDS if max(tops, default=0) <= e), 1.0)


def panel(lines: Sequence[Line], *, band: Interval | None = None, legend: bool = False, right: str = "") -> Figure:
    """Draw a panel.

    Args:
        lines: from top to bottom.
        band: an interval shaded from top to bottom, that of a random placement.
        legend: name the series under the axis; else the labels say it all.
        right: heads the column of notes.
    """
    series = max((len(line.marks) for line in lines), default=1)
    step = max(1.0, 0.55 * series)
    names = list(dict.fromkeys(m.series for line in lines for m in line.marks)) if legend else []
    left = 0.25 + reach((_short(n.label) for n in lines), 9.5)
    note = 0.15 + reach([right, *(n.note for n in lines)], 8.5)
    head, foot = 0.25 if right else 0.08, 0.5 + 0.23 * -(-len(names) // _ACROSS)
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        height = len(lines) * step * ROW + 0.15
        figure = Figure(figsize=(WIDTH, height + head + foot))
        axes = place(figure, left, foot, WIDTH - left - note, height)
        limit = end(lines)
        if band is not None:
            axes.axvspan(band[0], min(band[1], limit), color=LINE, alpha=0.6, lw=0, zorder=0)
        _draw(axes, lines, step)
        _finish(axes, lines, step, limit, right)
        if legend:
            _legend(figure, lines)
    return figure


def _draw(axes: Axes, lines: Sequence[Line], step: float) -> None:
    """All marks of one look at once: what takes time is the number of artists, not of points."""
    marks: dict[Look, list[tuple[float, float, Interval]]] = {}
    for i, line in enumerate(lines):
        for k, mark in enumerate(line.marks):
            if mark.rate.value is not None:
                at = i * step + (k - (len(line.marks) - 1) / 2) * 0.42
                marks.setdefault(mark.look, []).append((at, mark.rate.value, mark.rate.interval))
    across = axes.get_yaxis_transform()
    axes.hlines([i * step for i in range(len(lines))], 0, 1, transform=across, colors=LINE, lw=0.6, zorder=0)
    ticks = [(value, i * step) for i, line in enumerate(lines) for value in line.ticks]
    if ticks:
        axes.plot(*zip(*ticks, strict=True), "|", color=INK, ms=9, mew=1.3, zorder=3)
    for shape, found in marks.items():
        heights = [at for at, _, _ in found]
        lows, highs = [low for _, _, (low, _) in found], [high for _, _, (_, high) in found]
        axes.hlines(heights, lows, highs, colors=shape.colour, lw=1.8, zorder=3, clip_on=False)
        fill = shape.colour if shape.filled else PAPER
        style: dict[str, Any] = {"mec": shape.colour, "mfc": fill, "mew": 1.5, "clip_on": False}
        axes.plot([v for _, v, _ in found], heights, shape.marker, ms=6.5, zorder=4, ls="", **style)


def _finish(axes: Axes, lines: Sequence[Line], step: float, limit: float, right: str) -> None:
    heights = [i * step for i in range(len(lines))]
    axes.set_yticks(heights, [_short(line.label) for line in lines])
    margin = 0.45 * step + 0.25
    axes.set_ylim(heights[-1] + margin if heights else 1, -margin)
    axes.set_xlim(0, limit)
    what = "attack success rate, 95 % interval" if any(line.marks for line in lines) else "share of clips flipped"
    axes.set_xlabel(f"{what} (axis ends at {limit:g})")
    axes.tick_params(axis="y", length=0, pad=8)
    axes.spines["left"].set_visible(False)
    style: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "ha": "left",
        "va": "center",
        "fontsize": 8.5,
        "color": SOFT,
    }
    for height, line in zip(heights, lines, strict=True):
        axes.text(1.03, height, line.note, **style)
    if right:
        axes.text(1.03, -margin, right, **{**style, "va": "bottom"})


def _legend(figure: Figure, lines: Sequence[Line]) -> None:
    looks = {m.series: m.look for line in lines for m in line.marks}
    handles = [
        mpl.lines.Line2D([], [], ls="-", lw=1.8, marker=v.marker, ms=6.5, color=v.colour,
                         mfc=v.colour if v.filled else PAPER, mew=1.5)
        for v in looks.values()
    ]  # fmt: skip
    columns = min(_ACROSS, max(1, len(looks)))
    figure.legend(handles, [_short(s, 18) for s in looks], loc="lower center", ncols=columns, frameon=False,
                  fontsize=9, handlelength=1.8, columnspacing=1.4, borderaxespad=0.1)  # fmt: skip


def _short(text: str, most: int = 26) -> str:
    text = text.replace("_", " ")
    return text if len(text) <= most else text[: most - 1] + "…"
