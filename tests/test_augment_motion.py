"""Magnified and driven motion, against textures whose displacement is known at every point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from mask.augment._around import around, look_up, start
from mask.augment._motion import Driver, Fusion, Mover
from mask.augment.driven import Driven, DrivenFrames
from mask.augment.magnify import Magnify
from mask.augment.magnify_eulerian import MagnifyEulerian, amplify, band_pass
from mask.clip import Clip
from mask.errors import NoFaceError, UsageError
from mask.flow import flow
from mask.geometry import face_box, transform
from tests.augment_clips import SIZE, grid, mesh, moved_clip, still_clip
from tests.flow_scenes import Floats, texture

INSIDE = (slice(45, 110), slice(40, 104))
"""The middle of the face, where motion is not faded."""


def shift(x: float, y: float) -> Floats:
    return np.broadcast_to(np.array([x, y]), (SIZE, SIZE, 2))


def bump(x: float, y: float, width: float = 14.0, middle: tuple[float, float] = (72.0, 80.0)) -> Floats:
    height = np.exp(-((grid() - middle) ** 2).sum(axis=-1) / 2 / width**2)
    return height[..., None] * np.array([x, y])


def shift_seen(frame: NDArray[np.uint8], seed: int, top: Floats, guess: Floats) -> Floats:
    """How far the texture has moved since the onset, by comparing the picture with the texture itself."""
    picture, places, seen = texture(np.random.default_rng(seed), 30.0), grid()[INSIDE], frame[..., 0][INSIDE]

    def wrong(by: Floats) -> float:
        at = places + top - by
        return float(np.mean((picture(at[..., 0], at[..., 1]) - seen) ** 2))

    return np.asarray(minimize(wrong, guess, method="Nelder-Mead", options={"xatol": 2e-3, "fatol": 1e-3}).x)


@pytest.mark.parametrize(("x", "y", "factor"), [(0.1, -0.05, 2), (0.3, 0.2, 4), (0.7, -0.5, 3), (2.0, 1.0, 2)])
def test_magnified_motion_is_factor_times_the_motion(x: float, y: float, factor: float) -> None:
    (made,) = Magnify(float(factor)).make([moved_clip("s/0", shift(x, y), seed=3)], 0)
    seen = shift_seen(made.frame(2), 3, np.array([x, y]), np.array([x, y]) * factor)
    np.testing.assert_allclose(seen, np.array([x, y]) * factor, atol=0.05)


def test_magnified_skin_lies_where_it_belongs_and_looks_as_it_did() -> None:
    """A motion that differs from place to place: each point of the onset stands at factor times its own motion."""
    field, factor = bump(1.2, -0.8), 2.5
    clip = moved_clip("s/0", field, seed=5, steps=(0, 1))
    (made,) = Magnify(factor).make([clip], 0)
    origin = start((factor * field).astype(np.float32))
    at = origin + look_up(field.astype(np.float32), origin)
    wanted = texture(np.random.default_rng(5), 30.0)(at[..., 0], at[..., 1])
    error = np.abs(made.frame(1)[..., 0] - wanted)[INSIDE].mean()
    unmagnified = np.abs(clip.frame(1)[..., 0] - wanted)[INSIDE].mean()
    assert error < 1.0 < 4.0 < unmagnified


@pytest.mark.parametrize("way", [Magnify(3.0), MagnifyEulerian(3.0, reach=0.1)])
def test_the_onset_and_what_is_far_from_the_face_stay_as_filmed(way: Magnify | MagnifyEulerian) -> None:
    clip = replace(moved_clip("s/0", shift(0.8, 0), seed=1, steps=(0.3, 0, 0.6, 1)), onset=1)
    (made,) = way.make([clip], 0)
    assert np.array_equal(made.frame(1), clip.frame(1))
    assert not np.array_equal(made.frame(3)[INSIDE], clip.frame(3)[INSIDE])
    assert np.array_equal(made.frame(3)[:, :4], clip.frame(3)[:, :4])
    (still,) = way.make([still_clip("s/1", "calm")], 0)
    assert np.abs(still.frame(1).astype(int) - still.frame(0)).max() <= 1


def test_magnified_landmarks_move_as_far() -> None:
    clip = moved_clip("s/0", shift(1, 0))
    moving = np.asarray(clip.landmarks) + np.arange(4)[:, None, None] * [1.0, -2.0]
    (made,) = Magnify(3.0).make([replace(clip, landmarks=moving)], 0)
    np.testing.assert_allclose(np.asarray(made.points(2)) - mesh(), np.broadcast_to([6.0, -12.0], (468, 2)))
    (unknown,) = Magnify(3.0).make([replace(clip, landmarks=None)], 0)
    assert unknown.landmarks is None


@pytest.mark.parametrize(("x", "y"), [(0.05, -0.03), (0.1, 0.1), (0.2, -0.1)])
def test_eulerian_magnification_within_its_reach(x: float, y: float) -> None:
    """(1 + alpha) d < wavelength / 8 holds down to wavelengths of 5 pixels, the shortest there are."""
    way = MagnifyEulerian(2.0, high=50.0, reach=0.1)
    (made,) = way.make([moved_clip("s/0", shift(x, y), seed=3)], 0)
    seen = shift_seen(made.frame(2), 3, np.array([x, y]), np.array([x, y]) * 2)
    np.testing.assert_allclose(seen, np.array([x, y]) * 2, atol=0.02)


def test_eulerian_magnification_beyond_its_reach_falls_short() -> None:
    """As the docs say: at a motion of a pixel, fine detail is not carried along."""
    (made,) = MagnifyEulerian(2.0, high=50.0, reach=0.1).make([moved_clip("s/0", shift(1.0, 0), seed=3)], 0)
    assert 1.2 < shift_seen(made.frame(2), 3, np.array([1.0, 0]), np.array([2.0, 0]))[0] < 1.8


@pytest.mark.parametrize("cycles", [0.02, 0.05, 0.1, 0.2])
def test_the_band_passes_what_it_should(cycles: float) -> None:
    """The response to a wave in time is the Gaussians' own, one half at the band's ends."""
    low, high, count, at = 0.04, 0.15, 401, 200
    weights = band_pass(count, at, low, high)
    wave = np.cos(2 * np.pi * cycles * (np.arange(count) - at))
    expected = 0.5 ** ((cycles / high) ** 2) - 0.5 ** ((cycles / low) ** 2)
    assert float(weights @ wave) == pytest.approx(expected, abs=0.01)
    assert weights.sum() == pytest.approx(0, abs=1e-12)
    assert band_pass(count, at, 0, high).sum() == pytest.approx(1)
    assert float(band_pass(count, at, 0, high) @ np.cos(2 * np.pi * high * (np.arange(count) - at))) == pytest.approx(
        0.5, abs=0.01
    )


def test_the_band_at_the_ends_of_a_clip_sees_it_standing_still() -> None:
    ramp = np.arange(5.0)
    found = [float(band_pass(5, i, 0, 0.3) @ ramp) for i in range(5)]
    assert found == sorted(found)
    assert 0 < found[0] < 0.5
    assert found[2] == pytest.approx(2)


@pytest.mark.parametrize("shape", [(64, 80), (33, 47), (16, 16)])
def test_the_pyramid_gives_back_what_it_was_made_of(shape: tuple[int, int], rng: np.random.Generator) -> None:
    change = rng.normal(0, 10, (*shape, 3)).astype(np.float32)
    np.testing.assert_allclose(amplify(change, 3.5, reach=1e-3), 2.5 * change, atol=1e-3)
    fine = (-1.0) ** np.add.outer(*map(np.arange, shape))[..., None] * np.ones(3)
    assert np.abs(amplify(fine.astype(np.float32), 2.0, reach=1.0)).max() < 0.2, "the finest scale is left alone"


def test_the_reach_is_what_the_clip_has_unless_it_is_given() -> None:
    """A small motion is magnified whole; a large one is left nearly as it was, where amplifying would tear it apart."""
    far = moved_clip("s/0", shift(2.5, 0), seed=3)
    (small,) = MagnifyEulerian(2.0, high=50.0).make([moved_clip("s/0", shift(0.1, 0), seed=3)], 0)
    (large,) = MagnifyEulerian(2.0, high=50.0).make([far], 0)
    (torn,) = MagnifyEulerian(2.0, high=50.0, reach=0.1).make([far], 0)
    assert shift_seen(small.frame(2), 3, np.array([0.1, 0]), np.array([0.2, 0]))[0] == pytest.approx(0.2, abs=0.02)
    changed = [np.abs(m.frame(2)[INSIDE].astype(int) - far.frame(2)[INSIDE]).mean() for m in (large, torn)]
    assert 5 * changed[0] < changed[1]


def test_a_face_is_moved_on_by_a_tenth_of_its_width_at_most() -> None:
    width = 0.6 * SIZE
    (made,) = Magnify(10.0).make([moved_clip("s/0", shift(3.0, 0), seed=3)], 0)
    seen = shift_seen(made.frame(2), 3, np.array([3.0, 0]), np.array([3 + 0.1 * width, 0]))
    assert seen[0] == pytest.approx(3 + 0.1 * width, abs=0.2)


def test_eulerian_magnification_needs_the_rate() -> None:
    with pytest.raises(UsageError, match="frames per second, and those of s/0 are not known"):
        MagnifyEulerian().make([replace(still_clip("s/0", "calm"), fps=None)], 0)


def test_start_is_the_inverse_of_a_field() -> None:
    field = bump(2.0, -3.0).astype(np.float32)
    back = start(field)
    np.testing.assert_allclose(back + look_up(field, back), grid(), atol=1e-2)


def test_too_little_of_a_face_is_no_face() -> None:
    with pytest.raises(NoFaceError, match="too little to move"):
        around(mesh() - [135, 0], (SIZE, SIZE))
    half = around(mesh() - [70, 0], (SIZE, SIZE))
    assert half.columns.start == 0
    assert half.window.max() == 1


def box_motion(field: Floats, points: Floats) -> Floats:
    """What a field in pixels is at mesh points, in face-box coordinates."""
    at = np.stack([look_up(field[..., i].astype(np.float32), points[:, None].astype(np.float32)) for i in range(2)], -1)
    return np.asarray(at[:, 0] @ np.linalg.inv(face_box(mesh()).to_image[:, :2]).T)


FIELDS = (shift(0.8, -0.4), bump(1.5, 0.5), bump(-0.6, 1.2, 18.0, (60.0, 70.0)))


def driver_of(k: int, **more: object) -> Driver:
    return Driver(replace(moved_clip(f"s{k}/0", FIELDS[k], seed=k), **more))


@pytest.mark.parametrize("k", range(3))
def test_a_driver_tells_how_its_face_moves(k: int) -> None:
    wanted = box_motion(FIELDS[k], mesh())
    found = driver_of(k).at(1.0)
    pixels = np.hypot(*((found - wanted) @ face_box(mesh()).to_image[:, :2].T).T)
    assert np.median(pixels) < 0.05
    assert np.percentile(pixels, 90) < 0.15
    assert not driver_of(k).at(0).any()
    np.testing.assert_allclose(driver_of(k).at(0.5), found / 2, atol=0.004)


def test_a_fusion_is_the_weighted_mean_at_equal_phases() -> None:
    drivers, weights = [driver_of(k) for k in range(3)], (0.5, 0.3, 0.2)
    for phase in (0.0, 0.5, 1.0, 2.0):
        mean = sum(w * d.at(phase) for w, d in zip(weights, drivers, strict=True))
        np.testing.assert_allclose(Fusion(drivers, weights).at(phase), mean)
    long = Driver(moved_clip("s/long", FIELDS[0], seed=0, steps=(0, 0.25, 0.5, 0.75, 1, 0.5, 0)))
    np.testing.assert_allclose(long.at(0.5), driver_of(0).at(0.5), atol=1e-3)
    np.testing.assert_allclose(long.at(1.5), driver_of(0).at(0.5), atol=1e-3)
    assert not driver_of(0).at(2).any(), "the offset shows the onset again"


@pytest.mark.parametrize(("turn", "size"), [(0.0, 1.0), (0.4, 0.8)])
def test_a_moved_face_moves_as_it_was_told(turn: float, size: float) -> None:
    """The picture's own flow is the fused motion, turned and scaled with the face it is drawn on."""
    spin = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    marks = (mesh() - SIZE / 2) @ spin.T + SIZE / 2
    face = replace(still_clip("s9/0", "calm", seed=9), landmarks=np.repeat(marks[None], 4, axis=0))
    fusion = Fusion([driver_of(1), driver_of(2)], (0.6, 0.4))
    wanted = (0.6 * box_motion(FIELDS[1], mesh()) + 0.4 * box_motion(FIELDS[2], mesh())) @ (
        face_box(mesh()).to_image[:, :2].T @ spin.T
    )
    mover = Mover(marks, (SIZE, SIZE, 3))
    np.testing.assert_allclose(mover.points(fusion.at(1.0)) - marks, wanted, atol=0.2)
    film = DrivenFrames(face, fusion, 4, 2)
    assert np.array_equal(film[0], face.frame(0))
    assert np.array_equal(film[6], face.frame(0))
    seen = flow(film[0], film[4], method="farneback", window=11)
    at = look_up(np.ascontiguousarray(seen), marks[:, None].astype(np.float32))[:, 0]
    error = np.hypot(*(at - wanted).T)
    assert np.median(error) < 0.1
    assert np.percentile(error, 90) < 0.3
    assert np.corrcoef(at.ravel(), wanted.ravel())[0, 1] > 0.97
    outside = np.hypot(*(transform(face_box(marks).to_box, grid()) - 0.5).transpose(2, 0, 1)) > 1.2
    assert np.array_equal(film[4][outside], film[0][outside])


@pytest.mark.parametrize(
    ("steps", "rates", "rate", "wanted"),
    [
        (((0, 1, 0), (0, 0.3, 0.6, 1, 0.5, 0)), (100.0, 100.0), 100.0, (2, 2)),
        (((0, 1, 0), (0, 0.3, 0.6, 1, 0.5, 0)), (25.0, 100.0), 50.0, (2, 2)),
        (((0, 1, 0), (0, 0.3, 0.6, 1, 0.5, 0)), (None, 100.0), 50.0, (1, 1)),
        (((0, 1), (0, 1)), (200.0, 200.0), 25.0, (1, 0)),
    ],
)
def test_durations(
    steps: tuple[Sequence[float], ...], rates: Sequence[float | None], rate: float, wanted: tuple[int, int]
) -> None:
    clips = [moved_clip(f"s{k}/0", shift(1, 0), steps=s) for k, s in enumerate(steps)]
    drivers = [Driver(replace(c, fps=r)) for c, r in zip(clips, rates, strict=True)]
    assert Fusion(drivers, (0.5, 0.5)).durations(rate) == wanted


def many(count: int = 24, emotion: Callable[[int], str] = lambda k: "abcc"[k % 4]) -> list[Clip]:
    units = (("AU1", "AU2"), ("AU2",), ("AU2", "AU4"))
    clips = (still_clip(f"s{k % 6}/{k}", emotion(k), size=16) for k in range(count))
    return [replace(c, apex=1, action_units=units[k % 3]) for k, c in enumerate(clips)]


def test_drivers_share_the_emotion_and_faces_are_others() -> None:
    clips = many()
    known = {c.key: c for c in clips}
    made = Driven(clips=90, drivers=3).make(clips, 0)
    assert Counter(c.emotion for c in made) == dict.fromkeys("abc", 30), "emotions take turns"
    for clip in made:
        face, *drivers = clip.truth["made_from"]
        assert len(set(drivers)) == 3
        assert face not in drivers
        assert {known[d].emotion for d in drivers} == {clip.emotion}
        assert clip.subject == known[face].subject
        weights = clip.truth["weights"]
        assert sum(weights) == pytest.approx(1)
        assert min(weights) > 0.1
        shares = {
            u: sum(w for d, w in zip(drivers, weights, strict=True) if u in known[d].action_units)
            for u in ("AU1", "AU2", "AU4")
        }
        assert set(clip.action_units) == {u for u, s in shares.items() if s > 0.5}
        assert (clip.onset, clip.fps) == (0, 100.0)
    assert min(Counter(c.subject for c in made).values()) > 5
    assert len({c.truth["made_from"][1:] for c in made}) > 30


def test_scarce_emotions_drive_with_what_there_is() -> None:
    clips = many(6, lambda k: "aab"[k] if k < 3 else "b")
    made = Driven(clips=8, drivers=10).make(clips, 0)
    assert {(c.emotion, len(c.truth["made_from"]) - 1) for c in made} == {("a", 2), ("b", 4)}
    assert all(c.emotion == "b" for c in Driven(clips=4).make([c for c in clips if c.key != "s0/0"], 0))
    (three,) = Driven(clips=1, drivers=3).make(many(3, lambda _: "a"), 0)
    assert len(three.truth["made_from"]) == 3
    for few in (many(2, lambda _: "a"), many(3, lambda k: "abc"[k]), [replace(c, apex=0) for c in many()]):
        with pytest.raises(UsageError, match="two training clips of one emotion"):
            Driven().make(few, 0)
