"""What defences change, what they cost, and whether an attack that knows of them was tried."""

from __future__ import annotations

from . import words
from .document import Block, Column, Figure, Row, Section, Table, Text, Value, named, num, numbered, span, table, whole
from .figures import by_defense
from .model import Cell, Run

_CAPTION = (
    "The same attacks with and without each defence, with Wilson intervals. Read it beside the clean scores: a defence "
    "that breaks the recognizer also leaves fewer correct answers to lose."
)


def defences(run: Run) -> Section:
    """Attacks with and without each defence, and the adaptive attack on each."""
    cells = [c for c in run.cells if c.defense != "none"]
    if not cells:
        return Section("defences", "Behind defences", (Text("No defence was tried: not run."),))
    blocks: list[Block] = []
    if found := by_defense(run):
        blocks.append(Figure(tuple(found), _CAPTION, _pairs(run)))
    text = (
        "An attack is adaptive when it knows of the defence. Here that is one that asked the defended recognizer "
        "before its final look; all others were planned as if there were no defence, and one that adapts may do better."
    )
    blocks += [Text(text), _summary(run)]
    return Section("defences", "Behind defences", tuple(blocks))


def adaptive(run: Run, defense: str) -> list[Cell]:
    """Cells of attacks that asked the recognizer behind this defence."""
    return [c for c in run.cells if c.defense == defense and not c.one_shot and c.possible]


def _pairs(run: Run) -> Table:
    rows = []
    for c in run.cells:
        if c.defense == "none" or c.region:
            continue
        bare = next(
            (b for b in run.undefended if (b.recognizer, b.kinetics, b.attack) == (c.recognizer, c.kinetics, c.attack)),
            None,
        )
        without = None if bare is None else bare.rate
        less = (
            None if c.rate.value is None or without is None or without.value is None else c.rate.value - without.value
        )
        rows.append(
            Row(
                (
                    c.attack, c.recognizer, c.kinetics, c.defense, num(None if without is None else without.value),
                    num(c.rate.value, style="key"), span(c.rate.interval), whole(c.rate.hits), whole(c.rate.n),
                    Value("–" if less is None else words.signed(less), less),
                )
            )
        )  # fmt: skip
    heads = named("attack", "recognizer", "kinetics", "defence")
    return table(
        "ASR with and without each defence",
        (*heads, *numbered("without", "behind it", "95 %", "fooled", "right before", "change")),
        rows,
    )


def _summary(run: Run) -> Table:
    rows = []
    for told in run.clean:
        if told.defense == "none":
            continue
        bare = next((c for c in run.clean if (c.recognizer, c.defense) == (told.recognizer, "none")), None)
        asked = [c for c in adaptive(run, told.defense) if c.recognizer == told.recognizer]
        best = max(asked, key=lambda c: c.rate.value or 0.0, default=None)
        known = "not run" if best is None else f"{best.attack} ({best.kinetics}): {words.number(best.rate.value)}"
        proof = Value("not run", None, "soft") if told.certified is None else num(told.certified)
        before = None if bare is None else bare.scores.uf1
        rows.append(
            Row((told.defense, told.recognizer, num(before), num(told.scores.uf1, style="key"), Value(known), proof))
        )
    heads = (*named("defence", "recognizer"), *numbered("clean UF1 without", "clean UF1 with"))
    end = (*named("strongest adaptive attack, ASR"), Column("certified"))
    return table("What each defence costs, and what an attack that knows of it reaches", (*heads, *end), rows)
