"""What the synthetic benchmark says it knows, against what its pictures show."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from mask.clip import Clip, Dataset
from mask.data.synthetic import create, film, raster
from mask.data.synthetic.camera import project
from mask.data.synthetic.truth import Truth
from mask.regions import load


@pytest.fixture(scope="module")
def loud() -> Dataset:
    """Large movements, no noise: what is checked is the geometry."""
    return create(subjects=2, repeats=2, intensity=2.5, noise=0)


def sample(field: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear look-up of (H, W, C) at (N, 2) pixels."""
    at = [points[:, 1], points[:, 0]]
    return np.stack([map_coordinates(field[..., c], at, order=1) for c in range(field.shape[2])], axis=1)


def by_kind(data: Dataset) -> list[Clip]:
    return [c for c in data.clips if c.key.endswith("_1")]


def test_flow_agrees_with_the_mesh_points(loud: Dataset) -> None:
    for clip in by_kind(loud):
        flow = clip.truth["flow"]().astype(float)
        onset, apex = clip.points(clip.onset), clip.points(clip.apex)
        assert onset is not None
        assert apex is not None
        found = sample(flow, onset)
        known = np.isfinite(found).all(axis=1)
        assert known.sum() > 320
        gap = np.linalg.norm(found - (apex - onset), axis=1)[known]
        assert np.median(gap) < 0.03
        assert np.percentile(gap, 90) < 0.25


def test_flow_warps_the_apex_onto_the_onset(loud: Dataset) -> None:
    for clip in by_kind(loud):
        onset, apex = (f.astype(float) for f in clip.pair())
        flow = clip.truth["flow"]()
        y, x = np.nonzero(np.isfinite(flow).all(axis=2))
        here = np.stack([x, y], axis=1).astype(float)
        there = here + flow[y, x]
        before = np.abs(sample(apex, here) - onset[y, x]).mean(axis=1)
        after = np.abs(sample(apex, there) - onset[y, x]).mean(axis=1)
        moving = np.linalg.norm(flow[y, x], axis=1) > 1.0
        assert moving.sum() > 500
        assert after[moving].mean() < 0.65 * before[moving].mean()
        assert np.median(after) < 3


def test_flow_is_on_the_face_only(loud: Dataset) -> None:
    flow = loud.clips[0].truth["flow"]()
    known = np.isfinite(flow).all(axis=2)
    assert flow.dtype == np.float32
    assert flow.shape == (256, 256, 2)
    assert 0.15 < known.mean() < 0.5
    assert not known[:6].any()
    assert not known[:, :6].any()
    points = loud.clips[0].points(loud.clips[0].onset)
    assert points is not None
    x, y = np.rint(points[[1, 50, 280, 152, 107, 336]]).astype(int).T
    assert known[y, x].sum() >= 5
    with pytest.raises(ValueError, match="'total' and 'expression'"):
        loud.clips[0].truth["flow"]("both")


def test_expression_flow_leaves_the_head_out() -> None:
    calm = create(subjects=1, repeats=1, distraction=0).clips
    for clip in calm:
        total, alone = clip.truth["flow"](), clip.truth["flow"]("expression")
        both = np.isfinite(total).all(axis=2) & np.isfinite(alone).all(axis=2)
        assert np.abs(total - alone)[both].max() < 1e-3
    busy = create(subjects=1, repeats=1).clips[0]
    total, alone = busy.truth["flow"](), busy.truth["flow"]("expression")
    assert np.nanmedian(np.linalg.norm(total, axis=2)) > np.nanmedian(np.linalg.norm(alone, axis=2))


def test_landmark_motion_is_the_flow_at_the_mesh_points(loud: Dataset) -> None:
    clip = loud.clips[4]
    motion = clip.truth["landmark_motion"]
    onset = clip.points(clip.onset)
    assert onset is not None
    found = sample(clip.truth["flow"]("expression").astype(float), onset)
    known = np.isfinite(found).all(axis=1)
    assert np.median(np.linalg.norm(found - motion, axis=1)[known]) < 0.03


WHERE: dict[str, tuple[str, ...]] = {
    "AU1": ("brow_inner",),
    "AU2": ("brow_outer",),
    "AU10": ("upper_lip", "nasolabial"),
    "AU12": ("mouth_corner",),
    "AU15": ("mouth_corner",),
}


def test_regions_move_where_the_action_units_are() -> None:
    data = create(subjects=12)
    checked = set()
    for clip in data:
        motion = clip.truth["region_motion"]
        assert set(motion) == {"mesh", "au14"}
        for scheme, regions in motion.items():
            assert set(regions) == set(load(scheme).names)
        if len(clip.action_units) == 1 and (code := "AU" + clip.action_units[0].lstrip("AULR")) in WHERE:
            top = max(motion["mesh"], key=motion["mesh"].__getitem__)
            assert top.startswith(WHERE[code]), clip.key
            checked.add(code)
    assert len(checked) >= 3
    assert {v for m in data.neutral[0].truth["region_motion"].values() for v in m.values()} == {0.0}


def test_region_motion_is_the_flow_in_the_region(loud: Dataset) -> None:
    for clip in by_kind(loud):
        length = np.linalg.norm(clip.truth["flow"]("expression").astype(float), axis=2)
        masks = load("mesh").masks(clip.points(clip.onset), length.shape)
        seen = np.array([np.nanmean(length[m]) for m in masks])
        told = np.array([clip.truth["region_motion"]["mesh"][n] for n in load("mesh").names])
        assert np.corrcoef(seen, told)[0, 1] > 0.9
        assert abs(seen.mean() - told.mean()) < 0.25 * seen.mean()


def test_neutral_clips_express_nothing_and_still_move(loud: Dataset) -> None:
    for clip in create(subjects=2, repeats=1, neutral=2).neutral:
        assert clip.emotion is None
        assert clip.truth["action_units"] == {}
        assert np.abs(clip.truth["landmark_motion"]).max() == 0
        assert np.nanmax(np.abs(clip.truth["flow"]("expression"))) < 1e-3
        assert np.ptp(clip.truth["head"], axis=0).max() > 0


def test_motion_is_in_the_micro_range() -> None:
    peaks = []
    for clip in create(subjects=3):
        peaks.append(float(np.linalg.norm(clip.truth["landmark_motion"], axis=1).max()))
    assert min(peaks) > 0.5
    assert max(peaks) < 3.2
    assert 0.9 < np.median(peaks) < 2.0


def test_head_drift_is_small() -> None:
    for clip in create(subjects=4):
        head = clip.truth["head"]
        step = np.abs(head[clip.apex] - head[clip.onset])
        assert np.degrees(step[:3]).max() < 1.6
        assert step[3:5].max() < 0.025


def test_mesh_points_are_where_the_picture_shows_them(loud: Dataset) -> None:
    """Seen at its own pixel: the surface in front is the one the point lies on."""
    for clip in by_kind(loud)[:4]:
        take = clip.frames.take
        scene, shot = film.stage(take), film.moment(take, clip.onset)
        play = take.play()
        posed = film.vertices(take, play.weights(clip.onset), play.poses[clip.onset])
        flat, depth = project(scene.actor.landmarks(posed), take.size)
        x, y = np.rint(flat).astype(int).T
        front = shot.planes.at(0, shot.seen[y * 256 + x], x.astype(np.float32), y.astype(np.float32))
        assert (np.abs(front - depth) < 0.05).mean() > 0.88
        assert np.abs(flat - clip.points(clip.onset)).max() < 1e-9


def test_truth_is_a_mapping() -> None:
    truth = create(subjects=1, repeats=1).clips[0].truth
    assert isinstance(truth, Truth)
    assert set(truth) == set(Truth.KEYS)
    assert len(truth) == len(Truth.KEYS)
    assert "flow" in truth
    assert "colour" not in truth
    with pytest.raises(KeyError):
        truth["colour"]
    assert all(truth[key] is not None for key in truth)


# --- the rasteriser --------------------------------------------------------------------------------------------


def inside(corners: NDArray[np.float64], x: float, y: float) -> bool:
    a, b, c = corners
    side = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
    return all(s > 0 for s in side) or all(s < 0 for s in side)


def everywhere(size: int) -> NDArray[np.int64]:
    return np.arange(size * size)


def test_cover_and_sample_agree_with_the_definition(rng: np.random.Generator) -> None:
    size, count = 12, 9
    corners = rng.uniform(-4, 16, (count, 3, 2))
    drawn = raster.cut(corners)
    centres = drawn.cover(np.arange(count), size)[None]
    samples = drawn.sample(np.arange(count), size, everywhere(size))
    for seen, dx, dy in ((centres, [0.0], [0.0]), (samples, *raster.SAMPLES)):
        for k, picture in enumerate(seen.reshape(-1, size, size)):
            for row in range(size):
                for column in range(size):
                    hit = [t for t in range(count) if inside(corners[t], column + dx[k], row + dy[k])]
                    assert picture[row, column] == (hit[-1] if hit else -1)


def test_samples_of_some_pixels_are_those_of_all(rng: np.random.Generator) -> None:
    drawn, ids = raster.cut(rng.uniform(-3, 19, (60, 3, 2))), np.arange(60) * 7
    whole = drawn.sample(ids, 16, everywhere(16))
    for count in (0, 1, 9, 200):
        pixels = np.sort(rng.choice(256, count, replace=False))
        assert (drawn.sample(ids, 16, pixels) == whole[:, pixels]).all()
    assert (raster.cut(np.zeros((0, 3, 2))).sample(ids, 16, everywhere(16)) == -1).all()


def test_neighbours_leave_no_gap_and_do_not_overlap(rng: np.random.Generator) -> None:
    """A square cut into many triangles: every sample belongs to exactly one, whatever the drawing order."""
    n, size = 9, 24
    grid = np.stack(np.meshgrid(np.linspace(-2, 26, n), np.linspace(-2, 26, n)), axis=-1)
    grid[1:-1, 1:-1] += rng.uniform(-1.2, 1.2, (n - 2, n - 2, 2))
    a, b, c, d = (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1])
    corners = np.concatenate([np.stack(t, axis=2).reshape(-1, 3, 2) for t in ((a, b, c), (a, c, d))])
    order = rng.permutation(len(corners))
    first, second = raster.cut(corners), raster.cut(corners[order])
    ids = np.arange(len(corners))
    for one, other in (
        (first.cover(ids, size), second.cover(order, size)),
        (first.sample(ids, size, everywhere(size)), second.sample(order, size, everywhere(size))),
    ):
        assert (one >= 0).all()
        assert (one == other).all()


def test_an_edge_creeps_through_a_pixel_in_four_steps() -> None:
    counts = []
    for shift in np.arange(0, 1.01, 0.125):
        corners = np.array(
            [[[-9, -99], [3.45 + shift, -99], [-9, 199]], [[3.45 + shift, -99], [3.45 + shift, 199], [-9, 199]]]
        )
        seen = raster.cut(corners).sample(np.arange(2), 8, np.array([3 * 8 + 4]))
        counts.append(int((seen >= 0).sum()))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_front_faces_are_counter_clockwise_as_seen() -> None:
    triangle = np.array([[[0.0, 0], [4, 0], [0, 4]], [[0, 0], [0, 4], [4, 0]]])
    assert raster.front_facing(triangle).tolist() == [False, True]
