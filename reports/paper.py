"""From runs to a document: one chapter for one run, a comparison and short chapters for several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mask.errors import UsageError

from . import causes, words
from .chapter import chapter, lede, opening
from .checks import checks
from .closing import definitions, doubts, limits, reproduce
from .compare import comparison
from .document import Chapter, Document, Section, Text
from .model import Run
from .reading import read_run
from .untrusted import clean

MOST_RUNS = 50

_LONG = 12
"""Characters from which a beginning that all names share is left out."""

MOST_WHOLE = 3
"""Runs that are shown whole side by side; of more, what each says in short."""


def read_runs(folders: Sequence[Path], most: int = MOST_RUNS) -> list[tuple[str, Run]]:
    """Read the folders of runs, each with a label of its own.

    Raises:
        UnreadableData: when a run's files are missing or do not hold what an audit writes.
        UsageError: for no run, or more than `most`.
    """
    if not 1 <= len(folders) <= most:
        raise UsageError(f"{len(folders)} runs were given; expected 1 to {most}")
    names = _labels(_apart([folder.resolve().name for folder in folders]))
    return [(name, read_run(folder)) for name, folder in zip(names, folders, strict=True)]


def document(runs: Sequence[tuple[str, Run]]) -> Document:
    """Everything a report says about some runs."""
    end = Chapter("end", "", "", (definitions(), reproduce(runs)))
    if len(runs) == 1:
        _, run = runs[0]
        names = words.listed(list(dict.fromkeys(c.recognizer for c in run.clean)))
        on = run.data_name.partition(":")[0]  # the lede has its options
        return Document(f"{names} on {on}", lede(run), (chapter(run, "r1"), end))
    whole = len(runs) <= MOST_WHOLE
    chapters = [(chapter if whole else _short)(run, f"r{i}", label) for i, (label, run) in enumerate(runs, 1)]
    title = f"Comparison of {len(runs)} audits"
    return Document(title, ", ".join(label for label, _ in runs), (comparison(runs), *chapters, end))


def _short(run: Run, key: str, title: str) -> Chapter:
    """A run in short, among many."""
    found = checks(run, causes.probes(run))
    pointer = Text(f"The whole of it: mask report {run.folder}")
    sections = (opening(run, found), doubts(found), limits(run), Section("more", "More", (pointer,)))
    return Chapter(key, title, lede(run), sections)


def _apart(names: Sequence[str]) -> list[str]:
    """Long names without what all of them begin with, cut after a sign that parts words."""
    start = 0
    for i, signs in enumerate(zip(*names, strict=False)):
        if len(set(signs)) > 1:
            break
        start = i + 1 if signs[0] in "_ " else start
    short = [name[start:] for name in names]
    return short if len(names) > 1 and start >= _LONG and all(short) else list(names)


def _labels(names: Sequence[str]) -> list[str]:
    """Folder names, told apart by a number where they are equal."""
    shown = [clean(n) or "run" for n in names]
    return [f"{n} ({i + 1})" if shown.count(n) > 1 else n for i, n in enumerate(shown)]
