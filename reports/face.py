"""The sticker map: how often a sticker at each place flips an answer, on the average face, and where it was put."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from mask.geometry import BOX_MM
from mask.regions import SCHEMES, apertures, canonical, load, outline
from mask.results import Row

from . import words
from .drawing import BLUE, INK, PAPER, SETTINGS, SOFT, WASH, Drawing, inline
from .intervals import ENDS
from .model import Place, PlaceMap, Run
from .untrusted import clean

_HEAT = LinearSegmentedColormap.from_list("heat", ["#fff7e0", "#fdc57b", "#e8743b", "#b32d1f", "#5c0d1e"])
"""Grows steadily darker, so it reads the same in grey."""


def sticker_maps(run: Run, key: str) -> list[Drawing]:
    """One panel per recognizer and kinetics that an attack asked about place by place, without a defence."""
    drawings = []
    for i, found in enumerate(m for m in run.maps if m.defense == "none" and m.places):
        values = [p.mean for p in found.places]
        title = f"{found.recognizer}, {found.kinetics}"
        best = [p.best for p in found.places]
        if best != values:
            drawings.append(_drawn(run, found, values, f"{title}, average", f"{key}-face-{i}"))
            drawings.append(_drawn(run, found, best, f"{title}, best motion", f"{key}-face-{i}-best"))
        else:
            drawings.append(_drawn(run, found, values, title, f"{key}-face-{i}"))
    return drawings


def _drawn(run: Run, found: PlaceMap, values: Sequence[float], title: str, key: str) -> Drawing:
    chosen = _chosen(run, found)
    top = next((e for e in ENDS if max(values) <= e), 1.0)
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(3.6, 4.7), layout="constrained")
        axes = figure.subplots()
        heat = Normalize(0, top)
        _face(axes)
        _places(axes, found.places, values, heat)
        _lines(axes, run.scheme)
        _marks(axes, chosen)
        scale = mpl.cm.ScalarMappable(heat, _HEAT)
        bar = figure.colorbar(scale, ax=axes, location="bottom", fraction=0.03, pad=0.03, aspect=34)
        bar.outline.set_visible(False)
        bar.set_label(f"share of clips flipped (scale ends at {top:g})", fontsize=9)
        axes.set(xlim=(-2, BOX_MM[0] + 2), ylim=(BOX_MM[1] + 2, -2), aspect="equal")
        axes.axis("off")
    best = found.places[int(np.argmax(values))]
    finding = (
        f"{title}: a sticker on {words.region(best.region)} flips most, {words.number(max(values))} of "
        f"{words.count(found.n, 'clip')}; the average over {words.count(len(values), 'place')} is "
        f"{words.number(float(np.mean(values)))}."
    )
    notes = tuple(f"{words.region(clean(r.region))}: {told}, {words.count(n, 'clip')}" for r, n, told in chosen)
    if notes:
        finding += f" The causal attack chose {'; '.join(dict.fromkeys(notes))}."
    return inline(figure, key, title, finding, notes)


def _chosen(run: Run, found: PlaceMap) -> list[tuple[Row, int, str]]:
    """Where the causal attack put its stickers: a row per place and motion, how many clips, which emotions."""
    ours = [
        r
        for r in run.rows or ()
        if r.attack.split(":")[0] == "causal"
        and (clean(r.recognizer), r.defense, clean(r.kinetics)) == (found.recognizer, "none", found.kinetics)
        and 0 <= r.x <= 1
        and 0 <= r.y <= 1
    ]
    counts = Counter((r.x, r.y, r.direction) for r in ours)
    told = []
    for (x, y, direction), n in counts.most_common(12):
        here = [r for r in ours if (r.x, r.y, r.direction) == (x, y, direction)]
        told.append((here[0], n, ", ".join(sorted({clean(r.emotion) for r in here}))))
    return told


def _face(axes: Axes) -> None:
    mesh = canonical() * BOX_MM
    for loop in outline().loops(mesh):
        axes.fill(*loop.T, color=WASH, ec=SOFT, lw=1, zorder=0)


def _places(axes: Axes, places: Sequence[Place], values: Sequence[float], heat: Normalize) -> None:
    across, down = _spacing([p.x for p in places]) * BOX_MM[0], _spacing([p.y for p in places]) * BOX_MM[1]
    for place, value in zip(places, values, strict=True):
        corner = (place.x * BOX_MM[0] - across / 2, place.y * BOX_MM[1] - down / 2)
        colour = mpl.colors.to_hex(_HEAT(heat(value)))
        axes.add_patch(Rectangle(corner, across, down, fc=colour, ec=colour, lw=0.3, alpha=0.88, zorder=1))


def _spacing(values: Sequence[float]) -> float:
    """The distance between neighbours of a grid; a twentieth of the face where there is only one."""
    steps = np.diff(np.unique(np.round(values, 4)))
    return float(steps.min()) if len(steps) else 0.05


def _lines(axes: Axes, scheme: str) -> None:
    """The regions and the openings of the face, over the heat."""
    mesh = canonical() * BOX_MM
    regions = load(scheme).regions if scheme in SCHEMES else ()
    for part, colour, width in [*((r, SOFT, 0.5) for r in regions), *((a, INK, 1.1) for a in apertures())]:
        for loop in part.loops(mesh):
            axes.add_patch(PathPatch(Path(loop, closed=False), fill=False, ec=colour, lw=width, zorder=2))


def _marks(axes: Axes, chosen: Sequence[tuple[Row, int, str]]) -> None:
    """A number at each place the causal attack took, and an arrow for its motion."""
    for number, (row, _, _) in enumerate(chosen, 1):
        x, y = row.x * BOX_MM[0], row.y * BOX_MM[1]
        across, down = _step(row.direction)
        if across or down:
            arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.8, "shrinkA": 5, "shrinkB": 0}
            axes.annotate("", (x + 15 * across, y + 15 * down), (x, y), arrowprops=arrow, zorder=4)
        axes.plot(x, y, "o", ms=11, mfc=BLUE, mec=PAPER, mew=1, zorder=5)
        axes.text(
            x, y, str(number), color=PAPER, fontsize=8, weight="bold", ha="center", va="center_baseline", zorder=6
        )


def _step(direction: str) -> tuple[float, float]:
    """An overlay's direction as (x, y), from ``+1,-1``; no direction for anything else."""
    try:
        x, y = (float(part) for part in direction.split(","))
    except ValueError:
        return 0.0, 0.0
    return (x, y) if abs(x) <= 1 and abs(y) <= 1 else (0.0, 0.0)
