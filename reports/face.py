"""The sticker map: how often a sticker at each place flips an answer, on the average face, and where it was put."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from mask.geometry import BOX_MM
from mask.regions import SCHEMES, apertures, canonical, load, outline

from . import words
from .drawing import BLUE, INK, PAPER, SETTINGS, SOFT, WASH, Drawing, place, scale
from .figures import MOST_DRAWN
from .intervals import ENDS
from .model import Place, PlaceMap, Run

HEAT = LinearSegmentedColormap.from_list("heat", ["#fff7e0", "#fdc57b", "#e8743b", "#b32d1f", "#5c0d1e"])
"""Grows steadily darker, so it reads the same in grey."""

MOST_MARKS = 6


@dataclass(frozen=True)
class Choice:
    """A place and motion the causal attack took, for how many clips and to hide which emotions."""

    x: float
    y: float
    direction: str
    region: str
    clips: int
    emotions: tuple[str, ...]


def sticker_maps(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics that an attack asked about place by place, without a defence."""
    drawings = []
    for found in [m for m in run.maps if m.defense == "none" and m.places][:MOST_DRAWN]:
        values = [p.mean for p in found.places]
        title = f"{found.recognizer}, {found.kinetics}"
        best = [p.best for p in found.places]
        if best != values:
            drawings.append(_drawn(run, found, values, f"{title}, average"))
            drawings.append(_drawn(run, found, best, f"{title}, best motion"))
        else:
            drawings.append(_drawn(run, found, values, title))
    return drawings


def _drawn(run: Run, found: PlaceMap, values: Sequence[float], title: str) -> Drawing:
    chosen = choices(run, found.recognizer, found.kinetics)
    top = next((e for e in ENDS if max(values) <= e), 1.0)
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(3.6, 4.7))
        axes = place(figure, 0.05, 0.6, 3.5, 4.05)
        heat = Normalize(0, top)
        draw_face(axes)
        _places(axes, found.places, values, heat)
        draw_lines(axes, run.scheme)
        _marks(axes, chosen)
        label = f"share of clips flipped (scale ends at {top:g})"
        scale(place(figure, 0.4, 0.45, 2.8, 0.11), heat, HEAT, label)
    best = found.places[int(np.argmax(values))]
    finding = (
        f"{title}: a sticker on {words.region(best.region)} flips most, {words.number(max(values))} of "
        f"{words.count(found.n, 'clip')}; the average over {words.count(len(values), 'place')} is "
        f"{words.number(float(np.mean(values)))}."
    )
    notes = tuple(f"{words.region(c.region)}: {', '.join(c.emotions)}, {words.count(c.clips, 'clip')}" for c in chosen)
    if notes:
        finding += f" The causal attack chose {'; '.join(dict.fromkeys(notes))}."
    return Drawing(figure, title, finding, notes)


def choices(run: Run, recognizer: str, kinetics: str) -> list[Choice]:
    """The commonest places and motions of the causal attack without a defence, most clips first."""
    if run.table is None or not {"x", "y", "direction", "region"} <= run.table.columns.keys():
        return []
    cells = [k for k in run.table.rows_of if k[:3] == (recognizer, "none", kinetics) and k[3].split(":")[0] == "causal"]
    if not cells:
        return []
    rows = np.concatenate([run.table.rows_of[k] for k in cells])
    x, y = (run.table[name].numbers()[rows] for name in ("x", "y"))
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    rows, x, y = rows[inside], x[inside], y[inside]
    direction, region, emotion = (run.table[name] for name in ("direction", "region", "emotion"))
    where = list(zip(x.tolist(), y.tolist(), direction.codes[rows].tolist(), strict=True))
    found = []
    for spot, clips in Counter(where).most_common(MOST_MARKS):
        here = rows[[w == spot for w in where]]
        hidden = tuple(sorted({emotion.names[c] for c in emotion.codes[here]}))
        name = region.names[region.codes[here[0]]]
        found.append(Choice(spot[0], spot[1], direction.names[spot[2]], name, clips, hidden))
    return found


def draw_face(axes: Axes) -> None:
    """The outline of the average face, in millimetres of its box."""
    mesh = canonical() * BOX_MM
    for loop in outline().loops(mesh):
        axes.fill(*loop.T, color=WASH, ec=SOFT, lw=1, zorder=0)
    axes.set(xlim=(-2, BOX_MM[0] + 2), ylim=(BOX_MM[1] + 2, -2), aspect="equal")
    axes.axis("off")


def _places(axes: Axes, places: Sequence[Place], values: Sequence[float], heat: Normalize) -> None:
    across, down = _spacing([p.x for p in places]) * BOX_MM[0], _spacing([p.y for p in places]) * BOX_MM[1]
    for spot, value in zip(places, values, strict=True):
        corner = (spot.x * BOX_MM[0] - across / 2, spot.y * BOX_MM[1] - down / 2)
        colour = mpl.colors.to_hex(HEAT(heat(value)))
        axes.add_patch(Rectangle(corner, across, down, fc=colour, ec=colour, lw=0.3, alpha=0.88, zorder=1))


def _spacing(values: Sequence[float]) -> float:
    """The distance between neighbours of a grid; a twentieth of the face where there is only one."""
    steps = np.diff(np.unique(np.round(values, 4)))
    return float(steps.min()) if len(steps) else 0.05


def draw_lines(axes: Axes, scheme: str) -> None:
    """The regions and the openings of the face, over the heat."""
    mesh = canonical() * BOX_MM
    regions = load(scheme).regions if scheme in SCHEMES else ()
    for part, colour, width in [*((r, SOFT, 0.5) for r in regions), *((a, INK, 1.1) for a in apertures())]:
        for loop in part.loops(mesh):
            axes.add_patch(PathPatch(Path(loop, closed=False), fill=False, ec=colour, lw=width, zorder=2))


def _marks(axes: Axes, chosen: Sequence[Choice]) -> None:
    """A number at each place the causal attack took, and an arrow for its motion."""
    for number, choice in enumerate(chosen, 1):
        x, y = choice.x * BOX_MM[0], choice.y * BOX_MM[1]
        across, down = _step(choice.direction)
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
