"""All three methods on pairs whose flow is known, beside scikit-image's TV-L1; symmetries; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mask.flow import METHODS, SIZE, encode_uint8, flow, flow_map, flow_maps

from .flow_scenes import Scene, fields, scene, scenes

CONDITIONS: dict[str, dict[str, float]] = {
    "clean": {},
    "noise": {"noise": 2.0},
    "faint": {"noise": 2.0, "contrast": 10.0},
}

# Mean end-point errors measured on the eight scenes at 96 px, and a quarter more.
BOUNDS = {
    ("tvl1", "clean"): 0.024,
    ("tvl1", "noise"): 0.049,
    ("tvl1", "faint"): 0.093,
    ("farneback", "clean"): 0.052,
    ("farneback", "noise"): 0.068,
    ("farneback", "faint"): 0.120,
    ("dis", "clean"): 0.019,
    ("dis", "noise"): 0.053,
    ("dis", "faint"): 0.126,
}


def found_by(method: str, one: Scene) -> NDArray[np.float32]:
    return flow(one.onset, one.apex, method=method)


@pytest.mark.parametrize(("method", "condition"), BOUNDS)
def test_error_on_known_motion(method: str, condition: str) -> None:
    errors = {s.name: s.error(found_by(method, s)) for s in scenes(96, **CONDITIONS[condition])}
    assert np.mean(list(errors.values())) < BOUNDS[method, condition], errors


def test_the_scenes_move_by_what_they_say() -> None:
    """The motion is far above the errors allowed: a method that finds nothing fails."""
    still = {s.name: s.error(np.zeros_like(s.flow)) for s in scenes(96)}
    assert min(v for k, v in still.items() if "bump" not in k) > 0.5
    assert still["bump 2.8 px"] > 0.25


@pytest.mark.parametrize("condition", CONDITIONS)
def test_tvl1_is_as_good_as_scikit_images(condition: str) -> None:
    """In the mean over all motions it is better, and on no motion worse by more than .01 px."""
    peer = pytest.importorskip("skimage.registration").optical_flow_tvl1
    ours, theirs = [], []
    for one in scenes(96, **CONDITIONS[condition]):
        v, u = peer(one.onset.astype(np.float32) / 255, one.apex.astype(np.float32) / 255)
        ours.append(one.error(found_by("tvl1", one)))
        theirs.append(one.error(np.stack([u, v], axis=-1)))
    assert np.mean(ours) < np.mean(theirs)
    assert np.max(np.subtract(ours, theirs)) < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_whole_pixel_shift(method: str) -> None:
    one = scene("shift", fields(96)["bump .3 px"] * 0)
    found = flow(one.onset, np.roll(one.onset, (-1, 2), axis=(0, 1)), method=method)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[16:-16, 16:-16], np.broadcast_to([2, -1], (64, 64, 2)), atol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_equal_frames_have_no_flow_and_an_empty_map(method: str) -> None:
    for frame in (scenes(80)[0].onset, np.full((40, 50), 200, np.uint8)):
        assert np.abs(flow(frame, frame, method=method)).max() < 1e-4
        assert flow_map(frame, frame, method=method).max() == 0


@pytest.mark.parametrize("method", METHODS)
def test_frames_without_texture_have_no_flow(method: str) -> None:
    dark, bright = np.full((40, 50), 20, np.uint8), np.full((40, 50), 200, np.uint8)
    assert np.abs(flow(dark, bright, method=method)).max() < 1e-3


@pytest.mark.parametrize(
    ("method", "mirror", "transpose"), [("tvl1", 0.01, 1e-3), ("farneback", 1e-3, 1e-3), ("dis", 0.02, 0.02)]
)
def test_mirrored_and_transposed_frames(method: str, mirror: float, transpose: float) -> None:
    """Mean difference in pixels; the forward differences of TV-L1 and the patch grid of DIS know left from right."""

    def find(onset: NDArray[np.uint8], apex: NDArray[np.uint8]) -> NDArray[np.float32]:
        return flow(np.ascontiguousarray(onset), np.ascontiguousarray(apex), method=method)

    for one in scenes(96, noise=2)[5:]:
        straight = find(one.onset, one.apex)
        mirrored = find(one.onset[:, ::-1], one.apex[:, ::-1])[:, ::-1] * [-1, 1]
        turned = find(one.onset[::-1], one.apex[::-1])[::-1] * [1, -1]
        transposed = find(one.onset.T, one.apex.T).transpose(1, 0, 2)[..., ::-1]
        assert np.abs(straight - mirrored).mean() < mirror
        assert np.abs(straight - turned).mean() < mirror
        assert np.abs(straight - transposed).mean() < transpose


@pytest.mark.parametrize(("method", "per_level"), [("tvl1", 0.075), ("farneback", 1e-3), ("dis", 0.01)])
def test_a_brighter_apex(method: str, per_level: float) -> None:
    """TV-L1 takes brightness for motion, about .04 to .07 px for each grey level; the others hardly do."""
    for one in scenes(96)[3:6]:
        moved = found_by(method, one) - flow(one.onset, np.clip(one.apex, 0, 253) + np.uint8(2), method=method)
        assert np.abs(moved).mean() < 2 * per_level


@pytest.mark.parametrize("method", METHODS)
def test_colour_is_read_as_rgb_luma(method: str) -> None:
    """Three channels that move differently: what counts is their sum, .299 red, .587 green, .114 blue."""
    red, green, blue = scenes(64)[5:]
    colours = [np.stack([getattr(s, f) for s in (red, green, blue)], axis=-1) for f in ("onset", "apex")]
    luma = [np.round(c @ np.array([0.299, 0.587, 0.114])).astype(np.uint8) for c in colours]
    off = flow(*colours, method=method) - flow(*luma, method=method)
    assert np.abs(off).mean() < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_many_pairs_are_each_pair(method: str) -> None:
    pairs = np.stack([np.stack([s.onset, s.apex]) for s in [*scenes(64, noise=1), *scenes(64), *scenes(64)[:3]]])
    pairs = np.repeat(pairs[..., None], 3, axis=-1)
    maps = flow_maps(pairs, method)
    assert maps.shape == (19, SIZE, SIZE, 3)
    assert maps.dtype == np.uint8
    for n in (0, 7, 15, 18):
        assert np.array_equal(maps[n], flow_map(pairs[n, 0], pairs[n, 1], method=method))
        assert np.array_equal(maps[n], encode_uint8(flow(pairs[n, 0], pairs[n, 1], method=method)))
    assert np.array_equal(maps, flow_maps(pairs, method))
    assert flow_maps(pairs[:0], method).shape == (0, SIZE, SIZE, 3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(16, 16), (16, 70), (41, 17)])
def test_small_frames(method: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    onset, apex = rng.integers(0, 255, (2, *size), dtype=np.uint8)
    found = flow(onset, apex, method=method)
    assert found.shape == (*size, 2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"apex": np.zeros((32, 33), np.uint8)}, "one size"),
        ({"onset": np.zeros((32, 32)), "apex": np.zeros((32, 32))}, "float64"),
        ({"onset": np.zeros((8, 32), np.uint8), "apex": np.zeros((8, 32), np.uint8)}, "32 x 8; expected at least 16"),
        ({"onset": np.zeros((32, 32, 4), np.uint8), "apex": np.zeros((32, 32, 4), np.uint8)}, r"\(H, W, 3\)"),
        ({"onset": np.zeros(32, np.uint8), "apex": np.zeros(32, np.uint8)}, "expected uint8"),
        ({"method": "raft"}, "expected one of tvl1, farneback, dis"),
        ({"method": "dis", "window": 5}, "dis has no parameter 'window'"),
        ({"method": "tvl1", "onset_": 5}, "it takes attachment"),
        ({"method": "dis", "stride": 9}, "stride 9"),
        ({"method": "farneback", "neighbourhood": 6}, "5 or 7"),
        ({"method": "tvl1", "tau": 1.0}, "tau 1.0"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], said: str) -> None:
    still = np.zeros((32, 32), np.uint8)
    with pytest.raises(ValueError, match=said):
        flow(**{"onset": still, "apex": still, **change})


def test_a_moving_textured_sticker_is_seen_and_stays_local() -> None:
    """A 48 px sticker shifted by (2, -2) px: its motion is found, and little changes far from it."""
    ground = scene("ground", fields(160)["bump 1.4 px"], seed=3, noise=2)
    rng = np.random.default_rng(0)
    art = np.clip(128 + 40 * np.kron(rng.normal(size=(12, 12)), np.ones((4, 4))), 0, 255).astype(np.uint8)
    onset, apex = ground.onset.copy(), ground.apex.copy()
    onset[30:78, 30:78] = art
    apex[28:76, 32:80] = art
    for method in METHODS:
        found = flow(onset, apex, method=method)
        np.testing.assert_allclose(found[38:70, 38:70].mean(axis=(0, 1)), [2, -2], atol=0.1)
        changed = np.linalg.norm(found - flow(ground.onset, ground.apex, method=method), axis=-1)
        assert changed[110:, 110:].mean() < 0.1
