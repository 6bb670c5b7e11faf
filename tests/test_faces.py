"""Detection and the mesh, against the published decoder and against geometry."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from mask.errors import NoFaceError, UnreadableWeights
from mask.faces import FaceMesh, Roi, detect, draw_mesh, find_face, nets, roi_from_landmarks
from mask.faces.detector import anchors, suppress
from mask.faces.picture import resample
from mask.faces.roi import roi_from_keypoints
from mask.geometry import compose, invert, transform

GOLDEN = json.loads((Path(__file__).parent / "golden" / "faces_astronaut.json").read_text())
PUBLISHED = np.array(GOLDEN["landmarks"])


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    picture = data.astronaut()
    assert hashlib.sha256(picture.tobytes()).hexdigest() == GOLDEN["picture_sha256"]
    return picture


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


def distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.hypot(*(points[:, :2] - others[:, :2]).T)


# --- against the published decoder -------------------------------------------------------------------------


def test_the_mesh_is_the_published_one(astronaut: np.ndarray, mesh: FaceMesh) -> None:
    found = GOLDEN["detection"]
    points, score = mesh.landmarks(astronaut, roi_from_keypoints(found["box"], np.array(found["keypoints"])))
    assert distance(points, PUBLISHED).max() < 0.1
    assert np.abs(points[:, 2] - PUBLISHED[:, 2]).max() < 0.1
    assert score > 0.99


def test_the_detection_is_the_published_one(astronaut: np.ndarray) -> None:
    found, *others = detect(astronaut)
    assert not others
    # Pixels are averaged before the network here and not in the published decoder: close, not equal.
    np.testing.assert_allclose(found.box, GOLDEN["detection"]["box"], atol=1.5)
    np.testing.assert_allclose(found.keypoints, GOLDEN["detection"]["keypoints"], atol=3)
    assert found.score == pytest.approx(GOLDEN["detection"]["score"], abs=0.02)


def test_landmarks_of_a_picture_are_within_two_pixels_of_the_published(astronaut: np.ndarray) -> None:
    error = distance(find_face(astronaut)[0], PUBLISHED)
    assert error.max() < 1.0
    assert error.mean() < 0.5


# --- the detector's parts ----------------------------------------------------------------------------------


def test_anchors_cell_by_cell() -> None:
    expected = [((x + 0.5) * 8, (y + 0.5) * 8) for y in range(16) for x in range(16) for _ in range(2)]
    expected += [((x + 0.5) * 16, (y + 0.5) * 16) for y in range(8) for x in range(8) for _ in range(6)]
    np.testing.assert_array_equal(anchors(), expected)
    assert anchors().shape == (896, 2)


def points_like(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, None, :2] + np.arange(6)[None, :, None]


def test_suppression_averages_by_score() -> None:
    boxes = np.array([[50.0, 50, 20, 20], [54, 50, 20, 20], [150, 50, 30, 30]])
    scores = np.array([0.6, 0.9, 0.7])
    first, second = suppress(boxes, points_like(boxes), scores)
    middle = (50 * 0.6 + 54 * 0.9) / 1.5
    assert first.box == pytest.approx((middle - 10, 40, 20, 20))
    np.testing.assert_allclose(first.keypoints[:, 0], middle + np.arange(6), rtol=1e-6)
    assert (first.score, second.score) == (0.9, 0.7)
    assert second.box == pytest.approx((135, 35, 30, 30))


@pytest.mark.parametrize(("shift", "count"), [(10.0, 1), (10.76, 1), (10.77, 2), (30.0, 2)])
def test_suppression_starts_at_an_overlap_of_three_tenths(shift: float, count: int) -> None:
    # Two squares of side 20 shifted by s overlap by (20 - s) / (20 + s), which is 0.3 at s = 10.769.
    boxes = np.array([[50.0, 50, 20, 20], [50 + shift, 50, 20, 20]])
    assert len(suppress(boxes, points_like(boxes), np.array([0.9, 0.8]))) == count


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 100)] * 2, st.floats(5, 40), st.floats(0.5, 1)), max_size=12), st.randoms())
def test_suppression_does_not_depend_on_order(rows: list[tuple[float, ...]], random: Any) -> None:
    rows = [(x, y, w, s + i * 1e-9) for i, (x, y, w, s) in enumerate(rows)]
    mixed = random.sample(rows, len(rows))

    def run(rows: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        table = np.array(rows).reshape(-1, 4)
        boxes = np.column_stack([table[:, :2], table[:, 2], table[:, 2]])
        return [(*d.box, d.score) for d in suppress(boxes, points_like(boxes), table[:, 3])]

    one, two = run(rows), run(mixed)
    np.testing.assert_allclose(one, two)
    assert [d[-1] for d in one] == sorted((d[-1] for d in one), reverse=True)


# --- squares and crops -------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.floats(-50, 700), st.floats(-50, 700), st.floats(2, 900), st.floats(-4, 4))
def test_a_square_maps_there_and_back(x: float, y: float, size: float, angle: float) -> None:
    roi = Roi(x, y, size, angle)
    both = compose(roi.matrix(192), roi.inverse(192))
    np.testing.assert_allclose(both, [[1, 0, 0], [0, 1, 0]], atol=1e-6)
    corners = transform(roi.inverse(192), [[0, 0], [192, 0], [192, 192], [0, 192]])
    np.testing.assert_allclose(corners.mean(axis=0), [x, y], atol=1e-6)
    np.testing.assert_allclose(corners[1] - corners[0], [size * math.cos(angle), size * math.sin(angle)], atol=1e-6)


def test_overlap_of_squares() -> None:
    assert Roi(0, 0, 10).overlap(Roi(0, 0, 10)) == pytest.approx(1)
    assert Roi(0, 0, 10).overlap(Roi(5, 0, 10)) == pytest.approx(1 / 3)
    assert Roi(0, 0, 10).overlap(Roi(1, 1, 4)) == pytest.approx(0.16)
    assert Roi(0, 0, 10).overlap(Roi(10, 0, 10)) == 0


def test_the_square_of_a_mesh() -> None:
    points = np.tile([[100.0, 60.0]], (468, 1))
    points[[33, 263, 0, 1]] = [[90, 50], [110, 70], [80, 60], [120, 64]]
    roi = roi_from_landmarks(points)
    assert (roi.x, roi.y, roi.size) == pytest.approx((100, 60, 60))
    assert roi.angle == pytest.approx(math.pi / 4)


def ramp(side: int) -> np.ndarray:
    """A picture whose red and green are four times the column and the row, so that any average of it is known."""
    y, x = np.mgrid[0:side, 0:side]
    return np.stack([4 * x, 4 * y, np.full(x.shape, 9)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2])
@pytest.mark.parametrize("side", [8.0, 20.0, 34.0, 40.0])
@pytest.mark.parametrize("pixels", [3, 12])
def test_a_crop_puts_every_pixel_where_the_matrix_says(side: float, angle: float, pixels: int) -> None:
    roi = Roi(31.3, 30.1, side, angle)
    y, x = np.mgrid[0:pixels, 0:pixels]
    place = 4 * transform(roi.inverse(pixels), np.stack([x, y], axis=-1))
    for crop in (roi.crop(ramp(62), pixels), resample(ramp(62), roi.matrix(pixels), pixels)):
        # A quarter of a pixel is one level here; rounding twice to 8 bits can add half a level.
        assert np.abs((crop[..., :2] - place).mean(axis=(0, 1))).max() < 0.8
        assert np.abs(crop[..., :2] - place).max() <= 2


@pytest.mark.parametrize("roi", [Roi(-500, -500, 100), Roi(900, 30, 60), Roi(30, 30, 4000), Roi(0, 62, 50, 1)])
def test_a_square_may_lie_outside(roi: Roi) -> None:
    assert roi.crop(ramp(62), 16).shape == (16, 16, 3)
    outside = roi.crop(ramp(62) + 1, 16, cv2.BORDER_CONSTANT)
    assert (outside == 0).any()


def test_shrinking_averages_blocks() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 120, 3)).astype(np.uint8)
    matrix = invert(np.array([[4.0, 0, 1.5], [0, 4.0, 1.5]]))
    blocks = picture.reshape(30, 4, 30, 4, 3).mean(axis=(1, 3))
    assert np.abs(resample(picture, matrix, 30) - blocks).max() <= 0.5
    np.testing.assert_array_equal(resample(picture, np.eye(3)[:2], 120), picture)


# --- equivariance: move the picture, and the landmarks move with it ----------------------------------------


def moved(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int] = (512, 512)) -> np.ndarray:
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_AREA)


@pytest.mark.parametrize("degrees", [-40, -15, 15, 40, 90, 180, 270])
def test_a_turned_face(astronaut: np.ndarray, degrees: int) -> None:
    matrix = cv2.getRotationMatrix2D((225, 120), -degrees, 1.0)
    matrix[:, 2] += [30, 130]
    points, score = find_face(moved(astronaut, matrix))
    assert score > 0.9
    assert distance(points, transform(matrix, PUBLISHED[:, :2])).mean() < 2.5
    assert math.degrees(roi_from_landmarks(points).angle - roi_from_landmarks(PUBLISHED).angle) % 360 == pytest.approx(
        degrees % 360, abs=4
    )


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.7, 4.0])
def test_a_scaled_face(astronaut: np.ndarray, scale: float) -> None:
    picture = cv2.resize(
        astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    points, _ = find_face(picture)
    expected = (PUBLISHED[:, :2] + 0.5) * scale - 0.5
    assert distance(points, expected).mean() / scale < 1.5


@pytest.mark.parametrize(("size", "scale"), [((1280, 720), 0.9), ((360, 640), 0.45), ((2000, 2000), 2.0)])
def test_a_small_face_in_a_large_picture(astronaut: np.ndarray, size: tuple[int, int], scale: float) -> None:
    width, height = size
    matrix = np.array([[scale, 0, width * 0.4], [0, scale, height * 0.3]])
    picture = cv2.warpAffine(astronaut, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    points, _ = find_face(picture)
    assert distance(points, transform(matrix, PUBLISHED[:, :2])).mean() / scale < 2


def test_several_faces(astronaut: np.ndarray) -> None:
    face = astronaut[20:220, 120:320]
    picture = np.concatenate([face, face[:, ::-1], face], axis=1)
    found = detect(picture)
    assert len(found) == 3
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    middles = sorted(d.box[0] + d.box[2] / 2 for d in found)
    np.testing.assert_allclose(middles, [105, 295, 505], atol=6)


def test_noise_leaves_the_face_where_it_is(astronaut: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 12, astronaut.shape)
    noisy = np.clip(astronaut + noise, 0, 255).astype(np.uint8)
    assert distance(find_face(noisy)[0], PUBLISHED).mean() < 1.5


# --- no face, bad input, files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "picture", [np.zeros((200, 300, 3)), np.full((128, 128, 3), 255), np.full((1, 1, 3), 90), np.full((1, 900, 3), 90)]
)
def test_no_face(picture: np.ndarray) -> None:
    picture = picture.astype(np.uint8)
    assert detect(picture, thorough=True) == []
    with pytest.raises(NoFaceError, match=f"no face was found in a picture of {picture.shape[1]} x {picture.shape[0]}"):
        find_face(picture)


BAD: list[Any] = [
    np.zeros((20, 20, 3)),
    np.full((20, 20, 3), np.nan, np.float32),
    np.zeros((20, 20), np.uint8),
    np.zeros((20, 20, 4), np.uint8),
    np.zeros((2, 20, 20, 3), np.uint8),
    np.zeros((0, 20, 3), np.uint8),
    [[1, 2], [3, 4]],
    None,
]


@pytest.mark.parametrize("frame", BAD)
def test_what_is_no_frame_is_told(frame: Any, mesh: FaceMesh) -> None:
    for use in (detect, find_face, lambda f: mesh.landmarks(f, Roi(5, 5, 10)), lambda f: draw_mesh(f, PUBLISHED)):
        with pytest.raises(ValueError, match="uint8 RGB"):
            use(frame)


@pytest.mark.parametrize("score", [0.0, 1.0, -1.0, math.nan])
def test_a_score_out_of_range(score: float) -> None:
    with pytest.raises(ValueError, match="min_score"):
        detect(np.zeros((20, 20, 3), np.uint8), min_score=score)


@pytest.mark.parametrize("roi", [Roi(5, 5, 0), Roi(5, 5, -3), Roi(math.nan, 5, 5), Roi(5, math.inf, 5)])
def test_no_square(roi: Roi, mesh: FaceMesh) -> None:
    with pytest.raises(ValueError, match="no square"):
        mesh.landmarks(np.zeros((20, 20, 3), np.uint8), roi)


def test_frames_may_be_views(astronaut: np.ndarray, mesh: FaceMesh) -> None:
    roi = detect(astronaut)[0].roi
    view = np.concatenate([astronaut, astronaut], axis=2)[:, :, :3]
    assert not view.flags.c_contiguous
    np.testing.assert_array_equal(mesh.landmarks(view, roi)[0], mesh.landmarks(astronaut, roi)[0])
    astronaut.flags.writeable = False
    assert len(detect(astronaut)) == 1


def test_a_damaged_network_is_not_loaded(tmp_path: Path) -> None:
    damaged = tmp_path / nets.MESH
    damaged.write_bytes(b"TFL3" * 100)
    with pytest.raises(UnreadableWeights, match="is not the published one"):
        nets.check_asset(damaged)
    with pytest.raises(UnreadableWeights, match="is missing"):
        nets.check_asset(tmp_path / nets.DETECTOR)


def test_the_bundled_networks_are_the_published_ones() -> None:
    folder = Path(nets.__file__).parent / "assets"
    for name in nets.SHA256:
        nets.check_asset(folder / name)
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert all(digest in (folder / "PROVENANCE.md").read_text() for digest in nets.SHA256.values())


def test_a_mesh_can_be_pickled(astronaut: np.ndarray, mesh: FaceMesh) -> None:
    roi = detect(astronaut)[0].roi
    again = pickle.loads(pickle.dumps(mesh))
    np.testing.assert_array_equal(again.landmarks(astronaut, roi)[0], mesh.landmarks(astronaut, roi)[0])


def test_drawing_touches_only_a_copy(astronaut: np.ndarray) -> None:
    before = astronaut.copy()
    drawn = draw_mesh(astronaut, PUBLISHED)
    np.testing.assert_array_equal(astronaut, before)
    x, y = PUBLISHED[1, :2].round().astype(int)
    assert drawn[y, x].tolist() == [0, 255, 0]
