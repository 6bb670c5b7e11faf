"""What a report can be written as, and writing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mask.files import write_bytes, write_json, write_text

from .gate import Judgement
from .html import page
from .junit import junit
from .leaderboard import leaderboard
from .machine import machine
from .model import Run
from .paper import document
from .pdf import build as build_pdf
from .rates import write_csv, write_parquet

FORMATS: Mapping[str, str] = {
    "html": ".html",
    "pdf": ".pdf",
    "json": ".json",
    "csv": ".csv",
    "parquet": ".parquet",
    "junit": ".xml",
}
"""Each format and how its files end."""


def write(
    runs: Sequence[tuple[str, Run]], judged: Sequence[Judgement], paths: Mapping[str, Path], *, board: bool = False
) -> None:
    """Write a report.

    Args:
        runs: labels and runs.
        judged: what rules came to.
        paths: the file of each format asked for.
        board: write a leaderboard in place of a report.

    Raises:
        UsageError: when a format needs a package that is not there.
    """
    if {"html", "pdf", "json"} & paths.keys():
        found = leaderboard(runs) if board else document(runs)
        if "json" in paths:
            write_json(machine(found, runs, judged), paths["json"])
        if "pdf" in paths:
            build_pdf(found, paths["pdf"])
        if "html" in paths:
            write_text(page(found), paths["html"])
    if "csv" in paths:
        write_csv(runs, paths["csv"])
    if "parquet" in paths:
        write_parquet(runs, paths["parquet"])
    if "junit" in paths:
        write_bytes(junit(runs, judged), paths["junit"])
