"""Stickers on flow maps: cases by hand, and a plain loop that shares nothing with the fast path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mask.errors import InvalidPlan
from mask.plan import DIRECTIONS, Kinetics, Placement, Plan, ThreatModel
from mask.regions import load, sites
from mask.sticker.flowspace import apply, apply_many

Map = NDArray[np.uint8]


def plan(column: int, row: int, cells: int = 6, kinetics: Kinetics = Kinetics("skin")) -> Plan:  # noqa: B008
    at = Placement((column + cells / 2) / 28, (row + cells / 2) / 28, (cells / 28) ** 2)
    return Plan(at, kinetics)


def slowly(flow: Map, one: Plan, restretch: bool = True) -> Map:
    """The definition, cell by cell, in exact arithmetic where it matters."""
    cells = round(28 * one.placement.area**0.5)
    first = [round(v * 28 - cells / 2) for v in (one.placement.y, one.placement.x)]
    inside = [
        (r, c)
        for r in range(first[0], first[0] + cells)
        for c in range(first[1], first[1] + cells)
        if 0 <= r < 28 and 0 <= c < 28
    ]
    picture = flow.astype(np.float64)
    for channel in range(3):
        if channel == 2:
            value = 0.0
        elif one.kinetics.kind == "overlay":
            value = 127.5 + 127.5 * one.kinetics.direction[channel]
        else:
            value = sum(int(flow[r, c, channel]) for r, c in inside) / len(inside)
        for r, c in inside:
            picture[r, c, channel] = value
    if restretch:
        for channel in range(3):
            low, high = picture[:, :, channel].min(), picture[:, :, channel].max()
            span = high - low
            picture[:, :, channel] = (picture[:, :, channel] - low) * (255 / span if span > 0 else 0)
    return np.rint(picture).astype(np.uint8)


@pytest.fixture
def flow(rng: np.random.Generator) -> Map:
    picture = rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)
    picture[0, 0], picture[27, 27] = 0, 255
    return picture


def test_skin_by_hand() -> None:
    flow = np.full((28, 28, 3), 100, dtype=np.uint8)
    flow[0, 0], flow[0, 1] = 0, 255
    flow[10:12, 10:12, 0] = [[10, 20], [30, 41]]
    out = apply(flow, plan(10, 10, 2))
    assert (out[10:12, 10:12, 0] == 25).all()  # 25.25
    assert (out[10:12, 10:12, 1] == 100).all()
    assert (out[10:12, 10:12, 2] == 0).all()
    unchanged = flow.copy()
    unchanged[10:12, 10:12] = out[10:12, 10:12]
    assert (out == unchanged).all(), "the extremes lie outside: nothing else is stretched"


def test_hiding_an_extreme_stretches_the_rest() -> None:
    flow = np.full((28, 28, 3), 100, dtype=np.uint8)
    flow[0, 0], flow[5, 5], flow[20, 20] = 0, 150, 255
    out = apply(flow, plan(19, 19, 2))
    # u inside: (3 * 100 + 255) / 4 = 138.75; the rest now runs from 0 to 150, times 255 / 150 = 1.7.
    assert out[20, 20, 0] == round(138.75 * 1.7)
    assert out[5, 5].tolist() == [255, 255, 255]
    assert out[9, 9].tolist() == [170, 170, 170]
    assert out[20, 20, 2] == 0


@pytest.mark.parametrize(("direction", "u", "v"), [((1, -1), 255, 0), ((0, 1), 128, 255), ((-1, 0), 0, 128)])
def test_overlay_reaches_the_end_of_the_scale(flow: Map, direction: tuple[float, float], u: int, v: int) -> None:
    out = apply(flow, plan(8, 4, 4, Kinetics("overlay", direction)), restretch=False)
    block = np.s_[4:8, 8:12]
    assert (out[block][..., 0] == u).all()
    assert (out[block][..., 1] == v).all()
    assert (out[block][..., 2] == 0).all()
    outside = np.ones((28, 28), dtype=bool)
    outside[block] = False
    assert (out[outside] == flow[outside]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 255))
def test_the_fast_path_agrees_with_the_definition(seed: int, restretch: bool, levels: int) -> None:
    rng = np.random.default_rng(seed)
    flow = rng.integers(0, levels + 1, (28, 28, 3)).astype(np.uint8)
    plans = []
    for _ in range(25):
        motion = Kinetics("overlay", DIRECTIONS[rng.integers(8)]) if rng.random() < 0.5 else Kinetics("skin")
        plans.append(Plan(Placement(*rng.random(2), rng.uniform(0.002, 0.3)), motion))
    fast = apply_many(flow, plans, restretch=restretch)
    for out, one in zip(fast, plans, strict=True):
        np.testing.assert_array_equal(out, slowly(flow, one, restretch))


def test_every_site_of_the_audit_agrees_with_the_definition(flow: Map) -> None:
    threat = ThreatModel(kinetics="overlay")
    places = sites(load("mesh"), threat, "flow")
    plans = [Plan(Placement(s.x, s.y, threat.area), m) for s in places for m in threat.motions()]
    fast = apply_many(flow, plans)
    assert fast.shape == (1152, 28, 28, 3)
    for i in range(0, 1152, 37):
        np.testing.assert_array_equal(fast[i], slowly(flow, plans[i]))


def test_a_flat_channel_stays_flat_and_the_input_untouched() -> None:
    flow = np.full((28, 28, 3), 9, dtype=np.uint8)
    kept = flow.copy()
    out = apply(flow, plan(3, 3))
    assert (flow == kept).all()
    assert not out[:, :, :2].any(), "nothing moves anywhere"
    assert out[0, 0, 2] == 255
    whole = apply(flow, plan(0, 0, 28))
    assert not whole.any()


def test_no_plans_give_no_maps(flow: Map) -> None:
    assert apply_many(flow, []).shape == (0, 28, 28, 3)


def test_what_cannot_be_done_is_told(flow: Map) -> None:
    with pytest.raises(InvalidPlan, match="choose kinetics 'skin' or 'overlay'"):
        apply(flow, plan(3, 3, kinetics=Kinetics("screen")))
    with pytest.raises(InvalidPlan, match="upright"):
        apply(flow, Plan(Placement(0.5, 0.5, 0.046, angle=45)))
    with pytest.raises(InvalidPlan, match="cells wide on a flow map"):
        apply(flow, Plan(Placement(0.5, 0.5, 0.0001)))
    with pytest.raises(InvalidPlan, match="outside the face box"):
        apply(flow, Plan(Placement(0.5, 7.0, 0.046)))
    with pytest.raises(ValueError, match="expected uint8"):
        apply(flow.astype(float), plan(3, 3))  # type: ignore[arg-type]
