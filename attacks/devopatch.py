"""Differential evolution that sees labels only (after DevoPatch).

Source: Z. Chen, B. Li, S. Wu, S. Ding, W. Zhang, "Query-Efficient Decision-based Black-Box Patch Attack", IEEE TIFS
2023, arXiv:2307.00477; written anew from its published description, no code taken (the authors' is for academic use
only).

A small population of places in whole numbers is mutated and crossed, and only labels decide who survives.

Differences from the paper, fixed by MASK's threat model: there the patch starts so large that the answer is wrong, and
shrinks; here size is what the threat model allows, and no larger sticker is ever asked about. Until the first wrong
answer, which ends the search, all right answers are then equally fit. An offspring replaces a parent that is no
fitter, so that the population keeps moving. The drawing stands for the paper's target image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Plan

from ._lattice import Lattice
from ._search import Search
from .rhde import check_evolution, crossbreed


@dataclass(frozen=True)
class Devopatch(Attack):
    """Evolves a population of plans by labels.

    Args:
        population: plans in a generation, 4 or more; the paper's 10.
        scale: the weight of the difference of two plans in a crossing.
        crossover: the chance of each gene to come from the crossing.
        queries: spent at most per clip, where the budget allows more.
    """

    population: int = 10
    scale: float = 1.0
    crossover: float = 0.9
    queries: int = 1000
    art: str = "heart"
    access: ClassVar[Access] = "decision"

    def __post_init__(self) -> None:
        check_evolution(self.population, self.scale, self.crossover)

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        search = Search(scene, Lattice(clip, scene, (self.art,)), "decision", self.queries)
        people = search.start(self.population)
        while search.open:
            young = [search.fresh(partial(crossbreed, p, people, search, self.scale, self.crossover)) for p in people]
            losses = search.ask(young)
            for i, (child, loss) in enumerate(zip(young, losses.tolist(), strict=True)):
                if child is not None and loss <= search.loss(people[i]):
                    people[i] = child
        return search.plan


create = Devopatch
