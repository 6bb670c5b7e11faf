"""A clip seen with a sticker on it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from mask.errors import NoFaceError
from mask.plan import Kinetics, Placement, Plan
from mask.regions import canonical
from mask.sticker import Pose, StickeredFrames, named, render_frame

FACE = canonical() * (120, 156) + (20, 20)
STEP = np.array([0.7, 0.4])
PLACE = Placement(0.22, 0.5, 0.046)


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (9, 190, 160, 3), dtype=np.uint8)


def meshes(count: int = 9) -> list[NDArray[np.float64] | None]:
    return [FACE + i * STEP for i in range(count)]


def centre_of_change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float64]:
    y, x = np.nonzero((before != after).any(axis=2))
    return np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2])


def test_frames_are_drawn_one_by_one(frames: NDArray[np.uint8]) -> None:
    plan = Plan(PLACE, art="dot")
    seen = StickeredFrames(frames, plan, meshes(), 1, 4, 7)
    assert len(seen) == 9
    pose = Pose(PLACE, plan.kinetics, FACE + STEP)
    for i in (0, 4, 8):
        expected = render_frame(frames[i], named("dot"), pose.at(FACE + i * STEP))
        assert seen[i].dtype == np.uint8
        np.testing.assert_array_equal(seen[i], expected)
        assert (seen[i] != frames[i]).any()
    np.testing.assert_array_equal(seen[-1], seen[8])
    with pytest.raises(IndexError):
        seen[9]
    assert len(list(iter(seen))) == 9  # type: ignore[call-overload]


def test_a_skin_sticker_rides_along_and_a_screen_sticker_does_not(frames: NDArray[np.uint8]) -> None:
    for kind, expected in (("skin", (3.5, 2.0)), ("screen", (0.0, 0.0))):
        seen = StickeredFrames(frames, Plan(PLACE, Kinetics(kind), "dot"), meshes(), 0, 5, 8)  # type: ignore[arg-type]
        moved = centre_of_change(frames[5], seen[5]) - centre_of_change(frames[0], seen[0])
        np.testing.assert_allclose(moved, expected, atol=0.51)


def test_an_overlay_comes_and_goes(frames: NDArray[np.uint8]) -> None:
    still = [FACE] * 9
    reach = 5 * 120 / 136.96
    plan = Plan(PLACE, Kinetics("overlay", (1.0, -1.0), 5.0), "dot")
    seen = StickeredFrames(frames, plan, still, 1, 4, 7)
    at = [centre_of_change(frames[i], seen[i]) for i in range(9)]
    for i, share in enumerate((0, 0, 7 / 27, 20 / 27, 1, 20 / 27, 7 / 27, 0, 0)):
        np.testing.assert_allclose(at[i] - at[0], (share * reach, -share * reach), atol=0.75)


def test_a_frame_without_a_face_is_left_alone(frames: NDArray[np.uint8]) -> None:
    without = meshes()
    without[3] = None
    seen = StickeredFrames(frames, Plan(PLACE), without, 0, 4, 8)
    np.testing.assert_array_equal(seen[3], frames[3])
    assert (seen[2] != frames[2]).any()
    screen = StickeredFrames(frames, Plan(PLACE, Kinetics("screen")), without, 0, 4, 8)
    assert (screen[3] != frames[3]).any()
    array = np.stack([m if m is not None else np.full((468, 2), np.nan) for m in without])
    np.testing.assert_array_equal(StickeredFrames(frames, Plan(PLACE), array, 0, 4, 8)[3], frames[3])


def test_it_can_be_pickled(frames: NDArray[np.uint8]) -> None:
    seen = StickeredFrames(frames, Plan(PLACE, art="sun"), meshes(), 0, 4, 8)
    again = pickle.loads(pickle.dumps(seen))
    np.testing.assert_array_equal(again[5], seen[5])


@pytest.mark.parametrize(("missing", "what"), [(0, "onset frame 0"), (4, "apex frame 4")])
def test_onset_and_apex_need_a_face(frames: NDArray[np.uint8], missing: int, what: str) -> None:
    without = meshes()
    without[missing] = None
    with pytest.raises(NoFaceError, match=f"clip a/b has no face in its {what}"):
        StickeredFrames(frames, Plan(PLACE), without, 0, 4, 8, name="clip a/b")


def test_what_does_not_fit_is_told(frames: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="8 frames of 9"):
        StickeredFrames(frames, Plan(PLACE), meshes(8), 0, 4, 7)
    with pytest.raises(ValueError, match="no sticker 'skull'"):
        StickeredFrames(frames, Plan(PLACE, art="skull"), meshes(), 0, 4, 7)
