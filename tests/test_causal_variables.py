"""Regional motion against flow whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from mask.causal.variables import (
    clip_motion,
    frame_rows,
    geometry_control,
    noise_fields,
    scrambled,
    scrambled_control,
)

Array = np.ndarray


@pytest.fixture
def masks() -> Array:
    out = np.zeros((3, 32, 40), bool)
    out[0, 4:10, 5:15] = out[1, 20:28, 22:34] = True
    return out


def moving(shape: tuple[int, int] = (32, 40)) -> Array:
    """One clip: the first region moves by (2, -1), nothing else does."""
    flow = np.zeros((1, *shape, 2))
    flow[0, 4:10, 5:15] = (2.0, -1.0)
    return flow


def test_regions_move_as_drawn_and_an_empty_mask_is_nan(masks: Array) -> None:
    motion = clip_motion(moving(), masks)
    np.testing.assert_allclose(motion.vectors[0, :2], [[2, -1], [0, 0]])
    np.testing.assert_allclose(motion.magnitude[0, :2], [np.sqrt(5), 0])
    assert np.isnan(motion.vectors[0, 2]).all()
    assert np.isnan(motion.strain[0, 2])


def test_weights_weigh(masks: Array) -> None:
    soft = masks.astype(float)
    soft[0, 4:7] *= 3
    flow = moving()
    flow[0, 7:10, 5:15] = 0
    np.testing.assert_allclose(clip_motion(flow, soft).u[0, 0], 2 * 3 / 4)


@pytest.mark.parametrize("head", ["median", "similarity"])
def test_a_shift_of_the_head_is_taken_out(masks: Array, head: str) -> None:
    still = clip_motion(moving(), masks, head=head).vectors[:, :2]
    shifted = clip_motion(moving() + np.array([5.0, -3.0]), masks, head=head).vectors[:, :2]
    np.testing.assert_allclose(shifted, still, atol=1e-9)


def test_a_turn_and_a_scale_of_the_head_are_taken_out_by_the_similarity_only(masks: Array) -> None:
    y, x = np.mgrid[:32, :40].astype(float)
    turn = np.stack([0.02 * (x - 11) - 0.05 * (y - 3), 0.02 * (y - 3) + 0.05 * (x - 11)], axis=-1)[None]
    motion = clip_motion(moving() + turn, masks, head="similarity")
    np.testing.assert_allclose(motion.vectors[0, :2], [[2, -1], [0, 0]], atol=1e-9)
    assert abs(clip_motion(moving() + turn, masks, head="median").vectors[0, 1]).max() > 0.3
    np.testing.assert_allclose(
        clip_motion(turn, masks, head="none").u[0, 0], (turn[0, ..., 0] * masks[0]).sum() / masks[0].sum()
    )


def test_maps_lose_their_zero_and_get_it_back_from_the_background(masks: Array) -> None:
    """A map whose stretch put zero at 140 grey levels, and a region 60 above it."""
    maps = np.full((1, 32, 40, 3), 140, np.uint8)
    maps[0, 4:10, 5:15, 0] = 200
    maps[..., 2] = 9
    motion = clip_motion(maps, masks)
    np.testing.assert_allclose(motion.u[0, :2], [60, 0])
    np.testing.assert_allclose(motion.strain[0, :2], [9, 9])


def test_along_keeps_the_sign_down_positive_and_ignores_labels() -> None:
    rng = np.random.default_rng(0)
    masks = np.ones((1, 6, 6), bool)
    lengths = rng.uniform(-2, 2, 30)
    fields = np.einsum("n,hwc->nhwc", lengths, np.ones((6, 6, 2)) * (-0.3, 1.0))
    motion = clip_motion(fields, masks, head="none")
    np.testing.assert_allclose(motion.along[:, 0], lengths * np.hypot(0.3, 1.0), atol=1e-9)
    np.testing.assert_allclose(clip_motion(-fields, masks, head="none").along, -motion.along, atol=1e-9)


def test_scrambling_keeps_the_spectrum_and_moves_the_places(masks: Array) -> None:
    rng = np.random.default_rng(1)
    fields = noise_fields(3, (32, 40), rng)
    mixed = scrambled(fields, rng)
    np.testing.assert_allclose(
        abs(np.fft.fft2(mixed, axes=(1, 2))), abs(np.fft.fft2(fields, axes=(1, 2))), rtol=1e-6, atol=1e-9
    )
    assert abs(np.corrcoef(mixed.ravel(), fields.ravel())[0, 1]) < 0.3


def test_noise_is_as_smooth_as_asked_and_the_rng_is_the_only_source() -> None:
    for slope, low, high in ((0.0, -0.1, 0.1), (1.5, 0.7, 1.0)):
        field = noise_fields(8, (32, 32), np.random.default_rng(2), slope=slope)
        assert low < np.corrcoef(field[:, :, 1:].ravel(), field[:, :, :-1].ravel())[0, 1] < high
    again = noise_fields(8, (32, 32), np.random.default_rng(2), slope=1.5)
    np.testing.assert_array_equal(field, again)


def test_controls_draw_motion_of_the_right_shape(masks: Array) -> None:
    rng = np.random.default_rng(3)
    maps = rng.integers(0, 256, (5, 32, 40, 3), dtype=np.uint8)
    assert geometry_control(7, masks, "strain")(rng).shape == (7, 3)
    assert scrambled_control(maps, masks, "magnitude")(rng).shape == (5, 3)


def test_frames_are_thinned_until_they_forget() -> None:
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((4000, 3))
    steps = np.zeros_like(noise)
    for t in range(1, len(noise)):
        steps[t] = 0.8 * steps[t - 1] + noise[t]
    rows, at = frame_rows(np.cumsum(steps, axis=0))
    lag = int(at[1] - at[0])
    assert lag == 8  # the first with 0.8 ** lag < 0.2
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    white, every = frame_rows(np.cumsum(noise, axis=0))
    assert len(white) == 3999
    assert every[0] == 1
    free, _ = frame_rows(np.cumsum(noise + 1.0, axis=0), centre=False)
    assert free.mean() > 0.9


@pytest.mark.parametrize(
    ("fields", "masks", "options", "message"),
    [
        (np.zeros((2, 8, 8, 3)), np.ones((1, 8, 8)), {}, "expected float"),
        (np.zeros((2, 8, 8, 2), np.uint8), np.ones((1, 8, 8)), {}, "expected float"),
        (np.zeros((2, 8, 8, 2)), np.ones((1, 9, 8)), {}, "same size"),
        (np.zeros((2, 8, 8, 2)), np.ones((8, 8)), {}, "expected \\(R, H, W\\)"),
        (np.zeros((2, 8, 8, 2)), -np.ones((1, 8, 8)), {}, "at least 0"),
        (np.full((2, 8, 8, 2), np.nan), np.ones((1, 8, 8)), {}, "not finite"),
        (np.zeros((2, 8, 8, 2)), np.ones((1, 8, 8)), {"head": "tail"}, "head is 'tail'"),
    ],
)
def test_bad_input_is_told(fields: Array, masks: Array, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clip_motion(fields, masks, **options)


def test_no_clips_give_no_rows() -> None:
    assert clip_motion(np.zeros((0, 8, 8, 2)), np.ones((2, 8, 8))).u.shape == (0, 2)
    with pytest.raises(ValueError, match="no motion feature"):
        clip_motion(np.zeros((1, 8, 8, 2)), np.ones((2, 8, 8))).feature("w")
    with pytest.raises(ValueError, match="at least 1"):
        frame_rows(np.zeros((5, 2)), thin=0)
