"""Face crops: exact placement, and motion that remains."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mask.clip import Clip
from mask.errors import NoFaceError
from mask.faces import aligned, aligned_pair, clip_box, find_face
from mask.geometry import FaceBox, face_box, transform


def clip_of(frames: np.ndarray, landmarks: Any = None, **options: Any) -> Clip:
    return Clip("d/s/c", "s", None, "d", frames=frames, landmarks=landmarks, apex=len(frames) - 1, **options)


def linear(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 250 / width, y * 250 / height, np.zeros(x.shape)], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("size", [1, 28, 100, 224])
def test_every_pixel_lies_where_the_box_says(size: int) -> None:
    box = FaceBox(np.array([[180.0, -20.0, 120.0], [15.0, 240.0, 90.0]]))
    crop = aligned(linear(500, 500), box, size).astype(float)
    y, x = np.mgrid[0:size, 0:size]
    place = transform(box.to_image, np.stack([(x + 0.5) / size, (y + 0.5) / size], axis=-1))
    assert np.abs(crop[..., 0] - place[..., 0] / 2).max() <= 1.1
    assert np.abs(crop[..., 1] - place[..., 1] / 2).max() <= 1.1


def test_shrinking_does_not_alias() -> None:
    # One-pixel stripes become their mean; without averaging they would become bands of black and white.
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = aligned(stripes, FaceBox(np.array([[443.0, 0, 50], [0, 500.0, 50]])), 28)
    assert np.abs(crop.astype(int) - 100).max() <= 12


def test_a_crop_at_full_size_is_the_frame() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    box = FaceBox(np.array([[64.0, 0, 7.5], [0, 64.0, 7.5]]))
    np.testing.assert_array_equal(aligned(frame, box, 64), frame[8:72, 8:72])


@pytest.mark.parametrize("size", [0, -3, 5000])
def test_a_size_out_of_range(size: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 2048"):
        aligned(np.zeros((20, 20, 3), np.uint8), FaceBox(np.eye(3)[:2]), size)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def test_the_eyes_come_to_lie_where_the_box_has_them(astronaut: np.ndarray) -> None:
    points = find_face(astronaut)[0]
    crop = aligned(astronaut, face_box(points), 200)
    again = find_face(crop)[0][:, :2]
    left, right = again[[33, 133]].mean(axis=0), again[[362, 263]].mean(axis=0)
    assert (right - left)[0] == pytest.approx(0.46 * 200, abs=4)
    assert (left + right)[0] / 2 == pytest.approx(0.5 * 200, abs=4)
    assert (left + right)[1] / 2 == pytest.approx(0.27 * 200, abs=6)


def test_the_motion_of_a_pair_remains(astronaut: np.ndarray) -> None:
    shifted = cv2.warpAffine(
        astronaut, np.float32([[1, 0, 6], [0, 1, -3]]), (512, 512), borderMode=cv2.BORDER_REPLICATE
    )
    clip = clip_of(np.stack([astronaut, astronaut, shifted]))
    onset, apex = aligned_pair(clip, 128)
    box = clip_box(clip)
    np.testing.assert_array_equal(onset, aligned(astronaut, box, 128))
    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (onset, apex)]
    moved, _ = cv2.phaseCorrelate(*grey, cv2.createHanningWindow((128, 128), cv2.CV_32F))
    expected = box.crop_matrix(128)[:, :2] @ [6, -3]
    np.testing.assert_allclose(moved, expected, atol=0.6)


def test_landmarks_of_the_clip_are_used_for_both_frames(astronaut: np.ndarray) -> None:
    points = find_face(astronaut)[0][:, :2]
    landmarks = np.stack([points + 11, points + 300])
    clip = clip_of(np.stack([astronaut, astronaut]), landmarks)
    pair = aligned_pair(clip, 64)
    assert pair.shape == (2, 64, 64, 3)
    assert pair.dtype == np.uint8
    for frame in pair:
        np.testing.assert_array_equal(frame, aligned(astronaut, face_box(points + 11), 64))


def test_no_face_is_told_with_the_name_of_the_clip(astronaut: np.ndarray) -> None:
    blank = np.zeros((2, 100, 100, 3), np.uint8)
    with pytest.raises(NoFaceError, match="clip d/s/c, onset frame 0: no face was found"):
        aligned_pair(clip_of(blank), 28)

    class Nobody:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> None:
            return None

    with pytest.raises(NoFaceError, match="clip d/s/c has no face in its onset frame 0"):
        aligned_pair(clip_of(np.stack([astronaut] * 2), Nobody()), 28)


def test_a_clip_of_flow_is_refused() -> None:
    clip = Clip("d/s/c", "s", None, "d", flow=np.zeros((28, 28, 3), np.uint8))
    with pytest.raises(ValueError, match="holds a flow map"):
        aligned_pair(clip, 28)
