"""Tables on paper: columns as wide as what they hold, prose broken into what is left, heads on every page."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from .document import Row, Table, Value
from .pdf_style import WIDTH, markup

SIZE, LEAST = 6.8, 4.6
_GAP = 7.0
_PROSE = 34
"""Characters from which a text is broken into lines."""


def lay_out(found: Table, look: dict[str, Any]) -> Iterator[Any]:
    """A table with its caption; nothing for a table without rows."""
    if not found.groups:
        return
    platypus = importlib.import_module("reportlab.platypus")
    yield platypus.CondPageBreak(70)
    yield platypus.Paragraph(markup(found.caption), look["strong"])
    size, widths, broken = _measure(found)
    rows, commands = _rows(found, look, broken, size)
    yield platypus.LongTable(
        rows, colWidths=widths, repeatRows=2 if found.heads else 1, style=[*_common(look, size), *commands],
        hAlign="LEFT", spaceAfter=8,
    )  # fmt: skip
    if found.hidden:
        yield platypus.Paragraph(f"{found.hidden:,} more rows: mask report --format csv", look["note"])


def _measure(found: Table) -> tuple[float, list[float], set[int]]:
    """Font size, widths of the columns, and which of them are broken into lines."""
    rows = [r for g in found.shown for r in g.rows]
    texts = [[c.name, *(_text(r.cells[i]) for r in rows if _whole(r, i, found))] for i, c in enumerate(found.columns)]
    broken = {i for i, column in enumerate(texts) if max(map(len, column)) > _PROSE}
    size = SIZE
    while True:
        widths = [0.0 if i in broken else _widest(column, size) for i, column in enumerate(texts)]
        left = WIDTH - sum(widths)
        if left >= 90 * len(broken) or size <= LEAST:
            break
        size -= 0.2
    lengths = {i: min(sum(map(len, texts[i])) / len(texts[i]), 120) for i in broken}
    for i in broken:
        widths[i] = max(left * lengths[i] / sum(lengths.values()), 40)
    if sum(widths) > WIDTH:
        widths = [w * WIDTH / sum(widths) for w in widths]
    return size, widths, broken


def _whole(row: Row, i: int, found: Table) -> bool:
    """Whether a row has a cell of this column that spans no other."""
    return i < len(row.cells) and not (i == len(row.cells) - 1 and len(row.cells) < len(found.columns))


def _widest(column: list[str], size: float) -> float:
    width = importlib.import_module("reportlab.pdfbase.pdfmetrics").stringWidth
    head, *cells = column
    words = (width(w, "Sans", size - 0.4) for w in head.split())
    return _GAP + float(max([0.0, *words, *(width(c, "Sans-Bold", size) for c in cells)]))


def _text(value: Value | str) -> str:
    return value.text if isinstance(value, Value) else str(value)


def _rows(found: Table, look: dict[str, Any], broken: set[int], size: float) -> tuple[list[Any], list[Any]]:
    paragraph = importlib.import_module("reportlab.platypus").Paragraph
    cell = look["cell"].clone("cell", fontSize=size, leading=size * 1.3)
    head = look["head"].clone("head", fontSize=size - 0.4, leading=(size - 0.4) * 1.25)
    right = head.clone("right", alignment=2)
    rows: list[list[Any]] = []
    commands: list[Any] = []
    if found.heads:
        line: list[Any] = []
        for name, columns in found.heads:
            if name and columns > 1:
                commands.append(("SPAN", (len(line), 0), (len(line) + columns - 1, 0)))
            line += [paragraph(markup(name), head), *[""] * (columns - 1)]
        rows.append(line)
    rows.append([paragraph(markup(c.name), head if c.text or i == 0 else right) for i, c in enumerate(found.columns)])
    for i, column in enumerate(found.columns):
        if not column.text and i:
            commands.append(("ALIGN", (i, 0), (i, -1), "RIGHT"))
    for group in found.shown:
        if group.title:
            commands += [("SPAN", (0, len(rows)), (-1, len(rows))), ("TOPPADDING", (0, len(rows)), (-1, len(rows)), 6)]
            rows.append([paragraph(markup(group.title), cell), *[""] * (len(found.columns) - 1)])
        for row in group.rows:
            commands += _style(row, len(rows), len(found.columns), look)
            told = [
                paragraph(markup(_text(v)), cell) if i in broken or not _whole(row, i, found) else _text(v)
                for i, v in enumerate(row.cells)
            ]
            rows.append([*told, *[""] * (len(found.columns) - len(told))])
    return rows, commands


def _style(row: Row, y: int, columns: int, look: dict[str, Any]) -> Iterator[Any]:
    if row.style == "ours":
        yield ("BACKGROUND", (0, y), (-1, y), look["ours"])
        yield ("FONTNAME", (0, y), (0, y), "Sans-Bold")
    if row.style == "soft":
        yield ("TEXTCOLOR", (0, y), (-1, y), look["faint"])
    if len(row.cells) < columns:
        yield ("SPAN", (len(row.cells) - 1, y), (-1, y))
        yield ("ALIGN", (len(row.cells) - 1, y), (-1, y), "LEFT")
    for x, value in enumerate(row.cells):
        style = value.style if isinstance(value, Value) else ""
        if style in ("key", "pass", "flag"):
            yield ("FONTNAME", (x, y), (x, y), "Sans-Bold")
        if style in ("pass", "flag"):
            yield ("TEXTCOLOR", (x, y), (x, y), look[style])
        if style in ("soft", "not-run"):
            yield ("TEXTCOLOR", (x, y), (x, y), look["faint"])


def _common(look: dict[str, Any], size: float) -> list[Any]:
    every = ((0, 0), (-1, -1))
    return [
        ("FONT", *every, "Sans", size, size * 1.3),
        ("TEXTCOLOR", *every, look["ink"]),
        ("VALIGN", *every, "TOP"),
        ("LEFTPADDING", *every, 0),
        ("RIGHTPADDING", *every, _GAP - 1),
        ("TOPPADDING", *every, 1.6),
        ("BOTTOMPADDING", *every, 1.6),
        ("LINEBELOW", *every, 0.3, look["rule"]),
    ]
