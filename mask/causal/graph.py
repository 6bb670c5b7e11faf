"""A causal graph as plain data: named nodes, edges with their end marks, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .orient import ARROW, CIRCLE, NONE, TAIL, Marks

Kind = Literal["-->", "---", "<->", "o->", "o-o", "--o"]
"""The two ends of an edge, source first, in the field's notation: tail ``-``, arrow ``>``, circle ``o`` (unknown)."""

_KINDS: dict[tuple[int, int], Kind] = {
    (TAIL, ARROW): "-->",
    (TAIL, TAIL): "---",
    (ARROW, ARROW): "<->",
    (CIRCLE, ARROW): "o->",
    (CIRCLE, CIRCLE): "o-o",
    (TAIL, CIRCLE): "--o",
}


@dataclass(frozen=True)
class Note:
    """Something a guard did before the search.

    Args:
        kind: ``constant``, ``duplicate``, ``collinear``, ``not finite``, ``rows`` or ``samples``.
        what: the columns concerned, by name; empty when it concerns rows.
        why: one sentence.
    """

    kind: str
    what: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Edge:
    """One edge between two named nodes, for example ``Edge("brow", "surprise", "-->")``."""

    source: str
    target: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.target}"


@dataclass(frozen=True)
class Graph:
    """A causal graph.

    Args:
        nodes: every variable that was given, in order, also those a guard dropped (they have no edge).
        edges: sorted by node order, the arrow's source first.
        notes: what the guards dropped or limited.

    >>> g = Graph(("brow", "lip", "joy"), (Edge("brow", "lip", "---"), Edge("lip", "joy", "-->")))
    >>> g.parents("joy"), g.out_degree()
    (('lip',), {'brow': 0, 'lip': 1, 'joy': 0})
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]
    notes: tuple[Note, ...] = ()

    @staticmethod
    def from_marks(
        nodes: Sequence[str], marks: Marks, notes: Sequence[Note] = (), among: Sequence[str] | None = None
    ) -> Graph:
        """Read a graph from end marks (convention of `mask.causal.orient`).

        Args:
            nodes: the variables the marks are about.
            marks: ``int8 (P, P)``.
            notes: kept as they are.
            among: all nodes of the graph, when there are more than the marks are about.
        """
        edges = []
        for i, a in enumerate(nodes):
            for j in range(i + 1, len(nodes)):
                here, there = int(marks[i, j]), int(marks[j, i])
                if here == there == NONE:
                    continue
                if (here, there) in _KINDS:
                    edges.append(Edge(a, nodes[j], _KINDS[here, there]))
                else:
                    edges.append(Edge(nodes[j], a, _KINDS[there, here]))
        return Graph(tuple(nodes if among is None else among), tuple(edges), tuple(notes))

    def adjacent(self, a: str, b: str) -> bool:
        """Whether an edge of any kind joins two nodes."""
        return any({e.source, e.target} == {a, b} for e in self.edges)

    def skeleton(self) -> frozenset[frozenset[str]]:
        """The adjacent pairs, without marks."""
        return frozenset(frozenset((e.source, e.target)) for e in self.edges)

    def parents(self, node: str) -> tuple[str, ...]:
        """The nodes with a ``-->`` into this one."""
        return tuple(e.source for e in self.edges if e.target == node and e.kind == "-->")

    def children(self, node: str) -> tuple[str, ...]:
        """The nodes this one has a ``-->`` into."""
        return tuple(e.target for e in self.edges if e.source == node and e.kind == "-->")

    def out_degree(self) -> dict[str, int]:
        """The number of ``-->`` edges leaving each node."""
        return {node: len(self.children(node)) for node in self.nodes}

    def to_json(self) -> dict[str, Any]:
        """The graph as JSON-compatible data."""
        return {
            "nodes": list(self.nodes),
            "edges": [{"source": e.source, "target": e.target, "kind": e.kind} for e in self.edges],
            "notes": [{"kind": n.kind, "what": list(n.what), "why": n.why} for n in self.notes],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Graph:
        """Read what `to_json` wrote.

        Raises:
            ValueError: for anything else.
        """
        try:
            nodes = tuple(str(n) for n in data["nodes"])
            edges = tuple(Edge(str(e["source"]), str(e["target"]), e["kind"]) for e in data["edges"])
            notes = tuple(
                Note(str(n["kind"]), tuple(map(str, n["what"])), str(n["why"])) for n in data.get("notes", [])
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not a causal graph: {error!r} while reading nodes, edges and notes") from error
        wrong = [e for e in edges if e.kind not in get_args(Kind) or not {e.source, e.target} <= set(nodes)]
        if wrong:
            raise ValueError(f"the edge {wrong[0]} is of no known kind or joins nodes the graph does not have")
        return Graph(nodes, edges, notes)
