"""How figures look, and how they become part of a report: inline SVG in a page's own colours and typeface, or PNG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from mask.causal import plot

INK, SOFT, LINE, PAPER, WASH = "#1b2733", "#5a6875", "#d3dae1", "#ffffff", "#f1f4f7"

# Okabe and Ito's palette, told apart with every common colour blindness.
BLUE, ORANGE, SKY, GREEN, VERMILION, PURPLE = "#0072b2", "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7"

# Drawn in these, shown in what the style sheet makes of them, in daylight, at night and on paper.
_VARIABLES = {
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    PAPER: "paper",
    WASH: "wash",
    BLUE: "blue",
    ORANGE: "orange",
    SKY: "sky",
    GREEN: "green",
    VERMILION: "vermilion",
    PURPLE: "purple",
    plot.INK: "ink",
    plot.GREY: "soft",
    plot.PALE: "line",
    plot.ACCENT: "vermilion",
}

SETTINGS: dict[str, object] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Drawing:
    """A figure, to become part of a page.

    Args:
        figure: made under `mpl.rc_context(SETTINGS)`.
        title: what it shows.
        finding: what is to be seen in it, in words.
        notes: what its numbered marks mean, in order.
    """

    figure: Figure
    title: str
    finding: str
    notes: tuple[str, ...] = ()

    def svg(self, key: str) -> Markup:
        """Inline SVG, safe to put into HTML as it is.

        Args:
            key: unique in the page; identifiers inside the picture are derived from it.
        """
        text = io.StringIO()
        quiet = {"Date": None, "Creator": None, "Format": None, "Type": None}
        self._save(text, {"svg.hashsalt": key}, format="svg", transparent=True, metadata=quiet)
        return _fit(text.getvalue(), self.finding)

    def png(self, dpi: int = 200) -> bytes:
        """The figure as a PNG picture."""
        data = io.BytesIO()
        self._save(data, {}, format="png", dpi=dpi, metadata={"Software": None})
        return data.getvalue()

    def _save(self, target: io.StringIO | io.BytesIO, settings: dict[str, object], **how: Any) -> None:
        with warnings.catch_warnings(), mpl.rc_context({**SETTINGS, **settings}):  # type: ignore[dict-item]
            # The page's typeface draws the text; that the one which measures it lacks a letter does not matter.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            # Names too long for the causal graph make it ugly, no more.
            warnings.filterwarnings("ignore", message="constrained_layout not applied")
            self.figure.savefig(target, **how)


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches; looking for a layout would take longer than drawing."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / down, width / across, height / down))


def reach(names: Iterable[str], size: float) -> float:
    """Inches that the longest of some names takes in a font of `size` points, about."""
    return max((len(n) for n in names), default=0) * size * 0.61 / 72


def scale(axes: Axes, heat: Normalize, colours: Colormap, label: str) -> None:
    """A colour scale that fills some axes."""
    bar = mpl.colorbar.Colorbar(axes, mpl.cm.ScalarMappable(heat, colours), orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=9)


def _fit(svg: str, finding: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    _, body = svg.split(">", 1)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt" viewBox="([^"]+)"', svg)
    if size is None:
        raise ValueError("matplotlib wrote an SVG without a size")
    width = float(size[1]) * 4 / 3
    body = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", re.sub(r"#[0-9a-f]{6}\b", "", body)))
    body = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var(--{_VARIABLES[m[0]]})" if m[0] in _VARIABLES else m[0], body)
    body = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", body)
    body = re.sub(r">\s*\n\s*<", ">\n<", body)
    body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)  # hundredths of a point are plenty
    style = f"--natural:{width:.0f}px;width:{width:.0f}px"
    frame = f'<svg role="img" aria-label="{escape(finding)}" viewBox="{size[3]}" style="{style}"'
    return Markup(f"{frame}>{body}")  # noqa: S704  matplotlib escapes every text it writes
