"""Faces through time: known motion, occlusion, cuts, leaving, steadiness."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mask.clip import Landmarks
from mask.faces import FaceTracker, TrackedFace, TrackedLandmarks, find_face, track, track_clip
from mask.faces.mesh import FaceMesh
from mask.faces.motion import Motion
from mask.faces.steady import Steady
from mask.geometry import transform
from mask.video import read_frames

SIZE = (320, 240)
FPS = 25.0


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return data.astronaut()[0:320, 60:380]


def view(face: np.ndarray, x: float = 0.0, y: float = 0.0, degrees: float = 0.0, scale: float = 0.9) -> np.ndarray:
    """The face seen in a small frame, moved by (x, y) pixels, turned and scaled about its middle."""
    matrix = matrix_of(x, y, degrees, scale)
    return cv2.warpAffine(face, matrix, SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def matrix_of(x: float, y: float, degrees: float = 0.0, scale: float = 0.9) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((165, 120), -degrees, scale)
    matrix[:, 2] += [x - 5, y]
    return matrix


def noisy(frame: np.ndarray, rng: np.random.Generator, sd: float = 4.0) -> np.ndarray:
    return np.clip(frame + rng.normal(0, sd, frame.shape), 0, 255).astype(np.uint8)


def covered(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    frame = frame.copy()
    x, y, w, h = box
    frame[max(y, 0) : y + h, max(x, 0) : x + w] = (120, 110, 100)
    return frame


def face_box_of(points: np.ndarray, margin: int = 12) -> tuple[int, int, int, int]:
    low, high = points[:, :2].min(axis=0).astype(int) - margin, points[:, :2].max(axis=0).astype(int) + margin
    return low[0], low[1], high[0] - low[0], high[1] - low[1]


def states(frames: list[np.ndarray], **options: Any) -> list[list[tuple[int, int]]]:
    return [[(f.id, f.held) for f in faces] for faces in track(frames, fps=FPS, **options)]


def error(found: TrackedFace, truth: np.ndarray) -> float:
    return float(np.hypot(*(found.points[:, :2] - truth[:, :2]).T).mean())


# --- following ---------------------------------------------------------------------------------------------


def test_known_motion_is_followed(face: np.ndarray) -> None:
    still = find_face(view(face))[0]
    places = [(30 * math.sin(t / 7), 12 * math.cos(t / 5) - 12, 8 * math.sin(t / 9)) for t in range(60)]
    base = matrix_of(0, 0)
    for (x, y, turn), faces in zip(places, track((view(face, *p) for p in places), fps=FPS), strict=True):
        assert [(f.id, f.held) for f in faces] == [(0, 0)]
        linear = np.vstack([base, [0, 0, 1]])
        motion = np.vstack([matrix_of(x, y, turn), [0, 0, 1]]) @ np.linalg.inv(linear)
        assert error(faces[0], transform(motion[:2], still[:, :2])) < 2.5


def test_the_same_frames_give_the_same_landmarks(face: np.ndarray) -> None:
    frames = [view(face, 2 * t, t) for t in range(12)]
    for smooth in (False, True):
        one, two = (track_clip(frames, fps=FPS, smooth=smooth) for _ in range(2))
        np.testing.assert_array_equal(one.points, two.points)


def test_several_faces_keep_their_numbers(face: np.ndarray) -> None:
    frames = []
    for t in range(40):
        left, right = view(face, 8 * math.sin(t / 6), 0), view(face[:, ::-1].copy(), 30, 8 * math.cos(t / 5))
        frames.append(np.concatenate([left, right], axis=1))
    for faces in track(frames, max_faces=3, fps=FPS):
        assert len(faces) == 2
        assert len({f.id for f in faces}) == 2
        for found in faces:
            middle = found.points[:, 0].mean()
            assert found.held == 0
            assert (middle < 320) == (found.id == min(faces, key=lambda f: f.points[:, 0].mean()).id)
    assert states(frames[:3], max_faces=1) == [[(0, 0)]] * 3


def test_a_second_face_that_comes_later_is_found(face: np.ndarray) -> None:
    wall = np.full((240, 320, 3), 110, np.uint8)
    frames = [np.concatenate([view(face), wall if t < 10 else view(face)], axis=1) for t in range(30)]
    counts = [len(s) for s in states(frames, max_faces=2, search=0.2)]
    assert counts[:10] == [1] * 10
    assert counts[16:] == [2] * 14


# --- losing and finding ------------------------------------------------------------------------------------


def test_a_half_covered_face_is_never_lost(face: np.ndarray) -> None:
    box = face_box_of(find_face(view(face))[0])
    frames = [view(face, t / 2) for t in range(30)]
    frames[8:22] = [covered(f, (box[0], box[1] + box[3] // 2, box[2], box[3])) for f in frames[8:22]]
    assert states(frames) == [[(0, 0)]] * 30


def test_a_covered_face_is_held_for_a_while(face: np.ndarray) -> None:
    box = face_box_of(find_face(view(face))[0])
    frames = [view(face)] * 10 + [covered(view(face), box)] * 8 + [view(face)] * 5
    assert states(frames) == [[(0, 0)]] * 10 + [[(0, k)] for k in range(1, 9)] + [[(0, 0)]] * 5
    for smooth in (False, True):
        for faces in track(frames, fps=FPS, smooth=smooth):
            assert error(faces[0], find_face(view(face))[0]) < 6


def test_a_face_covered_for_long_is_given_up_and_found_anew(face: np.ndarray) -> None:
    box = face_box_of(find_face(view(face))[0])
    frames = [view(face)] * 5 + [covered(view(face), box)] * 30 + [view(face)] * 3
    found = states(frames, hold=0.4)
    assert found[5:15] == [[(0, k)] for k in range(1, 11)]
    assert found[15:35] == [[]] * 20
    assert found[35:] == [[(1, 0)]] * 3
    assert states(frames, hold=0)[5:8] == [[]] * 3


def test_a_held_face_moves_with_its_texture(face: np.ndarray) -> None:
    box = face_box_of(find_face(view(face))[0])
    tracker = FaceTracker(fps=FPS)
    for t in range(16):
        frame = view(face, 1.5 * t)
        if t >= 8:
            # Three quarters hidden by something that moves with the head, a scarf say.
            x = box[0] + int(1.5 * t)
            frame = covered(frame, (x, box[1] + box[3] // 4, box[2], box[3]))
        found = tracker.update(frame)[0]
    assert found.held == 8
    truth = find_face(view(face))[0][:, :2] + [1.5 * 15, 0]
    assert error(found, truth) < 5


def test_a_cut_drops_the_face_at_once(face: np.ndarray) -> None:
    street = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    scene = cv2.resize(street, SIZE, interpolation=cv2.INTER_CUBIC)
    assert states([view(face)] * 4 + [scene] * 3) == [[(0, 0)]] * 4 + [[]] * 3
    assert states([view(face)] * 4 + [np.full_like(scene, 40)] * 3) == [[(0, 0)]] * 4 + [[]] * 3


@pytest.mark.parametrize(("x", "y"), [(70, 0), (-60, 10), (0, 60), (40, 40)])
def test_a_jump_is_followed_within_a_frame_or_two(face: np.ndarray, x: int, y: int) -> None:
    # The mesh network is sure of itself beside a face, too, and would stay there.
    still = find_face(view(face, 0, -20))[0]
    frames = [view(face, 0, -20)] * 5 + [view(face, x, y - 20)] * 6
    found = list(track(frames, fps=FPS))
    assert [len(f) for f in found] == [1] * 11
    assert max(error(f[0], still[:, :2] + [x, y]) for f in found[7:]) < 4


def test_a_face_that_leaves_and_returns(face: np.ndarray) -> None:
    wide = cv2.copyMakeBorder(face, 0, 0, 0, 0, cv2.BORDER_REPLICATE)
    path = [*range(0, 260, 10), *([260] * 5), *range(260, -1, -10)]
    frames = [cv2.warpAffine(wide, matrix_of(x, 0), SIZE, borderValue=(90, 90, 90)) for x in path]
    found = states(frames)
    assert found[0] == [(0, 0)]
    assert found[28] == []
    assert found[-1] == [(1, 0)]
    ids = [f[0][0] for f in found if f]
    assert ids == sorted(ids)


def test_no_face_at_all() -> None:
    wall = np.random.default_rng(0).integers(0, 255, (12, 16, 3)).astype(np.uint8)
    frames = [cv2.resize(wall, SIZE)] * 8
    assert states(frames) == [[]] * 8
    assert track_clip(frames).counts == {"seen": 0, "held": 0, "none": 8}


def test_a_covered_face_is_not_taken_for_its_neighbour(face: np.ndarray) -> None:
    # Side by side, their squares touching.
    pair = np.concatenate([view(face)[:, :230], view(face)[:, 90:]], axis=1)
    followed = FaceTracker(fps=FPS).update(pair)[0].points
    frames = [pair] * 6 + [covered(pair, face_box_of(followed))] * 8 + [pair] * 6
    found = list(track(frames, fps=FPS))
    middles = [f[0].points[:, 0].mean() for f in found]
    assert [(f[0].id, f[0].held) for f in found] == [(0, 0)] * 6 + [(0, k) for k in range(1, 9)] + [(0, 0)] * 6
    assert np.ptp(middles) < 8


def test_returned_points_are_the_callers_own(face: np.ndarray) -> None:
    tracker = FaceTracker(fps=FPS)
    one = tracker.update(view(face))[0].points.copy()
    tracker.update(view(face))[0].points[:] = 0
    assert np.abs(tracker.update(view(face))[0].points - one).mean() < 2


# --- steadiness --------------------------------------------------------------------------------------------


def shaken(smooth: bool, frames: list[np.ndarray], truth: list[np.ndarray]) -> tuple[float, float]:
    """Tremble: frame-to-frame error, rms in pixels. Trail: mean error along the motion, in frames."""
    found = np.stack([f[0].points[:, :2] for f in track(frames, fps=FPS, smooth=smooth)]).astype(float)
    exact = np.stack(truth)
    off = (found - exact)[5:]
    tremble = np.sqrt(np.mean(np.diff(off - off.mean(axis=0), axis=0) ** 2) / 2)
    speed = np.gradient(exact, axis=0)[5:]
    along = (off - off.mean(axis=0)) * speed
    trail = -along.sum() / max((speed**2).sum(), 1e-9)
    return float(tremble), float(trail)


def test_smoothing_steadies_a_still_face(face: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    frames = [noisy(view(face), rng) for _ in range(30)]
    truth = [find_face(view(face))[0][:, :2].astype(float)] * 30
    rough, steady = shaken(False, frames, truth)[0], shaken(True, frames, truth)[0]
    assert steady < 0.5 * rough


def test_smoothing_does_not_trail_a_quick_turn(face: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    still = find_face(view(face))[0][:, :2].astype(float)
    path = [45 * math.sin(t / 5) for t in range(50)]
    frames = [noisy(view(face, x), rng) for x in path]
    truth = [still + np.array([x, 0]) for x in path]
    (rough, _), (steady, trail) = shaken(False, frames, truth), shaken(True, frames, truth)
    # A One Euro filter of the same calm trails by half a frame.
    assert abs(trail) < 0.15
    assert steady < 0.7 * rough


@pytest.mark.parametrize(("smooth", "hidden", "most"), [(True, False, 14), (True, True, 16), (False, False, 24)])
def test_the_network_is_asked_every_other_frame_only_while_all_is_calm(
    face: np.ndarray, monkeypatch: pytest.MonkeyPatch, smooth: bool, hidden: bool, most: int
) -> None:
    asked: list[int] = []
    ask = FaceMesh.landmarks
    monkeypatch.setattr(FaceMesh, "landmarks", lambda *given: asked.append(1) or ask(*given))
    box = face_box_of(find_face(view(face))[0])
    frames = [view(face, t / 3) for t in range(24)]
    if hidden:
        # Held for half a second, 12 frames, and asked about in each of them.
        frames[4:] = [covered(f, box) for f in frames[4:]]
    asked.clear()
    found = list(track(frames, fps=FPS, smooth=smooth, search=1.0))
    assert most - 4 <= len(asked) <= most
    if not hidden:
        truth = find_face(frames[-1])[0]
        assert error(found[-1][0], truth) < 2


def test_steady_points_follow_what_lasts() -> None:
    rng = np.random.default_rng(0)
    mesh = np.concatenate([rng.uniform(0, 100, (468, 2)), np.zeros((468, 1))], axis=1).astype(np.float32)
    steady, identity = Steady(FPS), np.eye(3)[:2]
    steady(mesh, identity)
    smiling = mesh + np.float32([0, 4, 0])
    for _ in range(10):
        shown = steady(smiling, identity)
    assert np.abs(shown - smiling).max() < 0.5
    calm = Steady(FPS)
    trembling = [mesh + rng.normal(0, 0.5, mesh.shape).astype(np.float32) for _ in range(100)]
    shown = np.stack([calm(m, identity) for m in trembling])[20:]
    assert shown[..., :2].std(axis=0).mean() < 0.25


def test_motion_is_measured_to_a_fraction_of_a_pixel(face: np.ndarray) -> None:
    points = find_face(view(face))[0]
    for x, y, degrees, scale in [(0, 0, 0, 0.9), (3.3, -2.1, 0, 0.9), (0, 0, 4, 0.9), (1, 1, -2, 0.93)]:
        motion = Motion()
        assert motion.affine() is None
        motion.remember(view(face), points)
        motion.look(view(face, x, y, degrees, scale))
        found = motion.affine()
        assert found is not None
        exact = np.vstack([matrix_of(x, y, degrees, scale), [0, 0, 1]]) @ np.linalg.inv(
            np.vstack([matrix_of(0, 0), [0, 0, 1]])
        )
        wrong = np.abs(transform(found, points[:, :2]) - transform(exact[:2], points[:, :2]))
        assert wrong.max() < 0.6
    motion.remember(view(face), points)
    motion.look(np.full((240, 320, 3), 90, np.uint8))
    assert motion.affine() is None
    assert motion.likeness() < 0.1


# --- sequences ---------------------------------------------------------------------------------------------


def test_a_track_says_what_each_frame_is(face: np.ndarray) -> None:
    box = face_box_of(find_face(view(face))[0])
    wall = np.full((240, 320, 3), 110, np.uint8)
    frames = [wall] * 2 + [view(face)] * 4 + [covered(view(face), box)] * 3 + [view(face)] * 2
    found = track_clip(frames, fps=FPS)
    assert isinstance(found, Landmarks)
    assert [found.status(i) for i in range(11)] == ["none"] * 2 + ["seen"] * 4 + ["held"] * 3 + ["seen"] * 2
    assert found.counts == {"seen": 6, "held": 3, "none": 2}
    assert found[0] is None
    assert np.isnan(found.points[0]).all()
    points = found[5]
    assert points is not None
    assert points.shape == (468, 2)
    assert found.ids.tolist() == [-1, -1] + [0] * 9
    assert found.held.tolist() == [-1, -1, 0, 0, 0, 0, 1, 2, 3, 0, 0]
    assert found.scores[0] == 0
    assert len(track_clip([])) == 0


def test_landmarks_found_when_asked_do_not_depend_on_the_order(face: np.ndarray) -> None:
    frames = np.stack([view(face, 3 * t) for t in range(8)])
    whole = track_clip(frames, fps=FPS)
    lazy = TrackedLandmarks(frames, FPS)
    assert isinstance(lazy, Landmarks)
    assert len(lazy) == 8
    for index in (5, 0, 7, 3):
        np.testing.assert_array_equal(lazy[index], whole[index])
    begun = TrackedLandmarks(frames, FPS)
    begun[2]
    again = pickle.loads(pickle.dumps(begun))
    np.testing.assert_array_equal(again[6], whole[6])
    np.testing.assert_array_equal(again[1], whole[1])
    with pytest.raises(IndexError):
        lazy[8]


@pytest.mark.parametrize(
    "options", [{"max_faces": 0}, {"fps": 0}, {"fps": math.nan}, {"hold": -1}, {"search": 0}, {"min_score": 2}]
)
def test_a_tracker_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        FaceTracker(**options)


def test_a_tracker_refuses_what_is_no_frame() -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        FaceTracker().update(np.zeros((20, 20), np.uint8))


# --- the real thing ----------------------------------------------------------------------------------------


@pytest.mark.shared
def test_a_real_face_is_never_lost_and_where_it_was_published(face_video: Path) -> None:
    golden = json.loads((Path(__file__).parent / "golden" / "faces_pexels.json").read_text())
    expected = {row["frame"]: row for row in golden["frames"]}

    # The hands are over the face from frame 60 to 230.
    for index, faces in enumerate(track(read_frames(face_video, 0, 250), fps=23.976)):
        assert [(f.id, f.held) for f in faces] == [(0, 0)]
        if index in expected:
            row, points = expected[index], faces[0].points[:, :2]
            np.testing.assert_allclose(points.mean(axis=0), row["centre"], atol=0.7)
            np.testing.assert_allclose(points.std(axis=0), row["spread"], atol=0.7)
            eyes = points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)
            assert np.hypot(*eyes) == pytest.approx(row["eye_distance"], abs=1.0)
