"""A document as a PDF of A4 pages, with contents and bookmarks.

Written by reportlab, which is Python alone: no browser, no system library, the same pages on every machine. It reads
the document the page is made of, so both say the same; what a page folds away stands in an appendix.
"""

from __future__ import annotations

import base64
import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

from mask.errors import UsageError
from mask.files import write_bytes

from .document import (
    Block,
    Box,
    Chapter,
    Code,
    Document,
    Facts,
    Figure,
    Fold,
    Gallery,
    Picture,
    Points,
    Section,
    Signature,
    Table,
    Text,
)
from .pdf_style import FONTS, MARGIN, PAGE, WIDTH, markup, styles
from .pdf_table import lay_out

_DPI = 200
_ACROSS = {"panels": 2, "faces": 3, "wide": 1}
_HALF = 410.0
"""Points up to which a wide drawing is still read at half the width of the page."""


def build(found: Document, path: Path) -> None:
    """Write a PDF, whole or not at all.

    Raises:
        UsageError: without reportlab.
    """
    try:
        settings: Any = importlib.import_module("reportlab.rl_config")
    except ModuleNotFoundError as error:
        raise UsageError(
            "PDF needs reportlab; pip install 'mask-mer[pdf]', or print the page from a browser"
        ) from error
    _register_fonts()
    target = io.BytesIO()
    text_safe, settings.useA85 = settings.useA85, 0  # pictures as they are: a fourth smaller, and quickly written
    try:
        # Contents need page numbers, and page numbers need contents: reportlab lays out until both hold.
        _template(target, found).multiBuild(list(_Writer(found).story()))
    finally:
        settings.useA85 = text_safe
    write_bytes(target.getvalue(), path)


def _register_fonts() -> None:
    """DejaVu Sans, which comes with matplotlib: it holds every sign a report uses."""
    metrics = importlib.import_module("reportlab.pdfbase.pdfmetrics")
    truetype = importlib.import_module("reportlab.pdfbase.ttfonts").TTFont
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name, file in FONTS.items():
        metrics.registerFont(truetype(name, str(folder / file)))
    metrics.registerFontFamily("Sans", normal="Sans", bold="Sans-Bold", italic="Sans-Italic", boldItalic="Sans-Bold")


def _template(target: io.BytesIO, found: Document) -> Any:
    templates = importlib.import_module("reportlab.platypus")

    class Template(templates.BaseDocTemplate):  # type: ignore[misc, name-defined]
        """Pages with a foot; headings become bookmarks and lines of the contents."""

        def afterFlowable(self, flowable: Any) -> None:
            level = getattr(flowable, "mask_level", None)
            if level is not None:
                key = f"h{self.seq.nextf('heading')}"
                self.canv.bookmarkPage(key)
                self.canv.addOutlineEntry(flowable.getPlainText(), key, level, closed=True)
                self.notify("TOCEntry", (level, flowable.text, self.page, key))

    def foot(canvas: Any, template: Any) -> None:
        canvas.saveState()
        canvas.setFont("Sans", 7)
        canvas.setFillGray(0.4)
        title = f"MASK: {found.title}"
        canvas.drawString(MARGIN, 9 * 72 / 25.4, title if len(title) < 100 else f"{title[:99]}…")
        canvas.drawRightString(PAGE[0] - MARGIN, 9 * 72 / 25.4, str(template.page))
        canvas.restoreState()

    frame = templates.Frame(MARGIN, MARGIN, WIDTH, PAGE[1] - 2 * MARGIN, 0, 0, 0, 0)
    told = Template(target, pagesize=PAGE, title=f"MASK: {found.title}", author="MASK", lang="en", invariant=1)
    told.addPageTemplates([templates.PageTemplate("page", [frame], onPage=foot)])
    return told


def _fit(image: Any, most: float) -> None:
    """Give a picture this width, or keep it smaller."""
    width = min(most, image.imageWidth * 72 / _DPI)
    image.drawWidth, image.drawHeight = width, width * image.imageHeight / image.imageWidth


class _Writer:
    """Turns blocks into what reportlab lays out."""

    def __init__(self, found: Document) -> None:
        self._found = found
        self._look = styles()
        self._rl = importlib.import_module("reportlab.platypus")
        self._figures = 0
        self._later: list[tuple[str, Block]] = []

    def story(self) -> Iterator[Any]:
        """Everything, in order."""
        yield self._say(self._found.eyebrow, "soft")
        yield self._say(self._found.title, "title")
        if self._found.lede:
            yield self._say(self._found.lede, "soft")
        yield self._contents()
        yield self._rl.PageBreak()
        for chapter in self._found.chapters:
            yield from self._chapter(chapter)

    def _contents(self) -> Any:
        contents = importlib.import_module("reportlab.platypus.tableofcontents").TableOfContents()
        contents.levelStyles = [self._look["contents"], self._look["contents-below"]]
        contents.dotsMinLevel = 0
        return contents

    def _chapter(self, chapter: Chapter) -> Iterator[Any]:
        self._figures = 0
        if chapter.title:
            yield self._rl.PageBreak()
            yield self._heading(chapter.title, "h1", 0)
            yield self._say(chapter.lede, "soft")
        for section in chapter.sections:
            yield from self._section(section, 1 if chapter.title else 0)
        if self._later:
            yield self._heading("Appendix: numbers behind the figures", "h2", 1 if chapter.title else 0)
            for title, block in self._later:
                yield self._say(title, "strong")
                yield from self._block(block)
            self._later = []

    def _section(self, section: Section, level: int) -> Iterator[Any]:
        blocks = [flowable for block in section.blocks for flowable in self._block(block)]
        heading = self._heading(section.title, "h2", level)
        yield self._rl.CondPageBreak(90)
        yield heading
        yield from blocks

    def _heading(self, text: str, style: str, level: int) -> Any:
        told = self._say(text, style)
        told.mask_level = level
        return told

    def _say(self, text: str, style: str = "text") -> Any:
        return self._rl.Paragraph(markup(text), self._look[style])

    def _block(self, block: Block) -> Iterator[Any]:
        if isinstance(block, Text):
            yield self._say(block.text, "soft" if block.soft else "text")
        elif isinstance(block, Points):
            yield from (self._rl.Paragraph(markup(i), self._look["point"], bulletText="•") for i in block.items)
        elif isinstance(block, Facts):
            yield self._facts(block)
        elif isinstance(block, Box):
            yield self._box(block)
        elif isinstance(block, Code):
            yield self._say(block.text, "code")
        elif isinstance(block, Table):
            yield from lay_out(block, self._look)
        elif isinstance(block, Figure):
            yield from self._figure(block)
        elif isinstance(block, Gallery):
            yield from self._gallery(block)
        elif isinstance(block, Fold):
            self._later += [(block.summary, inner) for inner in block.blocks]
        elif isinstance(block, Signature):
            yield self._signature(block)

    def _facts(self, block: Facts) -> Any:
        rows = [[self._say(f.name, "fact"), [self._say(line, "plain") for line in f.lines]] for f in block.items]
        rule = ("LINEABOVE", (0, 0), (-1, -1), 0.4, self._look["rule"])
        return self._rl.Table(
            rows,
            colWidths=[100, WIDTH - 100],
            style=[("VALIGN", (0, 0), (-1, -1), "TOP"), rule, ("LEFTPADDING", (0, 0), (0, -1), 0)],
            spaceAfter=8,
        )

    def _box(self, block: Box) -> Any:
        rows = [[self._say(line, "important" if important else "plain")] for important, line in block.lines]
        look = [("BACKGROUND", (0, 0), (-1, -1), self._look["wash"])]
        return self._rl.Table(rows, colWidths=[WIDTH], style=look, spaceAfter=8)

    def _figure(self, block: Figure) -> Iterator[Any]:
        self._figures += 1
        pictures = [self._picture(drawing.png(_DPI)) for drawing in block.drawings]
        across = _ACROSS[block.shape]
        if across == 1 and all(p.drawWidth <= _HALF for p in pictures):
            across = 2
        cells = []
        for drawing, picture in zip(block.drawings, pictures, strict=True):
            _fit(picture, WIDTH / across - 8)
            notes = [self._say(f"{i}. {note}", "note") for i, note in enumerate(drawing.notes, 1)]
            cells.append([self._say(drawing.title, "strong"), picture, *notes])
        rows = [cells[i : i + across] for i in range(0, len(cells), across)]
        rows[-1] += [[]] * (across - len(rows[-1]))
        look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
        yield self._rl.Table(rows, colWidths=[WIDTH / across] * across, style=look, splitInRow=0)
        yield self._rl.Paragraph(f"<b>Figure {self._figures}.</b> {markup(block.caption)}", self._look["caption"])
        for drawing in block.drawings:
            yield self._say(drawing.finding, "note")
        self._later.append((f"Figure {self._figures}", block.table))

    def _picture(self, png: bytes) -> Any:
        image = self._rl.Image(io.BytesIO(png))
        image.hAlign = "LEFT"
        _fit(image, image.imageWidth * 72 / _DPI)
        return image

    def _gallery(self, block: Gallery) -> Iterator[Any]:
        for title, told, pairs in block.items:
            cells = [[self._shown(p), self._say(p.caption, "note")] for pair in pairs for p in pair]
            look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
            row = self._rl.Table([cells], colWidths=[WIDTH / 6] * len(cells), style=look, hAlign="LEFT")
            yield self._rl.KeepTogether([self._say(title, "strong"), self._say(told, "note"), row])

    def _shown(self, picture: Picture) -> Any:
        """A picture from results.json; what looks like a PNG and is none is said to be so."""
        data = base64.b64decode(picture.uri.partition(",")[2])
        try:
            image = self._rl.Image(io.BytesIO(data), 78, 101 if picture.frame else 78)
            image.hAlign = "LEFT"
        except Exception:  # reportlab and Pillow raise what they like about broken pictures
            return self._say("(this picture cannot be read)", "note")
        return image

    def _signature(self, block: Signature) -> Any:
        rows = [[self._say(line, "note"), ""] for line in block.lines]
        look = [("LINEBELOW", (1, 0), (1, -1), 0.6, self._look["rule"]), ("LEFTPADDING", (0, 0), (0, -1), 0)]
        return self._rl.Table(rows, colWidths=[100, 260], rowHeights=[26] * len(rows), style=look, hAlign="LEFT")
