"""The figures of success rates: by attack, by defence, by emotion, by region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import words
from .drawing import BLUE, INK, SKY, Drawing
from .intervals import Line, Look, Mark, look, panel
from .model import Cell, PlaceMap, Rate, Run

MOST_DRAWN = 8
"""Pairs of recognizer and kinetics that are drawn; the tables hold all."""

_HEADLINE = ("random", "au-sticker", "causal", "exhaustive")
_DEFENDED = (Look("D", BLUE), Look("o", INK, filled=False), Look("s", SKY), Look("^", INK), Look("v", BLUE))


def by_attack(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics: every attack, the random placement as a band, the upper bound last."""
    drawings = []
    for recognizer, kinetics, cells in _groups(run.undefended):
        plain = _ordered([c for c in cells if not c.region])
        lines = [_attack_line(c, k) for k, c in enumerate(plain)]
        fixed = [c for c in cells if c.region and c.possible and c.rate.value is not None]
        if fixed:
            ticks = tuple(c.rate.value for c in fixed if c.rate.value is not None)
            at = len(lines) - any(c.family == "exhaustive" for c in plain)
            lines.insert(at, Line(f"each of {len(fixed)} regions", ticks=ticks))
        random = _named(plain, "random")
        band = random.rate.interval if random and random.rate.n else None
        finding = _told_attacks(recognizer, kinetics, plain, fixed)
        figure = panel(lines, band=band, right="fooled / of")
        drawings.append(Drawing(figure, f"{recognizer}, {kinetics}", finding))
    return drawings


def by_defense(run: Run) -> list[Drawing]:
    """The attacks tried behind a defence, with and without it."""
    drawings = []
    defended = {(c.recognizer, c.kinetics, c.attack) for c in run.cells if c.defense != "none" and not c.region}
    names = list(dict.fromkeys(c.defense for c in run.cells))
    for recognizer, kinetics, cells in _groups(run.cells):
        tried = [c for c in cells if (recognizer, kinetics, c.attack) in defended]
        attacks = [c.attack for c in _ordered([c for c in tried if c.defense == tried[0].defense])] if tried else []
        lines, told = [], []
        for attack in attacks:
            found = [c for c in tried if c.attack == attack]
            marks = tuple(
                Mark(_defense(c.defense), c.rate, _DEFENDED[names.index(c.defense) % len(_DEFENDED)]) for c in found
            )
            note = " · ".join(words.share(c.rate) for c in found)
            lines.append(Line(attack, marks, note=note if len(found) <= 3 else ""))
            told.append(f"{attack} " + ", ".join(f"{words.number(c.rate.value)} {_behind(c.defense)}" for c in found))
        if lines:
            finding = f"{recognizer}, {kinetics}: success of {'; '.join(told)}."
            figure = panel(lines, legend=True)
            drawings.append(Drawing(figure, f"{recognizer}, {kinetics}", finding))
    return drawings


def by_emotion(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics: each emotion, the random placement beside those that choose."""
    drawings = []
    for recognizer, kinetics, cells in _groups(run.undefended):
        shown = [c for c in _ordered(cells) if c.family in _HEADLINE and not c.region] or list(cells[:4])
        lines, told = [], []
        for emotion in run.emotions:
            marks = tuple(Mark(c.attack, c.by_emotion[emotion], look(c.family, k)) for k, c in enumerate(shown))
            n = max((m.rate.n for m in marks), default=0)
            lines.append(Line(emotion, marks, note=f"{n} right before" if n else "none right before"))
            values = ", ".join(f"{m.series} {words.number(m.rate.value)}" for m in marks)
            told.append(f"{emotion} ({words.count(n, 'clip')}): {values}")
        finding = f"{recognizer}, {kinetics}: success rate by emotion. {'; '.join(told)}."
        figure = panel(lines, legend=True)
        drawings.append(Drawing(figure, f"{recognizer}, {kinetics}", finding))
    return drawings


def by_region(run: Run) -> list[Drawing]:
    """One panel per recognizer and kinetics: a sticker always on one region, highest first.

    Where no attack takes fixed regions, the places of the map by region.
    """
    fixed = [c for c in run.undefended if c.region and c.possible and c.rate.value is not None]
    if not fixed:
        maps = [m for m in run.maps if m.defense == "none" and m.places]
        return [_places(m) for m in maps[:MOST_DRAWN]]
    return [_fixed(run, *group) for group in _groups(fixed)]


def _fixed(run: Run, recognizer: str, kinetics: str, fixed: list[Cell]) -> Drawing:
    fixed.sort(key=lambda c: (-(c.rate.value or 0), c.region))
    lines = [Line(c.region, (Mark(c.attack, c.rate, Look("o", BLUE)),), note=words.share(c.rate)) for c in fixed]
    best, least = fixed[0], fixed[-1]
    finding = (
        f"{recognizer}, {kinetics}: of {len(fixed)} regions, {words.region(best.region)} succeeds most, "
        f"{_rate(best.rate)}, and {words.region(least.region)} least, {_rate(least.rate)}."
    )
    same = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
    random = _named(same, "random")
    if random:
        finding += f" A random placement reaches {_rate(random.rate)}, the grey band."
    figure = panel(lines, band=random.rate.interval if random else None, right="fooled / of")
    return Drawing(figure, f"{recognizer}, {kinetics}", finding)


def _places(found: PlaceMap) -> Drawing:
    rates: dict[str, list[float]] = {}
    for place in found.places:
        rates.setdefault(place.region, []).append(place.mean)
    order = sorted(rates, key=lambda r: (-sum(rates[r]) / len(rates[r]), r))
    lines = [Line(r, ticks=tuple(rates[r]), note=words.count(len(rates[r]), "place")) for r in order]
    told = [f"{words.region(r)} {words.number(sum(rates[r]) / len(rates[r]))}" for r in order]
    title = f"{found.recognizer}, {found.kinetics}"
    finding = f"{title}: share of {words.count(found.n, 'clip')} flipped, mean of the places: {', '.join(told)}."
    return Drawing(panel(lines), title, finding)


def _groups(cells: Sequence[Cell]) -> Iterator[tuple[str, str, list[Cell]]]:
    for recognizer, kinetics in list(dict.fromkeys((c.recognizer, c.kinetics) for c in cells))[:MOST_DRAWN]:
        yield recognizer, kinetics, [c for c in cells if (c.recognizer, c.kinetics) == (recognizer, kinetics)]


def _ordered(cells: Sequence[Cell]) -> list[Cell]:
    """As given, but random first and the upper bound last."""
    return sorted(cells, key=lambda c: (c.family == "exhaustive") - (c.family == "random"))


def _named(cells: Sequence[Cell], name: str) -> Cell | None:
    return next((c for c in cells if c.attack == name), None)


def _attack_line(cell: Cell, position: int) -> Line:
    label = "exhaustive (bound)" if cell.family == "exhaustive" else cell.attack
    note = words.share(cell.rate) if cell.possible else "not possible"
    marks = (Mark(cell.attack, cell.rate, look(cell.family, position)),) if cell.possible else ()
    return Line(label, marks, note=note)


def _told_attacks(recognizer: str, kinetics: str, cells: Sequence[Cell], fixed: Sequence[Cell]) -> str:
    told = [f"{c.attack} {_rate(c.rate)}" for c in cells if c.possible]
    text = f"{recognizer}, {kinetics}, success rate of each attack: {'; '.join(told)}"
    if fixed:
        values = [c.rate.value for c in fixed if c.rate.value is not None]
        text += f"; a fixed region, from {words.number(min(values))} to {words.number(max(values))}"
    return text + "."


def _rate(rate: Rate) -> str:
    return f"{words.number(rate.value)} {words.interval(rate.interval)} of {words.count(rate.n, 'clip')}"


def _defense(name: str) -> str:
    return "no defence" if name == "none" else name


def _behind(name: str) -> str:
    return "without a defence" if name == "none" else f"behind {name}"
