"""The fast PC against causal-learn, mark by mark; guards; textbook graphs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from causallearn.graph.GraphNode import GraphNode
from causallearn.search.ConstraintBased.PC import pc
from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge
from hypothesis import given, settings
from hypothesis import strategies as st

from mask.causal.discover import discover
from mask.causal.fisherz import critical, skeleton
from mask.causal.graph import Edge, Graph
from mask.causal.guards import TooFewSamples, guard
from mask.causal.orient import orient

Array = np.ndarray


def linear_gaussian(rng: np.random.Generator, count: int, rows: int, density: float) -> Array:
    """A random linear model: each variable a noisy sum of some that come before it."""
    order, table = rng.permutation(count), np.zeros((rows, count))
    for place, target in enumerate(order):
        table[:, target] = rng.standard_normal(rows)
        for source in order[:place]:
            if rng.random() < density:
                table[:, target] += rng.choice([-1, 1]) * rng.uniform(0.2, 1.0) * table[:, source]
    return table


def reference(table: Array, alpha: float, tiers: list[int] | None, max_k: int | None) -> Array:
    """causal-learn itself, called as its users call it."""
    names = [f"X{i}" for i in range(table.shape[1])]
    knowledge = None
    if tiers is not None:
        knowledge = BackgroundKnowledge()
        for name, tier in zip(names, tiers, strict=True):
            knowledge.add_node_to_tier(GraphNode(name), tier)
    found = pc(
        table, alpha, "fisherz", True, 0, 2, background_knowledge=knowledge, show_progress=False, node_names=names,
        max_k=max_k,
    )  # fmt: skip
    return np.asarray(found.G.graph)


def fast(table: Array, alpha: float = 0.05, tiers: list[int] | None = None, max_k: int | None = None) -> Array:
    return orient(skeleton(np.corrcoef(table.T), len(table), alpha, max_k), tiers)


@pytest.mark.parametrize("block", range(8))
def test_fast_pc_is_causal_learns(block: int) -> None:
    """240 random tables: sparse to dense, 20 to 2000 rows, with and without tiers and a bound on the sets."""
    for seed in range(block, 240, 8):
        rng = np.random.default_rng(seed)
        count, rows = int(rng.integers(3, 11)), int(rng.choice([20, 40, 100, 500, 2000]))
        table = linear_gaussian(rng, count, rows, rng.uniform(0.05, 0.9))
        alpha = float(rng.choice([0.01, 0.05, 0.2]))
        tiers = [None, rng.integers(0, 3, count).tolist(), [0] * (count - 1) + [1]][seed % 3]
        max_k = [None, 1, 2][int(rng.integers(3))]
        expected = reference(table, alpha, tiers, max_k)
        assert (fast(table, alpha, tiers, max_k) == expected).all(), f"seed {seed}"


@pytest.mark.parametrize("seed", range(6))
def test_fast_pc_is_causal_learns_on_masked_pixels(seed: int) -> None:
    """The layout of the published recipe: columns are one image cut by overlapping boxes, nearly all dependent."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (24, 24, 3)).astype(float)
    masks = np.zeros((8, 24, 24))
    for mask in masks:
        y, x = rng.integers(0, 16, 2)
        mask[y : y + rng.integers(3, 9), x : x + rng.integers(3, 9)] = 1
    table = (masks[..., None] * image).reshape(8, -1).T
    assert (fast(table) == reference(table, 0.05, None, None)).all()


def conflicting(seed: int) -> tuple[Array, float, list[int] | None]:
    """Few rows, many edges, a lax level: v-structures conflict, and Meek's rules meet cycles."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(5, 15))
    rows = int(rng.choice([20, 25, 40, 80]))
    table = rng.standard_normal((rows, count)) @ (
        np.eye(count) + rng.uniform(0.1, 0.6) * rng.standard_normal((count, count))
    )
    alpha = float(rng.choice([0.05, 0.2, 0.4]))
    return table, alpha, None if seed % 2 else rng.integers(0, 3, count).tolist()


# In 611, 2817 and 3893 the answer hangs on causal-learn rebuilding its ancestry when an arrow is drawn twice: three
# tables of 18,000.
@pytest.mark.parametrize("seed", [611, 2817, 3893, *range(12)])
def test_conflicts_fall_as_in_causal_learn(seed: int) -> None:
    table, alpha, tiers = conflicting(seed)
    assert (fast(table, alpha, tiers, 2) == reference(table, alpha, tiers, 2)).all()


def test_strength_is_the_weakest_test() -> None:
    """Against every test done the slow way, on a table where no edge falls."""
    rng = np.random.default_rng(3)
    common = rng.standard_normal((300, 1))
    table = common + 0.8 * rng.standard_normal((300, 5))
    found = skeleton(np.corrcoef(table.T), 300, alpha=0.05)
    assert found.adjacent.sum() == 20
    weakest = np.inf
    for sets in ([], [2], [3], [4], [2, 3], [2, 4], [3, 4], [2, 3, 4]):
        inverse = np.linalg.inv(np.corrcoef(table[:, [0, 1, *sets]].T))
        partial = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
        weakest = min(weakest, np.sqrt(300 - len(sets) - 3) * abs(np.arctanh(partial)))
    assert found.strength[0, 1] == pytest.approx(weakest, rel=1e-9)
    assert np.array_equal(found.strength, found.strength.T)


@pytest.mark.parametrize("method", ["pc", "fast-pc", "fci", "ges", "boss"])
def test_collider_is_recovered(method: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2000))
    graph = discover(np.c_[a, b, a + b + rng.standard_normal(2000)], ["a", "b", "c"], method)
    assert graph.skeleton() == {frozenset("ac"), frozenset("bc")}
    assert all(e.target == "c" and e.kind in ("-->", "o->") for e in graph.edges)


@pytest.mark.parametrize("shape", ["chain", "fork"])
def test_chain_and_fork_are_recovered_without_arrows(shape: str) -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((3, 2000))
    middle = noise[0]
    first = noise[1] + middle
    if shape == "chain":
        first, middle = noise[0], noise[0] + noise[1]
    table = np.c_[first, middle, middle + noise[2]]
    graph = discover(table, ["a", "b", "c"], "fast-pc")
    assert [str(e) for e in graph.edges] == ["a --- b", "b --- c"]
    tiered = discover(table, ["a", "b", "c"], "fast-pc", tiers=[0, 1, 2])
    assert [str(e) for e in tiered.edges] == ["a --> b", "b --> c"]


def test_false_edges_come_at_the_level_of_the_test() -> None:
    rng = np.random.default_rng(2)
    edges = sum(skeleton(np.corrcoef(rng.standard_normal((2, 60))), 60, 0.05).adjacent[0, 1] for _ in range(2000))
    assert 0.037 < edges / 2000 < 0.065


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_skeleton_ignores_units_and_follows_the_columns(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    table = linear_gaussian(rng, 6, 80, 0.4)
    base = skeleton(np.corrcoef(table.T), 80)
    order = rng.permutation(6)
    signs = rng.choice([-1, 1], 6)
    moved = skeleton(np.corrcoef((table * signs * scale + shift)[:, order].T), 80)
    assert np.array_equal(moved.adjacent, base.adjacent[np.ix_(order, order)])
    np.testing.assert_allclose(moved.strength, base.strength[np.ix_(order, order)], rtol=1e-4, atol=1e-6)


def test_guards_drop_and_name_what_would_invent_edges() -> None:
    rng = np.random.default_rng(4)
    table = rng.standard_normal((60, 5))
    still = np.full((60, 1), 0.1 + 0.2)
    spread = np.c_[table, still, -3 * table[:, 0] + 7, table[:, 1] + table[:, 2], np.full(60, np.nan)]
    spread[7, 3] = np.inf
    names = ["a", "b", "c", "d", "e", "still", "copy", "sum", "hollow"]
    kept = guard(spread, names)
    assert kept.names == ("a", "b", "c", "d", "e")
    assert {n.kind: n.what for n in kept.notes} == {
        "not finite": ("hollow",),
        "rows": (),
        "constant": ("still",),
        "duplicate": ("copy",),
        "collinear": ("sum",),
    }
    assert 7 not in kept.rows
    assert len(kept.rows) == 59
    graph = discover(spread, names, "fast-pc")
    assert graph.nodes == tuple(names)
    assert not any({"still", "copy", "sum", "hollow"} & {e.source, e.target} for e in graph.edges)


def test_causal_learn_does_invent_those_edges() -> None:
    """The reason for the guard: a constant column is joined to every other one."""
    table = np.random.default_rng(5).standard_normal((60, 4))
    table[:, 2] = 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        assert (reference(table, 0.05, None, None)[2] != 0).sum() == 3
    assert not any("c" in (e.source, e.target) for e in discover(table, list("abcd")).edges)


@pytest.mark.parametrize("method", ["pc", "fast-pc", "fci", "ges", "boss", "lingam"])
def test_too_few_rows_bound_the_sets_or_refuse(method: str) -> None:
    table = np.random.default_rng(6).standard_normal((7, 6))
    kept = guard(table, list("abcdef"))
    assert kept.max_k == 3
    assert kept.notes[-1].kind == "samples"
    assert discover(table, list("abcdef"), method).nodes == tuple("abcdef")
    with pytest.raises(TooFewSamples, match="3 independent rows"):
        discover(table[:3], list("abcdef"), method)


def test_searches_are_silent(capfd: pytest.CaptureFixture[str]) -> None:
    table = linear_gaussian(np.random.default_rng(7), 5, 200, 0.6)
    for method in ("pc", "fci", "ges", "boss", "lingam"):
        discover(table, list("abcde"), method, tiers=[0, 0, 0, 0, 1])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["pc", "fast-pc", "fci", "ges", "boss", "lingam"])
def test_no_arrow_points_back_through_tiers(method: str) -> None:
    for seed in range(4):
        table = linear_gaussian(np.random.default_rng(seed), 6, 200, 0.5)
        graph = discover(table, list("abcdef"), method, tiers=[1, 0, 0, 1, 0, 0])
        assert not any(e.source in "ad" and e.target in "bcef" and e.kind == "-->" for e in graph.edges)


def test_degrees_of_freedom_already_spent_count() -> None:
    table = linear_gaussian(np.random.default_rng(8), 6, 60, 0.5)
    found = [discover(table, list("abcdef"), "pc", lost=lost) for lost in (0.0, 20.0, 45.5)]
    assert found == [discover(table, list("abcdef"), "fast-pc", lost=lost) for lost in (0.0, 20.0, 45.5)]
    assert len({len(g.edges) for g in found}) == 3
    few = [len(discover(table, list("abcdef"), m, lost=45.5).edges) for m in ("fci", "ges")]
    many = [len(discover(table, list("abcdef"), m).edges) for m in ("fci", "ges")]
    assert all(f < m for f, m in zip(few, many, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: critical(1.5), "between 0 and 1"),
        (lambda: skeleton(np.ones((2, 3)), 50), "square and finite"),
        (lambda: skeleton(np.full((2, 2), np.nan), 50), "square and finite"),
        (lambda: skeleton(np.eye(2), 3), "at least 4"),
        (lambda: skeleton(np.ones((3, 3)), 50), "combination"),
        (lambda: skeleton(np.eye(63), 500), "at most 62"),
        (lambda: discover(np.ones((9, 2)), ["a", "b"], "magic"), "no discovery method"),
        (lambda: discover(np.ones((9, 2)), ["a"], "pc"), "expected \\(N, 1\\)"),
        (lambda: discover(np.ones((9, 2)), ["a", "a"], "pc"), "differ"),
        (lambda: discover(np.ones((9, 2)), ["a", "b"], "pc", tiers=[0]), "one each"),
    ],
)
def test_bad_input_is_told(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_a_graph_too_dense_for_memory_asks_for_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mask.causal.fisherz.MEMORY", 20_000)
    dense = 0.5 * np.eye(12) + 0.5
    with pytest.raises(ValueError, match="give max_k below"):
        skeleton(dense, 5000)
    assert skeleton(dense, 5000, max_k=1).adjacent.sum() == 132


def test_graph_json_round_trip_and_damage() -> None:
    table = linear_gaussian(np.random.default_rng(9), 6, 300, 0.5)
    table[:, 4] = 2.0
    for method in ("fast-pc", "fci"):
        graph = discover(table, list("abcdef"), method)
        assert Graph.from_json(json.loads(json.dumps(graph.to_json()))) == graph
    edge = Edge("a", "b", "-->")
    for damaged in (
        {},
        {"nodes": ["a"], "edges": [{"source": "a"}]},
        {"nodes": ["a"], "edges": [{"source": "a", "target": "b", "kind": "-->"}]},
        {"nodes": ["a", "b"], "edges": [{"source": "a", "target": "b", "kind": "==>"}]},
        {"nodes": 3, "edges": []},
    ):
        with pytest.raises(ValueError, match=r"causal graph|no known kind"):
            Graph.from_json(damaged)
    assert str(edge) == "a --> b"
