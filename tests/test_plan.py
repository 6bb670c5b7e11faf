"""Plans and threat models: what is outside is refused, what is inside survives being written down."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask.errors import InvalidPlan
from mask.plan import DIRECTIONS, Kinetics, Placement, Plan, ThreatModel

unit = st.floats(0, 1)


@given(unit, unit, st.floats(0.001, 0.046), st.floats(-180, 180), st.sampled_from(DIRECTIONS))
def test_plans_survive_json(x: float, y: float, area: float, angle: float, direction: tuple[float, float]) -> None:
    plan = Plan(Placement(x, y, area, angle, "chin"), Kinetics("overlay", direction, 1.2), "star", "because", True)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (Plan(Placement(1.2, 0.5, 0.04)), "outside the face box"),
        (Plan(Placement(math.nan, 0.5, 0.04)), "not finite"),
        (Plan(Placement(0.5, 0.5, 0.05)), "limit is 0.0460"),
        (Plan(Placement(0.5, 0.5, 0.0)), "limit"),
        (Plan(Placement(0.5, 0.5, 0.04), Kinetics("overlay", (1, 0), 1.2)), "about skin"),
        (Plan(Placement(0.5, 0.5, 0.04), Kinetics("skin", (1, 0), 1.2)), "about skin"),
    ],
)
def test_outside_the_threat_model(plan: Plan, word: str) -> None:
    with pytest.raises(InvalidPlan, match=word):
        ThreatModel("skin").check(plan)


def test_an_overlay_moves_only_as_far_as_allowed() -> None:
    threat = ThreatModel("overlay", reach_mm=1.2)
    threat.check(Plan(Placement(0.5, 0.5, 0.04), Kinetics("overlay", (1, -1), 1.2)))
    with pytest.raises(InvalidPlan):
        threat.check(Plan(Placement(0.5, 0.5, 0.04), Kinetics("overlay", (1, -1), 2.4)))
    with pytest.raises(InvalidPlan):
        threat.check(Plan(Placement(0.5, 0.5, 0.04), Kinetics("overlay", (3, 0), 1.2)))
    assert len(threat.motions()) == 8


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"kinetics": "teleport"}, "teleport"),
        ({"area": 0.0}, "area"),
        ({"area": 1.5}, "area"),
        ({"budget": 0}, "budget"),
    ],
)
def test_impossible_threat_models(options: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ThreatModel(**options)  # type: ignore[arg-type]
