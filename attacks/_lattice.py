"""The plans a search may move among: the allowed places, a regular grid, with motions, angles and drawings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mask.apply import check
from mask.clip import Clip
from mask.contracts import Scene
from mask.errors import InvalidPlan
from mask.plan import Placement, Plan, ThreatModel

TURN = 15.0
"""Degrees between neighbouring angles, on frames."""

_TRIES = 64


class Point(NamedTuple):
    """One plan, by its place on the grid, its motion and its angle as indices, and its drawing."""

    column: int
    row: int
    motion: int
    turn: int
    art: str


def lawful(clip: Clip, plan: Plan, threat: ThreatModel) -> bool:
    """Whether the core will accept a plan."""
    try:
        check(clip, plan, threat)
    except InvalidPlan:
        return False
    return True


class Lattice:
    """The lawful plans of one scene.

    Args:
        clip: on a flow map stickers are upright and show no drawing.
        scene: its sites, motions and area.
        arts: the drawings to choose from.
        turning: whether the angle may be chosen, on frames.

    Raises:
        InvalidPlan: when the scene has no site.
    """

    def __init__(self, clip: Clip, scene: Scene, arts: Sequence[str], *, turning: bool = False) -> None:
        if not scene.sites:
            raise InvalidPlan("the threat model allows no place at all")
        self._clip, self._threat, self._sites = clip, scene.threat, scene.sites
        self._columns = {x: i for i, x in enumerate(sorted({s.x for s in scene.sites}))}
        self._rows = {y: i for i, y in enumerate(sorted({s.y for s in scene.sites}))}
        self._places = [(self._columns[s.x], self._rows[s.y]) for s in scene.sites]
        self._index = {place: i for i, place in enumerate(self._places)}
        self._motions = scene.threat.motions()
        self.arts = tuple(arts) if clip.space == "frames" else tuple(arts[:1])
        self.columns, self.rows, self.motions = len(self._columns), len(self._rows), len(self._motions)
        self.turns = round(360 / TURN) if turning and clip.space == "frames" else 1
        self._nearest = _nearest(self._places, self.columns, self.rows)
        self._lawful: dict[tuple[int, int, int], bool] = {}

    def plan(self, point: Point, evidence: str = "") -> Plan:
        """The plan a point stands for."""
        site = self._sites[self._index[point.column, point.row]]
        placement = Placement(site.x, site.y, self._threat.area, point.turn * TURN, site.region)
        return Plan(placement, self._motions[point.motion], point.art, evidence)

    def draw(self, rng: np.random.Generator) -> Point:
        """A point drawn at random: its place, motion, angle and drawing each uniformly."""
        # Place, then motion, as an attack that draws both does, so that equal seeds draw equal plans.
        column, row = self._places[int(rng.integers(len(self._places)))]
        motion, turn = int(rng.integers(self.motions)), int(rng.integers(self.turns))
        return self._upright_or(Point(column, row, motion, turn, self.arts[int(rng.integers(len(self.arts)))]))

    def settle(self, column: float, row: float, motion: float, turn: float, art: str) -> Point:
        """The lawful point nearest to coordinates that need not be whole or on the grid.

        Motions and angles count round and round; where an angle is not lawful, the sticker is upright.
        """
        inside = min(max(round(column), 0), self.columns - 1), min(max(round(row), 0), self.rows - 1)
        at = self._places[self._nearest[inside]]
        return self._upright_or(Point(at[0], at[1], round(motion) % self.motions, round(turn) % self.turns, art))

    def near(self, point: Point, rng: np.random.Generator, reach: int = 1) -> Point:
        """A place at most `reach` steps away each way, drawn at random, motion and drawing kept."""
        across, down = rng.integers(-reach, reach + 1, 2).tolist()
        return self.settle(point.column + across, point.row + down, point.motion, point.turn, point.art)

    def unlike(self, known: set[Point], rng: np.random.Generator) -> Point | None:
        """A point not among those known, drawn at random; `None` when there is none left."""
        for _ in range(_TRIES):
            point = self.draw(rng)
            if point not in known:
                return point
        left = [p for p in self if p not in known]
        return left[int(rng.integers(len(left)))] if left else None

    def __iter__(self) -> Iterator[Point]:
        """Every lawful point."""
        for column, row in self._places:
            for motion in range(self.motions):
                for turn in range(self.turns):
                    for art in self.arts:
                        point = Point(column, row, motion, turn, art)
                        if self._allowed(point):
                            yield point

    def _upright_or(self, point: Point) -> Point:
        return point if self._allowed(point) else point._replace(turn=0)

    def _allowed(self, point: Point) -> bool:
        if point.turn == 0:
            return True  # the scene's sites are for upright stickers
        stance = point.column, point.row, point.turn
        if stance not in self._lawful:
            self._lawful[stance] = lawful(self._clip, self.plan(point), self._threat)
        return self._lawful[stance]


def _nearest(places: Sequence[tuple[int, int]], columns: int, rows: int) -> dict[tuple[int, int], int]:
    """Which place is nearest to each cell of the grid; the first of equals."""
    at = np.array(places)
    cells = [(c, r) for c in range(columns) for r in range(rows)]
    return {cell: int(np.argmin(((at - cell) ** 2).sum(axis=1))) for cell in cells}
