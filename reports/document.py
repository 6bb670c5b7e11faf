"""What a report is made of, whatever file it ends up in: sections of text, tables and figures.

A text is plain, or `Markup` made here: the tags ``b``, ``i``, ``code`` and nothing else, everything outside them
escaped. A page puts it in as it is, a PDF reads the same tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from . import words
from .drawing import Drawing
from .model import SMALL, Interval, Rate

MOST_ROWS = 400
"""Rows of one table that are shown; the rest is in the data files."""


def rich(text: str, *values: object) -> Markup:
    """A text with tags, values put in escaped.

    >>> str(rich("<b>{}</b>", "<script>"))
    '<b>&lt;script&gt;</b>'
    """
    return Markup(text).format(*values)  # noqa: S704  the text is the program's own, the values are escaped


@dataclass(frozen=True)
class Value:
    """One cell of a table.

    Args:
        text: what is shown.
        number: what it stands for, in full; it is what a table is sorted by.
        style: ``key``, ``soft``, ``pass``, ``flag``, ``prose`` or empty.
    """

    text: str
    number: float | None = None
    style: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column; neighbours of one `group` are headed together."""

    name: str
    text: bool = False
    group: str = ""


@dataclass(frozen=True)
class Row:
    """The cells of one row, the first naming it; a row that is shorter than the head ends in a cell that spans."""

    cells: tuple[Value | str, ...]
    style: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a title of their own; no title for rows that need none."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        groups: at least one; titles of groups are part of what each of their rows says.
        stacked: narrow screens show it as a list.
        beyond: rows there would be besides, that were not even made.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    stacked: bool = False
    beyond: int = 0

    @property
    def size(self) -> int:
        """How many rows there are."""
        return sum(len(g.rows) for g in self.groups) + self.beyond

    @property
    def shown(self) -> tuple[Group, ...]:
        """The first `MOST_ROWS` rows."""
        left, found = MOST_ROWS, []
        for group in self.groups:
            if left > 0:
                found.append(Group(group.title, group.rows[:left]))
                left -= len(found[-1].rows)
        return tuple(found)

    @property
    def hidden(self) -> int:
        """How many rows are not shown."""
        return max(0, self.size - MOST_ROWS)

    @property
    def heads(self) -> tuple[tuple[str, int], ...]:
        """The upper row of heads and how many columns each spans; empty where no columns are headed together."""
        if not any(c.group for c in self.columns):
            return ()
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and column.group and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return tuple(found)


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    soft: bool = False


@dataclass(frozen=True)
class Points:
    """A list."""

    kind: ClassVar[str] = "points"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A name and what there is to say about it, one line or several."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names and what there is to say about each."""

    kind: ClassVar[str] = "facts"
    items: tuple[Fact, ...]


@dataclass(frozen=True)
class Box:
    """What the reader must not miss: lines, the important ones in bold."""

    kind: ClassVar[str] = "box"
    lines: tuple[tuple[bool, str], ...]


@dataclass(frozen=True)
class Code:
    """A command or other text to be copied."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Figure:
    """Drawings side by side under one caption, and the numbers behind them.

    Args:
        shape: ``panels``, ``faces`` (narrow ones) or ``wide`` (one over the whole width).
    """

    kind: ClassVar[str] = "figure"
    drawings: tuple[Drawing, ...]
    caption: str
    table: Table
    shape: str = "panels"


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI, checked by the reader of results."""

    uri: str
    alt: str
    caption: str
    frame: bool = False


@dataclass(frozen=True)
class Gallery:
    """Pairs of pictures, each pair a row of its item."""

    kind: ClassVar[str] = "gallery"
    items: tuple[tuple[str, str, tuple[tuple[Picture, ...], ...]], ...]


@dataclass(frozen=True)
class Fold:
    """What only some readers want: folded in a page, printed in full."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Signature:
    """Empty lines for the person who stands by the report."""

    kind: ClassVar[str] = "signature"
    lines: tuple[str, ...] = ("Audited by", "Organisation", "Date", "Signature")


Block = Text | Points | Facts | Box | Code | Table | Figure | Gallery | Fold | Signature


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Chapter:
    """A run, or what is said about all of them; sections of a chapter without a title stand on their own."""

    key: str
    title: str
    lede: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    lede: str
    chapters: tuple[Chapter, ...]
    eyebrow: str = "MASK · audit of micro-expression recognizers"


def tables(blocks: Sequence[Block]) -> Iterator[Table]:
    """Every table under some blocks, those behind figures and in folds included."""
    for block in blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, Figure):
            yield block.table
        elif isinstance(block, Fold):
            yield from tables(block.blocks)


def named(*names: str) -> tuple[Column, ...]:
    """Columns that hold text."""
    return tuple(Column(n, text=True) for n in names)


def numbered(*names: str) -> tuple[Column, ...]:
    """Columns that hold numbers."""
    return tuple(Column(n) for n in names)


def table(caption: str, columns: Sequence[Column], rows: Sequence[Row], *, stacked: bool = False) -> Table:
    """A table of one group."""
    return grouped(caption, columns, [Group("", tuple(rows))], stacked=stacked)


def grouped(caption: str, columns: Sequence[Column], groups: Sequence[Group], *, stacked: bool = False) -> Table:
    """A table of several groups; those without rows are left out."""
    return Table(caption, tuple(columns), tuple(g for g in groups if g.rows), stacked)


def num(value: float | None, digits: int = 3, style: str = "") -> Value:
    """A number in a cell."""
    return Value(words.number(value, digits), None if value is None else float(value), style)


def whole(value: int) -> Value:
    """A count in a cell."""
    return Value(f"{value:,}", int(value))


def span(pair: Interval | None, digits: int = 3) -> Value:
    """An interval in a cell, sorted by its lower end."""
    return Value(words.interval(pair, digits), None if pair is None else pair[0], "soft")


def rate(found: Rate) -> tuple[Value, Value, Value, Value]:
    """A rate in four cells: value, interval, hits, tries; of fewer than `SMALL` tries, only the counts."""
    if found.value is None:
        return Value("none to attack", None, "soft"), span(None), whole(0), whole(0)
    value = Value("too few", found.value, "soft") if found.n < SMALL else num(found.value, style="key")
    return value, span(found.interval), whole(found.hits), whole(found.n)


RATE = numbered("ASR", "95 %", "fooled", "right before")
"""The heads of `rate`."""
