"""From annotated rows and a folder of pictures to a dataset, with a report of everything on the way.

Nothing here stops at the first problem: a clip that cannot be used is listed with the reason, and a dataset with none
that can is an error that carries the whole report.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mask import cache
from mask.clip import Clip, Dataset
from mask.errors import UnreadableData, UsageError
from mask.faces import TrackedLandmarks

from ._emotions import Classes
from ._pictures import PictureFrames, unfinished
from ._record import Record
from ._span import Missing, choose
from ._tree import Tree
from ._units import moving, objective_class

Apex = Literal["midpoint", "spotted"]


class UnusableData(UnreadableData):
    """A dataset folder in which no clip can be used; `card` says why, clip by clip."""

    def __init__(self, message: str, card: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.card = dict(card)


@dataclass(frozen=True)
class Source:
    """What an adapter knows of its dataset.

    Args:
        name: the adapter.
        title: the dataset as people call it.
        fps: frames per second, where the annotation does not say.
        licence: what its holders agreed to, in a few words.
        prefer: words in the path of a folder of pictures, the most wanted first, when there are several.
        every: clips may lie in any of several folders, and not all in one.
        example: where a clip's pictures are expected, for messages.
    """

    name: str
    title: str
    fps: float
    licence: str
    example: str
    prefer: tuple[str, ...] = ()
    every: bool = False


@dataclass
class Report:
    """What was found; becomes the dataset's card."""

    adjusted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    apex: dict[str, list[str]] = field(default_factory=lambda: {"midpoint": [], "spotted": []})
    objective: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)


def build(
    source: Source,
    tree: Tree,
    records: Sequence[Record],
    *,
    classes: int | str,
    apex: str,
    frames: str,
    card: Mapping[str, Any],
    skipped: Sequence[str] = (),
    bases: Sequence[Path] | None = None,
) -> Dataset:
    """Find the pictures of every record and make a dataset of those that can be used.

    Args:
        classes: a label set, see `Classes`.
        apex: what stands in for a missing apex: ``midpoint`` of onset and offset, or ``spotted`` from the flow.
        frames: part of the path of the folder of pictures to use, where there are several; empty for the usual one.
        card: what is known so far: the annotation files and corrections.
        skipped: rows that are no record, with the reason.
        bases: the folders that places are below, where the adapter has found them already.

    Raises:
        UsageError: for an option that does not exist, or a cache folder inside the dataset.
        UnusableData: when no clip can be used, or all usable ones have one label.
    """
    labels = Classes(source.name, classes)
    if apex not in ("midpoint", "spotted"):
        raise UsageError(f"apex is {apex!r}; expected midpoint or spotted")
    _keep_out(tree.root)
    report = Report(skipped=list(skipped))
    used, others = _bases(source, tree, records, frames) if bases is None else (list(bases), [])
    clips: list[Clip] = []
    keys: set[str] = set()
    for record in records:
        key = record.key(source.name)
        if key in keys:
            report.skipped.append(f"line {record.line}: {key} is listed twice; the first is used")
            continue
        keys.add(key)
        own = record.objective or objective_class(record.units)
        label = labels.label(record.emotions, own)
        if label is None:
            report.dropped["+".join(record.emotions) or "no emotion"] += 1
            continue
        clip = _clip(source, tree, record, used, label, apex, report)
        if clip is not None:
            clips.append(clip)
            report.objective[("annotated" if record.objective else "from action units") if own else "none"] += 1
            report.units.update(f"AU{u.number}" for u in record.units if not u.static)
    emotions = labels.order([str(c.emotion) for c in clips])
    told: dict[str, Any] = {
        "adapter": source.name,
        "what": source.title,
        "licence": source.licence,
        **card,
        "frames": {"used": [tree.told(b) for b in used], "also": [tree.told(b) for b in others]},
        "classes": labels.name,
        "annotated": len(records),
        "clips": len(clips),
        "subjects": len({c.subject for c in clips}),
        "by_emotion": {e: sum(c.emotion == e for c in clips) for e in emotions},
        "action_units": dict(sorted(report.units.items(), key=lambda unit: int(unit[0][2:]))),
        "apex": {"asked": apex, "annotated": len(clips) - sum(map(len, report.apex.values())), **report.apex},
        "dropped": dict(report.dropped),
        "adjusted": report.adjusted,
        "missing": report.missing,
        "skipped": report.skipped,
    }
    if labels.name == "objective":
        told["objective"] = dict(report.objective)
    _check(source, tree, clips, emotions, told)
    return Dataset(f"{source.name}:{tree.root.name}", tuple(clips), emotions, card=told)


def _bases(source: Source, tree: Tree, records: Sequence[Record], frames: str) -> tuple[list[Path], list[Path]]:
    """The folders to look for clips in, and the ones there are besides."""
    first = {place[0] for record in records for place in record.places}
    found = tree.bases(first)
    if frames:
        chosen = [b for b in found if frames.casefold() in tree.told(b).casefold()]
        if not chosen:
            there = ", ".join(map(tree.told, found)) or "none"
            raise UsageError(f"no folder of clips in {tree.root} has {frames!r} in its path; there are {there}")
    else:
        words = [w.casefold() for w in source.prefer]

        def rank(base: Path) -> int:
            path = tree.told(base).casefold()
            return next((i for i, w in enumerate(words) if w in path), len(words)) + 100 * ("crop" in path)

        chosen = sorted(found, key=rank)
    used = chosen if source.every else chosen[:1]
    return used, [b for b in found if b not in used]


def _clip(
    source: Source, tree: Tree, record: Record, bases: Sequence[Path], label: str, mode: str, report: Report
) -> Clip | None:
    key = record.key(source.name)
    folders = [f for base in bases for place in record.places if (f := tree.find(base, place)) is not None]
    problem = f"there is no folder {'/'.join(record.places[0]) if record.places else source.example}"
    for n, folder in enumerate(folders):
        try:
            span = choose(record, tree.pictures(folder))
            _look(tree, folder, {span.names[0], span.names[span.apex or 0]})
            break
        except Missing as error:
            problem = str(error) if n == 0 else problem
        except ValueError as error:
            report.skipped.append(f"line {record.line}: {key}: {error}")
            return None
    else:
        report.missing.append(f"{key}: {problem}")
        return None
    names = tuple(span.names)
    fps = record.fps or source.fps
    pictures = PictureFrames(folder, names)
    apex = span.apex
    if apex is None:
        apex = _spotted(pictures) if mode == "spotted" else None
        report.apex["midpoint" if apex is None else "spotted"].append(key)
        if apex is None:
            apex = len(names) // 2
    report.adjusted += [f"{key}: {note}" for note in (*record.notes, *span.notes)]
    return Clip(
        key=key,
        subject=record.subject,
        emotion=label,
        dataset=source.name,
        frames=pictures,
        landmarks=TrackedLandmarks(pictures, fps),
        fps=fps,
        onset=0,
        apex=apex,
        offset=len(names) - 1,
        action_units=moving(record.units),
    )


def _spotted(pictures: PictureFrames) -> int | None:
    # Only here is optical flow needed, and torch with it; a look at a dataset should take no time.
    from ._apex import spot

    return spot(pictures)


def _look(tree: Tree, folder: Path, names: Collection[str]) -> None:
    for name in sorted(names):
        problem = unfinished(folder / name)
        if problem:
            raise Missing(f"{tree.told(folder / name)} {problem}; fetch it anew")


def _check(source: Source, tree: Tree, clips: Sequence[Clip], emotions: Sequence[str], card: Mapping[str, Any]) -> None:
    if clips and len(emotions) > 1:
        return
    total = card["annotated"]
    if clips:
        raise UnusableData(
            f"all {len(clips)} usable clips of {tree.root} are {emotions[0]!r}, and one class cannot be told from "
            f"another; {len(card['missing'])} of {total} clips are missing, and classes={card['classes']} leaves out "
            f"{sum(card['dropped'].values())}",
            card,
        )
    problems = [*card["missing"], *card["skipped"]]
    first = f"; the first problem: {problems[0]}" if problems else ""
    if not card["frames"]["used"]:
        first = f"; no folder like {source.example} was found below it"
    raise UnusableData(
        f"none of the {total} annotated clips of {source.title} can be used from {tree.root}{first}. Give the folder "
        "it was unpacked into, with the pictures",
        card,
    )


def _keep_out(root: Path) -> None:
    """Nothing is ever written into a dataset's folder, the cache neither."""
    folder = os.environ.get(cache.FOLDER)
    if folder and Path(folder).expanduser().resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{cache.FOLDER} is {folder}, inside the dataset's folder {root}; choose another place")
