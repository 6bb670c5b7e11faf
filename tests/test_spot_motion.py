"""The motion that spotters read: flow fields whose maps are known, and videos whose motion is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mask import registry
from mask.conformance import check_recognizer
from mask.data.synthetic import create
from mask.faces import aligned
from mask.flow import flow
from mask.geometry import face_box
from mask.regions import load
from mask.spot import motion as motions
from mask.spot.motion import ROIS, SIDE, describe, motion
from mask.spot.video import LongVideo, long_videos

CROP = 128
Y, X = np.mgrid[:CROP, :CROP].astype(np.float32)


def parts(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    told = describe(field.astype(np.float32))
    return told[: SIDE * SIDE * 3].reshape(SIDE, SIDE, 3), told[SIDE * SIDE * 3 :].reshape(len(ROIS), 2)


def region(name: str) -> np.ndarray:
    scheme = load("mesh")
    return np.asarray(scheme.box_masks(CROP)[scheme.names.index(name)])


def test_a_head_that_shifts_shows_no_motion() -> None:
    drawn, means = parts(np.full((CROP, CROP, 2), (3.5, -1.25)))
    assert np.abs(drawn).max() < 1e-6
    assert np.abs(means).max() < 1e-6


def test_each_region_is_told_apart_and_lies_where_it_should() -> None:
    places = {"brow_inner_left": (0, 0), "brow_inner_right": (0, 1), "mouth_corner_left": (1, 0)}
    for name, (row, column) in places.items():
        field = np.zeros((CROP, CROP, 2))
        field[region(name)] = (0.0, 2.0)
        drawn, means = parts(field)
        half = SIDE // 2
        energy = np.array([[np.abs(drawn[r : r + half, c : c + half, 1]).sum() for c in (0, half)] for r in (0, half)])
        assert np.unravel_index(energy.argmax(), (2, 2)) == (row, column)
        assert energy.max() > 0.75 * energy.sum()
        moved = int(np.abs(means[:, 1]).argmax())
        assert ROIS[moved] == name.replace("_inner", "")


def test_strain_is_that_of_the_whole_face() -> None:
    drawn, _ = parts(np.dstack([0.02 * X, np.zeros_like(X)]))
    inside = drawn[SIDE // 2 + 4 : SIDE - 4, 4:-4]
    assert np.allclose(inside[..., 2], 0.02, atol=1e-4), "du/dx alone"
    assert np.allclose(inside[..., 1], 0, atol=1e-6)


def test_eyes_are_blank() -> None:
    scheme = load("au14")
    masks = dict(zip(scheme.names, scheme.box_masks(CROP), strict=True))
    field = np.zeros((CROP, CROP, 2))
    field[masks["eye_left"] | masks["eye_right"]] = (5.0, 5.0)
    drawn, means = parts(field)
    assert np.abs(drawn[..., :2]).max() == 0
    assert np.abs(means).max() < 0.5


def still(frames: int, fps: float) -> LongVideo:
    """A synthetic face that moves as one, with a video's own landmarks."""
    clip = create(subjects=1, repeats=1, size=96).clips[0]
    first = clip.frame(0)
    points = clip.points(0)
    shifted = [np.roll(first, i // 4, axis=1) for i in range(frames)]
    marks = np.stack([np.asarray(points) + np.array([i // 4, 0]) for i in range(frames)])
    return LongVideo("made/a/v", "a", np.stack(shifted), marks, fps)


@pytest.mark.parametrize(("fps", "distance", "step"), [(30, 6, 1), (200, 37, 7), (100, 18, 3)])
def test_half_a_micro_expression_apart_and_thirty_times_a_second(fps: float, distance: int, step: int) -> None:
    video = still(40, fps)
    seen = motion(video)
    assert seen.distance == distance, "k of SOFTNet: 6 in CAS(ME)^2, 37 in SAMM Long Videos"
    assert np.array_equal(seen.places, np.arange(0, 40 - distance, step) + distance / 2)
    assert len(seen.maps) == len(seen.rois) == len(seen.places)


def test_a_moment_is_the_flow_between_its_two_frames() -> None:
    data = registry.create("datasets", "synthetic-long:subjects=1,videos=1,expressions=1,macros=0,seconds=2.5,size=96")
    whole = long_videos(data).videos[0]
    frames = np.stack([whole.frame(i) for i in range(12)])
    marks = np.stack([np.asarray(whole.points(i)) for i in range(12)])
    seen = motion(LongVideo("made/a/v", "a", frames, marks, 30.0))
    box = face_box(marks[3])
    pair = [aligned(f, box, CROP) for f in (frames[3], frames[9])]
    expected = describe(flow(*pair, method="dis", finest=1))[: SIDE * SIDE * 3].reshape(SIDE, SIDE, 3)
    assert np.allclose(seen.maps[3], expected, atol=2e-3)


def test_no_face_is_no_motion_and_a_short_video_has_a_moment() -> None:
    video = still(10, 30)

    class Gone:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int) -> None:
            return None

    seen = motion(LongVideo("made/a/v", "a", video.frames, Gone(), 30.0))
    assert len(seen) == 4
    assert not seen.maps.any()
    assert len(motion(LongVideo("made/a/v", "a", video.frames[:2], video.landmarks, 30.0))) == 1  # type: ignore[index]
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        motion(video, span=0)


def test_motion_is_kept_by_the_content_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASK_CACHE", str(tmp_path / "cache"))
    video = still(10, 30)

    class Files:
        sources = (tmp_path / "a.mkv",)
        told = "one"

        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int) -> np.ndarray:
            return np.asarray(video.frames[index])

        def fingerprint(self) -> str:
            return self.told

    files = Files()
    kept = LongVideo("made/a/v", "a", files, video.landmarks, 30.0)
    first = motion(kept)
    monkeypatch.setattr(motions, "_moments", lambda *_: iter(()))
    assert np.array_equal(motion(kept).maps, first.maps)
    files.told = "another"
    with pytest.raises(ValueError, match="reshape"):
        motion(kept)


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("me-tst:width=8,depth=3,state=2", ("negative", "positive", "surprise")),
        ("softnet", ("neutral", "expression")),
        ("mesfusion:width=4,heads=1", ("neutral", "expression")),
        ("sfamnet", ("negative", "positive", "surprise")),
    ],
)
def test_spotters_answer_about_clips_as_recognizers_do(spec: str, labels: tuple[str, ...]) -> None:
    clips = [c.with_frames(np.asarray(c.frames)) for c in create(subjects=1, repeats=1, size=96, fps=50).clips[:2]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = registry.create("recognizers", spec)
    assert model.labels == labels
    facts = check_recognizer(model, clips)
    assert facts.deterministic
    assert not facts.differentiable, "no gradient is claimed through the flow"
