"""What could make a reader doubt a run, looked at one by one: pass, flag, or not run. A flag changes no number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mask.causal.result import Control
from mask.results import Row

from . import words
from .causes import Probe
from .model import Cell, Run

Outcome = Literal["pass", "flag", "not run"]

SMALL = 5
"""Clips under which a rate by emotion says next to nothing."""


@dataclass(frozen=True)
class Check:
    """One question, its answer, and the numbers behind it."""

    question: str
    outcome: Outcome
    told: str


def checks(run: Run, probes: Sequence[Probe]) -> list[Check]:
    """Every check, in the order a reader would ask."""
    return [
        _counts(run),
        _reads_anything(run),
        _random(run),
        _bound(run),
        _queries(run),
        _answers(run),
        _plans(run),
        *_controls(run),
        *_nulls(probes),
        _small(run),
    ]


def _counts(run: Run) -> Check:
    question = "Do the counts in results.json follow from clips.csv?"
    if run.rows is None:
        return Check(question, "not run", "there is no clips.csv in the folder")
    found: dict[tuple[str, ...], list[int]] = {}
    for row in run.rows:
        tally = found.setdefault(_key(row), [0, 0, 0])
        for i, one in enumerate((True, row.clean_correct, row.clean_correct and row.success)):
            tally[i] += one
    cells = {_key(c): [c.n, c.rate.n, c.rate.hits] for c in run.cells}
    wrong = [key for key in cells.keys() | found.keys() if cells.get(key) != found.get(key)]
    if wrong:
        return Check(question, "flag", f"{len(wrong)} of {len(cells)} cells differ, {', '.join(min(wrong))} among them")
    return Check(question, "pass", f"clips, correct clips and successes agree in all {len(cells)} cells")


def _key(item: Row | Cell) -> tuple[str, ...]:
    return (item.recognizer, item.defense, item.kinetics, item.attack)


def _reads_anything(run: Run) -> Check:
    question = "Does each recognizer read more than the commonest emotion?"
    poor = []
    for told in run.clean:
        low = (told.intervals["uf1"] or (told.scores.uf1 or 0.0, 0.0))[0]
        if told.majority.uf1 is not None and low <= told.majority.uf1:
            poor.append(_named(told.recognizer, told.defense))
    if not run.clean:
        return Check(question, "not run", "there are no clean scores")
    if poor:
        return Check(question, "flag", f"the interval of UF1 reaches down to the baseline for {words.listed(poor)}")
    return Check(question, "pass", "the interval of UF1 lies above the majority baseline everywhere")


def _random(run: Run) -> Check:
    question = "Is the random placement, drawn once per clip, near its exact average?"
    told: list[str] = []
    off: list[str] = []
    for found in run.maps:
        here = (found.recognizer, found.defense, found.kinetics)
        cell = next(
            (c for c in run.cells if (c.recognizer, c.defense, c.kinetics) == here and c.attack == "random"), None
        )
        if cell is None or found.random_exact is None or found.n != cell.rate.n:
            continue
        text = f"{_named(found.recognizer, found.defense)} {found.kinetics}: drawn {words.number(cell.rate.value)}, "
        text += f"exact {words.number(found.random_exact)}"
        low, high = cell.rate.interval
        (told if low <= found.random_exact <= high else off).append(text)
    if not told and not off:
        return Check(question, "not run", "no attack asked about every place, or there was no random placement")
    return Check(question, "flag" if off else "pass", "; ".join(off or told))


def _bound(run: Run) -> Check:
    question = "Is the exhaustive search the upper bound it should be?"
    bounds = {(c.recognizer, c.defense, c.kinetics): c for c in run.cells if c.family == "exhaustive"}
    if not bounds:
        return Check(question, "not run", "the exhaustive attack was not asked for")
    above = [
        c for c in run.cells if (b := bounds.get((c.recognizer, c.defense, c.kinetics))) and c.rate.hits > b.rate.hits
    ]
    if above:
        names = [f"{c.attack} on {_named(c.recognizer, c.defense)} ({c.kinetics})" for c in above[:3]]
        return Check(
            question,
            "flag",
            f"{len(above)} cells lie above it: {words.listed(names)}; it searches its own grid of places",
        )
    return Check(question, "pass", f"no attack of its {words.count(len(bounds), 'group')} fooled more clips")


def _queries(run: Run) -> Check:
    question = "Did every attack stay within its queries?"
    budget = {t.kinetics: t.budget for t in run.threats}
    over = [c for c in run.cells if (most := budget.get(c.kinetics)) is not None and c.queries_max > most]
    if over:
        return Check(question, "flag", f"{len(over)} cells are above the budget, {over[0].attack} among them")
    one, more = [c for c in run.cells if c.one_shot], [c for c in run.cells if not c.one_shot]
    told = f"{words.count(len(one), 'cell')} with one query per clip at most"
    if more:
        most = max(c.queries_max for c in more)
        told += f"; {', '.join(dict.fromkeys(c.attack for c in more))} with up to {most:,}"
    return Check(question, "pass", told)


def _answers(run: Run) -> Check:
    question = "Was every stickered clip answered?"
    missed = sum(c.unanswered for c in run.cells)
    if missed:
        total = sum(c.n for c in run.cells)
        return Check(question, "flag", f"{missed:,} of {total:,} had no answer; none counts as a success")
    return Check(question, "pass", "no face lost, no refusal, no error")


def _plans(run: Run) -> Check:
    question = "Could every attack be carried out?"
    partly = [c for c in run.cells if 0 < c.invalid < c.n]
    never = [c for c in run.cells if not c.possible]
    told = []
    if never:
        names = list(dict.fromkeys(f"{words.region(c.region) or c.attack} ({c.kinetics})" for c in never))
        told.append(f"no sticker of this size fits {words.listed(names)}; nothing was tried there")
    if partly:
        told.append(f"{words.count(len(partly), 'cell')} lack a plan for some clips")
    return Check(question, "flag" if told else "pass", "; ".join(told) or "every plan lay within the threat model")


def _controls(run: Run) -> Iterator[Check]:
    families = {c.family for c in run.undefended}
    wanted = ("random", "centre", "region", "grey")
    missing = [name for name in wanted if name not in families]
    question = "Are the controls of a placement there: random, centre, each fixed region, a plain grey sticker?"
    if missing:
        yield Check(question, "not run", f"without {words.listed(missing)}")
    else:
        yield Check(question, "pass", "all of them, at equal area and one query")
    yield _drawing(run)


def _drawing(run: Run) -> Check:
    question = "Does the drawing on the sticker matter, or only its place?"
    told, groups = [], run.groups
    for recognizer, kinetics in groups:
        cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
        by = {c.family: c.rate for c in cells if c.family in ("causal", "grey")}
        if len(by) == 2:
            told.append(
                f"{recognizer} {kinetics}: {words.share(by['causal'])} with it, {words.share(by['grey'])} in plain grey"
            )
    if not told:
        return Check(question, "not run", "needs the causal attack and its grey control")
    return Check(question, "pass", f"{'; '.join(told)}; on flow maps the two agree by construction")


def _nulls(probes: Sequence[Probe]) -> Iterator[Check]:
    if not probes:
        yield Check("Was the causal graph put to data without content?", "not run", "no probe is part of this run")
        return
    for name in dict.fromkeys(c.name for p in probes for c in p.result.controls):
        found = [(c, p.result.alpha) for p in probes for c in p.result.controls if c.name == name]
        yield _null(f"Does the probe keep quiet about data without content: {name}?", found)
    flags = list(dict.fromkeys(f for p in probes for f in p.result.flags))
    yield Check("Does the probe warn about itself?", "flag" if flags else "pass", "; ".join(flags) or "no warning")


def _null(question: str, found: Sequence[tuple[Control, float]]) -> Check:
    done = [(c, alpha) for c, alpha in found if c.draws]
    if not done:
        return Check(question, "not run", "; ".join(dict.fromkeys(c.why_not or "no reason given" for c, _ in found)))
    edges = [(e, a) for c, a in done for e in (c.false_edges, c.region_edges) if e is not None]
    if not edges:
        return Check(question, "not run", "the control tells of no edges")
    most = max(e for e, _ in edges)
    told = f"at most {most:.1%} of pairs joined where nothing is there, {words.count(done[0][0].draws, 'draw')} each"
    return Check(question, "flag" if any(e > alpha for e, alpha in edges) else "pass", told)


def _small(run: Run) -> Check:
    question = f"Are there at least {SMALL} clips behind every rate?"
    small = {e for c in run.undefended for e, rate in c.by_emotion.items() if rate.n < SMALL}
    if small:
        return Check(question, "flag", f"fewer for {words.listed(sorted(small))}; see the counts")
    return Check(question, "pass", "overall and for every emotion")


def _named(recognizer: str, defense: str) -> str:
    return recognizer if defense == "none" else f"{recognizer} behind {defense}"
