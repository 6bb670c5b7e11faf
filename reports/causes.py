"""What causal discovery saw: the graph, how stable it is, and what its controls say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import matplotlib as mpl

from mask.causal import plot, result
from mask.causal.result import Control, ProbeResult
from mask.errors import UnreadableData

from . import words
from .drawing import SETTINGS, Drawing
from .model import Lesson, Run
from .untrusted import Node

MOST_NAMES = 64
"""Regions or emotions of a graph that is still drawn."""


@dataclass(frozen=True)
class Finding:
    """One emotion's row: what is named, how sure, and why."""

    emotion: str
    region: str | None
    first: str
    direction: str
    score: float | None
    frequency: float | None
    frequency_ci95: tuple[float, float] | None
    top_frequency: float | None
    p_null: float | None
    reason: str


@dataclass(frozen=True)
class Probe:
    """One search, on one set of discovery subjects."""

    lesson: Lesson
    result: ProbeResult
    findings: tuple[Finding, ...]
    controls: tuple[tuple[str, str], ...]
    drawing: Drawing


@dataclass(frozen=True)
class Effect:
    """What interventions on a surrogate told about one emotion."""

    emotion: str
    region: str
    effect: float
    interval: tuple[float, float] | None
    flips: float
    flips_random: float
    clips: int
    agreement: str
    saliency: str
    by_region: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """The effects measured for one recognizer, kinetics and set of attacked subjects."""

    lesson: Lesson
    effects: tuple[Effect, ...]


@lru_cache(maxsize=1)
def probes(run: Run) -> tuple[Probe, ...]:
    """Each search once: recognizers and kinetics that were shown the same clips share what observation says.

    Raises:
        UnreadableData: for a probe result that is damaged.
    """
    found: dict[str, Probe] = {}
    for lesson in run.lessons:
        if lesson.attack.split(":")[0] == "causal" and "probe" in lesson.data and lesson.attacked not in found:
            found[lesson.attacked] = _probe(lesson)
    return tuple(found.values())


def others(run: Run, shown: Sequence[Probe]) -> list[str]:
    """How far the searches that are not shown agree with those that are."""
    told = []
    for lesson in run.lessons:
        twin = next((p for p in shown if p.lesson.attacked == lesson.attacked), None)
        if twin is None or twin.lesson is lesson or "probe" not in lesson.data:
            continue
        named = [f.region for f in _read(lesson.data["probe"]).by_emotion]
        same = sum(a == b.region for a, b in zip(named, twin.findings, strict=False))
        if same != len(twin.findings):
            who = f"{lesson.recognizer}, {lesson.kinetics}, {lesson.attacked}"
            told.append(f"{who}: another seed of the same search, naming {words.listed([n or 'none' for n in named])}")
    return told


@lru_cache(maxsize=1)
def studies(run: Run) -> tuple[Study, ...]:
    """What interventions told, for each recognizer, kinetics and set of attacked subjects."""
    return tuple(
        Study(lesson, tuple(_effect(lesson, emotion, told) for emotion, told in lesson.data["effects"].items()))
        for lesson in run.lessons
        if lesson.attack.split(":")[0] == "causal" and "effects" in lesson.data
    )


def _effect(lesson: Lesson, emotion: str, told: Node) -> Effect:
    return Effect(
        emotion=emotion,
        region=told["region"].text(),
        effect=told["effect"].number(),
        interval=_span(told["effect_ci95"]),
        flips=told["flips"].share(),
        flips_random=told["flips_random"].share(),
        clips=told["clips"].count(),
        agreement=_agreement(_told_by(lesson, emotion)),
        saliency=_agreement(_told_by(lesson, emotion).get("saliency", {})),
        by_region={name: v.number() for name, v in told.get("by_region", {}).items()},
    )


def _span(node: Node) -> tuple[float, float] | None:
    low, high = (v.number_or_none() for v in node.entries(2))
    return None if low is None or high is None else (low, high)


def _told_by(lesson: Lesson, emotion: str) -> Node:
    return lesson.data.get("agreement", {}).get(emotion, {})


def _agreement(told: Node) -> str:
    """Rank correlation over regions, and whether the region ranked first was the strongest."""
    if "spearman" not in told:
        return "not run"
    rank, p = told["spearman"].number(-1, 1), told["p"].number_or_none(0, 1)
    first = "first right" if told["top_agrees"].flag() else f"first wrong (chance {told['chance'].share():.2f})"
    return f"{words.signed(rank)}" + ("" if p is None else f" (p {words.p_value(p)})") + f", {first}"


def _probe(lesson: Lesson) -> Probe:
    seen = _read(lesson.data["probe"])
    try:
        with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
            figure = plot.figure(seen)
            figure.axes[1].set_xlabel("evidence |z|: left end given other regions, right end alone", fontsize=9)
            findings = tuple(_finding(f) for f in seen.by_emotion)
            named = [f"{f.emotion}: {words.region(f.region) if f.region else 'abstains'}" for f in findings]
            finding = f"Causal graph over {len(seen.regions)} regions. Named, by emotion: {'; '.join(named)}."
            title = f"{lesson.attacked}: what {seen.clips} clips of the others say"
            drawing = Drawing(figure, title, finding)
        return Probe(lesson, seen, findings, tuple((c.name, _told(c)) for c in seen.controls), drawing)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableData(f"the probe result about {lesson.attacked} cannot be drawn ({error})") from error


def _read(node: Node) -> ProbeResult:
    data = node.raw()
    _check_numbers(node)
    try:
        found = ProbeResult.from_json(_cleaned(data))  # type: ignore[arg-type]
    except (RecursionError, TypeError, ValueError) as error:
        node.refuse(f"what mask probe writes ({error})")
    if not (0 < len(found.regions) <= MOST_NAMES and 0 < len(found.emotions) <= MOST_NAMES):
        node.refuse(f"1 to {MOST_NAMES} regions and emotions")
    return found


def _check_numbers(node: Node) -> None:
    """Refuse a probe whose numbers are something else."""
    for name in ("clips", "subjects", "resamples", "rows"):
        node[name].count()
    node["alpha"].share()
    for finding in (*node["by_emotion"].entries(), node["overall"]):
        for score in finding["ranking"].entries():
            for name in ("score", "tie", "direct", "effect", "partial", "marginal"):
                score[name].number_or_none()
            for name in ("frequency", "top_frequency", "p_null"):
                score[name].share()
            score["frequency_ci95"].interval()
    for control in node["controls"].entries():
        control["draws"].count()
        for name in ("false_edges", "region_edges"):
            control[name].number_or_none(0, 1)


def _cleaned(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _cleaned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_cleaned(v) for v in value]
    return Node(value, "").text() if isinstance(value, str) else value


def _finding(found: result.Finding) -> Finding:
    first = found.ranking[0] if found.ranking else None
    return Finding(
        emotion=found.emotion,
        region=found.region,
        first=first.region if first else "",
        direction=first.direction if first else "",
        score=first.score if first else None,
        frequency=first.frequency if first else None,
        frequency_ci95=first.frequency_ci95 if first else None,
        top_frequency=first.top_frequency if first else None,
        p_null=first.p_null if first else None,
        reason=words.region(found.reason),
    )


def _told(control: Control) -> str:
    """What a control says, in a sentence."""
    if not control.draws:
        return f"not run: {control.why_not or 'no reason was given'}"
    parts = []
    if control.false_edges is not None:
        parts.append(f"{control.false_edges:.1%} of region-to-emotion pairs joined")
    if control.region_edges is not None:
        parts.append(f"{control.region_edges:.1%} of region pairs joined")
    if control.highest is not None:
        parts.append(f"one draw in twenty scores above {control.highest:.2f}")
    if control.top:
        region, most = max(control.top.items(), key=lambda item: (item[1], item[0]))
        parts.append(f"most often first: {words.region(region)}, {most:.0%}")
    return f"{words.count(control.draws, 'draw')}: {'; '.join(parts) or 'nothing was found'}"
