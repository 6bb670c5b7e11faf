"""Spotting: intervals, their scores against brute force, peaks against closed forms, long videos out of datasets."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask import registry
from mask.clip import Clip, Dataset
from mask.errors import UnreadableData, UsageError
from mask.spot.baselines import scattered
from mask.spot.cut import Cut
from mask.spot.interval import Interval, Spotting, iou
from mask.spot.metrics import IOU, Outcome, f1, match, score, strs
from mask.spot.peaks import smooth, spot_peaks
from mask.spot.video import long_videos
from tests.data_files import pictures, samm, xlsx

SPANS = st.tuples(st.integers(0, 30), st.integers(0, 14)).map(lambda s: Interval(s[0], s[0] + s[1] // 2, s[0] + s[1]))


def at(onset: int, offset: int, emotion: str | None = None) -> Interval:
    return Interval(onset, (onset + offset) // 2, offset, emotion)


def most_pairs(true: list[Interval], spotted: list[Interval]) -> tuple[int, float]:
    """By trying every way: the most pairs there can be, and their largest sum of overlaps."""
    best = (0, 0.0)
    for size in range(1, min(len(true), len(spotted)) + 1):
        for some in combinations(range(len(true)), size):
            for others in permutations(range(len(spotted)), size):
                shared = [iou(true[t], spotted[s]) for t, s in zip(some, others, strict=True)]
                if min(shared) >= IOU:
                    best = max(best, (size, sum(shared)))
    return best


@given(SPANS, SPANS)
def test_overlap_is_counted_in_frames(a: Interval, b: Interval) -> None:
    one, other = set(range(a.onset, a.offset + 1)), set(range(b.onset, b.offset + 1))
    assert iou(a, b) == pytest.approx(len(one & other) / len(one | other))
    assert iou(a, b) == iou(b, a)


@given(st.lists(SPANS, max_size=4), st.lists(SPANS, max_size=4))
def test_pairs_are_the_best_there_are(true: list[Interval], spotted: list[Interval]) -> None:
    pairs = match(true, spotted)
    assert len({t for t, _ in pairs}) == len({s for _, s in pairs}) == len(pairs)
    count, overlap = most_pairs(true, spotted)
    assert len(pairs) == count
    assert sum(iou(true[t], spotted[s]) for t, s in pairs) == pytest.approx(overlap)


def test_one_expression_is_found_once() -> None:
    outcome = Outcome("v", "a", 30, (at(10, 19),), (at(10, 19), at(11, 19), at(50, 60)))
    assert outcome.counts() == (1, 2, 0)
    assert Outcome("v", "a", 30, (at(0, 9),), (at(5, 9),)).counts() == (1, 0, 0), "half is enough"
    assert Outcome("v", "a", 30, (at(0, 9),), (at(6, 9),)).counts() == (0, 1, 1)


def test_scores_of_two_videos_by_hand() -> None:
    emotions = ("negative", "positive")
    first = Outcome(
        *("v1", "a", 30.0),
        (at(10, 19, "negative"), at(40, 49, "positive")),
        (Interval(10, 16, 19, "negative", 0.9), Interval(41, 45, 49, "negative", 0.8), at(70, 80, "positive")),
        emotions,
    )
    second = Outcome("v2", "b", 100.0, (at(5, 14, "positive"),), (Interval(5, 6, 14, "positive", 0.7),), emotions)
    told = score([first, second])
    assert (told["tp"], told["fp"], told["fn"]) == (3, 1, 0)
    assert told["f1"] == pytest.approx(6 / 7)
    assert told["apex_error_frames"] == pytest.approx((2 + 1 + 3) / 3)
    assert told["apex_error_ms"] == pytest.approx(1000 * (2 / 30 + 1 / 30 + 3 / 100) / 3)
    # negative: 1 hit, 1 false; positive: 1 hit, 1 missed.
    assert told["recognition"]["confusion"] == [[1, 0], [1, 1]]
    assert told["recognition"]["f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert told["strs"] == pytest.approx(6 / 7 * 2 / 3)
    assert told["f1_ci95"][0] <= told["f1"] <= told["f1_ci95"][1]


@pytest.mark.parametrize(
    ("spotting", "recognition", "published"),
    [(0.0997, 0.5638, 0.0562), (0.2906, 0.6882, 0.2000), (0.0802, 0.4830, 0.0387), (0.2167, 0.6259, 0.1356)],
)
def test_strs_as_published(spotting: float, recognition: float, published: float) -> None:
    assert strs(spotting, recognition) == pytest.approx(published, abs=6e-5)


def test_an_emotion_nobody_said_is_a_wrong_answer() -> None:
    outcome = Outcome("v", "a", 30, (at(0, 9, "x"),), (at(0, 9),), ("x", "y"))
    told = score([outcome])
    assert told["recognition"]["unanswered"] == [1, 0]
    assert told["strs"] == 0
    assert told["f1_ci95"] is None, "one subject has no interval"


def test_nothing_spotted_scores_zero() -> None:
    told = score([Outcome("v", "a", 30, (at(0, 9),), ())])
    assert (told["f1"], told["precision"], told["recall"], told["apex_error_frames"]) == (0, 0, 0, None)
    assert score([])["f1"] == 0
    assert f1([0, 0, 0]) == 0


# Peaks


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(0, 8))
def test_the_moving_average_is_a_mean(values: list[int], k: int) -> None:
    slow = [np.mean(values[max(i - k, 0) : i + k + 1]) for i in range(len(values))]
    assert np.allclose(smooth(values, k), slow)


def test_a_bump_is_spotted_where_it_is() -> None:
    scores = np.zeros(100)
    scores[40:49] = 1
    found = spot_peaks(scores, np.arange(100) + 3, 120, 6)
    (only,) = found.intervals
    assert (only.onset, only.apex, only.offset) == (41, 47, 53)
    # Over 13 scores, 9 of which are 1.
    assert only.score == pytest.approx(9 / 13)
    curve = smooth(scores, 6)
    assert found.threshold == pytest.approx(curve.mean() + 0.55 * (curve.max() - curve.mean()))
    assert found.curve.shape == (120,)
    assert found.curve[47] == pytest.approx(9 / 13)


def test_peaks_nearer_than_k_are_one_and_low_ones_none() -> None:
    scores = np.zeros(200)
    scores[[50, 54, 120]] = 3, 4, 6
    scores[170] = 1
    found = spot_peaks(scores, np.arange(200), 200, 10, share=0.5)
    assert len(found.intervals) == 2
    assert abs(found.intervals[0].apex - 52) <= 10
    assert abs(found.intervals[1].apex - 120) <= 10


def test_scores_every_few_frames_mean_the_same_video() -> None:
    time = np.arange(600)
    bell = np.exp(-(((time - 300) / 30) ** 2))
    whole = spot_peaks(bell, time, 600, 37).intervals[0]
    sparse = spot_peaks(bell[::6], time[::6], 600, 37).intervals[0]
    assert abs(whole.apex - 300) <= 1
    assert abs(sparse.apex - whole.apex) <= 6
    assert len(sparse) == len(whole) == 75


def test_a_constant_score_has_no_peak_and_an_end_may_be_one() -> None:
    assert spot_peaks(np.ones(50), np.arange(50), 50, 5).intervals == ()
    assert spot_peaks([], [], 10, 5).intervals == ()
    rising = spot_peaks(np.arange(50.0), np.arange(50), 50, 5).intervals
    assert [(i.apex, i.offset) for i in rising] == [(49, 49)]
    with pytest.raises(ValueError, match="one place per score"):
        spot_peaks([1.0], [1.0, 2.0], 10, 5)


@given(st.lists(SPANS, max_size=5), st.integers(45, 200), st.integers(0, 99))
def test_the_control_keeps_number_and_lengths(spans: list[Interval], frames: int, seed: int) -> None:
    found = Spotting(tuple(spans), np.zeros(frames, dtype=np.float32))
    control = scattered(found, frames, np.random.default_rng(seed)).intervals
    assert sorted(map(len, control)) == sorted(map(len, spans))
    assert all(i.offset < frames for i in control)
    if sum(map(len, spans)) <= frames:
        ordered = sorted(control, key=lambda i: i.onset)
        assert all(a.offset < b.onset for a, b in pairwise(ordered))


def test_intervals_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        Interval(5, 4, 9)


# Long videos out of datasets


def test_synthetic_long_videos_tell_exactly_what_is_in_them() -> None:
    data = registry.create("datasets", "synthetic-long:subjects=2,videos=2,size=96")
    videos = long_videos(data)
    assert len(data) == 12
    assert [v.key for v in videos.videos] == [f"synthetic-long/s0{s}/v{n}" for s in (1, 2) for n in (1, 2)]
    for video in videos.videos:
        assert len(video) == 360
        truth = video.truth or ()
        assert len(truth) == 3
        assert all(a.offset < b.onset for a, b in pairwise(truth))
        take = video.frames.take  # type: ignore[attr-defined]
        moving = sum(np.abs(w) for w in take.play().expression.values()) > 1e-9
        inside = np.zeros(360, dtype=bool)
        for one in truth:
            inside[one.onset : one.offset + 1] = True
        assert not moving[~inside].any(), "nothing of an emotion moves outside its interval"
        assert all(moving[t.apex] for t in truth)
    clip = data.clips[4]
    again = next(t for v in videos.videos for t in v.truth or () if v.key == clip.key.rsplit("/", 1)[0])
    video = next(v for v in videos.videos if v.key == clip.key.rsplit("/", 1)[0])
    first = (video.truth or ()).index(again)
    assert first == 0
    assert np.array_equal(clip.frame(clip.apex), video.frame((video.truth or ())[1].apex))
    assert np.array_equal(clip.points(clip.onset), video.points((video.truth or ())[1].onset))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["seconds=3", "videos=0", "expressions=0", "macros=-1", "fps=5", "size=10"])
def test_long_videos_that_cannot_be(bad: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        registry.create("datasets", f"synthetic-long:{bad}")


def samm_long(root: Path) -> str:
    above = [[f"line {i}"] for i in range(9)]
    header = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units"]
    body = [
        ["006", "006_1_2", 1, 12, 18, 25, 14, "Micro - 1/2", "4+7"],
        ["006", "006_1_3", 1, 40, 44, 52, 14, "Micro - 1/2", "12"],
        ["007", "007_6_1", 1, 3, 5, 9, 12, "Micro - 1/2", "12"],
    ]
    xlsx(root / "SAMM_LongVideos_V3_Release.xlsx", Sheet1=[*above, [*header, "Notes"], *([*b, None] for b in body)])
    # Two pictures are missing, one before and one within the second expression.
    pictures(root / "SAMM_longvideos/006_1", [n for n in range(1, 60) if n not in (30, 47)], "006_1_{:04d}.jpg")
    pictures(root / "SAMM_longvideos/007_6", range(1, 60), "007_6_{:04d}.jpg")
    rows = [
        ("006", "006_1_2", 900, 910, 920, "4", "Anger", "III"),
        ("006", "006_1_3", 900, 910, 920, "4", "Happiness", "III"),
        ("007", "007_6_1", 1, 2, 3, "12", "Other", "I"),
    ]
    samm(root, rows, unpack=False)
    return f"samm-long:{root}"


def test_long_videos_of_samm_are_the_folders_of_their_pictures(tmp_path: Path) -> None:
    spec = samm_long(tmp_path)
    with pytest.raises(UsageError, match=r"leaves out expressions.*classes=native"):
        long_videos(registry.create("datasets", spec))
    videos = long_videos(registry.create("datasets", f"{spec},classes=native"))
    assert [(v.key, v.subject, len(v), v.fps) for v in videos.videos] == [
        ("samm-long/006/SAMM_longvideos_006_1", "006", 57, 200),
        ("samm-long/007/SAMM_longvideos_007_6", "007", 59, 200),
    ]
    truth = videos.videos[0].truth or ()
    assert [(t.onset, t.apex, t.offset, t.emotion) for t in truth] == [
        (11, 17, 24, "anger"),
        (38, 42, 49, "happiness"),
    ]
    names = [p.name for p in videos.videos[0].frames.sources]  # type: ignore[attr-defined]
    assert [names[i] for i in (11, 38, 42, 49)] == [f"006_1_{n:04d}.jpg" for n in (12, 40, 44, 52)]


def test_cut_clips_hold_nothing_to_spot() -> None:
    frames = np.zeros((10, 32, 32, 3), np.uint8)
    clip = Clip("made/a/b", "a", "x", "made", frames=frames, onset=0, apex=4, offset=9)
    with pytest.raises(UsageError, match="nothing to spot"):
        long_videos(Dataset("made", (clip,), ("x",)))
    wrong = Clip("made/a/b", "a", "x", "made", frames=frames, onset=5, apex=5, offset=2)
    with pytest.raises(UnreadableData, match="made/a/b: onset 5"):
        long_videos(Dataset("made", (wrong,), ("x",)))
    flow = Clip("made/a/c", "a", "x", "made", flow=np.zeros((28, 28, 3), np.uint8))
    with pytest.raises(UsageError, match="flow maps"):
        long_videos(Dataset("made", (flow,), ("x",)))


def test_a_cut_is_the_same_frames() -> None:
    cut = Cut(list(range(20)), 5, 4)
    assert [*cut] == [5, 6, 7, 8]
    assert cut[-1] == 8
    with pytest.raises(IndexError):
        cut[4]
