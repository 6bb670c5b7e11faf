"""Real stickers that move against the skin: driven, bounded, and no more than that."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mask.data.synthetic import create
from mask.data.synthetic.camera import HeadPose, steady
from mask.data.synthetic.film import mesh
from mask.errors import InvalidPlan
from mask.geometry import BOX_MM, face_box
from mask.plan import DIRECTIONS, HEIGHT_MM, ON_SKIN, SLIP_MM, TURN_DEGREES, Kinetics, Placement, Plan, ThreatModel
from mask.regions import canonical, check_place, load, sites
from mask.sticker import Pose, flowspace
from mask.sticker.turn import NOSE_MM, parallax

Array = NDArray[np.float64]

FACE = canonical() * np.array([200.0, 260.0]) + (60, 50)
MM = 200 / BOX_MM[0]
CHEEK = Placement(0.2, 0.5, 0.02)
HELD, SAG = Kinetics("slip", (0, 0), 1.0), Kinetics("slip", (0, 1), 1.0)
MOST = HEIGHT_MM * math.tan(math.radians(TURN_DEGREES))


def against(kinetics: Kinetics, after: Array, progress: float = 1.0, placement: Placement = CHEEK) -> Array:
    """How far a sticker lies from where one on the skin would, in millimetres of the face."""
    there, skin = (Pose(placement, k, FACE).at(after, progress)[:, 2] for k in (kinetics, Kinetics("skin")))
    return (there - skin) / (face_box(after).pixels_per_mm)


# --- slip -----------------------------------------------------------------------------------------------------------


@given(st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=50, deadline=None)
def test_a_held_sticker_stays_behind_the_skin_by_its_motion_and_no_more_than_its_slide(dx: float, dy: float) -> None:
    moved = np.array([dx, dy])
    got = against(HELD, FACE + moved * MM)
    length = float(np.hypot(*moved))
    np.testing.assert_allclose(got, -moved * min(1, 1.0 / length) if length else (0, 0), atol=1e-9)


def test_a_held_sticker_does_not_move_in_the_picture_until_it_is_dragged() -> None:
    pose = Pose(CHEEK, HELD, FACE)
    np.testing.assert_allclose(pose.at(FACE + np.array([0.9, 0]) * MM)[:, 2], pose.start[:, 2], atol=1e-9)
    np.testing.assert_allclose(pose.at(FACE + np.array([3.0, 0]) * MM)[:, 2] - pose.start[:, 2], (2 * MM, 0), atol=1e-9)


def test_gravity_pulls_down_the_picture_however_the_head_is_held() -> None:
    tilt = math.radians(20)
    tilted = FACE @ np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    for face in (FACE, tilted, 1.4 * FACE):
        np.testing.assert_allclose(against(SAG, face), (0, 1), atol=1e-9)
    np.testing.assert_allclose(against(SAG, FACE, 0.25), (0, 0.25), atol=1e-9)
    np.testing.assert_allclose(against(SAG, FACE, 0.0), (0, 0), atol=1e-12)


# --- raised ---------------------------------------------------------------------------------------------------------


def test_a_turn_made_on_purpose_moves_the_top_by_height_times_its_tangent_in_every_direction() -> None:
    assert pytest.approx(0.88, abs=0.005) == MOST
    for direction in DIRECTIONS:
        got = against(Kinetics("raised", direction, HEIGHT_MM), FACE)
        np.testing.assert_allclose(got, MOST * np.array(direction) / np.hypot(*direction), atol=1e-9)


def test_without_a_turn_a_raised_sticker_is_one_on_the_skin() -> None:
    own = Kinetics("raised", (0, 0), HEIGHT_MM)
    np.testing.assert_allclose(against(own, 1.1 * FACE + (7, -3)), (0, 0), atol=1e-9)


def test_the_nose_tells_the_turn() -> None:
    """A nose that moved by its height times tan(4 degrees) is a turn of 4 degrees, along the axes of the face."""
    turned = FACE.copy()
    turned[[1, 4, 5]] += np.array([math.tan(math.radians(4)) * NOSE_MM * MM, 0])
    np.testing.assert_allclose(parallax(FACE, turned), (math.tan(math.radians(4)), 0), atol=1e-9)
    tilt = math.radians(30)
    rotation = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    got = against(Kinetics("raised", (0, 0), 5.0), turned @ rotation)
    expected = 5 * math.tan(math.radians(4)) * np.array([math.cos(tilt), math.sin(tilt)])
    np.testing.assert_allclose(got, expected, rtol=1e-3)  # the nose is a small part of the fit of the whole face


def test_no_turn_counts_for_more_than_the_largest() -> None:
    turned = FACE.copy()
    turned[[1, 4, 5]] += np.array([30.0, -40.0])
    limit = math.tan(math.radians(TURN_DEGREES))
    np.testing.assert_allclose(parallax(FACE, turned), limit * np.array([0.6, -0.8]), atol=1e-9)


@pytest.mark.parametrize("degrees", [-6.0, -2.0, 2.0, 6.0])
@pytest.mark.parametrize("axis", ["yaw", "pitch"])
def test_turns_of_synthetic_heads_are_measured(axis: str, degrees: float) -> None:
    """The synthetic noses stand off by 30 mm, give or take 4, and nods foreshorten: coarse, and right on average."""
    share = []
    for clip in create(subjects=4, repeats=1, size=256).clips[::4]:
        take = clip.landmarks.take  # type: ignore[union-attr]
        angle = math.radians(degrees)
        turn = steady(angle, 0, 0, 0, 0, 0) if axis == "yaw" else steady(0, angle, 0, 0, 0, 0)
        found = parallax(mesh(take, {}, HeadPose()), mesh(take, {}, turn))
        # Looking up moves the nose up the picture.
        truth = np.array([math.tan(angle), 0]) if axis == "yaw" else np.array([0, -math.tan(angle)])
        share.append(float(found @ truth / (truth @ truth)))
        assert np.hypot(*(found - truth)) < 0.45 * np.hypot(*truth)
    assert np.mean(share) == pytest.approx(1, abs=0.2)


# --- on a flow map --------------------------------------------------------------------------------------------------


def flow(seed: int = 0) -> NDArray[np.uint8]:
    picture = np.random.default_rng(seed).integers(90, 160, (28, 28, 3), dtype=np.uint8)
    picture[0, 0], picture[27, 27] = 0, 255
    return picture


def shown(kinetics: Kinetics) -> Array:
    """What a sticker of 6 x 6 cells shows: (u, v, strain)."""
    placed = Placement(13 / 28, 13 / 28, (6 / 28) ** 2)
    return flowspace.apply(flow(), Plan(placed, kinetics))[12, 12].astype(float)


@pytest.mark.parametrize("kinetics", [HELD, Kinetics("raised", (0, 0), 5.0)])
def test_what_a_map_cannot_show_is_not_assumed(kinetics: Kinetics) -> None:
    np.testing.assert_array_equal(shown(kinetics), shown(Kinetics("skin")))


def test_what_a_map_can_show_is_a_share_of_its_extreme() -> None:
    skin = shown(Kinetics("skin"))
    np.testing.assert_allclose(shown(SAG) - skin, (0, 127.5 * 1.0 / 1.2, 0), atol=1)
    got = shown(Kinetics("raised", (-1, -1), HEIGHT_MM)) - skin
    np.testing.assert_allclose(got, (*[-127.5 * MOST / 1.2 / math.sqrt(2)] * 2, 0), atol=1)
    half = shown(Kinetics("raised", (-1, -1), HEIGHT_MM / 2)) - skin
    np.testing.assert_allclose(half, got / 2, atol=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(DIRECTIONS), st.floats(0.1, 5))
def test_no_real_sticker_leaves_the_scale_or_reaches_further_than_an_overlay(
    seed: int, direction: tuple[float, float], height: float
) -> None:
    placed = Placement(13 / 28, 13 / 28, (6 / 28) ** 2)
    picture = np.random.default_rng(seed).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    base, raised, overlay = (
        flowspace.apply(picture, Plan(placed, k), restretch=False)[12, 12].astype(float)
        for k in (Kinetics(), Kinetics("raised", direction, height), Kinetics("overlay", direction, 1.2))
    )
    for channel, step in enumerate(direction):
        low, high = sorted((base[channel], overlay[channel]))
        assert low - 1 <= raised[channel] <= high + 1 if step else raised[channel] == base[channel]


# --- the threat model -----------------------------------------------------------------------------------------------


def test_motions_are_those_that_something_drives() -> None:
    assert ThreatModel("slip").motions() == (Kinetics("slip", (0, 0), SLIP_MM), Kinetics("slip", (0, 1), SLIP_MM))
    raised = ThreatModel("raised", directions=((1.0, 0.0),), height_mm=3.0)
    assert raised.motions() == (Kinetics("raised", (0, 0), 3.0), Kinetics("raised", (1, 0), 3.0))
    assert raised.motion((1, 0)) == raised.motions()[1]
    with pytest.raises(InvalidPlan, match="no motion"):
        raised.motion((0, 1))


@pytest.mark.parametrize(
    ("threat", "kinetics"),
    [
        (ThreatModel("slip"), Kinetics("slip", (1, 0), 1.0)),  # nothing pulls sideways
        (ThreatModel("slip"), Kinetics("slip", (0, 1), 2.0)),
        (ThreatModel("slip"), Kinetics("overlay", (0, 1), 1.0)),
        (ThreatModel("raised"), Kinetics("raised", (0, 1), 6.0)),
        (ThreatModel("raised", directions=()), Kinetics("raised", (0, 1), 5.0)),
    ],
)
def test_other_motions_are_refused(threat: ThreatModel, kinetics: Kinetics) -> None:
    with pytest.raises(InvalidPlan, match="this threat model is about"):
        threat.check(Plan(Placement(0.3, 0.5, 0.04), kinetics))


@pytest.mark.parametrize("options", [{"slip_mm": 1.5}, {"slip_mm": 0.0}, {"height_mm": 6.0}, {"height_mm": math.nan}])
def test_more_than_the_physics_is_no_threat_model(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at most"):
        ThreatModel("slip", **options)  # type: ignore[arg-type]


def test_real_stickers_need_skin() -> None:
    on_eye = Placement(0.27, 0.27, 0.02)
    grids = {k: sites(load("mesh"), ThreatModel(k, area=0.046), "frames") for k in (*ON_SKIN, "overlay")}  # type: ignore[arg-type]
    for kind in ON_SKIN:
        assert grids[kind] == grids["skin"]
        with pytest.raises(InvalidPlan, match="stuck on the skin"):
            check_place(on_eye, kind, "frames")
    assert len(grids["overlay"]) > len(grids["skin"])
    check_place(on_eye, "overlay", "frames")
