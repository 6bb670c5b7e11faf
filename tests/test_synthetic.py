"""The synthetic benchmark: same pixels everywhere, honest labels, movement where the labels say."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed

from mask import registry
from mask.clip import Clip, Dataset, Frames, Landmarks
from mask.data.synthetic import actor, create, express, film, head, manner, script
from mask.data.synthetic.manner import Dials
from mask.errors import UnreadableData, UsageError
from mask.geometry import face_box, transform
from mask.regions.polygon import fill


@pytest.fixture(scope="module")
def data() -> Dataset:
    return create(subjects=2)


def clip_of(data: Dataset, key: str) -> Clip:
    return next(c for c in (*data.clips, *data.neutral) if c.key == key)


def digest(frame: np.ndarray) -> str:
    return hashlib.sha256(frame.tobytes()).hexdigest()[:16]


# --- the same pixels everywhere ---------------------------------------------------------------------------------

GOLDEN = {
    ("synthetic/s01/happiness_1", 0): "5dcadd6d318dcfb3",
    ("synthetic/s02/surprise_2", 7): "5836bf1b94e32251",
    ("synthetic/s02/neutral_1", 3): "5f5e20b8a3658545",
}


@pytest.mark.parametrize(("key", "index"), GOLDEN)
def test_golden_frames(data: Dataset, key: str, index: int) -> None:
    assert digest(clip_of(data, key).frame(index)) == GOLDEN[key, index]


def test_a_frame_does_not_depend_on_what_was_rendered_before(data: Dataset) -> None:
    clip = clip_of(data, "synthetic/s01/disgust_2")
    forward = [digest(clip.frame(i)) for i in range(6)]
    again = film.Film(clip.frames.take)
    assert [digest(again[i]) for i in (5, 2, 0, 4, 1, 3)] == [forward[i] for i in (5, 2, 0, 4, 1, 3)]
    film.stage.cache_clear()
    assert digest(film.Film(clip.frames.take)[3]) == forward[3]


def test_workers_render_the_same_bytes(data: Dataset) -> None:
    wanted = [(clip_of(data, key), index) for key, index in GOLDEN]
    here = [digest(clip.frame(index)) for clip, index in wanted]
    there = Parallel(n_jobs=2)(delayed(_look)(clip, index) for clip, index in wanted)
    assert there == here


def _look(clip: Clip, index: int) -> str:
    return digest(clip.frame(index))


def test_clips_survive_pickling(data: Dataset) -> None:
    clip = clip_of(data, "synthetic/s01/sadness_3")
    before = clip.frame(2)
    copy = pickle.loads(pickle.dumps(clip))
    assert len(pickle.dumps(clip)) < 20_000
    assert (copy.frame(2) == before).all()
    assert (copy.points(2) == clip.points(2)).all()
    assert copy.truth["emotion"] == "sadness"


def test_eager_equals_lazy_and_copies_are_safe(data: Dataset) -> None:
    clip = clip_of(data, "synthetic/s01/happiness_3")
    first = clip.frame(0)
    first[:] = 0
    whole = np.asarray(clip.frames)
    assert whole.shape == (len(clip.frames), 256, 256, 3)
    assert whole.dtype == np.uint8
    assert (whole[0] == clip.frame(0)).all()
    assert (whole[-1] == clip.frame(-1)).all()
    assert isinstance(clip.frames, Frames)
    assert isinstance(clip.landmarks, Landmarks)
    with pytest.raises(IndexError, match="frame"):
        clip.frame(len(whole))


def test_more_subjects_repeats_or_classes_change_no_clip() -> None:
    few, many = create(subjects=1, repeats=1, neutral=1), create(subjects=2, repeats=2, neutral=2)
    classes = create(subjects=1, repeats=2, emotions=3)
    for clip in (*few.clips, *few.neutral):
        other = clip_of(many, clip.key)
        assert (clip.onset, clip.apex, clip.offset, clip.action_units) == (
            other.onset,
            other.apex,
            other.offset,
            other.action_units,
        )
        assert (clip.frame(1) == other.frame(1)).all()
    positive = clip_of(classes, "synthetic/s01/positive_1")
    assert (positive.frame(1) == clip_of(few, "synthetic/s01/happiness_1").frame(1)).all()


def test_seeds_differ_and_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = create(subjects=1, repeats=1, seed=0), create(subjects=1, repeats=1, seed=1)
    assert (a.clips[0].frame(0) != b.clips[0].frame(0)).mean() > 0.5
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


# --- labels ----------------------------------------------------------------------------------------------------


def test_the_default_set_is_balanced_and_costs_nothing_to_make() -> None:
    data = create()
    assert len(data) == 144
    assert len(data.neutral) == 12
    assert Counter(c.emotion for c in data) == dict.fromkeys(manner.EMOTIONS, 36)
    assert Counter(c.subject for c in data) == {f"s{i:02d}": 12 for i in range(1, 13)}
    assert len({c.key for c in (*data.clips, *data.neutral)}) == 156
    assert json.loads(json.dumps(data.card))["clips"] == 144
    assert {c.action_units == () for c in data.neutral} == {True}


def test_three_classes_mix_disgust_and_sadness_evenly() -> None:
    data = create(subjects=4, emotions=3, repeats=2)
    assert data.emotions == ("negative", "positive", "surprise")
    behind = Counter(c.truth["emotion"] for c in data if c.emotion == "negative")
    assert behind == {"disgust": 4, "sadness": 4}


def test_timing_is_that_of_a_micro_expression() -> None:
    for fps in (100.0, 200.0):
        for clip in create(subjects=6, fps=fps):
            weights = np.array(list(clip.truth["action_units"].values()))
            assert 0.04 <= (clip.offset - clip.onset) / fps <= 0.51
            assert clip.onset < clip.apex < clip.offset < len(clip.frames)
            assert np.all(weights[:, : clip.onset + 1] == 0)
            assert np.all(weights[:, clip.offset :] == 0)
            assert np.all(weights >= 0)
            assert np.all(weights[:, clip.apex] > 0.5 * weights.max(axis=1))


def test_the_same_event_at_another_frame_rate() -> None:
    slow, fast = create(subjects=1, fps=100).clips[4], create(subjects=1, fps=200).clips[4]
    assert slow.action_units == fast.action_units
    a, b = slow.truth["action_units"], fast.truth["action_units"]
    for code, weight in a.items():
        assert weight.max() == pytest.approx(b[code].max(), rel=0.05)


def test_codes_name_what_moves() -> None:
    for clip in create(subjects=12):
        moving = {unit for code in clip.action_units for unit in express.sides(code)}
        assert moving == set(clip.truth["action_units"])
        recipe = {number for number, _, _ in manner.RECIPES[clip.truth["emotion"]]}
        assert {int(code.lstrip("AULR")) for code in clip.action_units} <= recipe
        assert not moving & {u for u in clip.truth["distractors"] if not u.endswith("45")}


def test_some_clips_are_one_sided_either_way_and_subjects_differ() -> None:
    codes = Counter(code[0] for clip in create(subjects=12) for code in clip.action_units)
    assert codes["L"] > 5
    assert codes["R"] > 5
    assert codes["A"] > codes["L"] + codes["R"]
    a, b = (manner.style(0, k).habit for k in (0, 1))
    assert max(abs(np.log(a[n] / b[n])) for n in a) > 0.3


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0, 1.0), st.floats(0.05, 0.5))
def test_a_pulse_rises_once_and_falls_once(seed: int, late: float, length: float) -> None:
    time = np.arange(0, 0.8, 0.002)
    curve = script._pulse(np.random.default_rng(seed), 0.1, 0.1 + length)(time, late)
    assert np.all((curve >= 0) & (curve <= 1))
    assert np.all(curve[time <= 0.1] == 0)
    assert np.all(curve[time >= 0.1 + length + 1e-9] < 1e-9)
    top = int(np.argmax(curve))
    assert np.all(np.diff(curve[: top + 1]) >= -1e-12)
    assert np.all(np.diff(curve[top:]) <= 1e-12)


def test_dials_turn() -> None:
    quiet = create(subjects=1, repeats=1, distraction=0, noise=0).clips[0]
    head_moves = quiet.truth["head"]
    assert np.ptp(head_moves, axis=0).max() == 0
    assert all(np.ptp(w) == 0 for w in quiet.truth["distractors"].values())
    none = create(subjects=1, repeats=1, intensity=0).clips[0]
    assert np.abs(none.truth["landmark_motion"]).max() == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"subjects": 0}, "subjects is 0"),
        ({"emotions": 5}, "happiness, disgust"),
        ({"repeats": 1.5}, "repeats is 1.5"),
        ({"size": 20}, "size is 20"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"noise": True}, "noise is True"),
    ],
)
def test_bad_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        create(**options)  # type: ignore[arg-type]


def test_by_name() -> None:
    data = registry.create("datasets", "synthetic:subjects=1,repeats=1,neutral=0,seed=3")
    assert data.name == "synthetic:subjects=1,repeats=1,neutral=0,seed=3"
    assert len(data) == 4
    with pytest.raises(UsageError, match="faces"):
        registry.create("datasets", "synthetic:faces=3")


# --- the head --------------------------------------------------------------------------------------------------


def test_a_damaged_head_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    head.load.cache_clear()
    monkeypatch.setattr(head, "HEAD_SHA256", "0" * 64)
    with pytest.raises(UnreadableData, match="damaged"):
        head.load()
    monkeypatch.undo()
    head.load.cache_clear()
    assert len(head.load().landmark_mirror) == 468


def test_the_head_is_symmetric_and_mirrored_units_are_mirror_images() -> None:
    pack = head.load()
    flip = np.array([-1.0, 1.0, 1.0])
    assert np.abs(pack.mean[pack.mirror] * flip - pack.mean).max() < 1e-5
    assert (pack.mirror[pack.mirror] == np.arange(len(pack.mirror))).all()
    for code, (index, delta) in express.units(pack).items():
        full, other = np.zeros_like(pack.base), np.zeros_like(pack.base)
        full[index] = delta
        index, delta = express.units(pack)[express.mirrored(code)]
        other[index] = delta
        assert np.abs(other[pack.mirror] * flip - full).max() < 1e-6, code


def test_mesh_points_lie_on_the_skin_and_mirror() -> None:
    pack = head.load()
    assert (pack.part[pack.landmark_triangle] == 0).all()
    assert (pack.landmark_weights >= 0).all()
    assert np.abs(pack.landmark_weights.sum(axis=1) - 1).max() < 1e-12
    mirror = pack.landmark_mirror
    assert (mirror[mirror] == np.arange(468)).all()
    points = pack.landmarks(pack.mean)
    pairs = np.flatnonzero(mirror != np.arange(468))
    flipped = points[mirror] * [-1, 1, 1]
    assert np.abs(flipped - points)[pairs].max() < 2e-3


def test_the_average_face_is_what_its_script_makes() -> None:
    path = Path(__file__).parents[1] / "scripts" / "build_canonical.py"
    spec = importlib.util.spec_from_file_location("build_canonical", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made, kept = json.loads(script.text()), json.loads(script.OUT.read_text(encoding="utf-8"))
    assert np.abs(np.array(made.pop("points")) - np.array(kept.pop("points"))).max() < 2e-5
    assert made == kept


REGIONS = {  # unit -> a mesh point that moves most or nearly so, and the sign of its motion (x right, y down)
    "L12": (61, (-1, -1)),
    "R12": (291, (1, -1)),
    "L15": (61, (0, 1)),
    "L1": (107, (0, -1)),
    "R1": (336, (0, -1)),
    "L2": (63, (0, -1)),
    "R2": (293, (0, -1)),
    "L4": (107, (0, 1)),
    "L9": (129, (0, -1)),
    "L10": (39, (0, -1)),
    "AU17": (17, (0, -1)),
    "AU26": (17, (0, 1)),
    "L5": (159, (0, -1)),
    "R45": (386, (0, 1)),
}


@pytest.mark.parametrize("code", REGIONS)
def test_a_unit_moves_its_region(code: str) -> None:
    point, (across, down) = REGIONS[code]
    move = manner.reach(head.load())[code]
    length = np.linalg.norm(move, axis=1)
    assert length[point] > 0.5 * length.max()
    assert across == 0 or move[point, 0] * across > 0
    assert down == 0 or move[point, 1] * down > 0
    if code[0] in "LR":
        twin = head.load().landmark_mirror[point]
        assert length[twin] < 0.35 * length[point]


# --- the picture -----------------------------------------------------------------------------------------------


def test_the_face_box_is_in_the_frame_and_the_eyes_are_where_they_should_be(data: Dataset) -> None:
    for clip in (*data.clips[::5], *data.neutral):
        points = clip.points(clip.apex)
        assert points is not None
        assert points.shape == (468, 2)
        box = face_box(points)
        corners = transform(box.to_image, [[0, 0], [1, 0], [0, 1], [1, 1]])
        assert corners.min() > -0.5
        assert corners.max() < 255.5
        assert 60 < 0.46 * np.hypot(*box.to_image[:, 0]) < 76


def test_no_backdrop_shows_through_a_face() -> None:
    data = create(subjects=4, intensity=2.0)
    for clip in data.clips[::3]:
        oval = np.asarray(clip.points(clip.apex))[mesh_oval()]
        inner = oval + 0.08 * (oval.mean(axis=0) - oval)
        y, x = np.nonzero(fill([inner], (256, 256)))
        seen = film.moment(clip.frames.take, clip.apex).seen
        assert (seen[y * 256 + x] >= 0).all(), clip.key


def test_triangles_left_out_for_speed_are_never_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a camera in front may not see is dropped; with all of it kept, the same is drawn."""
    takes = [c.frames.take for c in create(subjects=2, intensity=2.0).clips[::3]]
    takes = [(take, take.play().apex) for take in takes]
    quick = [film.moment(*at).seen < 0 for at in takes]
    monkeypatch.setattr(actor, "_shown", lambda rest, triangles, *_: np.ones(len(triangles), dtype=bool))
    for cache in (film.subject, film.stage):
        cache.cache_clear()
    whole = [film.moment(*at).seen < 0 for at in takes]
    for cache in (film.subject, film.stage):
        cache.cache_clear()
    assert [int((a != b).sum()) for a, b in zip(quick, whole, strict=True)] == [0] * len(takes)


def mesh_oval() -> list[int]:
    """The outline of the face, as mesh points in order around it."""
    right = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152]
    mirror = head.load().landmark_mirror
    return right + [int(mirror[i]) for i in right[-2:0:-1]]


def test_faces_are_bright_enough_and_people_differ() -> None:
    data = create(subjects=6, repeats=1)
    means = []
    for clip in data.clips[::4]:
        frame, points = clip.frame(0).astype(float), clip.points(0)
        assert points is not None
        x, y = points.mean(axis=0).astype(int)
        face = frame[y - 50 : y + 50, x - 40 : x + 40]
        assert 45 < face.mean() < 215
        assert face.std() > 10
        assert (frame > 250).mean() < 0.02
        means.append(face.mean())
    assert np.ptp(means) > 25


def test_noise_is_as_told() -> None:
    still = {"subjects": 1, "repeats": 1, "distraction": 0.0, "intensity": 0.0}
    noisy, clean = create(**still), create(**still, noise=0.0)
    count = min(len(noisy.clips[0].frames), 8)
    a, b = (np.stack([d.clips[0].frame(i).astype(float) for i in range(count)]) for d in (noisy, clean))
    gap = a - b
    assert abs(gap.mean()) < 0.1
    assert 0.8 < gap.std() < 3.0
    assert abs(np.mean(gap[0] * gap[1])) < 0.05 * gap.var()
    double = create(**still, noise=2.0).clips[0].frame(0) - b[0]
    assert double.std() == pytest.approx(2 * gap[0].std(), rel=0.1)


def test_bell_is_a_bell() -> None:
    grain = film._bell(np.random.default_rng(0), 200_003)
    assert len(grain) == 200_003
    assert abs(grain.mean()) < 1.5
    assert grain.std() == pytest.approx((4 * (256**2 - 1) / 12) ** 0.5, rel=0.01)


def test_screenplays_are_pure() -> None:
    a = script.write(0, 3, "sadness", 1, 100.0, Dials())
    b = script.write(0, 3, "sadness", 1, 100.0, Dials())
    assert a.poses == b.poses
    assert all((a.expression[k] == b.expression[k]).all() for k in a.expression)
