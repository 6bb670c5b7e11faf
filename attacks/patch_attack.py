"""A policy over place and texture, taught by the target's scores (the textured attack of PatchAttack, scores).

Source: C. Yang, A. Kortylewski, C. Xie, Y. Cao, A. Yuille, "PatchAttack: A Black-box Texture-based Attack with
Reinforcement Learning", ECCV 2020, arXiv:2004.05682; written anew from its published description (the authors' code is
MIT; none is taken).

An agent draws plans from its policy, is rewarded by how far each pushes the emotion's odds down, and climbs the policy
gradient (REINFORCE) with the mean reward of the round as baseline and Adam as optimiser, 50 rounds as in the paper.

Differences from the paper, fixed by MASK's threat model: texture is one of MASK's drawings, on frames, in place of a
dictionary learnt from ImageNet; an overlay's motion is an action; one patch, where the paper adds up to ten. The policy
is one table a coordinate (column, row, motion, drawing) in place of an LSTM, and so takes larger steps; it is asked
for plans not tried before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.plan import Plan
from mask.sticker import art as drawings

from ._lattice import Lattice, Point
from ._search import Search

_ROUNDS = 50
_SMALLEST_ROUND = 5


@dataclass(frozen=True)
class PatchAttack(Attack):
    """Learns a policy on one clip.

    Args:
        rate: step of Adam on the logits of the policy.
        queries: spent at most per clip, where the budget allows more; shared out over 50 rounds.
    """

    rate: float = 0.3
    queries: int = 1000
    art: str = "heart"
    access: ClassVar[Access] = "score"

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"rate is {self.rate}; a policy learns by steps larger than 0")

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        arts = (self.art, *(n for n in drawings.names() if n != self.art))
        search = Search(scene, Lattice(clip, scene, arts), "score", self.queries)
        policy = Policy(search.lattice, self.rate)
        size = max(_SMALLEST_ROUND, search.horizon // _ROUNDS)
        drawn: list[Point | None] = [*search.start(size)]
        losses = search.ask(drawn)
        while search.open:
            policy.learn(drawn, -losses)
            drawn = [search.fresh(partial(policy.draw, search.rng)) for _ in range(size)]
            losses = search.ask(drawn)
        return search.plan


class Policy:
    """Independent softmax distributions over the coordinates of a lattice.

    Args:
        lattice: the plans.
        rate: step of Adam.
    """

    def __init__(self, lattice: Lattice, rate: float) -> None:
        self._lattice, self._rate = lattice, rate
        self._sizes = (lattice.columns, lattice.rows, lattice.motions, len(lattice.arts))
        self._logits = [np.zeros(n) for n in self._sizes]
        self._first = [np.zeros(n) for n in self._sizes]
        self._second = [np.zeros(n) for n in self._sizes]
        self._steps = 0

    def chances(self) -> list[NDArray[np.float64]]:
        """The probabilities of each coordinate."""
        raised = [np.exp(logits - logits.max()) for logits in self._logits]
        return [r / r.sum() for r in raised]

    def draw(self, rng: np.random.Generator) -> Point:
        """A plan drawn from the policy; from a place that is not allowed, the nearest that is."""
        column, row, motion, art = (int(rng.choice(len(p), p=p)) for p in self.chances())
        return self._lattice.settle(column, row, motion, 0, self._lattice.arts[art])

    def learn(self, points: Sequence[Point | None], rewards: NDArray[np.float64]) -> None:
        """One step up the policy gradient; plans without a finite reward teach nothing."""
        good = np.isfinite(rewards)
        told = [p for p, g in zip(points, good.tolist(), strict=True) if g and p is not None]
        if len(told) < 2:
            return
        advantage = rewards[good] - rewards[good].mean()
        chosen = np.array([(p.column, p.row, p.motion, self._lattice.arts.index(p.art)) for p in told])
        self._steps += 1
        for k, chance in enumerate(self.chances()):
            gradient = np.mean(advantage[:, None] * (np.eye(self._sizes[k])[chosen[:, k]] - chance), axis=0)
            self._climb(k, gradient)

    def _climb(self, k: int, gradient: NDArray[np.float64]) -> None:
        """Adam, with its usual constants."""
        self._first[k] = 0.9 * self._first[k] + 0.1 * gradient
        self._second[k] = 0.999 * self._second[k] + 0.001 * gradient**2
        mean, spread = self._first[k] / (1 - 0.9**self._steps), self._second[k] / (1 - 0.999**self._steps)
        self._logits[k] += self._rate * mean / (np.sqrt(spread) + 1e-8)


create = PatchAttack
