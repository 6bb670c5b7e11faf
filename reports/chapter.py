"""A run as a chapter: every section, in the order an auditor reads."""

from __future__ import annotations

from . import about, causes, words
from .check import Check
from .checks import checks
from .clean import clean_section
from .closing import doubts, limits, worst_section
from .controls import controls
from .defences import defences
from .document import Box, Chapter, Section, Text
from .evidence import evidence
from .gallery import FEW, MOST, gallery
from .leakage import leakage
from .model import Run
from .places import places
from .queries import queries
from .success import attacks, emotions
from .transfer import transfer
from .verdict import lines
from .worksheet import worksheet


def chapter(run: Run, key: str, title: str = "") -> Chapter:
    """Everything about one run.

    Args:
        key: begins every identifier of this run in the report.
        title: of the chapter, where there are several.
    """
    found = checks(run, causes.probes(run))
    sections = (
        opening(run, found),
        about.system(run),
        about.threat(run),
        about.data(run),
        clean_section(run),
        attacks(run),
        worst_section(run),
        emotions(run),
        places(run),
        controls(run),
        evidence(run),
        queries(run),
        transfer(run),
        defences(run),
        leakage(run),
        gallery(run, FEW if title else MOST),
        doubts(found),
        limits(run),
        worksheet(run),
    )
    return Chapter(key, title, lede(run), sections)


def opening(run: Run, found: list[Check]) -> Section:
    """Verdict and scope, in ten lines at most."""
    text = (
        "Numbers are attack success rates: of the clips a recognizer read correctly, the share it reads wrongly with "
        "the sticker on."
    )
    return Section("short", "Verdict and scope", (Box(tuple(lines(run, found))), Text(text, soft=True)))


def lede(run: Run) -> str:
    """What the run is about, in a line."""
    kind = {"synthetic": "synthetic evidence", "real": "real clips", "not said": "origin of the clips not said"}
    parts = [run.data_name, f"{words.count(run.clips, 'clip')} of {words.count(run.subjects, 'subject')}"]
    return " · ".join([*parts, ", ".join(run.emotions), kind[run.evidence], f"seed {run.seed}"])
