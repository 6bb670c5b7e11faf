"""A document as one self-contained page, which fetches nothing and is read without scripts.

What runs is taken to be written by anybody: every value is checked as it is read, every text is escaped, pictures enter
only as checked PNG, and the page forbids itself connections and every script but its own, by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mask.files import write_text

from . import words
from .document import Column, Document, Row, Value
from .paper import document, read_runs


def build(folders: Sequence[Path], path: Path) -> None:
    """Write a report as a page.

    Args:
        folders: of runs, each with a ``results.json`` and, beside it, a ``clips.csv``; more than one are compared.
        path: the HTML file, written whole or not at all.

    Raises:
        UnreadableData: when a run's files are missing or do not hold what an audit writes.
        UsageError: for no run, or more than can be compared.
    """
    write_text(page(document(read_runs(folders))), path)


def page(found: Document) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("mask.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=words.count, cells=_cells)
    script = _ours("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    known: dict[str, Any] = {
        "document": found,
        "style": Markup(_ours("report.css")),  # noqa: S704  the program's own
        "script": Markup(script),  # noqa: S704  the program's own
        "script_hash": f"sha256-{digest}",
    }
    return environment.get_template("report.html").render(known)


def _cells(row: Row, columns: Sequence[Column]) -> Markup:
    """A row of a table; here and not in the template, where a call for every cell takes longer than all the rest."""
    found = []
    for i, value in enumerate(row.cells):
        told = value if isinstance(value, Value) else Value(value)
        last = i == len(row.cells) - 1 and len(row.cells) < len(columns)
        look = " ".join(filter(None, ("text" if last or columns[i].text else "", told.style)))
        wide = f' colspan="{len(columns) - i}"' if last else ""
        kind = f' class="{escape(look)}"' if look else ""
        found.append(f"<td{wide}{kind}>{_shown(told)}</td>" if i else f'<th scope="row">{_shown(told)}</th>')
    kind = f' class="{escape(row.style)}"' if row.style else ""
    return Markup(f"<tr{kind}>{''.join(found)}</tr>")  # noqa: S704  every text in it is escaped


def _shown(value: Value) -> str:
    if value.number is not None:
        return f'<data value="{value.number!r}">{escape(value.text)}</data>'
    return f"<code>{escape(value.text)}</code>" if value.style == "code" else str(escape(value.text))


def _ours(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
