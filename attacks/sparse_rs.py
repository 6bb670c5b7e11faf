"""Random search over place and content, ever smaller steps, keeping what improves (Patch-RS of Sparse-RS, scores).

Source: F. Croce, M. Andriushchenko, N. D. Singh, N. Flammarion, M. Hein, "Sparse-RS: a Versatile Framework for
Query-Efficient Sparse Black-Box Adversarial Attacks", AAAI 2022, arXiv:2006.12834; written anew from its published
description (the authors' code is MIT; none is taken).

One plan is changed at a time: in one step of five its place, in the others its content. The place moves by at most
.75 of the face at first, falling linearly to nothing as the queries are spent. A change is kept when it lowers the
margin of the emotion to hide.

Differences from the paper, fixed by MASK's threat model: content is what a sticker can show, its drawing on frames and
an overlay's motion, not free pixels; where there is nothing to choose, every step moves the place. A plan already
asked about is not asked again, and when moves find nothing new, a plan drawn at random takes their turn.
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

_MOVE_EVERY = 5
_SLOWER_EVERY = 1000
_FARTHEST = 0.75


@dataclass(frozen=True)
class SparseRs(Attack):
    """Improves one plan by random changes.

    Args:
        queries: spent at most per clip, where the budget allows more; the schedule is stretched to them.
        art: the drawing it begins with.
    """

    queries: int = 1000
    art: str = "heart"
    access: ClassVar[Access] = "score"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        arts = (self.art, *(n for n in drawings.names() if n != self.art))
        search = Search(scene, Lattice(clip, scene, arts), "score", self.queries)
        (now,) = search.start(1)
        step = 0
        while search.open:
            step += 1
            tried = search.fresh(partial(_change, now, search, step))
            if tried is not None and search.ask([tried])[0] < search.loss(now):
                now = tried
        return search.plan


def _change(now: Point, search: Search, step: int) -> Point:
    """One random change of one plan, of place or of content."""
    lattice, rng = search.lattice, search.rng
    if (lattice.motions == 1 and len(lattice.arts) == 1) or step % (_MOVE_EVERY * (1 + step // _SLOWER_EVERY)) == 0:
        left = 1 - search.spent / search.horizon
        reach = max(1, int(_FARTHEST * left * max(lattice.columns, lattice.rows)))
        return lattice.near(now, rng, reach)
    return _redrawn(now, search)


def _redrawn(now: Point, search: Search) -> Point:
    """The same place with another drawing or another motion, whichever there is to choose."""
    lattice, rng = search.lattice, search.rng
    shown = lattice.draw(rng)
    if len(lattice.arts) > 1 and (lattice.motions == 1 or rng.random() < 0.5):
        return now._replace(art=shown.art)
    return now._replace(motion=shown.motion)


create = SparseRs
