"""One self-contained HTML page about one run, or several side by side, from their data files alone.

The files are taken to be written by anybody: every value is checked as it is read, every text is escaped, pictures
enter only as checked PNG, and the page forbids itself scripts and connections.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mask.errors import UnreadableData
from mask.summary import conclusion

from . import causes, figures, words
from .about import Fact, about
from .checks import Check, checks
from .compare import compare
from .curves import by_queries
from .drawing import Drawing
from .face import sticker_maps
from .model import Cell, Run
from .reading import read_run
from .untrusted import clean
from .verdict import beats_random, best_region, verdict

MOST_RUNS = 20


@dataclass(frozen=True)
class Chapter:
    """A run, and everything the page computes from it."""

    key: str
    label: str
    run: Run
    verdict: tuple[str, ...]
    conclusion: tuple[str, ...]
    about: tuple[Fact, ...]
    checks: tuple[Check, ...]
    probes: tuple[causes.Probe, ...]
    other_probes: tuple[str, ...]
    studies: tuple[causes.Study, ...]
    best_regions: tuple[str, ...]
    by_attack: tuple[Drawing, ...]
    by_defense: tuple[Drawing, ...]
    by_emotion: tuple[Drawing, ...]
    by_region: tuple[Drawing, ...]
    by_queries: tuple[Drawing, ...]
    faces: tuple[Drawing, ...]

    @property
    def groups(self) -> list[tuple[tuple[str, str, str], list[Cell]]]:
        """The cells but those of fixed regions, by recognizer, defence and kinetics."""
        plain = [c for c in self.run.cells if not c.region]
        names = dict.fromkeys((c.recognizer, c.defense, c.kinetics) for c in plain)
        return [(n, [c for c in plain if (c.recognizer, c.defense, c.kinetics) == n]) for n in names]

    @property
    def fixed(self) -> list[tuple[tuple[str, str, str], list[Cell]]]:
        """The cells of fixed regions, by recognizer, defence and kinetics."""
        found = [c for c in self.run.cells if c.region]
        names = dict.fromkeys((c.recognizer, c.defense, c.kinetics) for c in found)
        return [(n, [c for c in found if (c.recognizer, c.defense, c.kinetics) == n]) for n in names]


def build(runs: Sequence[Path], path: Path) -> None:
    """Write a report.

    Args:
        runs: folders that hold a ``results.json`` and, beside it, a ``clips.csv``; more than one are compared.
        path: the HTML file, written whole or not at all.

    Raises:
        UnreadableData: when a run's files are missing or do not hold what an audit writes.
        ValueError: for no run, or more than `MOST_RUNS`.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise ValueError(f"{len(runs)} runs were given; expected 1 to {MOST_RUNS}")
    labels = _labels([folder.resolve().name for folder in runs])
    chapters = [
        chapter(read_run(folder), f"r{i + 1}", label)
        for i, (folder, label) in enumerate(zip(runs, labels, strict=True))
    ]
    _write(render(chapters), path)


def chapter(run: Run, key: str, label: str) -> Chapter:
    """Compute everything the page says about a run.

    Args:
        key: begins every identifier of this run in the page.
        label: how the page calls it.
    """
    found = causes.probes(run, key)
    return Chapter(
        key=key,
        label=label,
        run=run,
        verdict=tuple(verdict(run)),
        conclusion=_conclusion(run),
        about=tuple(about(run)),
        checks=tuple(checks(run, found)),
        probes=tuple(found),
        other_probes=tuple(causes.others(run, found)),
        studies=tuple(causes.studies(run)),
        best_regions=tuple(filter(None, (best_region(run, *group) for group in run.groups))),
        by_attack=tuple(figures.by_attack(run, key)),
        by_defense=tuple(figures.by_defense(run, key)),
        by_emotion=tuple(figures.by_emotion(run, key)),
        by_region=tuple(figures.by_region(run, key)),
        by_queries=tuple(by_queries(run, key)),
        faces=tuple(sticker_maps(run, key)),
    )


def render(chapters: Sequence[Chapter]) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("mask.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        signed=words.signed,
        interval=words.interval,
        p=words.p_value,
        region=words.region,
        count=words.count,
        listed=words.listed,
    )
    style = Markup((Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8"))  # noqa: S704  ours
    known: dict[str, Any] = {
        "chapters": chapters,
        "comparison": compare([c.run for c in chapters]) if len(chapters) > 1 else None,
        "style": style,
        "kinetics": words.KINETICS,
        "beats_random": beats_random,
    }
    return environment.get_template("report.html").render(known)


def _conclusion(run: Run) -> tuple[str, ...]:
    try:
        return tuple(clean(line) for line in conclusion(run.raw))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableData(f"no conclusion can be drawn from the results of {run.folder} ({error!r})") from error


def _labels(names: Sequence[str]) -> list[str]:
    """Folder names, told apart by a number where they are equal."""
    shown = [clean(n) or "run" for n in names]
    return [f"{n} ({i + 1})" if shown.count(n) > 1 else n for i, n in enumerate(shown)]


def _write(text: str, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
