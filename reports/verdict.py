"""What a run says before any table, plainly; a null result is said as plainly as any other."""

from __future__ import annotations

from collections.abc import Sequence

from . import words
from .check import Check
from .model import Cell, Run
from .worst import worst_cases

LEVEL = 0.05

CONTROLS = ("random", "centre", "region", "grey")
"""Attacks that are there to be beaten: they choose no place, or only repeat another's choice."""


MOST_LINES = 10


def verdict(run: Run) -> list[str]:
    """A sentence for each kinetics: did any one-shot placement do better than a random one, and on which recognizer?"""
    if not any(c.rate.n for c in run.undefended):
        return ["No clip was read correctly before a sticker, so there was nothing to attack."]
    if not any(c.rate.hits for c in run.cells):
        return ["Null result: no sticker changed a single correct answer."]
    return [_sentence(run, kinetics) for kinetics in dict.fromkeys(k for _, k in run.groups)]


def lines(run: Run, checks: Sequence[Check]) -> list[tuple[bool, str]]:
    """Verdict and scope in at most ten lines, those of the verdict marked."""
    before = [(False, _asked(run)), (False, _reads(run))]
    besides = (_worst(run), _learnt(run), _defended(run), _doubts(checks), _scope(run))
    after = [(False, told) for told in besides if told]
    told = verdict(run)
    room = MOST_LINES - len(before) - len(after)
    if len(told) > room:
        told = [*told[: room - 1], f"And {len(told) - room + 1} more kinds of sticker; see the tables."]
    return [*before, *((True, line) for line in told), *after]


def beats_random(cell: Cell) -> bool:
    """Whether a cell's success rate is above the random placement's, paired, Holm p < .05."""
    return cell.versus is not None and cell.versus.p_holm < LEVEL and cell.versus.difference > 0


def best_region(run: Run, recognizer: str, kinetics: str) -> str:
    """The fixed region that did best, beside the causal choice; empty where no region was tried."""
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics) and c.possible]
    fixed = [c for c in cells if c.region and c.rate.value is not None]
    if not fixed:
        return ""
    best = min(fixed, key=lambda c: (-(c.rate.value or 0), c.region))
    told = f"{recognizer}, {kinetics}: of {len(fixed)} fixed regions {words.region(best.region)} did best, "
    told += f"{words.number(best.rate.value)}"
    ours = next((c for c in cells if c.family == "causal"), None)
    return told + (f"; the causal choice, made beforehand, reached {words.number(ours.rate.value)}." if ours else ".")


def _asked(run: Run) -> str:
    areas = sorted({t.area for t in run.threats if t.kinetics != "digital"})
    size = (
        words.listed([f"{a:.1%}" for a in areas], "or") + " of the face"
        if areas
        else "no size: only pixels were changed"
    )
    names = words.listed(list(dict.fromkeys(c.recognizer for c in run.cells)) or ["no recognizer"])
    kind = {
        "synthetic": "rendered faces that belong to nobody",
        "real": "real clips",
        "not said": "clips of unknown origin",
    }
    clips = f"{words.count(run.clips, 'clip')} of {words.count(run.subjects, 'subject')}"
    return (
        f"Asked: does a sticker ({size}) keep {names} from reading the emotion? Tried on {clips}, {kind[run.evidence]}."
    )


def _reads(run: Run) -> str:
    told = []
    for c in run.clean:
        if c.defense == "none":
            right = sum(row[i] for i, row in enumerate(c.confusion))
            uf1, least = words.number(c.scores.uf1, 2), words.number(c.majority.uf1, 2)
            told.append(f"{c.recognizer} reads {right} of {c.n} clips correctly (UF1 {uf1}, always one answer {least})")
    more = f"; and {len(told) - 3} more recognizers" if len(told) > 3 else ""
    return f"Without a sticker {'; '.join(told[:3])}{more}." if told else "Clean scores: not run."


def _sentence(run: Run, kinetics: str) -> str:
    told = [_on(run, recognizer, kinetics) for recognizer in dict.fromkeys(r for r, k in run.groups if k == kinetics)]
    what = words.KINETICS.get(kinetics, kinetics)
    more = f"; and {len(told) - 3} more recognizers" if len(told) > 3 else ""
    return f"{what[0].upper()}{what[1:]}: {'; '.join(told[:3])}{more}."


def _on(run: Run, recognizer: str, kinetics: str) -> str:
    cells = [c for c in run.undefended if (c.recognizer, c.kinetics) == (recognizer, kinetics)]
    tried = [c for c in cells if c.family not in CONTROLS and c.one_shot and c.possible and c.versus is not None]
    random = next((c for c in cells if c.attack == "random"), None)
    if not tried or random is None:
        return _without_control(recognizer, cells)
    better = sorted((c for c in tried if beats_random(c)), key=lambda c: -(c.rate.value or 0))
    by_chance = words.number(random.rate.value, 2)
    if better:
        told = [f"{c.attack} ({words.number(c.rate.value, 2)})" for c in better[:3]]
        return f"{words.listed(told)} fooled {recognizer} more often than a random place ({by_chance})"
    told = [f"{c.attack} {words.number(c.rate.value, 2)}" for c in tried[:4]]
    told.append(f"random {by_chance}")
    return f"{recognizer}, null result: no one-shot placement did better than a random one ({', '.join(told)})"


def _without_control(recognizer: str, cells: Sequence[Cell]) -> str:
    """What to say where nothing was compared with a random placement, as where pixels are changed."""
    best = max((c for c in cells if c.rate.value is not None), key=lambda c: c.rate.value or 0.0, default=None)
    if best is None:
        return f"{recognizer}: nothing to attack"
    asked = "one look" if best.one_shot else f"up to {words.count(best.queries_max, 'query', 'queries')}"
    return (
        f"{best.attack} fooled {recognizer} most often ({words.number(best.rate.value, 2)}, {asked}); nothing was "
        "compared with a random placement"
    )


def _worst(run: Run) -> str:
    told = [
        f"{w.recognizer} {w.kinetics} {words.number(w.scores.accuracy, 2)} of {words.number(w.clean.accuracy, 2)}"
        for w in worst_cases(run)
        if w.defense == "none"
    ]
    if not told:
        return ""
    more = f" and {len(told) - 5} more" if len(told) > 5 else ""
    return (
        "Clips still read correctly under the worst attack on each (accuracy, of that before): "
        f"{', '.join(told[:5])}{more}."
    )


def _learnt(run: Run) -> str:
    """What a sticker tells of the emotion to a network trained on such clips, where that was tried."""
    tried = [c for c in run.undefended if c.retrained is not None]
    if not tried:
        return ""
    most = max(tried, key=lambda c: c.retrained or 0.0)
    bare = next((c.leakage for c in run.clean if (c.recognizer, c.defense) == (most.recognizer, "none")), None)
    beside = "" if bare is None else f"; without a sticker it reads {words.number(bare, 2)}"
    return (
        f"Trained again on clips with such stickers, {most.recognizer} reads at most {words.number(most.retrained, 2)} "
        f"bits of the emotion ({most.attack}, {most.kinetics}){beside}."
    )


def _defended(run: Run) -> str:
    names = list(dict.fromkeys(c.defense for c in run.cells if c.defense != "none"))
    if not names:
        return "No defence was tried."
    cells = [c for c in run.cells if c.defense != "none" and c.rate.value is not None and c.possible]
    if not cells:
        return f"Behind {words.listed(names, 'or')} there was nothing to attack."
    worst = max(cells, key=lambda c: c.rate.value or 0.0)
    where = f"{worst.attack} on {worst.recognizer}, {worst.kinetics}, behind {worst.defense}"
    return (
        f"Defences tried: {words.listed(names)}; the most any attack reached behind one is "
        f"{words.number(worst.rate.value, 2)} ({where})."
    )


def _doubts(checks: Sequence[Check]) -> str:
    count = {o: sum(c.outcome == o for c in checks) for o in ("pass", "flag", "not run")}
    return (
        f"Of {len(checks)} checks of validity {count['pass']} passed, {count['flag']} are flags and "
        f"{count['not run']} were not run; they are no score, and change no number."
    )


def _scope(run: Run) -> str:
    untried = "; ".join(n.split(":")[0] for n in run.not_tried[:4])
    return f"It says nothing about what was not tried: {untried or 'see the limitations'}."
