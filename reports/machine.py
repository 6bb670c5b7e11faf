"""A report as plain data: the verdict, the checklist, the rules, and every table of the document with full numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mask.results import SCHEMA as RESULTS

from . import causes
from .checks import checks
from .document import Chapter, Document, Row, Table, Value, tables
from .gate import Judgement
from .model import Run
from .verdict import lines

SCHEMA = "mask.report/1"


def machine(found: Document, runs: Sequence[tuple[str, Run]], judged: Sequence[Judgement]) -> dict[str, Any]:
    """The report; its JSON Schema is ``mask/schemas/report-1.schema.json``."""
    return {
        "schema": SCHEMA,
        "of": RESULTS,
        "title": found.title,
        "runs": [_run(label, run) for label, run in runs],
        "rules": [{"rule": j.rule.text, "what": j.what, "value": j.value, "broken": j.broken} for j in judged],
        "chapters": [_chapter(c) for c in found.chapters],
    }


def _run(label: str, run: Run) -> dict[str, Any]:
    told = checks(run, causes.probes(run))
    return {
        "name": label,
        "data": run.data_name,
        "files": dict(run.files),
        "verdict": [line for _, line in lines(run, told)],
        "checks": [asdict(c) for c in told],
    }


def _chapter(chapter: Chapter) -> dict[str, Any]:
    sections = [
        {"key": s.key, "title": s.title, "tables": [_table(t) for t in tables(s.blocks)]} for s in chapter.sections
    ]
    return {"title": chapter.title, "sections": sections}


def _table(found: Table) -> dict[str, Any]:
    columns = [f"{c.group}: {c.name}" if c.group else c.name for c in found.columns]
    groups = [{"title": _plain(g.title), "rows": [_row(r) for r in g.rows]} for g in found.shown]
    return {"caption": found.caption, "columns": columns, "groups": groups, "rows_left_out": found.hidden}


def _row(row: Row) -> list[str | float]:
    return [v.number if isinstance(v, Value) and v.number is not None else _text(v) for v in row.cells]


def _text(value: Value | str) -> str:
    return _plain(value.text if isinstance(value, Value) else value)


def _plain(text: str) -> str:
    """A text without its tags."""
    return text.striptags() if hasattr(text, "striptags") else text
