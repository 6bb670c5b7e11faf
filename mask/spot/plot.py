"""The picture of a spotting: the score over time, what was spotted and what is annotated."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .interval import Interval
from .run import Found

SHOWN = 12
"""Videos in one picture at most."""

_INK, _SPOTTED, _TRUE = "#222222", "#c2410c", "#0f766e"


def draw(found: Sequence[Found], title: str) -> bytes:
    """A PNG picture of the first `SHOWN` videos, one below the other.

    Args:
        found: at least one.
        title: above them all.
    """
    shown = found[:SHOWN]
    figure = Figure(figsize=(10, 0.9 + 1.35 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    more = f"; {len(found) - len(shown)} more videos are not shown" if len(found) > len(shown) else ""
    figure.suptitle(title + more, fontsize=10, color=_INK, parse_math=False)
    grid = figure.subplots(len(shown), 1, squeeze=False)
    for axes, one in zip(grid[:, 0], shown, strict=True):
        _draw(axes, one)
    grid[-1, 0].set_xlabel("seconds", fontsize=8, color=_INK)
    handles = [Rectangle((0, 0), 1, 1, color=c, alpha=0.5, lw=0) for c in (_SPOTTED, _TRUE)]
    grid[0, 0].legend(handles, ["spotted", "annotated"], fontsize=7, ncols=2, frameon=False, loc="upper right")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _draw(axes: Any, found: Found) -> None:
    video, spotting = found.video, found.spotting
    axes.plot(np.arange(len(video)) / video.fps, spotting.curve, color=_INK, lw=0.9)
    if spotting.threshold is not None:
        axes.axhline(spotting.threshold, color=_INK, lw=0.6, ls="--")
    low, high = float(spotting.curve.min()), float(spotting.curve.max())
    room = max(high - low, 1e-6)
    axes.set(xlim=(0, len(video) / video.fps), ylim=(low - 0.35 * room, high + 0.1 * room))
    for one in spotting.intervals:
        _bar(axes, one, video.fps, low - 0.16 * room, 0.11 * room, _SPOTTED)
    for one in video.truth or ():
        _bar(axes, one, video.fps, low - 0.31 * room, 0.11 * room, _TRUE)
    axes.set_title(video.key, fontsize=8, color=_INK, loc="left", parse_math=False)
    axes.tick_params(labelsize=7, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)


def _bar(axes: Any, one: Interval, fps: float, bottom: float, height: float, colour: str) -> None:
    axes.add_patch(Rectangle((one.onset / fps, bottom), len(one) / fps, height, color=colour, alpha=0.5, lw=0))
    axes.plot([one.apex / fps] * 2, [bottom, bottom + height], color=colour, lw=1.2)
    if one.emotion:
        axes.text((one.offset + 1) / fps, bottom, f" {one.emotion}", fontsize=6, color=colour, parse_math=False)
