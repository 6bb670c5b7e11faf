"""What stickers do, by attack, emotion and region; each rate with its counts and interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from . import words
from .breakdown import by_region, strata
from .clips import Key
from .document import (
    MOST_ROWS,
    RATE,
    Block,
    Column,
    Figure,
    Fold,
    Group,
    Row,
    Section,
    Table,
    Text,
    Value,
    grouped,
    named,
    num,
    numbered,
    rate,
    rich,
    span,
    table,
    whole,
)
from .face_regions import success_faces
from .figures import by_attack, by_emotion
from .model import SMALL, Cell, Run
from .verdict import LEVEL, beats_random

_HEADS = (
    *named("attack"),
    *(Column(n, group="of the clips right before") for n in ("ASR", "95 % (Wilson)", "95 % (subjects)", "fooled", "n")),
    *(Column(n, group="against random") for n in ("difference", "p (Holm)")),
    *(Column(n, group="all stickered clips") for n in ("error rate", "UF1", "UAR")),
    *(Column(n, group="queries") for n in ("mean", "most")),
)

_ATTACKS = (
    "Success of each attack without a defence, with Wilson intervals. The grey band is the interval of a random "
    "placement; a placement whose interval lies inside it has shown nothing. The open diamond is the best of all "
    "places for each clip, found by asking the recognizer about every one, or as many as the queries allow: where they "
    "allow "
    "all, an upper bound, and never an attack with one query. Axes of different panels may end at different rates."
)


def attacks(run: Run) -> Section:
    """Every attack under every kinetics, without and with defences."""
    blocks: list[Block] = []
    plain = [c for c in run.cells if not c.region]
    cells = cells_table("Every cell", plain)
    if found := by_attack(run):
        blocks.append(Figure(tuple(found), _ATTACKS, rates_table("The rates in the figure", run.undefended)))
    text = (
        "A sticker <i>succeeds</i> on a clip that was read correctly before and is read wrongly with it. The error "
        "rate beside it counts every wrong or missing answer over all clips, clean mistakes included; some papers call "
        "that "
        "ASR. The last comparison is paired by clip (exact McNemar test, Holm-adjusted over the attacks of the group); "
        "▲ marks an attack better than random, ▼ one that is worse."
    )
    blocks += [Text(rich(text)), cells]
    if again := [c for c in run.cells if c.refilmed is not None]:
        blocks += _again(again)
    return Section("attacks", "What stickers do", tuple(blocks))


def emotions(run: Run) -> Section:
    """Success by true emotion, on faces and in intervals, and by emotion and region at once."""
    blocks: list[Block] = []
    if found := by_emotion(run):
        caption = "Success by true emotion and recognizer, without a defence, with Wilson intervals."
        blocks.append(Figure(tuple(found), caption, _emotion_table(run)))
    if faces := success_faces(run):
        caption = (
            "Where a sticker hides which emotion: one face per true emotion, each region filled with the success rate "
            f"of a sticker there, the best outlined and named. Hatched: fewer than {SMALL} clips. The region was "
            "nobody's "
            "choice, so the map is of the recognizer, not of an attack; the best of many is high partly by luck."
        )
        blocks.append(Figure(tuple(faces), caption, _region_table(run), "wide"))
    broken = breakdown(run)
    if broken.size:
        blocks.append(Fold("By emotion, attack, region and kinetics at once", (broken,)))
    else:
        blocks.append(Text("By emotion and region at once: not run; there is no clips.csv in the folder."))
    return Section("emotions", "By emotion", tuple(blocks))


def cells_table(caption: str, cells: Sequence[Cell]) -> Table:
    """Every figure of every cell, under one title per recognizer, kinetics and defence."""
    return grouped(caption, _HEADS, [Group(_title(found), tuple(map(_row, found))) for found in _split(cells)])


def rates_table(caption: str, cells: Iterable[Cell]) -> Table:
    """Success rates alone."""
    rows = [Row((c.attack, c.recognizer, c.kinetics, behind(c.defense), *rate(c.rate))) for c in cells if c.possible]
    return table(caption, (*named("attack", "recognizer", "kinetics", "defence"), *RATE), rows)


def breakdown(run: Run) -> Table:
    """Success by cell, emotion and region."""
    groups: dict[Key, list[Row]] = {}
    tried = {c.key for c in run.cells if c.possible}
    found = [s for s in strata(run) if s.cell in tried]
    for s in found[:MOST_ROWS]:
        groups.setdefault(s.cell, []).append(Row((s.emotion, words.region(s.region) or "–", *rate(s.rate))))
    titled = [Group(group_title(*k[:3]) + rich(" · {}", k[3]), tuple(rows)) for k, rows in groups.items()]
    caption = "ASR by true emotion and by the region of the sticker"
    shown = grouped(caption, (*named("emotion", "region"), *RATE), titled)
    return replace(shown, beyond=max(0, len(found) - MOST_ROWS))


def group_title(recognizer: str, defense: str, kinetics: str) -> str:
    """A title for cells of one recognizer, defence and kinetics."""
    return rich("<b>{}</b> · {} · {}", recognizer, kinetics, behind(defense))


def behind(defense: str) -> str:
    """A defence in words."""
    return "no defence" if defense == "none" else f"behind {defense}"


def _split(cells: Sequence[Cell]) -> list[list[Cell]]:
    names = dict.fromkeys(c.key[:3] for c in cells)
    return [[c for c in cells if c.key[:3] == n] for n in names]


def _title(cells: Sequence[Cell]) -> str:
    first = cells[0]
    what = f"{first.n:,} clips" + ("" if first.kinetics == "digital" else f", sticker of {first.area:.1%} of the face")
    return group_title(first.recognizer, first.defense, first.kinetics) + rich(", {}", what)


def _row(cell: Cell) -> Row:
    name = words.region(cell.region) or cell.attack
    if cell.family == "exhaustive":
        name += " (upper bound)"
    if cell.abstained:
        name += f", abstained on {cell.abstained}"
    style = "ours" if cell.family == "causal" else ""
    if not cell.possible:
        why = (
            f"a {cell.kinetics} sticker of this size does not fit there"
            if cell.region
            else "no plan was within the threat model; clips.csv says why, clip by clip"
        )
        return Row((name, Value(f"not possible: {why}", style="soft")), style)
    versus = cell.versus
    mark = "" if versus is None or versus.p_holm >= LEVEL else " ▲" if beats_random(cell) else " ▼"
    compared = (
        (Value("–"), Value("–"))
        if versus is None
        else (
            Value(words.signed(versus.difference), versus.difference),
            Value(words.p_value(versus.p_holm) + mark, versus.p_holm),
        )
    )
    value, wilson, hits, n = rate(cell.rate)
    scores = (num(cell.error_rate), num(cell.attacked.uf1), num(cell.attacked.uar))
    queries = (num(cell.queries_mean, 1), whole(cell.queries_max))
    return Row((name, value, wilson, span(cell.by_subjects), hits, n, *compared, *scores, *queries), style)


def _again(cells: Sequence[Cell]) -> list[Block]:
    text = (
        "The successes filmed again: each clip with its sticker under fresh draws of print, camera, light, pose and "
        "codec that no attack has seen (for a sticker that is only drawn into the frames, the codec alone). Draws "
        "under which the clip without a sticker is misread are left out. Clips that were no success are not filmed "
        "again, so "
        "the rate is, if anything, too low."
    )
    rows = []
    for c in cells:
        if (told := c.refilmed) is not None:
            rates = (num(c.rate.value), num(told.value, style="key"), span(told.by_subjects))
            counts = (whole(told.plans), whole(told.wrong), whole(told.draws))
            rows.append(Row((c.attack, c.recognizer, c.kinetics, behind(c.defense), *rates, *counts)))
    heads = numbered("ASR", "filmed again", "95 % (subjects)", "plans", "wrong", "draws")
    return [Text(text), table("Filmed again", (*named("attack", "recognizer", "kinetics", "defence"), *heads), rows)]


def _emotion_table(run: Run) -> Table:
    rows = [
        Row((c.attack, c.recognizer, c.kinetics, behind(c.defense), emotion, *rate(found)))
        for c in run.cells
        if c.possible and not c.region
        for emotion, found in c.by_emotion.items()
    ]
    heads = named("attack", "recognizer", "kinetics", "defence", "emotion")
    return table("ASR by true emotion, for every attack", (*heads, *RATE), rows)


def _region_table(run: Run) -> Table:
    rows = []
    for recognizer, kinetics in run.groups:
        source, found = by_region(run, recognizer, kinetics)
        rows += [Row((emotion, words.region(region), recognizer, kinetics, source, *rate(r)))
                 for (emotion, region), r in sorted(found.items())]  # fmt: skip
    heads = named("emotion", "region", "recognizer", "kinetics", "counted from")
    return table("ASR by true emotion and region, the region being nobody's choice", (*heads, *RATE), rows)
