"""BOSS, DirectLiNGAM and CD-NOD: textbook graphs, exhaustive search, and causal-learn as the reference."""

from __future__ import annotations

import contextlib
import io
import json
import random
from itertools import permutations

import numpy as np
import pytest
from causallearn.search.ConstraintBased.CDNOD import cdnod
from causallearn.search.FCMBased.lingam import DirectLiNGAM

from mask.causal.bootstrap import bootstrap
from mask.causal.boss import _Search, boss
from mask.causal.discover import DATASET, METHODS, discover, discover_table
from mask.causal.lingam import causal_order
from mask.causal.plot import figure
from mask.causal.probe import probe
from mask.causal.result import ProbeResult
from mask.causal.table import build

from .test_causal_search import linear_gaussian

Array = np.ndarray
NEW = ("boss", "lingam", "cdnod")
SHAPES = {
    "chain": [("a", "b"), ("b", "c")],
    "fork": [("b", "a"), ("b", "c")],
    "collider": [("a", "c"), ("b", "c")],
}


def model(shape: str, rng: np.random.Generator, rows: int = 3000, gaussian: bool = False) -> Array:
    """Three variables, each the sum of its parents and noise."""
    draw = rng.standard_normal if gaussian else lambda size: rng.uniform(-1.7, 1.7, size)
    values = {name: draw(rows) for name in "abc"}
    for source, target in sorted(SHAPES[shape], key=lambda e: e != ("a", "b")):
        values[target] = values[target] + values[source]
    return np.column_stack([values[n] for n in "abc"])


def edges(table: Array, method: str, **options: object) -> list[str]:
    return sorted(str(e) for e in discover(table, list("abc")[: table.shape[1]], method, **options).edges)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SHAPES)
def test_lingam_finds_every_arrow(shape: str) -> None:
    table = model(shape, np.random.default_rng(0))
    assert edges(table, "lingam", alpha=0.001) == sorted(f"{s} --> {t}" for s, t in SHAPES[shape])


@pytest.mark.parametrize(
    ("shape", "plain", "tiered"),
    [
        ("chain", ["a --- b", "b --- c"], ["a --> b", "b --> c"]),
        ("fork", ["a --- b", "b --- c"], ["a --> b", "b --> c"]),
        ("collider", ["a --> c", "b --> c"], ["a --> c", "b --> c"]),
    ],
)
def test_boss_finds_the_equivalence_class_and_tiers_turn_it(shape: str, plain: list[str], tiered: list[str]) -> None:
    table = model(shape, np.random.default_rng(1), gaussian=True)
    assert edges(table, "boss") == plain
    assert edges(table, "boss", tiers=[0, 1, 2]) == tiered


def test_boss_searches_within_tiers_and_does_not_only_turn_arrows() -> None:
    """Of two causes put after their effect, each still tells of the other given the effect."""
    table = model("collider", np.random.default_rng(1), gaussian=True)
    assert edges(table, "boss", tiers=[1, 1, 0]) == ["a --- b", "c --> a", "c --> b"]


@pytest.mark.parametrize("seed", range(12))
def test_boss_never_beats_all_orders_and_is_seldom_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = linear_gaussian(rng, 5, 200, 0.5)
    search = _Search(np.corrcoef(table.T), 200, [0] * 5)

    def score(order: tuple[int, ...]) -> float:
        return sum(search.parents(v, order[:i])[0] for i, v in enumerate(order))

    best = max(score(order) for order in permutations(range(5)))
    order, moved = list(range(5)), True
    while moved:
        moved = False
        for v in range(5):
            before = score(tuple(order))
            changed = search.improve(order, v)
            assert score(tuple(order)) >= before - 1e-9, "a move must not make the order worse"
            moved |= changed
    assert best - score(tuple(order)) < 2.5
    assert score(tuple(order)) <= best + 1e-9


def test_parents_are_those_of_the_best_subset() -> None:
    """Grow-shrink against every subset of five candidates, where the candidates are nearly independent."""
    rng = np.random.default_rng(2)
    table = rng.standard_normal((400, 6))
    table[:, 0] += 0.5 * table[:, 2] - 0.4 * table[:, 5]
    search = _Search(np.corrcoef(table.T), 400, [0] * 6)
    score, parents = search.parents(0, [1, 2, 3, 4, 5])
    assert sorted(parents) == [2, 5]
    left = np.linalg.lstsq(table[:, [2, 5]] - table[:, [2, 5]].mean(0), table[:, 0] - table[:, 0].mean(), rcond=None)[1]
    expected = -200 * np.log(left[0] / (400 * table[:, 0].var())) - np.log(400)
    assert score == pytest.approx(expected, rel=1e-9)


def test_lingams_order_is_causal_learns() -> None:
    for seed in range(15):
        rng = np.random.default_rng(seed)
        table = rng.laplace(size=(800, 6)) @ np.triu(rng.uniform(-1, 1, (6, 6)), 1).__add__(np.eye(6))
        table = table[:, rng.permutation(6)]
        assert causal_order(table) == DirectLiNGAM().fit(table).causal_order_, f"seed {seed}"


def test_tiers_come_first_in_the_order_whatever_the_noise_says() -> None:
    table = model("chain", np.random.default_rng(3))
    assert causal_order(table) == [0, 1, 2]
    assert causal_order(table, [1, 1, 0])[0] == 2
    assert causal_order(table, [1, 0, 0])[2] == 0


@pytest.mark.parametrize("block", range(4))
def test_cdnod_is_causal_learns(block: int) -> None:
    for seed in range(block, 80, 4):
        rng = np.random.default_rng(seed)
        count, rows = int(rng.integers(3, 8)), int(rng.choice([40, 100, 500]))
        part = (np.arange(rows) % 2).astype(float)
        table = linear_gaussian(rng, count, rows, rng.uniform(0.1, 0.7)) + np.outer(
            part, rng.choice([0, 0, 0.8], count)
        )
        names = [f"X{i + 1}" for i in range(count)]
        with contextlib.redirect_stderr(io.StringIO()):
            found = cdnod(table, part[:, None], 0.05, show_progress=False)
        expected = {str(e) for e in discover(table, names, "cdnod", domains=part.astype(int).tolist()).edges}
        there = np.asarray(found.G.graph)
        assert len(expected) == (np.triu(there) != 0).sum(), f"seed {seed}"
        for i, a in enumerate([*names, DATASET]):
            for j, b in enumerate([*names, DATASET]):
                if there[i, j] == -1 and there[j, i] == 1:
                    assert f"{a} --> {b}" in expected, f"seed {seed}"


def test_what_datasets_differ_by_tells_the_direction() -> None:
    rng = np.random.default_rng(4)
    part = np.arange(1000) % 2
    brow = rng.standard_normal(1000) + part
    lip = brow + rng.standard_normal(1000)
    table = np.c_[lip, brow]
    assert edges(table, "fast-pc") == ["a --- b"]
    assert edges(table, "cdnod", domains=part.tolist()) == ["b --> a", f"{DATASET} --> b"]


def test_pooled_datasets_of_other_means_join_nothing() -> None:
    rng = np.random.default_rng(5)
    part = np.arange(600) % 2
    table = rng.standard_normal((600, 2)) + part[:, None]
    assert edges(table, "fast-pc") == ["a --- b"]
    assert edges(table, "cdnod", domains=part.tolist()) == [f"{DATASET} --> a", f"{DATASET} --> b"]


@pytest.mark.parametrize(("method", "level"), [("boss", 0.0214), ("lingam", 0.05), ("cdnod", 0.05)])
def test_false_edges_come_at_a_known_rate(method: str, level: float) -> None:
    """The BIC of one more parent is an F test whose level the number of rows sets: P(|z| > sqrt(log 200))."""
    rng, found = np.random.default_rng(6), 0
    part = (np.arange(200) % 2).tolist()
    for _ in range(100):
        graph = discover(rng.laplace(size=(200, 5)), list("abcde"), method, domains=part)  # type: ignore[arg-type]
        found += sum(DATASET not in (e.source, e.target) for e in graph.edges)
    assert 0.4 * level < found / 1000 < 1.4 * level


@pytest.mark.parametrize("method", NEW)
def test_the_graph_follows_the_columns(method: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        part = (np.arange(500) % 2).tolist()
        # A sparse graph: where v-structures conflict, PC draws the first one first.
        table = linear_gaussian(rng, 5, 500, 0.3) + 0.5 * rng.laplace(size=(500, 5))
        order = rng.permutation(5)
        names = np.array(list("abcde"))
        base = discover(table, list(names), method, domains=part)  # type: ignore[arg-type]
        moved = discover(table[:, order] * 3 - 7, names[order].tolist(), method, domains=part)  # type: ignore[arg-type]
        assert moved.skeleton() == base.skeleton()
        if method != "cdnod":
            same = {frozenset((e.source, e.target)): str(e) for e in base.edges if e.kind == "-->"}
            assert same == {frozenset((e.source, e.target)): str(e) for e in moved.edges if e.kind == "-->"}


@pytest.mark.parametrize("method", NEW)
def test_still_and_copied_columns_join_nothing_and_no_generator_is_touched(method: str) -> None:
    table = model("chain", np.random.default_rng(7), rows=200)
    table = np.c_[table, np.full(200, 0.3), -2 * table[:, 0] + 1]
    part = (np.arange(200) % 2).tolist()
    before, python = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    found = [discover(table, list("abcde"), method, domains=part) for _ in range(2)]  # type: ignore[arg-type]
    assert found[0] == found[1]
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert random.getstate() == python
    assert {n.kind for n in found[0].notes} == {"constant", "duplicate"}
    assert not any({"d", "e"} & {e.source, e.target} for e in found[0].edges)
    assert found[0].edges


@pytest.mark.parametrize("kinds", [None, [0] * 60, [0, 1, 2] * 20, [0, 1]])
def test_cdnod_without_two_datasets_refuses(kinds: list[int] | None) -> None:
    with pytest.raises(ValueError, match="compares two datasets"):
        discover(np.random.default_rng(0).standard_normal((60, 3)), list("abc"), "cdnod", domains=kinds)


def world(seed: int) -> tuple[Array, list[str], list[str], list[str]]:
    """Two datasets of six subjects: in the second, r0 lies higher and joy is shown more often; joy adds to r2."""
    rng = np.random.default_rng(seed)
    subjects = np.arange(144) % 12
    second = subjects >= 6
    labels = np.where(rng.random(144) < np.where(second, 0.7, 0.3), "joy", "calm")
    motion = rng.standard_normal((144, 4)) + 0.3 * rng.standard_normal((12, 4))[subjects]
    motion[:, 0] += 3.0 * second
    motion[labels == "joy", 2] += 1.5
    return motion, labels.tolist(), [f"s{s}" for s in subjects], np.where(second, "samm", "casme2").tolist()


def test_what_datasets_differ_by_stays_in_the_table_and_what_subjects_differ_by_goes() -> None:
    motion, labels, subjects, parts = world(0)
    table = build(motion, labels, subjects, list("abcd"), ("joy", "calm"), None, 3, parts)
    across, second = table.across(), table.domains == 1
    apart = across[second].mean(axis=0) - across[~second].mean(axis=0)
    raw = motion[second].mean(axis=0) - motion[~second].mean(axis=0)
    inside = motion - np.array([motion[np.array(subjects) == s].mean(axis=0) for s in subjects])
    kept = inside + np.where(second[:, None], motion[second].mean(axis=0), motion[~second].mean(axis=0))
    np.testing.assert_allclose(apart[:4], raw / kept.std(axis=0))
    for s in np.unique(table.subjects):
        own = table.subjects == s
        np.testing.assert_allclose(across[own].mean(axis=0), across[second == second[own][0]].mean(axis=0), atol=1e-12)


def test_probe_with_two_datasets_names_region_and_dataset() -> None:
    motion, labels, subjects, parts = world(1)
    names = [f"r{i}" for i in range(4)]
    result = probe(
        motion, labels, subjects, names, ("joy", "calm"), rng=np.random.default_rng(1), method="cdnod",
        bootstraps=20, nulls=39, domains=parts,
    )  # fmt: skip
    assert result.of("joy").region == "r2"
    assert result.graph.adjacent(DATASET, "r0")
    assert result.graph.adjacent("r2", "joy")
    assert not result.graph.adjacent("r0", "joy"), "both differ between the datasets, and not within one"
    assert not any(e.source in ("joy", "calm") or e.target == DATASET for e in result.graph.edges)
    assert ProbeResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert any(t.get_text() == DATASET for axes in figure(result).axes for t in axes.texts)
    alone = probe(
        motion[:73], labels[:73], [*subjects[:72], "lonely"], names, ("joy", "calm"), rng=np.random.default_rng(1),
        method="cdnod", bootstraps=20, nulls=39, domains=[*["casme2"] * 72, "samm"],
    )  # fmt: skip
    assert "one dataset" in alone.of("joy").reason


@pytest.mark.parametrize("method", [m for m in METHODS if m != "fast-pc"])
def test_no_method_points_from_an_emotion(method: str) -> None:
    motion, labels, subjects, parts = world(2)
    table = build(motion, labels, subjects, [f"r{i}" for i in range(4)], ("joy", "calm"), None, 3, parts)
    _, joined = discover_table(table, method, 0.2)  # type: ignore[arg-type]
    for emotion, graph in zip(table.emotions, joined, strict=True):
        assert not graph.children(emotion)
        assert graph.adjacent("r2", emotion)
    tally = bootstrap(table, 4, np.random.default_rng(0), method=method)  # type: ignore[arg-type]
    assert (tally.ties[2] == 4).all()


@pytest.mark.parametrize("method", ["boss", "lingam"])
def test_fewer_rows_than_columns_are_searched_all_the_same(method: str) -> None:
    rng = np.random.default_rng(9)
    rows = rng.laplace(size=(9, 14))
    rows[:, 1] = rows[:, 0] + 0.05 * rows[:, 1]
    names = [f"r{i}" for i in range(14)]
    repeated = rows[[0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 8, 8]]
    for table in (rows, repeated):
        graph = discover(table, names, method, max_k=3)  # type: ignore[arg-type]
        assert graph.adjacent("r0", "r1")
        assert len(graph.edges) < 60


def test_boss_weighs_an_edge_by_the_samples_there_really_are() -> None:
    rng = np.random.default_rng(8)
    table = rng.standard_normal((300, 2))
    table[:, 1] += 0.2 * table[:, 0]
    correlation = np.corrcoef(table.T)
    assert (boss(correlation, 300) != 0).any()
    assert not (boss(correlation, 60) != 0).any()
