"""Small faces, one per emotion, each region filled with what was measured on it: success, or causal effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from mask.geometry import BOX_MM
from mask.regions import SCHEMES, canonical, load

from . import words
from .breakdown import by_region
from .causes import Study
from .drawing import BLUE, INK, LINE, SETTINGS, SOFT, Drawing, place, scale
from .face import HEAT, draw_face, draw_lines
from .figures import MOST_DRAWN
from .intervals import ENDS
from .model import SMALL, Run

_ACROSS = 4

_TWO_WAYS = LinearSegmentedColormap.from_list("two-ways", ["#0072b2", "#f4f5f7", "#b84f00"])
"""Blue below zero, orange above: told apart with every common colour blindness, and by the number under each face."""


@dataclass(frozen=True)
class Face:
    """One small face: a value per region, and the regions about which nothing can be said."""

    title: str
    values: Mapping[str, float]
    hatched: frozenset[str] = frozenset()


def success_faces(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics: where a sticker hides each emotion."""
    drawings = []
    for recognizer, kinetics in run.groups[:MOST_DRAWN]:
        source, rates = by_region(run, recognizer, kinetics)
        faces, told = [], []
        for emotion in run.emotions:
            mine = {region: rate for (e, region), rate in rates.items() if e == emotion and rate.value is not None}
            values = {region: rate.value or 0.0 for region, rate in mine.items() if rate.n >= SMALL}
            faces.append(Face(emotion, values, frozenset(mine) - frozenset(values)))
            if values and (best := _best(values)):
                told.append(f"{emotion}: most on {words.region(best)}, {words.share(mine[best])}")
            else:
                told.append(f"{emotion}: too few clips, or no success")
        if any(f.values for f in faces) and run.scheme in SCHEMES:
            top = max(v for f in faces for v in f.values.values())
            heat = Normalize(0, next((e for e in ENDS if top <= e), 1.0))
            title = f"{recognizer}, {kinetics}, {source}"
            label = f"success rate (scale ends at {heat.vmax:g})"
            figure = _draw(faces, run.scheme, heat, HEAT, label)
            drawings.append(Drawing(figure, title, f"{title}: {'; '.join(told)}."))
    return drawings


def effect_faces(run: Run, studies: Sequence[Study]) -> list[Drawing]:
    """One panel per recognizer, kinetics and set of attacked subjects: which region each emotion hangs on."""
    drawings = []
    for alike in _alike(studies)[:MOST_DRAWN]:
        study = alike[0]
        faces = [Face(e.emotion, e.by_region) for e in study.effects]
        reach = max((abs(v) for f in faces for v in f.values.values()), default=0.0)
        if reach and run.scheme in SCHEMES:
            told = [
                f"{f.title}: most on {words.region(best)}, {words.number(f.values[best], 2)}"
                for f in faces
                if (best := _best(f.values))
            ]
            against = words.listed(list(dict.fromkeys(s.lesson.recognizer for s in alike)))
            title = f"{against}, {study.lesson.kinetics}, {study.lesson.attacked}"
            figure = _draw(faces, run.scheme, Normalize(-reach, reach), _TWO_WAYS, "log-odds the sticker takes")
            drawings.append(Drawing(figure, title, f"{title}: {'; '.join(told)}."))
    return drawings


def _alike(studies: Sequence[Study]) -> list[list[Study]]:
    """Studies by what they found: owned recognizers tell the same whichever recognizer is attacked."""
    groups: list[list[Study]] = []
    for study in studies:
        twin = next((g for g in groups if g[0].effects == study.effects and _where(g[0]) == _where(study)), None)
        if twin is None:
            groups.append([study])
        else:
            twin.append(study)
    return groups


def _where(study: Study) -> tuple[str, str]:
    return study.lesson.kinetics, study.lesson.attacked


def _best(values: Mapping[str, float]) -> str:
    """The region with the highest value, where that is above zero."""
    best = max(values, key=lambda r: (values[r], r), default="")
    return best if best and values[best] > 0 else ""


def _draw(faces: Sequence[Face], scheme: str, heat: Normalize, colours: LinearSegmentedColormap, label: str) -> Figure:
    across = min(_ACROSS, len(faces))
    down = -(-len(faces) // across)
    width, height, foot = 1.75, 2.6, 0.6
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(width * across + 0.1, height * down + foot))
        for i, face in enumerate(faces):
            row, column = divmod(i, across)
            corner = (0.05 + width * column, foot + height * (down - 1 - row) + 0.3)
            _small(place(figure, *corner, width, height - 0.55), face, scheme, heat, colours)
        long = min(width * across - 0.6, 4.0)
        scale(place(figure, (width * across + 0.1 - long) / 2, 0.42, long, 0.1), heat, colours, label)
    return figure


def _small(axes: Axes, face: Face, scheme: str, heat: Normalize, colours: LinearSegmentedColormap) -> None:
    draw_face(axes)
    mesh, best = canonical() * BOX_MM, _best(face.values)
    for region in load(scheme).regions:
        value = face.values.get(region.name)
        for loop in region.loops(mesh):
            shape = Path(loop, closed=False)
            if value is not None:
                chosen = region.name == best
                style = {"ec": INK if chosen else SOFT, "lw": 2.2 if chosen else 0.5, "zorder": 3 if chosen else 1}
                axes.add_patch(PathPatch(shape, fc=mpl.colors.to_hex(colours(heat(value))), **style))
            elif region.name in face.hatched:
                axes.add_patch(PathPatch(shape, fc="none", ec=LINE, lw=0.5, hatch="////", zorder=1))
    draw_lines(axes, "")
    axes.set_title(_short(face.title), fontsize=10, weight="bold")
    told = f"{words.region(best)} {words.number(face.values[best], 2)}" if best else "no region above 0"
    axes.text(
        0.5, -0.01, told, transform=axes.transAxes, ha="center", va="top", fontsize=8.5, color=BLUE if best else SOFT
    )


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
