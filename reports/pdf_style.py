"""How a PDF looks: the paper, the typeface, and the tags a text may hold."""

from __future__ import annotations

import importlib
import re
from typing import Any

from markupsafe import escape

_MM = 72 / 25.4
PAGE = (210 * _MM, 297 * _MM)
MARGIN = 16 * _MM
WIDTH = PAGE[0] - 2 * MARGIN

FONTS = {
    "Sans": "DejaVuSans.ttf",
    "Sans-Bold": "DejaVuSans-Bold.ttf",
    "Sans-Italic": "DejaVuSans-Oblique.ttf",
    "Mono": "DejaVuSansMono.ttf",
}

_INK, _SOFT, _RULE, _WASH, _OURS = "#1b2733", "#566472", "#c9d2da", "#f3f6f8", "#eaf3f9"
PASS, FLAG = "#00694d", "#a84300"


def markup(text: str) -> str:
    """A text of a document as reportlab reads it: everything escaped but the few tags there are."""
    told = str(escape(text))
    # A paragraph breaks at spaces alone; long names may break anywhere after these signs.
    told = re.sub(r"(?<=\w)([/=,_])(?=\w)", "\\1\u200b", told) if len(told) > 40 and "<" not in told else told
    return told.replace("<code>", '<font name="Mono">').replace("</code>", "</font>")


def styles() -> dict[str, Any]:
    """Paragraph styles and colours by name."""
    style = importlib.import_module("reportlab.lib.styles").ParagraphStyle
    colour = importlib.import_module("reportlab.lib.colors").HexColor
    base = style("text", fontName="Sans", fontSize=8.6, leading=12.2, textColor=colour(_INK), spaceAfter=6)

    def like(name: str, **more: Any) -> Any:
        return style(name, base, **more)

    plain = like("plain", spaceAfter=0)
    return {
        "text": base,
        "plain": plain,
        "soft": like("soft", textColor=colour(_SOFT)),
        "strong": like("strong", fontName="Sans-Bold", spaceBefore=6, spaceAfter=3),
        "important": style("important", plain, fontName="Sans-Bold", fontSize=9.6, leading=13),
        "fact": style("fact", plain, fontName="Sans-Bold"),
        "note": like("note", fontSize=7.2, leading=9.6, textColor=colour(_SOFT), spaceAfter=2),
        "caption": like("caption", fontSize=7.8, leading=10.6, textColor=colour(_SOFT), spaceBefore=3),
        "point": like("point", leftIndent=11, bulletIndent=1, spaceAfter=3),
        "code": like("code", fontName="Mono", fontSize=7.4, leading=10, backColor=colour(_WASH), borderPadding=4,
                     spaceBefore=4, spaceAfter=10),
        "title": like("title", fontName="Sans-Bold", fontSize=20, leading=25, spaceAfter=8),
        "h1": like("h1", fontName="Sans-Bold", fontSize=16, leading=20, spaceAfter=6),
        "h2": like("h2", fontName="Sans-Bold", fontSize=12.5, leading=16, spaceBefore=16, spaceAfter=6, keepWithNext=1),
        "contents": like("contents", spaceAfter=1),
        "contents-below": like("contents-below", leftIndent=14, fontSize=7.6, leading=10.5, spaceAfter=0),
        "head": style("head", plain, fontSize=6.4, leading=8, textColor=colour(_SOFT)),
        "cell": style("cell", plain, fontSize=6.8, leading=8.8, splitLongWords=1),
        "rule": colour(_RULE),
        "ink": colour(_INK),
        "wash": colour(_WASH),
        "ours": colour(_OURS),
        "faint": colour(_SOFT),
        "pass": colour(PASS),
        "flag": colour(FLAG),
    }  # fmt: skip
