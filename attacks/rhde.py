"""Differential evolution over place, motion and angle that breeds near the best places (RHDE, scores).

Source: X. Wei, Y. Guo, J. Yu, "Adversarial Sticker: A Stealthy Attack Method in the Physical World", IEEE TPAMI 2022,
arXiv:2104.06728; written anew from its published description, no code taken (the authors' has no licence).

The paper observes that places that fool a recognizer lie in clusters. So the better half of each generation breeds
with its own neighbourhood (inbreeding), the other half by differential evolution across the population (crossbreeding),
and an offspring takes its parent's place when its loss is lower.

Differences from the paper, fixed by MASK's threat model: the sticker is opaque, so opacity is no gene; an overlay's
motion is one; the angle is one on frames only, in steps of 15 degrees; places are those of the threat model in place
of a face mask, and bending is the renderer's. The criterion is the margin to the strongest rival throughout, the
paper's for an attack without a target class.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Plan

from ._lattice import Lattice, Point
from ._search import Search


@dataclass(frozen=True)
class Rhde(Attack):
    """Evolves a population of plans.

    Args:
        population: plans in a generation, 4 or more; the paper's 40.
        scale: the weight of the difference of two plans in a crossing.
        crossover: the chance of each gene to come from the crossing.
        queries: spent at most per clip, where the budget allows more.
    """

    population: int = 40
    scale: float = 0.5
    crossover: float = 0.7
    queries: int = 1000
    art: str = "heart"
    access: ClassVar[Access] = "score"

    def __post_init__(self) -> None:
        check_evolution(self.population, self.scale, self.crossover)

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        search = Search(scene, Lattice(clip, scene, (self.art,), turning=True), "score", self.queries)
        people = search.start(self.population)
        while search.open:
            people.sort(key=search.loss)
            half = len(people) // 2
            young = [search.fresh(partial(_inbreed, p, search)) for p in people[:half]]
            young += [
                search.fresh(partial(crossbreed, p, people, search, self.scale, self.crossover)) for p in people[half:]
            ]
            losses = search.ask(young)
            for i, (child, loss) in enumerate(zip(young, losses.tolist(), strict=True)):
                if child is not None and loss < search.loss(people[i]):
                    people[i] = child
        return search.plan


def check_evolution(population: int, scale: float, crossover: float) -> None:
    """Raise ValueError for parameters that differential evolution cannot work with."""
    if population < 4:
        raise ValueError(f"population is {population}; differential evolution crosses 4 plans or more")
    if not 0 < scale <= 2:
        raise ValueError(f"scale is {scale}; expected more than 0 and at most 2")
    if not 0 <= crossover <= 1:
        raise ValueError(f"crossover is {crossover}; expected a chance between 0 and 1")


def _inbreed(parent: Point, search: Search) -> Point:
    """A neighbour of a good plan: one step in place, and in motion or angle half the time."""
    lattice, rng = search.lattice, search.rng
    point = lattice.near(parent, rng)
    motion, turn = point.motion, point.turn
    if rng.random() < 0.5:
        motion = int(rng.integers(lattice.motions))
        turn += int(rng.integers(-1, 2))
    return lattice.settle(point.column, point.row, motion, turn, point.art)


def crossbreed(parent: Point, people: list[Point], search: Search, scale: float, crossover: float) -> Point:
    """Differential evolution's rand/1 mutation and binomial crossover, on the grid."""
    lattice, rng = search.lattice, search.rng
    genes = np.array([p[:4] for p in people], dtype=np.float64)
    base, one, other = (genes[i] for i in rng.integers(len(people), size=3))
    mutant = base + scale * (one - other)
    own = rng.random(4) >= crossover
    own[rng.integers(4)] = False
    column, row, motion, turn = np.where(own, parent[:4], mutant).tolist()
    return lattice.settle(column, row, motion, turn, parent.art)


create = Rhde
