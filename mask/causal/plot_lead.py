"""A figure of the probe over time: which region leads which, and which leads each emotion's apex."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .lead_result import LeadResult
from .plot import ACCENT, GREY, INK


def lead_figure(found: LeadResult) -> Figure:
    """Draw the result.

    Returns:
        A figure of two panels. On the left every pair's score, the region that moves first down the side, named pairs
        framed. On the right the highest scoring region of each emotion; the bar is filled where it is named.
    """
    shown = Figure(figsize=(12.5, 6.2), layout="constrained")
    left, right = shown.subplots(1, 2, width_ratios=(1.6, 1))
    where = {name: i for i, name in enumerate(found.regions)}
    scores = np.zeros((len(where), len(where)))
    for lead in found.leads:
        scores[where[lead.first], where[lead.second]] = lead.score
    if found.regions:
        drawn = left.imshow(scores, cmap="Greys", vmin=0, vmax=max(4.0, float(scores.max())))
        shown.colorbar(drawn, ax=left, shrink=0.8, label="more told forward than backward in time, |z|")
    for lead in found.named:
        corner = where[lead.second] - 0.5, where[lead.first] - 0.5
        left.add_patch(Rectangle(corner, 1, 1, fill=False, ec=ACCENT, lw=2.5))
    names = [n.replace("_", " ") for n in found.regions]
    left.set_xticks(range(len(names)), names, rotation=90, fontsize=8, color=INK, parse_math=False)
    left.set_yticks(range(len(names)), names, fontsize=8, color=INK, parse_math=False)
    left.set(xlabel="moves next", ylabel="moves first")
    verdict = "named pairs framed" if found.named else "no pair is named"
    left.set_title(f"{found.frames} steps of {found.clips} clips, onset to apex: {verdict}", fontsize=10, color=INK)
    for i, finding in enumerate(found.by_emotion):
        named = finding.region is not None
        right.barh(i, finding.score, height=0.3, color=ACCENT if named else "none", ec=ACCENT if named else GREY)
        told = f"{finding.emotion}: {finding.region or 'abstains'}".replace("_", " ")
        right.text(0.0, i - 0.2, told, va="bottom", color=INK, fontsize=10, parse_math=False)
    right.set(yticks=[], xlim=(0, max([4.0, *(f.score for f in found.by_emotion)])))
    right.set_ylim(len(found.by_emotion) - 0.4, -0.9)
    right.spines[["top", "right", "left"]].set_visible(False)
    right.set_xlabel("ahead of the rest of the face on the way to the apex, |z|", fontsize=9, color=INK)
    return shown
