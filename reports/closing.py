"""How a report ends: the checklist, what was not tried, definitions, and how to make it all again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import words
from .about import machine, versions, weights
from .check import Check
from .document import (
    Block,
    Code,
    Fact,
    Facts,
    Fold,
    Points,
    Row,
    Section,
    Signature,
    Table,
    Text,
    Value,
    named,
    num,
    numbered,
    rich,
    table,
    whole,
)
from .model import Run
from .success import behind
from .worst import worst_cases

FEW = 30
"""Clips or subjects under which a run is small."""

_DEFINITIONS = (
    (
        "attack success rate (ASR)",
        "Clips that were read correctly without and are read wrongly with the sticker, over clips that were read "
        "correctly without. A clip that gets no answer is never a success.",
    ),
    (
        "error rate on all stickered clips",
        "Wrong or missing answers over all clips, those that were wrong before included. Some papers call this ASR; it "
        "is high wherever the recognizer was often wrong to begin with.",
    ),
    (
        "worst case",
        "For each clip the attack that hurts most: the mean over clips of the minimum over attacks. A clip that was "
        "wrong without a sticker stays wrong; of several wrong answers the commonest stands for the clip.",
    ),
    (
        "UF1, UAR",
        "The mean over emotions of F1, and of recall, on predictions pooled over all subjects (MEGC 2019). They weigh "
        "each emotion the same, however rare.",
    ),
    ("majority baseline", "The scores of always answering the commonest emotion."),
    (
        "leakage",
        "Mutual information between answer and true emotion, in bits (Miller–Madow corrected). Zero means the answers "
        "tell nothing.",
    ),
    (
        "kinetics",
        "How the sticker moves between onset and apex. skin: rigid, rides on the tracked skin, as a real sticker does. "
        "slip: a real one, loosely attached. raised: a real one that stands off the skin. screen: fixed to pixels. "
        "overlay: a digital animated sticker whose apparent motion is chosen; no printed sticker can do this. digital: "
        "no sticker at all; every pixel may change by a little, in the file or on the way to the recognizer.",
    ),
    (
        "query",
        "One look of the attack at the recognizer under audit, for one clip, the final one included. One-shot means "
        "one and no more.",
    ),
    (
        "95 % intervals",
        "Wilson: of a proportion, clips taken as independent. Subjects: bootstrap of whole subjects, whose clips are "
        "not independent; where the two differ, trust the wider.",
    ),
    (
        "against random",
        "The difference in ASR on the same clips, with an exact McNemar test, adjusted by Holm's method over the "
        "attacks of one recognizer, defence and kinetics.",
    ),
    (
        "random, centre, fixed region, grey",
        "Controls of equal area: a place and motion drawn at random; the middle of the face; always the same region; "
        "the causal place without the drawing.",
    ),
    (
        "au-sticker",
        "The published one-shot sticker: the region of largest out-degree in a causal graph over the pixels of one "
        "image (Tan et al., ICASSP 2025, doi 10.1109/ICASSP49660.2025.10889387).",
    ),
    (
        "causal",
        "The place and motion with the largest average effect on the emotion to hide, measured on other subjects.",
    ),
    (
        "exhaustive",
        "Every place and motion asked about, the best kept for each clip: an upper bound on placement, at many "
        "queries.",
    ),
)


def doubts(found: Sequence[Check]) -> Section:
    """The checklist."""
    text = (
        "The checks that evaluations like this are known to fail, asked of every run. A flag changes no number and a "
        "pass proves nothing; what was not run was not run. There is no score."
    )
    rows = [
        Row(
            (
                Value(str(c.number), c.number),
                Value(c.question, style="prose"),
                Value(c.outcome, style=c.outcome.replace(" ", "-")),
                Value(c.told, style="prose"),
                Value(c.source, style="soft"),
            )
        )
        for c in found
    ]
    heads = named("", "question", "outcome", "what was found", "asked by")
    return Section(
        "checks", "Reasons to doubt", (Text(text), table("Checklist of validity", heads, rows, stacked=True))
    )


def limits(run: Run) -> Section:
    """What was not tried, and what the numbers cannot carry."""
    not_run = [
        f"{words.KINETICS[k]} ({k}): not run" for k in words.KINETICS if k not in {t.kinetics for t in run.threats}
    ]
    blocks: list[Block] = [Points((*run.not_tried, *not_run)), Points(tuple(_narrow(run)))]
    return Section("untried", "Limitations and what was not tried", tuple(blocks))


def _narrow(run: Run) -> Iterator[str]:
    if run.synthetic:
        yield "The faces are rendered. What holds for them is a fact about the method; about people it is a guess."
    if run.clips < FEW or run.subjects < FEW:
        yield (
            f"{words.count(run.clips, 'clip')} of {words.count(run.subjects, 'subject')} are few; look at the "
            "intervals over subjects before the rates."
        )
    yield (
        "One dataset, with its subjects, its camera and its way of eliciting emotions. Other people, other rooms: not "
        "tried."
    )
    if any(t.knows_emotion for t in run.threats):
        yield "The wearer is taken to know which emotion to hide. One who does not chooses worse."
    if any(t.kinetics in ("overlay", "screen", "digital") for t in run.threats):
        yield "Overlay, screen and digital change a video file, never a face in front of a camera."
    yield "A sticker is visible to people. It hides an emotion from some machines, not from a person."


def definitions() -> Section:
    """The words of the report."""
    return Section("definitions", "Definitions", (Facts(tuple(Fact(n, (t,)) for n, t in _DEFINITIONS)),))


def reproduce(runs: Sequence[tuple[str, Run]]) -> Section:
    """The manifest: commands, seeds, versions, hashes and times."""
    text = rich(
        "Each number is computed from two files: <code>results.json</code>, one summary per cell, and "
        "<code>clips.csv</code>, one row per clip and cell."
    )
    blocks: list[Block] = [Text(text)]
    for label, run in runs:
        title = rich("<b>{}</b> was started by", label) if len(runs) > 1 else "The audit was started by"
        blocks += [Text(title), Code(" ".join(run.command)), Facts(tuple(_manifest(run)))]
        blocks.append(Fold("Weights, names and times", (_weights(run), _names(run), _times(run))))
    again = f"mask report {' '.join(run.folder for _, run in runs)}"
    blocks += [Text("This report is made again, from the data files alone, by"), Code(again)]
    blocks.append(
        Text(
            "Equal seeds give equal numbers on equal versions; folders above the last part of a path are left out of "
            "the command."
        )
    )
    blocks.append(Text("I have read this report and stand by its scope:"))
    blocks.append(Signature())
    return Section("reproduce", "How to reproduce", tuple(blocks))


def _manifest(run: Run) -> Iterator[Fact]:
    for name, digest in run.files.items():
        yield Fact(f"SHA-256 of {name}", (digest,))
    yield Fact("seed", (str(run.seed),))
    yield Fact("versions", (versions(run.environment),))
    yield Fact("machine", (machine(run.environment),))
    if "deterministic" in run.environment:
        yield Fact("torch, deterministic algorithms", (str(run.environment["deterministic"].raw()),))
    seconds = sum(c.seconds for c in run.cells)
    yield Fact("time", (f"{seconds:,.0f} s for {words.count(len(run.cells), 'cell')}",))


def _weights(run: Run) -> Table:
    rows = [Row((name, file, Value(digest, style="code"))) for name, file, digest in weights(run)]
    heads = named("recognizer", "file", "SHA-256")
    return table("Weights", heads, rows)


def _names(run: Run) -> Table:
    known = [("attack", *item) for item in run.attacks.items()] + [("defence", *item) for item in run.defenses.items()]
    rows = [Row((name, kind, Value(stands, style="prose"))) for kind, name, stands in known]
    heads = named("name", "kind", "stands for")
    return table("What each name stands for", heads, rows, stacked=True)


def _times(run: Run) -> Table:
    rows = [
        Row(
            (
                c.attack,
                c.recognizer,
                c.kinetics,
                behind(c.defense),
                num(c.seconds, 1),
                whole(c.n),
                whole(c.unanswered),
                whole(c.invalid),
            )
        )
        for c in run.cells
    ]
    heads = named("attack", "recognizer", "kinetics", "defence")
    return table("Every cell: time and status", (*heads, *numbered("seconds", "clips", "no answer", "no plan")), rows)


def worst_section(run: Run) -> Section:
    """The worst attack on each clip."""
    found = worst_cases(run)
    text = (
        "For each clip the attack that hurts it most, among all that were tried: what a recognizer is still worth when "
        "somebody picks the right sticker. Doing nothing counts as an attack."
    )
    if not found:
        return Section(
            "worst", "Worst case, clip by clip", (Text(text), Text("Not run: there is no clips.csv in the folder."))
        )
    rows = []
    for w in found:
        turned, right = w.flips
        before, after = (
            (num(w.clean.uf1), num(w.scores.uf1, style="key")),
            (num(w.clean.accuracy), num(w.scores.accuracy, style="key")),
        )
        rows.append(
            Row(
                (
                    w.recognizer,
                    w.kinetics,
                    behind(w.defense),
                    whole(w.attacks),
                    *before,
                    *after,
                    whole(turned),
                    whole(right),
                )
            )
        )
    heads = named("recognizer", "kinetics", "defence")
    more = numbered("attacks", "clean UF1", "worst UF1", "clean accuracy", "worst accuracy", "turned", "right before")
    return Section(
        "worst",
        "Worst case, clip by clip",
        (Text(text), table("Mean over clips of the minimum over attacks", (*heads, *more), rows)),
    )
