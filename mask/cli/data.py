"""``mask data synth``, ``mask data augment`` and ``mask data check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mask import registry
from mask.cli.console import Progress, print_json, say, table
from mask.clip import Dataset
from mask.errors import UnreadableData, UsageError

_SHOWN = 20


def synth(out: Path, data: str, *, force: bool, quiet: bool) -> None:
    """Write the synthetic benchmark as lossless video files with an annotation table."""
    from mask.data.synthetic import write

    spec = registry.Spec.parse(data)
    if spec.name != "synthetic":
        raise UsageError(f"--data is {data!r}; 'mask data synth' writes synthetic:subjects=...,emotions=...,seed=...")
    dataset = registry.create("datasets", data)
    total = len(dataset.clips) + len(dataset.neutral)
    with Progress(quiet) as bar:
        write(dataset, out, force=force, progress=lambda n: bar("writing clips", n, total))
    say(
        f"{len(dataset.clips)} clips and {len(dataset.neutral)} neutral ones in {out}; "
        f"read them with --data folder:{out}"
    )


def augment(spec: str, ways: Sequence[str], out: Path, *, seed: int, force: bool, quiet: bool) -> None:
    """Write what augmentations make of a dataset as lossless video files with an annotation table and a sheet."""
    from mask.augment import made_by, need_pixels
    from mask.augment._write import SHEET, claim, write

    if not ways:
        raise UsageError(f"--augment names nothing; there are {', '.join(registry.names('augmentations'))}")
    chosen = [registry.create("augmentations", way) for way in ways]
    dataset = registry.create("datasets", spec)
    need_pixels(chosen, dataset.clips)
    made = made_by(chosen, dataset.clips, seed)
    claim(out, force)
    with Progress(quiet) as bar:
        problems = write(made, dataset.clips, out, progress=lambda n: bar("making clips", n, len(made)))
    for line in problems[:_SHOWN]:
        say(f"not made: {line}")
    say(
        f"{len(made) - len(problems)} clips made of the {len(dataset)} of {dataset.name} in {out}; look at "
        f"{out / SHEET}, read them with --data folder:{out}"
    )
    say(
        "Every subject has a part in them: to train, name the augmentation to 'mask train --augment' instead, which "
        "makes clips of the training subjects of each fold alone."
    )


def check(spec: str, *, deep: bool, as_json: bool, quiet: bool) -> None:
    """Say what a dataset folder holds, what is missing and what was skipped, and why; raise when it is not whole."""
    from mask.data._build import UnusableData
    from mask.data._readable import unreadable

    try:
        dataset = registry.create("datasets", spec)
    except UnusableData as error:
        if as_json:
            print_json({"clips": 0, "complete": False, "problem": str(error), "unreadable": [], "card": error.card})
        else:
            _lists(error.card, [])
        raise
    total = len(dataset) + len(dataset.neutral)
    with Progress(quiet) as bar:
        bad = unreadable(dataset, deep=deep, progress=lambda n: bar("reading pictures", n, total))
    card = dict(dataset.card)
    missing = card.get("missing", [])
    if as_json:
        by = Counter(str(c.emotion) for c in dataset)
        told = {"clips": len(dataset), "neutral": len(dataset.neutral), "subjects": len(dataset.subjects)}
        whole = not (missing or bad)
        print_json({"name": dataset.name, **told, "by_emotion": by, "complete": whole, "unreadable": bad, "card": card})
    else:
        _summary(dataset, card)
        _lists(card, bad)
    if missing or bad:
        raise UnreadableData(
            f"{dataset.name} is not whole: {len(missing)} clips are missing and {len(bad)} cannot be read; the "
            f"{len(dataset) - len(bad)} others can be used as they are"
        )


def _summary(dataset: Dataset, card: Mapping[str, Any]) -> None:
    counts = Counter((c.subject, c.emotion) for c in dataset)
    say(f"{dataset.name}: {len(dataset)} clips of {len(dataset.subjects)} subjects, {len(dataset.neutral)} neutral")
    for name, part in [("", card), *card.get("parts", {}).items()]:
        for line in _about(part):
            say(f"{name + ': ' if name else ''}{line}")
    for name, part in card.get("list", {}).items():
        told = ", ".join(f"{k} {v}" for k, v in part.items())
        say(f"{name}: {told}")
    rows = [[s, *(str(counts[s, e]) for e in dataset.emotions)] for s in dataset.subjects]
    total = ["all", *(str(sum(counts[s, e] for s in dataset.subjects)) for e in dataset.emotions)]
    say(table([*rows, total], ["subject", *dataset.emotions]))


def _about(card: Mapping[str, Any]) -> list[str]:
    """What an adapter says about one set, a line each."""
    lines = []
    for what in ("annotations", "frames"):
        if what in card:
            used, also = card[what]["used"], card[what]["also"]
            told = used if isinstance(used, str) else ", ".join(used)
            lines.append(f"{what}: {told}" + (f" (also there: {', '.join(also)})" if also else ""))
    if "apex" in card:
        apex = card["apex"]
        parts = [f"{len(apex[how])} {how}" for how in ("midpoint", "spotted") if apex[how]]
        lines.append("apex: " + ", ".join([f"{apex['annotated']} annotated", *parts]))
    if card.get("dropped"):
        left = ", ".join(f"{n} {e}" for e, n in card["dropped"].items())
        lines.append(f"left out by classes={card['classes']}: {left}")
    if card.get("fixes", {}).get("asked", "none") != "none":
        fixes = card["fixes"]
        lines.append(f"corrections by {fixes['source']}: {len(fixes['applied'])} applied")
        lines += [f"  not applied: {line}" for line in fixes["not applied"]]
    if card.get("objective"):
        lines.append("objective classes: " + ", ".join(f"{n} {how}" for how, n in card["objective"].items()))
    return lines


def _lists(card: Mapping[str, Any], bad: Sequence[str]) -> None:
    parts = [card, *card.get("parts", {}).values()]
    adjusted = [line for part in parts for line in part.get("adjusted", ())]
    for what, lines in (
        ("missing", _by_subject(card.get("missing", ()))),
        ("skipped", card.get("skipped", ())),
        ("unreadable", bad),
        ("read in another way than annotated", adjusted),
    ):
        if what == "skipped" or lines:
            say(f"{len(lines)} {what}" + (":" if lines else ""))
        for line in lines[:_SHOWN]:
            say(f"  {line}")
        if len(lines) > _SHOWN:
            say(f"  and {len(lines) - _SHOWN} more; --json lists them all")


def _by_subject(lines: Sequence[str]) -> list[str]:
    """Missing clips, those of one subject and one kind of reason in one line where there are many."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for line in lines:
        groups.setdefault(("/".join(line.split("/")[:2]), "there is no folder" in line), []).append(line)
    told = []
    for (subject, gone), same in groups.items():
        many = gone and len(same) > 2
        told += (
            [f"{subject}: {len(same)} clips have no folder, such as {same[0].split(' no folder ')[-1]}"]
            if many
            else same
        )
    return told
