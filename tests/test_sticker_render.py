"""The renderer against references that share nothing with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from torch import Tensor
from torch.autograd import gradcheck

from mask.sticker import Texture, art, named, render_frame, texture
from mask.sticker.render import composite, shrink
from mask.sticker.texture import nearest_level

Array = NDArray[np.float64]


def pose(x: float, y: float, half: float, angle: float = 0.0, squeeze: float = 1.0) -> Array:
    """A canvas of half side `half` pixels centred at (x, y), turned clockwise by degrees, its x axis squeezed."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    linear = half * np.array([[c, -s], [s, c]]) @ np.diag([squeeze, 1.0])
    return np.concatenate([linear, [[x], [y]]], axis=1)


def supersampled(frame: Array, rgba: Array, place: Array, samples: int = 16) -> Array:
    """Brute force: each pixel is the mean of samples x samples points, each looking up the texel it lies in."""
    height, width = frame.shape[1:]
    fine_y, fine_x = ((np.arange(n * samples) + 0.5) / samples - 0.5 for n in (height, width))
    x, y = np.meshgrid(fine_x, fine_y)
    back = np.linalg.inv(place[:, :2])
    u, v = (back[i, 0] * (x - place[0, 2]) + back[i, 1] * (y - place[1, 2]) for i in (0, 1))
    rows, columns = rgba.shape[1:]
    column, row = np.floor((u + 1) / 2 * columns).astype(int), np.floor((v + 1) / 2 * rows).astype(int)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    seen = np.where(inside, rgba[:, row.clip(0, rows - 1), column.clip(0, columns - 1)], 0)
    seen = seen.reshape(4, height, samples, width, samples).mean(axis=(2, 4))
    return np.asarray(frame * (1 - seen[3]) + seen[:3])


def tensor(array: Array) -> Tensor:
    return torch.tensor(np.asarray(array), dtype=torch.float64)


def drawn(frame: Array, rgba: Array, *poses: Array) -> Array:
    return composite(tensor(frame)[None], tensor(rgba), tensor(np.stack(poses))).numpy()  # type: ignore[no-any-return]


@pytest.fixture
def noise(rng: np.random.Generator) -> Array:
    return rng.random((3, 60, 72))


# --- exact cases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0, 0), (13, 7), (40, 28)])
def test_identity_and_integer_shifts_are_exact(noise: Array, rng: np.random.Generator, shift: tuple[int, int]) -> None:
    rgba = rng.random((4, 32, 32))
    rgba[:3] *= rgba[3]
    expected = noise.copy()
    x, y = shift
    under = expected[:, y : y + 32, x : x + 32]
    under[:] = under * (1 - rgba[3]) + rgba[:3]
    place = pose(15.5 + x, 15.5 + y, 16)
    np.testing.assert_allclose(drawn(noise, rgba, place)[0], expected, atol=1e-12)
    single = composite(
        torch.tensor(noise[None], dtype=torch.float32),
        torch.tensor(rgba, dtype=torch.float32),
        torch.tensor(place[None], dtype=torch.float32),
    )
    np.testing.assert_allclose(single[0].numpy(), expected, atol=2e-5)
    eight = (noise * 255).astype(np.uint8).transpose(1, 2, 0)
    got = render_frame(np.ascontiguousarray(eight), Texture(rgba.astype(np.float32)), place)
    blended = eight / 255.0
    blended[y : y + 32, x : x + 32] *= (1 - rgba[3])[..., None]
    blended[y : y + 32, x : x + 32] += rgba[:3].transpose(1, 2, 0)
    assert np.abs(got - blended * 255).max() <= 0.5 + 1e-2


def test_rounding_does_not_leak_around_an_opaque_sticker() -> None:
    """In single precision the warp is off by 1e-6 of a pixel; the pixels next to an exact edge must not notice."""
    frames = torch.rand(1, 3, 60, 72, generator=torch.Generator().manual_seed(0))
    for x, y in ((0, 0), (13, 7), (31, 22), (40, 28)):
        out = composite(frames, torch.ones(4, 32, 32), tensor(pose(15.5 + x, 15.5 + y, 16)[None]).float())
        touched = (out != frames).any(dim=1)[0]
        assert touched.sum() == 32 * 32
        assert touched[y : y + 32, x : x + 32].all()


def test_a_half_pixel_shift_averages_neighbours_exactly(noise: Array, rng: np.random.Generator) -> None:
    rgba = np.zeros((4, 16, 16))
    rgba[:, 2:-2, 2:-2] = rng.random((4, 12, 12))
    rgba[:3] *= rgba[3]
    seen = np.zeros((4, 60, 72))
    seen[:, 20:36, 30:46] += rgba / 2
    seen[:, 20:36, 31:47] += rgba / 2
    expected = noise * (1 - seen[3]) + seen[:3]
    np.testing.assert_allclose(drawn(noise, rgba, pose(38, 27.5, 8))[0], expected, atol=1e-12)


def test_art_of_any_resolution_covers_the_same_pixels(noise: Array) -> None:
    place = pose(30.2, 29.7, 20, 25)
    coarse, fine = (drawn(noise, art.load("heart", size).astype(float), place)[0] for size in (80, 320))
    assert np.abs(coarse - fine).mean() < 0.002


# --- references ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grey", "heart", "sun"])
@pytest.mark.parametrize(
    "place",
    [
        pose(30.3, 28.6, 20),
        pose(33.3, 30.1, 9.5),
        pose(35.25, 29.5, 21.7, 20),
        pose(35, 30, 17.3, 45),
        pose(36, 28, 22, -70, 0.6),
        pose(1, 2, 15, 10),
    ],
    ids=["shift", "small", "turned", "diagonal", "foreshortened", "at the border"],
)
def test_agrees_with_brute_force_supersampling(noise: Array, name: str, place: Array) -> None:
    rgba = art.load(name).astype(np.float64)
    away = np.abs(drawn(noise, rgba, place)[0] - supersampled(noise, rgba, place))
    touched = supersampled(np.zeros_like(noise), rgba * 0 + 1, place)[0] > 0
    # Sampling each pixel once, at its middle, is off by .04 in the mean and .6 at worst.
    assert away[:, touched].mean() < 0.01
    assert away.max() < 0.15


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0])
def test_a_plain_square_agrees_with_skimage(angle: float) -> None:
    place = pose(40.3, 37.9, 26.4, angle)
    got = drawn(np.zeros((3, 80, 84)), art.load("grey").astype(float), place)[0, 0] / (128 / 255)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / math.sqrt(2) @ place[:, :2].T + place[:, 2]
    fine = polygon2mask((80 * 8, 84 * 8), ((corners + 0.5) * 8 - 0.5)[:, ::-1])
    expected = fine.reshape(80, 8, 84, 8).mean(axis=(1, 3))
    assert np.abs(got - expected).mean() < 0.002
    assert np.abs(got - expected).max() < 0.15
    assert got.sum() == pytest.approx(2 * 26.4**2, rel=0.003)


def test_fine_detail_is_averaged_not_skipped(rng: np.random.Generator) -> None:
    """Stripes of one texel, seen 11 times smaller, are their mean; sampling without averaging would give moire."""
    stripes = np.zeros((4, 256, 256))
    stripes[3] = 1
    stripes[:3, :, ::2] = 1
    for x in (30.0, 30.3, 30.7):
        seen = drawn(np.zeros((3, 60, 60)), stripes, pose(x, 30, 11.6, 8))[0]
        middle = seen[:, 24:36, 24:36]
        assert np.abs(middle - 0.5).max() < 0.1


def test_edges_show_no_dark_fringe() -> None:
    """A white sticker on white stays white at every edge pixel."""
    white = art.load("heart").astype(float)
    white[:3] = white[3]
    for place in (pose(30.3, 30.2, 20.4, 33), pose(30.1, 30.9, 7.7, 5)):
        np.testing.assert_allclose(drawn(np.ones((3, 60, 60)), white, place), 1, atol=1e-12)


@pytest.mark.parametrize(("old", "new"), [(12, 12), (12, 6), (12, 5), (7, 3), (9, 2)])
def test_shrinking_is_exact_area_averaging(rng: np.random.Generator, old: int, new: int) -> None:
    """Repeat each texel `new` times and take means of `old` at a time: the definition."""
    texels = rng.random((4, old, old))
    repeated = np.repeat(np.repeat(texels, new, axis=1), new, axis=2)
    expected = repeated.reshape(4, new, old, new, old).mean(axis=(2, 4))
    np.testing.assert_allclose(shrink(tensor(texels), new, new).numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(texture.shrink(texels, new, new), expected, atol=1e-12)


def test_a_texture_is_shrunk_to_within_a_tenth_of_what_is_seen() -> None:
    shape = named("star").rgba.shape
    for pixels in np.geomspace(8, 512, 40):
        rows, columns = nearest_level(shape, float(pixels), 512.0)
        assert rows == 512
        assert abs(math.log(columns / pixels)) < 0.15
    assert nearest_level(shape, 4000.0, 4000.0) == (512, 512)
    assert nearest_level(shape, 0.1, 0.1) == (2, 2)


# --- everything else stays as it was -----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(-30, 100), st.floats(-30, 90), st.floats(0.5, 60), st.floats(-180, 180), st.floats(0.1, 1))
def test_pixels_without_sticker_keep_their_bits(x: float, y: float, half: float, angle: float, squeeze: float) -> None:
    rng = np.random.default_rng(1)
    eight = rng.integers(0, 256, (60, 72, 3), dtype=np.uint8)
    place = pose(x, y, half, angle, squeeze)
    kept = eight.copy()
    got = render_frame(eight, named("sun"), place)
    assert (eight == kept).all()
    frames = torch.tensor(eight.transpose(2, 0, 1)[None] / 255, dtype=torch.float32)
    out = composite(frames, named("sun"), torch.tensor(place[None], dtype=torch.float32))
    # The canvas and one more texel, which is at most 1.1 pixels: what lies beyond is none of the sticker's business.
    yy, xx = np.mgrid[:60, :72]
    at = np.linalg.inv(place[:, :2]) @ (np.stack([xx.ravel(), yy.ravel()]) - place[:, 2:])
    reach = 1 + 1.2 / (half * np.array([[squeeze], [1.0]]))
    beyond = (np.abs(at) > reach).any(axis=0).reshape(60, 72)
    assert (got[beyond] == eight[beyond]).all()
    assert torch.equal(out[0, :, torch.tensor(beyond)], frames[0, :, torch.tensor(beyond)])
    # The 8-bit path is the float path, rounded.
    assert np.abs(got - out[0].permute(1, 2, 0).numpy() * 255).max() <= 0.51


@pytest.mark.parametrize("name", art.names())
@pytest.mark.parametrize("half", [3.0, 11.7, 31.0])
def test_the_window_holds_all_of_the_sticker(noise: Array, name: str, half: float) -> None:
    """A trace of art along the rim of the canvas widens the window to all of it, and must change nothing else."""
    rgba = art.load(name).astype(float)
    rim = rgba.copy()
    rim[3, 0, :], rim[3, -1, :], rim[3, :, 0], rim[3, :, -1] = 1e-30, 1e-30, 1e-30, 1e-30
    for angle in (0, 30, 45):
        place = pose(35.4, 29.8, half, angle)
        np.testing.assert_allclose(drawn(noise, rgba, place), drawn(noise, rim, place), atol=1e-9)


def test_a_sticker_outside_the_frame_changes_nothing() -> None:
    eight = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for x, y in ((-500, 20), (20, 900), (1e12, -1e12)):
        assert (render_frame(eight, named("dot"), pose(x, y, 10)) == eight).all()


def test_a_sticker_seen_edge_on_shows_nothing() -> None:
    eight = np.full((40, 40, 3), 90, dtype=np.uint8)
    assert (render_frame(eight, named("dot"), pose(20, 20, 10, squeeze=0.0)) == 90).all()


def test_a_sticker_larger_than_the_frame_covers_it() -> None:
    eight = np.zeros((20, 30, 3), dtype=np.uint8)
    assert (render_frame(eight, named("grey"), pose(15, 10, 400)) == 128).all()


# --- batches ------------------------------------------------------------------------------------------------------


def test_a_batch_equals_its_members(rng: np.random.Generator) -> None:
    frames = torch.tensor(rng.random((5, 3, 50, 64)))
    halves = (6, 20, 20.5, 9, 31)
    poses = tensor(np.stack([pose(10 + 9 * i, 40 - 6 * i, h, 17 * i) for i, h in enumerate(halves)]))
    rgba = tensor(art.load("star", 64))
    together = composite(frames, rgba, poses)
    for i in range(5):
        alone = composite(frames[i : i + 1], rgba, poses[i : i + 1])[0]
        torch.testing.assert_close(together[i], alone, atol=1e-9, rtol=0)
    assert together.data_ptr() != frames.data_ptr()


def test_one_frame_many_poses_and_one_art_each(rng: np.random.Generator) -> None:
    frame = torch.tensor(rng.random((1, 3, 50, 64)))
    poses = tensor(np.stack([pose(20 + 3 * i, 25, 12) for i in range(4)]))
    arts = torch.stack([tensor(art.load(n, 48)) for n in ("dot", "heart", "star", "sun")])
    out = composite(frame, arts, poses)
    assert out.shape == (4, 3, 50, 64)
    for i in range(4):
        torch.testing.assert_close(out[i], composite(frame, arts[i], poses[i : i + 1])[0], atol=1e-9, rtol=0)


# --- gradients ----------------------------------------------------------------------------------------------------


def test_gradients_reach_art_pose_and_frames() -> None:
    rng = np.random.default_rng(3)
    frames = torch.tensor(rng.random((2, 3, 7, 6)), requires_grad=True)
    poses = tensor(np.stack([pose(2.8, 3.1, 1.4, 12), pose(3.2, 2.7, 2.1, -30, 0.8)])).requires_grad_(True)
    for size in (4, 8):  # sampled as it is, and averaged first
        rgba = torch.tensor(0.1 + 0.8 * rng.random((4, size, size)), requires_grad=True)
        assert gradcheck(composite, (frames, rgba, poses), eps=1e-6, atol=1e-5, fast_mode=True)
    each = torch.tensor(0.1 + 0.8 * rng.random((2, 4, 3, 3)), requires_grad=True)
    assert gradcheck(composite, (frames.detach(), each, poses.detach()), eps=1e-6, atol=1e-5, fast_mode=True)


def test_the_gradient_of_the_place_points_downhill() -> None:
    """A step against the gradient brings a sticker nearer to where a target picture shows it."""
    frame = torch.full((1, 3, 48, 48), 0.5, dtype=torch.float64)
    rgba = tensor(art.load("dot", 64))
    goal = composite(frame, rgba, tensor(pose(24, 24, 14)[None]))
    for x, y in ((27, 22), (23.5, 25), (24.2, 21)):
        place = tensor(pose(x, y, 14)[None]).requires_grad_(True)
        (slope,) = torch.autograd.grad(((composite(frame, rgba, place) - goal) ** 2).sum(), place)
        assert float(slope[0, :, 2] @ tensor(np.array([x - 24, y - 24]))) > 0


# --- bad input ----------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_told() -> None:
    frames, rgba, poses = torch.zeros(2, 3, 9, 9), torch.zeros(4, 8, 8), torch.eye(2, 3).expand(2, 2, 3)
    with pytest.raises(ValueError, match="expected \\(N, 2, 3\\)"):
        composite(frames, rgba, poses[0])
    with pytest.raises(ValueError, match="expected \\(2, 3, H, W\\)"):
        composite(torch.zeros(3, 3, 9, 9), rgba, poses)
    with pytest.raises(ValueError, match="expected float \\(4, h, w\\)"):
        composite(frames, torch.zeros(3, 8, 8), poses)
    with pytest.raises(ValueError, match="3 pictures for 2 poses"):
        composite(frames, torch.zeros(3, 4, 8, 8), poses)
    with pytest.raises(ValueError, match="not a finite"):
        composite(frames, rgba, poses * np.nan)
    with pytest.raises(ValueError, match="edge on"):
        composite(frames, rgba, poses * 0)
    with pytest.raises(ValueError, match="expected uint8"):
        render_frame(np.zeros((9, 9, 3)), named("dot"), np.eye(2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a finite"):
        render_frame(np.zeros((9, 9, 3), dtype=np.uint8), named("dot"), np.full((2, 3), np.inf))
