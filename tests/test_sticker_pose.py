"""Where a sticker lies: exact under motions of the whole head, stiff under motions of the skin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mask.geometry import BOX_MM, compose, face_box, transform
from mask.plan import DIRECTIONS, Kinetics, Placement
from mask.regions import apertures, canonical, load
from mask.sticker import AVERAGE, Pose, art, progress

Array = NDArray[np.float64]

SCALE = np.array([200.0, 260.0])
FACE = canonical() * SCALE + (60, 50)
"""The average face, 200 px across its box and facing the camera."""

CHEEK = Placement(0.2, 0.45, 0.02)
SKIN = Kinetics("skin")
MM = 200 / BOX_MM[0]
"""Pixels per millimetre on `FACE`."""


def place_of(pose: Array) -> Array:
    return pose[:, 2]


def stretches(pose: Array, start: Array) -> Array:
    """How much longer than at first a sticker is seen, along its two principal directions."""
    return np.linalg.svd(pose[:, :2] @ np.linalg.inv(start[:, :2]), compute_uv=False)


def pushed(at: Array, by: Array, reach_mm: float, face: Array = FACE) -> Array:
    """The face with the skin around a point moved, fading over `reach_mm`."""
    share = np.exp(-0.5 * (np.hypot(*(face - at).T) / (reach_mm * MM)) ** 2)
    return face + share[:, None] * by


# --- the frame where it is put on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.1, 0.35, 0.5, 0.9])
@pytest.mark.parametrize("y", [0.1, 0.45, 0.8])
def test_on_the_average_face_a_place_is_its_face_box_point(x: float, y: float) -> None:
    start = Pose(Placement(x, y, 0.046), SKIN, FACE).start
    np.testing.assert_allclose(place_of(start), transform(face_box(FACE).to_image, [x, y]), atol=0.5)


@pytest.mark.parametrize("angle", [0.0, 30.0, -90.0])
@pytest.mark.parametrize("area", [0.01, 0.046])
def test_a_sticker_has_its_area_and_angle(area: float, angle: float) -> None:
    tilt = math.radians(12)
    tilted = FACE @ np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    linear = Pose(Placement(0.3, 0.5, area, angle), SKIN, tilted).start[:, :2]
    canvas = 4 * np.linalg.det(linear)
    assert canvas * art.FILL == pytest.approx(area * 200 * 260, rel=2e-3)
    np.testing.assert_allclose(linear.T @ linear, np.eye(2) * canvas / 4, atol=1e-9)
    assert math.degrees(math.atan2(linear[1, 0], linear[0, 0])) == pytest.approx(12 + angle, abs=0.2)


def test_a_place_follows_the_anatomy_of_a_longer_face() -> None:
    """Where the lower face is 10 % longer, a sticker on the chin is still on the chin."""
    longer = FACE.copy()
    nose = FACE[1, 1]
    longer[:, 1] = np.where(FACE[:, 1] > nose, nose + 1.1 * (FACE[:, 1] - nose), FACE[:, 1])
    scheme = load("mesh")
    chin = scheme.names.index("chin")
    x, y = scheme.box_centres()[chin]
    got = place_of(Pose(Placement(x, y, 0.02), SKIN, longer).start)
    np.testing.assert_allclose(got, scheme.centres(longer)[chin], atol=2.0)


def test_the_pose_of_the_reference_frame_is_the_start() -> None:
    pose = Pose(CHEEK, SKIN, FACE)
    np.testing.assert_allclose(pose.at(FACE), pose.start, atol=1e-9)


# --- the whole head moves -------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-60, 60),
    st.floats(-60, 60),
    st.floats(0.5, 2),
    st.floats(-90, 90),
    st.floats(0.3, 1),
    st.floats(-0.3, 0.3),
)
def test_any_affine_motion_of_the_head_is_followed_exactly(
    dx: float, dy: float, scale: float, angle: float, turn: float, shear: float
) -> None:
    """Translation, approach, tilt and, far from the camera, turns and nods of a flat face are affine."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    linear = scale * np.array([[c, -s], [s, c]]) @ np.array([[turn, shear], [0, 1]])
    motion = np.concatenate([linear, [[dx], [dy]]], axis=1)
    pose = Pose(CHEEK, SKIN, FACE)
    np.testing.assert_allclose(pose.at(transform(motion, FACE)), compose(motion, pose.start), atol=1e-6)


def test_a_turn_of_a_round_head_foreshortens_the_sticker() -> None:
    """On a cylinder of 75 mm radius turned by 25 degrees, the nearer cheek widens and the farther one narrows."""
    radius = 75 * MM
    middle = FACE[:, 0].mean()
    around = np.arcsin(np.clip((FACE[:, 0] - middle) / radius, -0.999, 0.999))
    turned = FACE.copy()
    turned[:, 0] = middle + radius * np.sin(around + math.radians(25))
    for placement, here in ((CHEEK, -1), (Placement(0.8, 0.45, 0.02), 1)):
        pose = Pose(placement, SKIN, FACE)
        at = pose.at(turned)
        angle = math.asin((place_of(pose.start)[0] - middle) / radius)
        expected = math.cos(angle + math.radians(25)) / math.cos(angle)
        width = np.hypot(*at[:, 0]) / np.hypot(*pose.start[:, 0])
        height = np.hypot(*at[:, 1]) / np.hypot(*pose.start[:, 1])
        assert width == pytest.approx(expected, abs=0.12)
        assert (width - 1) * here < -0.05
        assert height == pytest.approx(1, abs=0.02)


# --- the skin moves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [(2.0, 0.0), (-1.0, -2.0)])
def test_a_sticker_rides_on_the_skin_under_it_without_stretching(by: tuple[float, float]) -> None:
    pose = Pose(CHEEK, SKIN, FACE)
    at = pose.at(pushed(place_of(pose.start), np.array(by), 25))
    moved = place_of(at) - place_of(pose.start)
    np.testing.assert_allclose(moved, by, atol=0.35 * np.hypot(*by))
    assert np.abs(stretches(at, pose.start) - 1).max() < 0.01


def test_stretching_skin_does_not_stretch_the_sticker() -> None:
    """Skin pulled apart by 10 % around the sticker leaves it its size: less than a tenth of that is passed on."""
    pose = Pose(CHEEK, SKIN, FACE)
    apart = FACE - place_of(pose.start)
    share = np.exp(-0.5 * (np.hypot(*apart.T) / (15 * MM)) ** 2)
    at = pose.at(FACE + 0.1 * share[:, None] * apart)
    assert np.abs(stretches(at, pose.start) - 1).max() < 0.01
    np.testing.assert_allclose(place_of(at), place_of(pose.start), atol=0.2)


def test_what_happens_elsewhere_leaves_the_sticker_alone() -> None:
    """The mouth opens by 8 mm: the forehead hardly notices."""
    pose = Pose(Placement(0.5, 0.12, 0.02), SKIN, FACE)
    at = pose.at(pushed(FACE[17], np.array([0, 8 * MM]), 15))
    assert np.hypot(*(place_of(at) - place_of(pose.start))) < 0.25 * MM


def test_a_blink_moves_nothing() -> None:
    pose = Pose(Placement(0.25, 0.36, 0.01), SKIN, FACE)
    rims = [v for opening in apertures() for loop in opening.polygons for v in loop]
    blinking = FACE.copy()
    blinking[rims, 1] += 5
    np.testing.assert_allclose(pose.at(blinking), pose.start, atol=1e-9)


def test_noise_of_the_landmarks_is_averaged_down() -> None:
    """Half a pixel of independent noise on every vertex moves the sticker by an eighth of a pixel at most."""
    rng = np.random.default_rng(0)
    pose = Pose(Placement(0.2, 0.45, 0.046), SKIN, FACE)
    poses = np.stack([pose.at(FACE + rng.normal(0, 0.5, FACE.shape)) for _ in range(60)])
    assert poses[:, :, 2].std(axis=0).max() < 0.125
    corner = transform(pose.start, [1, 1])
    assert np.std([transform(p, [1, 1]) - corner for p in poses], axis=0).max() < 0.25


def test_poses_are_smooth_in_the_mesh() -> None:
    """Along a path of meshes the second difference vanishes as the square of the step: nothing jumps."""
    pose = Pose(CHEEK, SKIN, FACE)
    wave = np.random.default_rng(1).normal(0, 1, FACE.shape)

    def bend(step: float) -> float:
        at = np.stack([pose.at(FACE + t * 20 * wave) for t in np.arange(0.2, 0.8, step)])
        return float(np.abs(np.diff(at, n=2, axis=0)).max())

    assert bend(0.01) < 0.3 * bend(0.02)


# --- kinetics -------------------------------------------------------------------------------------------------------


def test_a_sticker_on_the_screen_stays_on_its_pixels() -> None:
    pose = Pose(CHEEK, Kinetics("screen"), FACE)
    np.testing.assert_array_equal(pose.at(FACE + 30, 1.0), pose.start)
    np.testing.assert_array_equal(pose.at(None), pose.start)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_overlay_moves_by_its_reach_on_top_of_the_skin(direction: tuple[float, float]) -> None:
    pose = Pose(CHEEK, Kinetics("overlay", direction, 1.2), FACE)
    skin = Pose(CHEEK, SKIN, FACE)
    np.testing.assert_array_equal(pose.start, skin.start)
    np.testing.assert_allclose(pose.at(FACE + 3), skin.at(FACE + 3))
    away = pose.at(FACE + 3, 0.5) - skin.at(FACE + 3)
    np.testing.assert_allclose(away[:, :2], 0, atol=1e-12)
    np.testing.assert_allclose(away[:, 2], 0.5 * 1.2 * MM * np.array(direction), rtol=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_progress_rises_to_the_apex_and_falls_to_the_offset(onset: int, rise: int, fall: int) -> None:
    apex, offset = onset + rise, onset + rise + fall
    course = [progress(i, onset, apex, offset) for i in range(offset + 5)]
    assert course[: onset + 1] == [0] * (onset + 1)
    assert course[apex] == 1
    assert course[offset:] == [0] * 5
    assert sorted(course[onset : apex + 1]) == course[onset : apex + 1]
    assert sorted(course[apex : offset + 1], reverse=True) == course[apex : offset + 1]


def test_progress_without_an_offset_stays_at_the_apex() -> None:
    assert [progress(i, 1, 3, 3) for i in range(6)] == [0, 0, 0.5, 1, 1, 1]
    assert [progress(i, 2, 2, 2) for i in range(4)] == [0] * 4


def test_the_average_face_serves_as_reference_for_a_head_that_never_faces_the_camera() -> None:
    """The sticker has its area on the average face, and a turn foreshortens it from the first frame on."""
    pose = Pose(CHEEK, Kinetics("overlay", (1.0, 0.0), 1.0), AVERAGE)
    assert 4 * np.linalg.det(pose.start[:, :2]) * art.FILL == pytest.approx(0.02 * BOX_MM[0] * BOX_MM[1], rel=2e-3)
    facing = pose.at(FACE)
    np.testing.assert_allclose(facing, Pose(CHEEK, SKIN, FACE).start, atol=0.2)
    turned = np.array([[0.7, 0.0, 20.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(pose.at(transform(turned, FACE)), compose(turned, facing), atol=1e-6)
    np.testing.assert_allclose((pose.at(FACE, 1.0) - facing)[:, 2], (MM, 0), rtol=2e-3, atol=1e-9)


# --- every place, bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinetics", ["skin", "overlay"])
@pytest.mark.parametrize("x", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_every_place_in_the_box_has_a_pose(kinetics: Any, x: float, y: float) -> None:
    pose = Pose(Placement(x, y, 0.005), Kinetics(kinetics), FACE)
    np.testing.assert_allclose(pose.at(FACE * 1.1 + 4), compose([[1.1, 0, 4], [0, 1.1, 4]], pose.start), atol=1e-6)


def test_bad_landmarks_are_told() -> None:
    with pytest.raises(ValueError, match="expected \\(468, 2\\)"):
        Pose(CHEEK, SKIN, np.zeros((68, 2)))
    with pytest.raises(ValueError, match="not finite"):
        Pose(CHEEK, SKIN, FACE * np.nan)
    with pytest.raises(ValueError, match="expected"):
        Pose(CHEEK, SKIN, FACE).at(None)
    with pytest.raises(ValueError, match="coincide"):
        Pose(CHEEK, SKIN, np.zeros((468, 2)))
