"""Searching for a plan by asking the target: what every search shares, so that they differ in their moves alone.

A search asks about each plan once, never more than the budget allows, and stops when the target answers wrongly. What
it has found by then is its plan, whatever ended it. With no query to spare the plan is one drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mask.causal.effects import log_odds_lost
from mask.contracts import Prediction, Scene
from mask.errors import BudgetExhausted
from mask.plan import Plan

from ._lattice import Lattice, Point

_TRIES = 16
_FIRST_LOOKS = 9


def margin(told: Prediction, label: str) -> NDArray[np.float64]:
    """Log-odds of a label against its strongest rival, ``float64 (N,)``; infinite where there is no answer.

    Probabilities below 1e-9 count as that; a recognizer of one class has a rival of that probability.
    """
    answered = np.array([s == "ok" for s in told.status], dtype=bool)
    return np.where(answered, -log_odds_lost(told, label), np.inf)


def commonest(names: Iterable[str | None]) -> str | None:
    """The answer given most often, the first of equals; `None` without an answer."""
    answers = [n for n in names if n is not None]
    return max(dict.fromkeys(answers), key=answers.count) if answers else None


class Search:
    """The state of one search on one clip.

    The loss of a plan, lower is better, is the log-odds `margin` of the emotion to hide where scores are given; where
    labels are, it is 0 for a right answer and -1 for a wrong one. No answer is an infinite loss. Where the emotion is
    not known, a few plans drawn at random are asked about, and the target's commonest answer is what is to be hidden.

    Args:
        scene: its target is asked.
        lattice: the plans to choose from.
        access: whether scores or labels are asked for.
        most: queries spent at most, the final look included, where the budget is larger or there is none.
    """

    def __init__(self, scene: Scene, lattice: Lattice, access: Literal["score", "decision"], most: int) -> None:
        if most < 1:
            raise ValueError(f"queries is {most}; the final look at the target alone takes 1")
        self.lattice, self.rng = lattice, scene.rng
        self._target, self._access = scene.target, access
        left = scene.target.remaining
        self.horizon = most - 1 if left is None else min(left, most - 1)
        self._hide = scene.hide
        self._known: dict[Point, float] = {}
        self._proposed: set[Point] = set()
        self._flipped = self._exhausted = False
        self._best = self._guess = lattice.draw(self.rng)
        if self._hide is None and self.horizon:
            self.ask([self._guess, *self.scatter(_FIRST_LOOKS - 1)])

    @property
    def spent(self) -> int:
        """Plans asked about so far."""
        return len(self._known)

    @property
    def open(self) -> bool:
        """Whether there is a reason and a right to ask on."""
        return not (self._flipped or self._exhausted) and self.spent < self.horizon

    def start(self, count: int) -> list[Point]:
        """Points to begin with, asked about: the guess of a search without queries, then others drawn at random."""
        points = [self._guess, *self.scatter(count - 1)]
        self.ask(points)
        return points

    def scatter(self, count: int) -> list[Point]:
        """Up to `count` points drawn at random that were not proposed yet."""
        self._proposed.add(self._guess)
        return [p for p in (self.fresh(lambda: self.lattice.draw(self.rng)) for _ in range(count)) if p is not None]

    def fresh(self, move: Callable[[], Point]) -> Point | None:
        """What `move` proposes, where it was not proposed before; after a few tries, any point that was not.

        Returns:
            `None`, and the search is over, when every point was proposed.
        """
        point: Point | None = None
        for _ in range(_TRIES):
            point = move()
            if point not in self._proposed:
                break
        else:
            point = self.lattice.unlike(self._proposed, self.rng)
        if point is None:
            self._exhausted = True
        else:
            self._proposed.add(point)
        return point

    def ask(self, points: Iterable[Point | None]) -> NDArray[np.float64]:
        """The loss of each point; those beyond the budget, and those that are `None`, have an infinite one."""
        wanted = list(points)
        new = [p for p in dict.fromkeys(wanted) if p is not None and p not in self._known]
        new = new[: max(0, self.horizon - self.spent)]
        self._proposed.update(new)
        if new and not self._flipped:
            self._learn(new)
        return np.array([np.inf if p is None else self._known.get(p, np.inf) for p in wanted])

    def loss(self, point: Point) -> float:
        """The loss of a point asked about; infinite for another."""
        return self._known.get(point, np.inf)

    @property
    def plan(self) -> Plan:
        """The best plan so far."""
        if not self._known:
            return self.lattice.plan(self._best, "drawn at random: no query to spare")
        found = "answered wrongly" if self._flipped else "the best"
        if self.loss(self._best) == np.inf:
            found = "drawn at random: no answer"
        return self.lattice.plan(self._best, f"{found}, after {self.spent} plans asked about")

    def _learn(self, points: list[Point]) -> None:
        plans = [self.lattice.plan(p) for p in points]
        try:
            names, losses = self._by_score(plans) if self._access == "score" else self._by_label(plans)
        except BudgetExhausted:
            self.horizon = self.spent
            return
        wrong = [n is not None and self._hide is not None and n != self._hide for n in names]
        self._known.update(zip(points, losses.tolist(), strict=True))
        if any(wrong):
            self._flipped = True
            points = [p for p, w in zip(points, wrong, strict=True) if w]
            self._best = min(points, key=self.loss)
        else:
            self._best = min([self._best, *points], key=self.loss)

    def _by_score(self, plans: list[Plan]) -> tuple[tuple[str | None, ...], NDArray[np.float64]]:
        told = self._target.score(plans)
        if self._hide not in told.labels:
            self._hide = commonest(told.names)
        losses = np.full(len(plans), np.inf) if self._hide is None else margin(told, self._hide)
        return told.names, losses

    def _by_label(self, plans: list[Plan]) -> tuple[tuple[str | None, ...], NDArray[np.float64]]:
        names = self._target.decide(plans)
        if self._hide is None:
            self._hide = commonest(names)
        return names, np.array([np.inf if n is None else -float(n != self._hide) for n in names])
