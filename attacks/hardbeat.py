"""Local search from a first good place that sees labels only (after HardBeat).

Source: G. Tao, S. An, S. Cheng, G. Shen, X. Zhang, "Hard-label Black-box Universal Adversarial Patch Attack", USENIX
Security 2023; written anew from its published description (the authors' code is Apache-2.0; none is taken).

Three stages, with the paper's shares of the queries: a tenth looks for a place, the middle of the face first, then
others at random, each with two contents, and after ten places only near the best; six tenths try contents at the best
place; three tenths search its neighbourhood.

Differences from the paper, fixed by MASK's threat model: content is what a sticker shows, its drawing on frames and an
overlay's motion, where the paper estimates a gradient of free pixels; the patch is for one clip, where the paper's is
for many and ranks places by how many of them flip. With one clip places are equally good until one flips, which ends
the search. What a stage cannot use, because all it may ask was asked, the next one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Plan
from mask.sticker import art as drawings

from ._lattice import Lattice, Point
from ._search import Search

_CONTENTS = 2
_FREE_PLACES = 10
_LOCAL = 2


@dataclass(frozen=True)
class Hardbeat(Attack):
    """Looks for a place, then for content, then around.

    Args:
        queries: spent at most per clip, where the budget allows more.
        art: the drawing that is tried first.
    """

    queries: int = 1000
    art: str = "heart"
    access: ClassVar[Access] = "decision"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        arts = (self.art, *(n for n in drawings.names() if n != self.art))
        search = Search(scene, Lattice(clip, scene, arts), "decision", self.queries)
        best = _place(search, search.horizon // 10)
        _contents(search, best, search.horizon * 7 // 10)
        _around(search, best)
        return search.plan


def _place(search: Search, until: int) -> Point:
    """The place that flips most of the contents tried there, the first of equals."""
    lattice, rng = search.lattice, search.rng
    best = lattice.settle((lattice.columns - 1) / 2, (lattice.rows - 1) / 2, 0, 0, lattice.arts[0])
    lowest, places = float("inf"), 0
    while search.open and (search.spent < until or not places):
        here = best if not places else lattice.draw(rng) if places <= _FREE_PLACES else lattice.near(best, rng, _LOCAL)
        loss = float(search.ask(search.fresh(partial(_with_content, here, search)) for _ in range(_CONTENTS)).mean())
        if loss < lowest:
            best, lowest = here, loss
        places += 1
    return best


def _contents(search: Search, best: Point, until: int) -> None:
    """Ask about contents at one place, until all were or the stage is over."""
    lattice = search.lattice
    own = [p for p in lattice if (p.column, p.row) == (best.column, best.row)]
    for i in search.rng.permutation(len(own)):
        if not search.open or search.spent >= until:
            return
        search.ask([own[i]])


def _around(search: Search, best: Point) -> None:
    """Ask about any content in a neighbourhood that grows by a step every ten plans."""
    asked = 0
    while search.open:
        search.ask([search.fresh(partial(_beside, best, 1 + asked // 10, search))])
        asked += 1


def _beside(place: Point, reach: int, search: Search) -> Point:
    return _with_content(search.lattice.near(place, search.rng, reach), search)


def _with_content(place: Point, search: Search) -> Point:
    """The same place with a motion and a drawing drawn at random."""
    shown = search.lattice.draw(search.rng)
    return place._replace(motion=shown.motion, art=shown.art)


create = Hardbeat
