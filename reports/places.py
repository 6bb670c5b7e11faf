"""Where on the face: the map of places, and the fixed regions."""

from __future__ import annotations

from . import words
from .document import Block, Figure, Fold, Points, Row, Section, Table, Text, named, num, numbered, table
from .face import sticker_maps
from .figures import by_region
from .model import Run
from .success import cells_table
from .verdict import best_region

_MAP = (
    "How often a sticker centred at each place turns a correct answer into a wrong one, on the average face, from "
    "every question the exhaustive search asked. Numbers mark where the causal attack put its stickers before it had "
    "seen any "
    "of these clips, arrows the motion it chose. An overlay has a motion: the average is over all of them, the best is "
    "the one motion that flips most at that place. Left and right are those of the picture. Each scale ends where it "
    "says."
)
_TICKS = (
    "How often stickers on each region flip a correct answer; a tick is one place, averaged over motions, from every "
    "question the exhaustive search asked. Fixed regions were not asked for as attacks."
)
_FIXED = (
    "A sticker that always sits on the same region, whatever the clip, with Wilson intervals; the grey band is a "
    "random placement. The order is known only afterwards: the highest of many is high partly by luck."
)


def places(run: Run) -> Section:
    """Success by place of the sticker."""
    blocks: list[Block] = []
    if maps := sticker_maps(run):
        blocks.append(Figure(tuple(maps), _MAP, _place_table(run), "faces"))
    else:
        blocks.append(Text("No attack asked about every place, so there is no map: not run."))
    fixed = [c for c in run.cells if c.region]
    undefended = cells_table("Every fixed region without a defence", [c for c in fixed if c.defense == "none"])
    if found := by_region(run):
        behind = undefended if fixed else _place_table(run)
        blocks.append(Figure(tuple(found), _FIXED if fixed else _TICKS, behind))
    else:
        blocks.append(Text("The fixed regions were not asked for: not run."))
    if best := tuple(filter(None, (best_region(run, *group) for group in run.groups))):
        blocks.append(Points(best))
    if defended := [c for c in fixed if c.defense != "none"]:
        blocks.append(Fold("Fixed regions behind defences", (cells_table("Fixed regions behind defences", defended),)))
    return Section("places", "By place", tuple(blocks))


def _place_table(run: Run) -> Table:
    rows = [
        Row((words.region(p.region), m.recognizer, m.kinetics, num(p.x, 2), num(p.y, 2), num(p.mean), num(p.best)))
        for m in run.maps
        if m.defense == "none"
        for p in m.places
    ]
    heads = (*named("region", "recognizer", "kinetics"), *numbered("x", "y"))
    caption = "Share of clips flipped at each place; x and y in shares of the face box, from its left and upper edge"
    return table(caption, (*heads, *numbered("flipped, average", "flipped, best motion")), rows)
