"""Success against queries: which query first answered wrongly, what counts as one, and the figures made of it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mask.audit import Setting, run
from mask.clip import Clip
from mask.contracts import Access, Attack, Scene
from mask.errors import UnreadableData
from mask.metrics import wilson
from mask.plan import Placement, Plan, ThreatModel
from mask.registry import create
from mask.results import LATER, Row, anytime, read_rows, summarise, write_rows
from mask.runs import Run
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset, strained

BLOCK = [(r, c) for r in range(4, 8) for c in range(12, 16)]
MODEL = LinearFlow(np.ones((28, 28)), 2000.0)
SKIN = ThreatModel("skin", area=0.046)
HIT = Plan(Placement(14 / 28, 6 / 28, 0.046))  # over the whole block
MISS = Plan(Placement(7 / 28, 19 / 28, 0.046))  # on a cheek
OTHER = Plan(Placement(21 / 28, 19 / 28, 0.046))
LARGE = Plan(Placement(0.5, 0.3, 0.2))  # would hit, and is not allowed


@dataclass(frozen=True)
class Scripted(Attack):
    """Asks what it is told to ask, and proposes what it is told to propose."""

    asks: tuple[Plan, ...] = ()
    proposal: Plan = HIT
    access: ClassVar[Access] = "decision"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        for plan in self.asks:
            scene.target.decide([plan])
        return self.proposal


@dataclass(frozen=True)
class Silent(Scripted):
    access: ClassVar[Access] = "none"


def rows_of(attack: Attack, **threat: Any) -> tuple[list[Row], dict[str, Any]]:
    """Two clips of ``moved`` read right, one read wrong clean."""
    clips = [flow_clip(f"s{s}/m", strained(BLOCK, 250 - s)) for s in range(2)]
    clips.append(flow_clip("s2/wrong", strained(BLOCK[:4])))
    setting = Setting((MODEL,), flow_dataset(clips), {"x": attack}, (replace(SKIN, **threat),))
    (cell,) = run(setting)
    return cell["rows"], cell["cell"]


@pytest.mark.parametrize(
    ("asks", "proposal", "queries", "first"),
    [
        ((), HIT, 1, 1),
        ((), MISS, 1, None),
        ((MISS, OTHER), HIT, 3, 3),  # the final look finds it
        ((MISS, HIT, OTHER), HIT, 3, 2),  # the final look is free, it was asked before
        ((MISS, MISS, HIT), HIT, 2, 2),  # asking again costs nothing
        ((MISS, HIT), OTHER, 3, 2),  # it was wrong once, whatever was proposed at last
        ((LARGE, MISS), OTHER, 3, None),  # wrong under a sticker that is not allowed
        ((LARGE, HIT), HIT, 2, 2),
    ],
)
def test_the_first_wrong_answer_by_hand(
    asks: tuple[Plan, ...], proposal: Plan, queries: int, first: int | None
) -> None:
    rows, _ = rows_of(Scripted(asks, proposal))
    right, wrong = rows[:2], rows[2]
    assert [(r.queries, r.first_success) for r in right] == [(queries, first)] * 2
    assert [r.success for r in right] == [proposal is HIT] * 2
    assert wrong.clip == "s2/wrong"
    assert wrong.first_success is None
    assert not wrong.success


def test_a_plan_that_is_not_allowed_at_last_counts_nothing() -> None:
    rows, cell = rows_of(Scripted((HIT,), LARGE))
    assert {(r.status, r.first_success) for r in rows} == {("invalid", None)}
    assert cell["n_success"] == 0


def test_figures_of_a_cell_by_hand() -> None:
    _, cell = rows_of(Scripted((MISS, HIT), HIT), budget=10)
    assert [(a["queries"], a["n"], a["n_success"], a["asr"]) for a in cell["anytime"]] == [
        (1, 2, 0, 0.0),
        (10, 2, 2, 1),
    ]
    _, cell = rows_of(Scripted((MISS, HIT), HIT))
    assert [a["queries"] for a in cell["anytime"]] == [1], "without a budget, up to the most that was used"
    _, cell = rows_of(Silent((), HIT), budget=1000)
    assert [(a["queries"], a["n_success"]) for a in cell["anytime"]] == [(1, 2)], "only the final look is had"


def row(clip: str, first: int | None, queries: int = 1, emotion: str = "moved") -> Row:
    answer = "calm" if first else "moved"
    return Row(
        "r", "none", "x", "skin", clip, clip[:2], emotion, "moved", answer, "ok", first is not None, queries, first
    )


def test_success_at_each_budget_by_hand() -> None:
    rows = [row(f"s{k}/c", first, 1000) for k, first in enumerate([1, 1, 9, 10, 11, 100, 101, 1000, None, None])]
    told = summarise([*rows, row("s99/wrong", None, emotion="calm")], EMOTIONS)["anytime"]
    assert [(a["queries"], a["n_success"], a["n"]) for a in told] == [
        (1, 2, 10),
        (10, 4, 10),
        (100, 6, 10),
        (1000, 8, 10),
    ]
    assert told[1]["asr"] == 0.4
    assert told[1]["asr_ci95"] == list(wilson(4, 10))
    assert [a["queries"] for a in anytime(rows, 999)] == [1, 10, 100]
    assert anytime([], 1) == [{"queries": 1, "n": 0, "n_success": 0, "asr": None, "asr_ci95": [0.0, 1.0]}]


def test_success_only_grows_and_ends_at_the_final_rate() -> None:
    for name in ("exhaustive", "rhde", "devopatch"):
        rng = np.random.default_rng(2)
        clips = []
        for s in range(8):
            top, left = rng.integers(2, 22, 2).tolist()
            clips.append(flow_clip(f"s{s}/m", strained([(top + i, left + j) for i in range(4) for j in range(4)])))
        threat = ThreatModel("overlay", area=0.046, budget=100)
        (cell,) = run(Setting((MODEL,), flow_dataset(clips), {name: create("attacks", name)}, (threat,)))
        rates = [a["asr"] for a in cell["cell"]["anytime"]]
        assert rates == sorted(rates)
        assert rates[-1] == cell["cell"]["asr"]
        assert all(r.first_success is None or r.first_success <= r.queries <= 100 for r in cell["rows"])


def test_the_column_is_read_back_and_older_tables_without_it_too(tmp_path: Path) -> None:
    rows = [row("s0/a", 7, 9), row("s1/b", None, 9)]
    path = tmp_path / "clips.csv"
    write_rows(rows, path)
    assert [r["first_success"] for r in csv.DictReader(path.open())] == ["7", ""]
    assert [r.first_success for r in read_rows(path)] == [7, None]
    with path.open() as stream:
        table = list(csv.DictReader(stream))
    older = [k for k in table[0] if k not in LATER]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, older, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    found = read_rows(path)
    assert [(r.clip, r.queries, r.success, r.first_success) for r in found] == [
        ("s0/a", 9, True, None),
        ("s1/b", 9, False, None),
    ]
    path.write_text(path.read_text().replace("queries", "looks", 1))
    with pytest.raises(UnreadableData, match="columns"):
        read_rows(path)


def test_an_interrupted_run_keeps_it(tmp_path: Path) -> None:
    filled = Run(tmp_path / "out", {"header": 1})
    filled.keep({"key": "k", "cell": {}, "rows": [row("s0/a", 7, 9), row("s1/b", None, 9)]})
    assert [r.first_success for r in filled.finished["k"]["rows"]] == [7, None]
