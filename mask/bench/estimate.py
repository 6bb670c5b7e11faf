"""What a grid will cost: looks at recognizers, counted, and time, from cells that are done or from looking itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mask.contracts import Attack

from .grid import Data
from .plan import Address, Plan, Task
from .store import Store
from .things import Things

LOOKS = 8
"""Clips a recognizer is timed on."""


@dataclass(frozen=True)
class Cost:
    """What the cells of one attack cost that are still to be done.

    Args:
        cells, done: all of them, and those that are there.
        queries: looks at the recognizer, at the most; `None` where nothing limits them.
        seconds: of one worker; `None` where it cannot be told.
        measured: whether cells of this attack were timed. Otherwise it is the time that the looks take, which leaves
            out what the attack learns and tries beforehand.
    """

    attack: str
    cells: int
    done: int
    queries: int | None
    seconds: float | None
    measured: bool


def estimate(plan: Plan, things: Things, store: Store) -> list[Cost]:
    """The cost of every attack of a grid, in its order."""
    there = store.keys()
    timed = _timed(plan, store, there)
    looking: dict[tuple[str, Data], float] = {}
    found: dict[str, list[tuple[int | None, float | None, bool]]] = {a: [] for a in things.attacks}
    for task in plan.tasks:
        for cell in (c for c in task.cells if c.key not in there):
            clips = len(things.studied(task.data).dataset)
            most = _queries(things.attacks[cell.attack], task.threat.budget)
            queries = None if most is None else clips * most
            seconds = _like(cell, timed)
            measured = seconds is not None
            if seconds is None and queries is not None:
                seconds = (queries + clips) * _look(things, task, cell, looking)
            found[cell.attack].append((queries, seconds, measured))
    sizes = {a: [c.key in there for c in plan.cells if c.attack == a] for a in things.attacks}
    return [
        Cost(a, len(sizes[a]), sum(sizes[a]), _sum(q for q, _, _ in f), _sum(s for _, s, _ in f), all(m for *_, m in f))
        for a, f in found.items()
        if sizes[a]
    ]


def _queries(attack: Attack, budget: int | None) -> int | None:
    """Looks at the recognizer that a clip may take, the final one included."""
    if attack.access == "none":
        return 1
    own = getattr(attack, "queries", None)
    limits = [n for n in (budget, own) if isinstance(n, int)]
    return min(limits, default=None)


def _timed(plan: Plan, store: Store, there: set[str]) -> Mapping[tuple[Any, ...], list[float]]:
    """Seconds of the cells that are done, under everything that cells like them have in common."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for cell in (c for c in plan.cells if c.key in there):
        for place in _places(cell):
            found.setdefault(place, []).append(store.seconds(cell.key))
    return found


def _like(cell: Address, timed: Mapping[tuple[Any, ...], list[float]]) -> float | None:
    return next((statistics.fmean(timed[p]) for p in _places(cell) if p in timed), None)


def _places(cell: Address) -> list[tuple[Any, ...]]:
    """From most to least alike."""
    attack, where = cell.attack, (cell.recognizer, cell.dataset)
    return [(attack, *where, cell.kinetics, cell.defense), (attack, *where, cell.kinetics), (attack, *where), (attack,)]


def _look(things: Things, task: Task, cell: Address, known: dict[tuple[str, Data], float]) -> float:
    """Seconds that one look of a recognizer at one clip takes, once the clip has been decoded."""
    place = (cell.recognizer, task.data)
    if place not in known:
        named = next(n for n in things.grid.recognizers if n.name == cell.recognizer)
        recognizer, clips = things.preview(named), things.studied(task.data).dataset.clips[:LOOKS]
        recognizer.predict(clips)
        start = time.perf_counter()
        recognizer.predict(clips)
        known[place] = (time.perf_counter() - start) / len(clips)
    return known[place]


def _sum(values: Any) -> Any:
    """The sum, `None` as soon as one is."""
    listed = list(values)
    return None if None in listed else sum(listed)
