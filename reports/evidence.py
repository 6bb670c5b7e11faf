"""What the causal attack was told: interventions on discovery clips, the causal graph, its stability and its nulls."""

from __future__ import annotations

from collections.abc import Sequence

from . import words
from .causes import Probe, Study, others, probes, studies
from .document import (
    Block,
    Figure,
    Group,
    Points,
    Row,
    Section,
    Table,
    Text,
    Value,
    grouped,
    named,
    num,
    numbered,
    rich,
    span,
    table,
    whole,
)
from .face_regions import effect_faces
from .model import Run

_TOP = 5
"""Regions of each emotion whose scores are shown."""

_STUDY = (
    "The causal attack studies discovery subjects and recognizers it owns, never the recognizer under audit. It puts "
    "stickers on their clips and measures, for each plan, how much of the emotion's log-odds it takes on average: an "
    "intervention. It weighs that with the same on the clip to be attacked, and with causal discovery over the face's "
    "own motion as far as that predicted the interventions. The last two columns say how well it did, beside saliency: "
    "the rank correlation over regions with the measured effects, and whether the region it ranked first was the "
    "strongest."
)
_FACES = (
    "Causal effect by region: how much of the log-odds of each emotion a sticker there takes, on average over "
    "discovery clips (the best motion of each region). Orange takes, blue adds; the strongest region is outlined and "
    "named."
)


def evidence(run: Run) -> Section:
    """Interventions, graph, stability and null controls."""
    told, found = studies(run), probes(run)
    blocks: list[Block] = []
    if not told and not found:
        blocks.append(Text("The causal attack was not part of this run: not run."))
    if told:
        blocks += [Text(_STUDY), _effects(told)]
        if faces := effect_faces(run, told):
            blocks.append(Figure(tuple(faces), _FACES, _by_region(told), "wide"))
    for probe in found:
        blocks += _probe(probe)
    if twins := others(run, found):
        blocks.append(
            Text("The same search ran once per recognizer and kinetics. Where another run of it names other regions:")
        )
        blocks.append(Points(tuple(twins)))
    return Section("causes", "Causal evidence", tuple(blocks))


def _effects(told: Sequence[Study]) -> Table:
    groups = []
    for s in told:
        rows = tuple(
            Row(
                (
                    e.emotion, words.region(e.region), num(e.effect, 2), span(e.interval, 2), num(e.flips),
                    num(e.flips_random), whole(e.clips), e.agreement, e.saliency,
                )
            )
            for e in s.effects
        )  # fmt: skip
        groups.append(Group(_title(s), rows))
    heads = (*named("emotion to hide", "region chosen"), *numbered("effect, log-odds", "95 %"))
    more = numbered("flips there", "flips, a random plan", "discovery clips")
    end = named("the probe against these effects", "saliency against them")
    return grouped("What interventions on discovery clips told", (*heads, *more, *end), groups)


def _by_region(told: Sequence[Study]) -> Table:
    groups = []
    for s in told:
        rows = [
            Row((e.emotion, words.region(region), num(value, 3)))
            for e in s.effects
            for region, value in sorted(e.by_region.items(), key=lambda item: -item[1])
        ]
        groups.append(Group(_title(s), tuple(rows)))
    heads = (*named("emotion", "region"), *numbered("effect, log-odds"))
    return grouped("Effect of the best plan in each region", heads, groups)


def _title(study: Study) -> str:
    lesson = study.lesson
    return rich("<b>{}</b> · {} · used on {}", lesson.recognizer, lesson.kinetics, lesson.attacked)


def _probe(probe: Probe) -> list[Block]:
    seen = probe.result
    caption = (
        f"What causal discovery says for attacking {probe.lesson.attacked}, from {words.count(seen.clips, 'clip')} of "
        f"{words.count(seen.subjects, 'subject')} it does not contain ({seen.resamples} resamples of "
        f"{seen.resampled}). Left: the graph; a line is as wide as its share of the resamples, a filled region is "
        "named. Right: each "
        "emotion's strongest regions; beyond the dashed line permuted labels come one time in twenty."
    )
    findings = _findings(probe)
    reasons = tuple(rich("<b>{}:</b> {}", f.emotion, f.reason) for f in probe.findings)
    heads = named("control", "what it found")
    nulls = [Row((name, Value(told, style="prose"))) for name, told in probe.controls]
    caption_of_nulls = (
        f"Null controls, the same search where there is nothing to find, for attacking {probe.lesson.attacked}"
    )
    return [
        Figure((probe.drawing,), caption, _scores(probe), "wide"),
        findings,
        Points(reasons),
        table(caption_of_nulls, heads, nulls, stacked=True),
    ]


def _scores(probe: Probe) -> Table:
    """The numbers the drawing is made from: the strongest regions of each emotion."""
    rows = [
        Row((f.emotion, words.region(s.region), num(s.score, 2), num(s.direct, 2), num(s.tie, 2), num(s.frequency, 2)))
        for f in probe.result.by_emotion
        for s in f.ranking[:_TOP]
    ]
    heads = (*named("emotion", "region"), *numbered("score |z|", "given other regions", "alone", "edge in resamples"))
    return table(f"The strongest regions, for attacking {probe.lesson.attacked}", heads, rows)


def _findings(probe: Probe) -> Table:
    rows = []
    for f in probe.findings:
        region = (
            Value(words.region(f.region), style="key") if f.region else f"abstains (first: {words.region(f.first)})"
        )
        p = Value("–") if f.p_null is None else Value(words.p_value(f.p_null), f.p_null)
        edge = Value(f"{words.number(f.frequency, 2)} {words.interval(f.frequency_ci95, 2)}", f.frequency)
        rows.append(Row((f.emotion, region, f.direction, num(f.score, 2), edge, num(f.top_frequency, 2), p)))
    heads = named("emotion", "region named", "motion")
    more = numbered("score |z|", "edge in resamples", "first in resamples", "p, permuted labels")
    return table(f"Findings and their stability, for attacking {probe.lesson.attacked}", (*heads, *more), rows)
