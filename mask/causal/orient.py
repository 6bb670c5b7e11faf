"""Arrows for a PC skeleton: tiers, v-structures, then Meek's rules.

On finite samples the answer of PC depends on the order in which conflicting arrows are drawn. MASK draws them in
causal-learn's order and with its check for cycles, so that the two agree mark by mark on any data; the tests hold
that to hundreds of graphs.

Marks are causal-learn's: ``marks[i, j]`` is the mark at the end of i on the edge between i and j, one of `NONE`,
`TAIL`, `ARROW`, `CIRCLE`; i --> j is ``marks[i, j] == TAIL and marks[j, i] == ARROW``.

Sources: Spirtes, Glymour and Scheines, Causation, Prediction, and Search, 2000; Meek, UAI 1995 (rules 1 to 3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .fisherz import Skeleton

NONE, TAIL, ARROW, CIRCLE = 0, -1, 1, 2

Marks = NDArray[np.int8]
Triple = tuple[int, int, int]


def orient(skeleton: Skeleton, tiers: Sequence[int] | None = None) -> Marks:
    """Orient the edges of a skeleton as PC does, earlier v-structures winning over later ones.

    Args:
        skeleton: from `mask.causal.fisherz.skeleton`.
        tiers: one number per variable; no arrow points from a higher tier into a lower one. `None` for no such
            knowledge.

    Returns:
        ``int8 (P, P)`` marks.
    """
    return draw(skeleton.adjacent, skeleton.separated_by, tiers)


def draw(adjacent: NDArray[np.bool_], separated_by: NDArray[np.int64], tiers: Sequence[int] | None = None) -> Marks:
    """`orient`, for adjacencies and separating sets from another search than PC's."""
    drawing = _Drawing(adjacent, tiers or [0] * len(adjacent))
    drawing.draw_tiers()
    drawing.draw_colliders(separated_by)
    drawing.close_under_meek()
    return np.array(drawing.marks, dtype=np.int8)


class _Drawing:
    """A graph being oriented. Plain lists: the loops below touch single marks, where arrays are slow."""

    def __init__(self, adjacent: NDArray[np.bool_], tiers: Sequence[int]) -> None:
        self.marks: list[list[int]] = np.where(adjacent, TAIL, NONE).tolist()
        self.tiers = list(tiers)
        self.count = len(self.marks)
        # ancestors[j] has bit i when i is known to lie upstream of j. causal-learn keeps this closure one arrow at
        # a time and incompletely; agreeing with it means keeping it the same way.
        self.ancestors = [1 << i for i in range(self.count)]

    def draw_tiers(self) -> None:
        for i in range(self.count):
            for j in range(i + 1, self.count):
                if self.marks[i][j] and self.tiers[i] != self.tiers[j]:
                    self._draw(*((i, j) if self.tiers[i] < self.tiers[j] else (j, i)))

    def draw_colliders(self, separated_by: NDArray[np.int64]) -> None:
        """Draw x --> y <-- z wherever x and z are not adjacent and y helped to separate them in no set."""
        sets: list[list[int]] = separated_by.tolist()
        for x, y, z in self._paths(closed=False):
            if x > z or sets[x][z] >> y & 1 or not (self._may(x, y) and self._may(z, y)):
                continue
            if self._directed(y, x) or self._directed(y, z):
                continue
            for source in (x, z):
                if self._directed(source, y):
                    self._forget_ancestors(source, y)
                self._draw(source, y)

    def close_under_meek(self) -> None:
        chains, triangles = self._paths(closed=False), self._paths(closed=True)
        kites = self._kites(triangles)
        changed = True
        while changed:
            changed = False
            for i, j, k in chains:
                if self._directed(i, j) and self._undirected(j, k):
                    changed |= self._try(j, k)
            for i, j, k in triangles:
                if self._directed(i, j) and self._directed(j, k) and self._undirected(i, k):
                    changed |= self._try(i, k)
            for i, j, k, end in kites:
                if (
                    self._undirected(i, end)
                    and self._undirected(i, j)
                    and self._undirected(i, k)
                    and self._directed(j, end)
                    and self._directed(k, end)
                ):
                    changed |= self._try(i, end)

    def _paths(self, *, closed: bool) -> list[Triple]:
        """All i, j, k with i adjacent to j and j to k, where i and k are adjacent (closed) or are not."""
        marks = np.array(self.marks)
        steps = [(int(i), int(j)) for kind in (TAIL, ARROW) for j, i in np.argwhere(marks == kind)]
        onward: dict[int, list[int]] = defaultdict(list)
        for i, j in steps:
            onward[i].append(j)
        return [(i, j, k) for i, j in steps for k in onward[j] if k != i and bool(self.marks[i][k]) is closed]

    def _kites(self, triangles: list[Triple]) -> list[tuple[int, int, int, int]]:
        """All i, j, k, l with two triangles i, j, l and i, k, l on one edge, j and k not adjacent, j < k."""
        middles: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, j, end in triangles:
            middles[i, end].append(j)
        return [(i, j, k, end) for i, j, end in triangles for k in middles[i, end] if j < k and not self.marks[j][k]]

    def _may(self, i: int, j: int) -> bool:
        return self.tiers[i] <= self.tiers[j]

    def _directed(self, i: int, j: int) -> bool:
        return self.marks[i][j] == TAIL and self.marks[j][i] == ARROW

    def _undirected(self, i: int, j: int) -> bool:
        return self.marks[i][j] == TAIL and self.marks[j][i] == TAIL

    def _try(self, i: int, j: int) -> bool:
        if not self._may(i, j) or self.ancestors[i] >> j & 1:
            return False
        self._draw(i, j)
        return True

    def _draw(self, i: int, j: int) -> None:
        self.marks[i][j], self.marks[j][i] = TAIL, ARROW
        self._note_ancestor(i, j)

    def _note_ancestor(self, i: int, j: int) -> None:
        self.ancestors[j] |= self.ancestors[i] | 1 << i
        for k in range(self.count):
            if self.ancestors[k] >> j & 1:
                self.ancestors[k] |= 1 << i

    def _forget_ancestors(self, i: int, j: int) -> None:
        """Rebuild the closure without the arrow i --> j, which is about to be drawn again."""
        self.marks[i][j] = self.marks[j][i] = NONE
        self.ancestors = [1 << k for k in range(self.count)]
        for a in reversed(range(self.count)):
            for b in reversed(range(a + 1, self.count)):
                if self._directed(a, b):
                    self._note_ancestor(a, b)
                elif self._directed(b, a):
                    self._note_ancestor(b, a)
