"""Several stickers in one plan: the limits on them, how they are carried out, and how they are chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mask.apply import apply, check
from mask.audit import Setting, run
from mask.audit import check as audit_check
from mask.conformance import check_attack
from mask.data.synthetic import create as synthetic
from mask.errors import InvalidPlan, UsageError
from mask.plan import Kinetics, Placement, Plan, ThreatModel
from mask.regions import load, region_sites, sites
from mask.registry import create
from mask.results import read_rows, write_rows
from mask.sticker.flowspace import apply_many
from mask.summary import plan_of
from tests.models import LinearFlow, flow_clip, flow_dataset, strained

FOUR = ThreatModel("skin", area=0.046, number=4)
SIDE = 3  # cells of a quarter of 4.6 % of the face
FACE = load("mesh")
RIGHT = Kinetics("overlay", (1.0, 0.0), 1.2)


def put(*corners: tuple[int, int], cells: int = SIDE, kinetics: Kinetics = RIGHT) -> Plan:
    """A plan of stickers with these top left cells, (column, row)."""
    where = [Placement((c + cells / 2) / 28, (r + cells / 2) / 28, (cells / 28) ** 2) for c, r in corners]
    return Plan(where[0], kinetics, more=tuple(where[1:]))


def slowly(flow: NDArray[np.uint8], plan: Plan) -> NDArray[np.uint8]:
    """The definition, sticker by sticker, all looking at the map as it was given."""
    picture = flow.astype(np.float64)
    for p in plan.placements:
        side = round(28 * p.area**0.5)
        column, row = (round(v * 28 - side / 2) for v in (p.x, p.y))
        under = np.s_[row : row + side, column : column + side]
        for channel, step in enumerate((*plan.kinetics.direction, None)):
            if step is None:
                value = 0.0
            elif plan.kinetics.kind == "overlay":
                value = 127.5 + 127.5 * step
            else:
                value = flow[(*under, channel)].astype(float).mean()
            picture[(*under, channel)] = value
    low, high = picture.min(axis=(0, 1)), picture.max(axis=(0, 1))
    scale = np.divide(255, high - low, out=np.zeros(3), where=high > low)
    return np.rint((picture - low) * scale).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5, unique=True),
    st.sampled_from([Kinetics("skin"), Kinetics("overlay", (1.0, 0.0), 1.2), Kinetics("overlay", (-1.0, 1.0), 1.2)]),
    st.integers(0, 10_000),
)
def test_a_flow_map_under_several_stickers(corners: list[tuple[int, int]], kinetics: Kinetics, seed: int) -> None:
    flow = np.random.default_rng(seed).integers(60, 200, (28, 28, 3), dtype=np.uint8)
    several = put(*[(7 * c, 7 * r) for c, r in corners], kinetics=kinetics)
    single = put((9, 2), cells=6, kinetics=kinetics)
    made = apply_many(flow, [single, several, single])
    for got, plan in zip(made, (single, several, single), strict=True):
        assert np.abs(got.astype(int) - slowly(flow, plan)).max() <= 1


def test_frames_under_two_stickers_are_those_under_one_and_then_the_other() -> None:
    clip = synthetic(subjects=2, repeats=1, size=96).clips[0]
    first, second = Placement(0.5, 0.12, 0.02), Placement(0.25, 0.6, 0.02, angle=30)
    for kinetics in (Kinetics("skin"), Kinetics("overlay", (1.0, 0.0), 1.2)):
        both = apply(clip, Plan(first, kinetics, "heart", more=(second,)))
        one = apply(apply(clip, Plan(first, kinetics, "heart")), Plan(second, kinetics, "heart"))
        for index in (clip.onset, clip.apex):
            np.testing.assert_array_equal(both.frame(index), one.frame(index))
            assert (both.frame(index) != clip.frame(index)).any()


def test_the_limits_hold_for_all_stickers_together() -> None:
    clip = flow_clip("s0/a", strained([(5, 5)]))
    two = replace(FOUR, kinetics="overlay", number=2)
    small = {"cells": SIDE}
    check(clip, put((2, 2), (20, 20), **small), two)  # type: ignore[arg-type]
    for plan, words in (
        (put((2, 2), (20, 20), (2, 20)), "3 stickers; the limit is 2"),
        (put((2, 2), (20, 20), cells=6), "2 stickers cover 0.0918 of the face; the limit is 0.0460"),
        (put((2, 2), (4, 4)), "lie on one another"),
        (replace(put((2, 2)), more=(Placement(0.5, float("nan"), 0.01),)), "not finite"),
        (replace(put((2, 2)), more=(Placement(0.5, 1.5, 0.01),)), "outside the face box"),
        (replace(put((2, 2)), more=(Placement(0.5, 0.5, 0.0),)), "cover"),
    ):
        with pytest.raises(InvalidPlan, match=words):
            check(clip, plan, two)
    check(clip, put((2, 2), (5, 2)), two)  # side by side
    eye = replace(put((12, 2), kinetics=Kinetics("skin")), more=(Placement(0.29, 0.27, 0.0115),))
    with pytest.raises(InvalidPlan, match="covers an eye"):
        check(clip, eye, FOUR)


@pytest.mark.parametrize("number", [0, -1, 17, 1.5])
def test_a_number_of_stickers_that_makes_no_sense(number: Any) -> None:
    with pytest.raises(ValueError, match="expected 1 to 16 stickers"):
        ThreatModel(number=number)


@pytest.mark.parametrize("space", ["frames", "flow"])
def test_stickers_stay_in_the_regions_that_are_allowed(space: Any) -> None:
    threat = ThreatModel("overlay", area=0.02, regions=("chin", "forehead"))
    free = replace(threat, regions=())
    allowed = sites(FACE, threat, space)
    assert allowed == tuple(s for s in sites(FACE, free, space) if s.region in threat.regions)
    assert {s.region for s in allowed} == {"chin", "forehead"}
    places = region_sites(FACE, threat, space)
    assert places["nose"] is None
    assert places["chin"] == region_sites(FACE, free, space)["chin"]
    flow = flow_clip("s0/a", strained([(5, 5)]))
    nose = next(s for s in sites(FACE, free, "flow") if s.region == "nose")
    plan = Plan(Placement(nose.x, nose.y, 0.02), threat.motions()[0])
    check(flow, plan, free)
    with pytest.raises(InvalidPlan, match="is not in chin, forehead"):
        check(flow, plan, threat)
    with pytest.raises(InvalidPlan, match="has no place in under_eye_left"):
        sites(FACE, ThreatModel("skin", area=0.046, regions=("under_eye_left",)), space)
    with pytest.raises(ValueError, match="no region 'ear'"):
        sites(FACE, replace(threat, regions=("ear",)), space)


@pytest.mark.parametrize(("text", "words"), [("", "names no region"), ("ear", "no region 'ear'")])
def test_regions_on_the_command_line(text: str, words: str) -> None:
    from mask.cli.audit import named_regions

    with pytest.raises(UsageError, match=words):
        named_regions(text)


SPOTS = ((5, 5), (5, 21), (21, 5), (21, 21))  # row, column of the middles of four strained patches


def scattered() -> tuple[LinearFlow, NDArray[np.uint8]]:
    """A recognizer and a map whose strain four small stickers can hide, and one of four times the size cannot."""
    cells = [(r + i, c + j) for r, c in SPOTS for i in (-1, 0, 1) for j in (-1, 0, 1)]
    flow = strained(cells)
    return LinearFlow(np.full((28, 28), 0.01), threshold=2.55 * (9 * 1.5 + 1)), flow


@pytest.mark.parametrize("spec", ["pieces:on=target", "pieces:on=chance", "pieces"])
def test_every_way_of_choosing_obeys_the_rules(spec: str) -> None:
    model, flow = scattered()
    clip = flow_clip("s0/a", flow)
    threat = ThreatModel("overlay", area=0.046, number=3, directions=((1.0, 0.0),))
    clips = [clip, flow_clip("s1/a", flow)]
    check_attack(create("attacks", spec), model, clips, threat, sites(FACE, threat, "flow"))


def test_small_stickers_find_what_one_large_one_cannot_cover() -> None:
    model, flow = scattered()
    clips = [flow_clip(f"s{i}/a", flow) for i in range(2)]
    attacks = {spec: create("attacks", spec) for spec in ("exhaustive", "causal", "pieces", "pieces:on=target")}
    threat = ThreatModel("overlay", area=0.046, number=4, directions=((1.0, 0.0),))
    twin = LinearFlow(model.weights, model.threshold, name="twin")
    cells = run(Setting((model,), flow_dataset(clips), attacks, (threat,), surrogates=(twin,)))
    told = {c["cell"]["attack"]: c for c in cells}
    assert {name: c["cell"]["n_success"] for name, c in told.items()} == {
        "exhaustive": 0,
        "causal": 2,
        "pieces": 2,
        "pieces:on=target": 2,
    }
    assert told["causal"]["cell"]["queries_max"] == told["pieces"]["cell"]["queries_max"] == 1
    assert told["pieces:on=target"]["map"] is None, "answers about several stickers are of no one place"


def test_one_piece_is_the_best_single_sticker_and_a_budget_is_kept() -> None:
    block = [(r, c) for r in range(4, 10) for c in range(12, 18)]
    model = LinearFlow(np.ones((28, 28)), threshold=100)
    data = flow_dataset([flow_clip("s0/a", strained(block)), flow_clip("s1/a", strained(block))])
    attacks = {spec: create("attacks", spec) for spec in ("pieces:on=target", "exhaustive")}
    threat = ThreatModel("overlay", area=0.046, directions=((1.0, 0.0),))
    (ours, best) = run(Setting((model,), data, attacks, (threat,)))
    for a, b in zip(ours["rows"], best["rows"], strict=True):
        assert (a.x, a.y, a.more) == (b.x, b.y, "")
    (short,) = run(Setting((model,), data, {"p": attacks["pieces:on=target"]}, (replace(threat, budget=5, number=3),)))
    assert short["cell"]["queries_max"] <= 5
    assert all(len(r.more.split(";")) == 2 for r in short["rows"])


def test_rows_remember_all_stickers(tmp_path: Any) -> None:
    model, flow = scattered()
    threat = ThreatModel("overlay", area=0.046, number=4)
    data = flow_dataset([flow_clip("s0/a", flow), flow_clip("s1/a", flow)])
    (cell,) = run(Setting((model,), data, {"p": create("attacks", "pieces:on=chance")}, (threat,)))
    write_rows(cell["rows"], tmp_path / "clips.csv")
    for row in read_rows(tmp_path / "clips.csv"):
        plan = plan_of(row, threat)
        assert len(plan.placements) == 4
        check(data.clips[0], plan, threat)
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("threat", "words"),
    [
        (ThreatModel("skin", area=0.9), "can nowhere be stuck on the skin"),
        (ThreatModel("overlay", area=0.0002), "expected 1 to 28"),
        (ThreatModel("overlay", area=0.003, number=16), "expected 1 to 28"),
        (ThreatModel("skin", area=0.046, regions=("under_eye_left",)), "has no place in under_eye_left"),
    ],
)
def test_stickers_that_fit_nowhere_are_a_usage_error(threat: ThreatModel, words: str) -> None:
    model, flow = scattered()
    data = flow_dataset([flow_clip("s0/a", flow), flow_clip("s1/a", flow)])
    with pytest.raises(UsageError, match=words):
        audit_check(Setting((model,), data, {"r": create("attacks", "random")}, (threat,)))


def test_an_unknown_way_of_choosing() -> None:
    with pytest.raises(UsageError, match="expected surrogate, target or chance"):
        create("attacks", "pieces:on=luck")
