"""A few successes, before and after."""

from __future__ import annotations

from . import words
from .document import Block, Gallery, Picture, Section, Text, rich
from .model import Example, Run

MOST, FEW = 12, 4
"""Examples that are shown of one run, and of each of several."""

_WHEN = ("before", "with the sticker")


def gallery(run: Run, most: int = MOST) -> Section:
    """Examples of successes, at most so many."""
    if not run.examples:
        none = "The causal attack succeeded on no clip, or was not run, so there is no example."
        return Section("examples", "Before and after", (Text(none),))
    text = (
        "Clips on which an attack succeeded; chosen because it did, so they show how, not how often. Flow maps are "
        "what the recognizer is given: horizontal and vertical motion and strain as red, green and blue, stretched to "
        "the "
        "full range of each map. That stretch is why a small patch can change the whole map."
    )
    blocks: list[Block] = [Text(text), Gallery(tuple(_item(e) for e in run.examples[:most]))]
    if not any(e.frames for e in run.examples):
        shown = (
            "Frames are shown only of faces that belong to nobody, or when asked for with <code>--show-faces</code>."
        )
        blocks.append(Text(rich(shown), soft=True))
    return Section("examples", "Before and after", tuple(blocks))


def _item(e: Example) -> tuple[str, str, tuple[tuple[Picture, ...], ...]]:
    read = [e.before or "nothing", e.after or "nothing"]
    flow = tuple(
        Picture(uri, f"Flow map {when}, read as {answer}", f"{when}: read as {answer}")
        for uri, when, answer in zip(e.flow, _WHEN, read, strict=True)
    )
    frames = tuple(
        tuple(
            Picture(uri, f"{which} frame {when}", f"{which.lower()}, {when}", frame=True)
            for uri, which in zip(pair, ("Onset", "Apex"), strict=True)
        )
        for pair, when in zip(e.frames, _WHEN, strict=bool(e.frames))
    )
    title = f"{e.recognizer}, {e.kinetics}, {e.attack}: {e.emotion}"
    return title, f"{e.clip}, sticker on {words.region(e.region)}", (flow, *frames)
