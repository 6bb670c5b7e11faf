"""Physics: nothing when nothing is drawn, exact where it is simple, differentiable, bounded and repeatable."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mask.clip import Clip
from mask.data.synthetic import create
from mask.errors import InvalidPlan, NoFaceError
from mask.metrics import wilson
from mask.plan import Kinetics, Placement, Plan
from mask.sticker import art
from mask.sticker.physics import PRINTABLE, Draw, Physics, nps, reassess, record, stick, to_gamut, total_variation
from mask.sticker.physics.camera import defocus, h264, jpeg
from mask.sticker.physics.geometry import attach, texels, warp
from mask.sticker.physics.light import lit
from mask.sticker.physics.printing import _linear
from mask.sticker.render import composite
from tests.models import flow_clip, strained

HEART = torch.from_numpy(art.load("heart", 64).copy())
WIDTH = 60.0


def video(times: int = 3, size: int = 48, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, 3, times, size, size), generator=generator, dtype=dtype)


def poses(times: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A sticker of 24 px that drifts and turns a little."""
    found = []
    for t in range(times):
        c, s = 12 * math.cos(0.03 * t), 12 * math.sin(0.03 * t)
        found.append([[c, -s, 22.3 + 0.7 * t], [s, c, 24.6 - 0.4 * t]])
    return torch.tensor(found, dtype=dtype)[None]


def centre(frames: torch.Tensor) -> tuple[float, float]:
    """Where the light of the first frame lies, (x, y)."""
    light = frames[0, :, 0].double().sum(dim=0)
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in light.shape)
    return float((light.sum(dim=0) @ columns) / light.sum()), float((light.sum(dim=1) @ rows) / light.sum())


# --- nothing drawn --------------------------------------------------------------------------------------------------


def test_the_identity_is_the_renderer_bit_for_bit() -> None:
    frames, where = video(), poses()
    expected = composite(frames.transpose(1, 2).flatten(0, 1), HEART, where.flatten(0, 1))
    got = stick(frames, where, HEART, Draw(), WIDTH)
    assert torch.equal(got.transpose(1, 2).flatten(0, 1), expected)


def test_pixels_no_sticker_touches_keep_their_bits() -> None:
    frames = video(size=96)
    draw = Physics().draw(np.random.default_rng(3))
    got = stick(frames, poses(), HEART, draw, WIDTH)
    assert torch.equal(got[..., 70:, :], frames[..., 70:, :])
    assert not torch.equal(got, frames)


def test_frames_and_poses_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match=r"expected \(1, 3, 2, 3\)"):
        stick(video(), poses(2), HEART, Draw(), WIDTH)
    with pytest.raises(ValueError, match=r"expected \(N, 3, T, H, W\)"):
        stick(video()[0], poses(), HEART, Draw(), WIDTH)


# --- geometry -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.floats(-90, 90), st.floats(-90, 90), st.floats(0.5, 2), st.floats(0.5, 2))
def test_turns_add_up_and_sizes_multiply(one: float, two: float, size: float, other: float) -> None:
    start = poses(dtype=torch.float64)
    twice = attach(attach(start, Draw(rotation=one, scale=size), WIDTH), Draw(rotation=two, scale=other), WIDTH)
    once = attach(start, Draw(rotation=one + two, scale=size * other), WIDTH)
    torch.testing.assert_close(twice, once)


def test_rotation_is_clockwise_in_the_picture_about_the_middle() -> None:
    turned = attach(poses(dtype=torch.float64), Draw(rotation=90), WIDTH)[0, 0]
    torch.testing.assert_close(turned[:, 0], torch.tensor([0.0, 12.0], dtype=torch.float64))  # right becomes down
    torch.testing.assert_close(turned[:, 2], poses(dtype=torch.float64)[0, 0, :, 2])


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (-2, 5)])
def test_an_integer_shift_shifts_the_pixels(dx: int, dy: int) -> None:
    empty = torch.zeros(1, 3, 1, 64, 64)
    still = torch.tensor([[[[12.0, 0.0, 30.3], [0.0, 12.0, 29.6]]]])
    base = stick(empty, still, HEART, Draw(), WIDTH)
    moved = stick(empty, still, HEART, Draw(shift=(dx / WIDTH, dy / WIDTH)), WIDTH)
    torch.testing.assert_close(moved, torch.roll(base, (dy, dx), (-2, -1)), atol=1e-4, rtol=0)


def test_a_shift_rides_on_the_skin() -> None:
    """Where the face grows and turns, what the sticker was put off by grows and turns with it."""
    start = torch.tensor([[[10.0, 0, 20], [0, 10, 20]], [[0.0, -20, 50], [20, 0, 40]]], dtype=torch.float64)[None]
    put = attach(start, Draw(shift=(0.1, 0)), WIDTH)[0, :, :, 2] - start[0, :, :, 2]
    torch.testing.assert_close(put, torch.tensor([[6.0, 0], [0, 12]], dtype=torch.float64))


def test_a_sticker_may_follow_the_skin_more_or_less() -> None:
    start = poses(dtype=torch.float64)
    lazy = attach(start, Draw(follow=0.5), WIDTH)
    torch.testing.assert_close(lazy - start[:, :1], 0.5 * (start - start[:, :1]))
    assert torch.equal(attach(start, Draw(), WIDTH), start)


def test_the_cheek_foreshortens_as_a_cylinder_does() -> None:
    """A bar at arc length s is seen at sin(ks) / k, across the axis only."""
    bend, s = 40.0, 0.8
    k = math.radians(bend)
    picture = torch.zeros(4, 400, 400, dtype=torch.float64)
    at = texels(picture)
    bar = ((at[..., 0] - s).abs() < 0.01) & (at[..., 1].abs() < 0.9)
    picture[:] = bar.double()
    for axis, expected in ((90.0, math.sin(k * s) / k), (0.0, s)):
        seen = warp(picture, Draw(bend=bend, bend_axis=axis))[3]
        assert float((seen * at[..., 0]).sum() / seen.sum()) == pytest.approx(expected, abs=2e-3)


def test_perspective_moves_a_point_to_its_projection() -> None:
    picture = torch.zeros(4, 401, 401, dtype=torch.float64)
    at = texels(picture)
    x, y = 0.5, -0.25
    picture[:] = torch.exp(-((at - at.new_tensor([x, y])) ** 2).sum(dim=-1) / 2e-4)
    seen = warp(picture, Draw(perspective=(0.1, -0.05)))[3]
    found = [(seen * at[..., i]).sum() / seen.sum() for i in (0, 1)]
    share = 1 + 0.1 * x - 0.05 * y
    np.testing.assert_allclose(found, (x / share, y / share), atol=2e-3)


def test_a_bend_and_a_blur_keep_the_sticker_where_it_is() -> None:
    empty = torch.zeros(1, 3, 1, 64, 64)
    still = torch.tensor([[[[12.0, 0.0, 30.3], [0.0, 12.0, 29.6]]]])
    dot = torch.from_numpy(art.load("grey", 128).copy())
    for draw in (Draw(bend=25, bend_axis=30), Draw(blur=1.5)):
        np.testing.assert_allclose(centre(stick(empty, still, dot, draw, WIDTH)), (30.3, 29.6), atol=0.05)


def test_blur_has_its_width_in_pixels_and_keeps_the_light() -> None:
    empty = torch.zeros(1, 3, 1, 96, 96)
    still = torch.tensor([[[[20.0, 0.0, 47.5], [0.0, 20.0, 47.5]]]])
    square = torch.from_numpy(art.load("grey", 256).copy())
    sharp, soft = (stick(empty, still, square, Draw(blur=b), WIDTH)[0, 0, 0].double() for b in (0.0, 2.0))
    assert float(soft.sum() / sharp.sum()) == pytest.approx(1, abs=2e-3)

    def spread(light: torch.Tensor) -> float:
        line = light.sum(dim=0)
        x = torch.arange(len(line), dtype=torch.float64) - 47.5
        return float((line * x * x).sum() / line.sum())

    assert spread(soft) - spread(sharp) == pytest.approx(4.0, rel=0.05)


def test_a_point_spreads_as_a_gaussian() -> None:
    point = torch.zeros(4, 41, 41)
    point[:, 20, 20] = 1
    x = torch.arange(41) - 20.0
    line = torch.exp(-x * x / (2 * 9.0))
    np.testing.assert_allclose(defocus(point, 3.0)[0].sum(dim=0), line / line.sum(), atol=2e-3)


# --- light ----------------------------------------------------------------------------------------------------------


def flat(colour: tuple[float, float, float], alpha: float = 1.0, size: int = 8) -> torch.Tensor:
    picture = torch.tensor([*(c * alpha for c in colour), alpha], dtype=torch.float64)
    return picture[:, None, None].expand(4, size, size).clone()


@settings(deadline=None, max_examples=40)
@given(st.floats(0.8, 1.2), st.floats(-0.1, 0.1), st.floats(0.8, 1.25), st.floats(0.2, 1.0), st.floats(0.3, 0.7))
def test_tone_by_its_formula(contrast: float, brightness: float, gamma: float, alpha: float, value: float) -> None:
    draw = Draw(contrast=contrast, brightness=brightness, gamma=gamma)
    got = lit(flat((value, value, value), alpha), draw)
    expected = (contrast * (value - 0.5) + 0.5 + brightness) ** gamma
    np.testing.assert_allclose(got[:3], alpha * expected, atol=1e-9)
    np.testing.assert_allclose(got[3], alpha)


def test_shade_and_shadow_fall_from_their_side() -> None:
    grey = flat((0.5, 0.5, 0.5), size=101)
    shade = lit(grey, Draw(shade=0.2, shade_from=90))[0]
    assert shade[-1, 50] > shade[0, 50], "light from below"
    np.testing.assert_allclose(shade[50], 0.5, atol=1e-9)
    np.testing.assert_allclose(shade[:, 50].mean(), 0.5, atol=1e-9)
    shadow = lit(grey, Draw(shadow=0.3, shadow_from=0, shadow_edge=0.5))[0]
    np.testing.assert_allclose(shadow[0, [0, -1]], (0.5, 0.35), atol=2e-3)
    np.testing.assert_allclose(lit(grey, Draw(tint=(1.1, 1.0, 0.9)))[:3, 0, 0], (0.55, 0.5, 0.45), atol=1e-9)


def test_light_never_leaves_the_drawing_or_the_range() -> None:
    for seed in range(20):
        got = lit(HEART, Physics(brightness=(-1, 1), contrast=(0, 4)).draw(np.random.default_rng(seed)))
        assert got.min() >= 0
        assert (got[:3] <= got[3] + 1e-6).all()
        assert torch.equal(got[3], HEART[3])


# --- print ----------------------------------------------------------------------------------------------------------


def test_total_variation_by_hand() -> None:
    ramp = torch.arange(5.0).expand(3, 4, 5) * 0.1
    assert float(total_variation(ramp)) == pytest.approx(0.1)
    assert float(total_variation(ramp + ramp.new_tensor([0, 1, 0, 1])[:, None])) == pytest.approx(1.1)
    assert float(total_variation(torch.full((4, 6, 6), 0.3))) == 0


def test_nps_by_hand() -> None:
    printable = torch.tensor([[0.0, 0, 0], [1, 0, 0]])
    assert float(nps(flat((1, 0, 0)).float(), printable)) == pytest.approx(0, abs=1e-5)
    assert float(nps(flat((0.8, 0.3, 0)).float(), printable)) == pytest.approx(math.hypot(0.2, 0.3), rel=1e-4)
    half = flat((0.8, 0.3, 0)).float()
    half[:, :4] *= 0  # nothing is printed where nothing is opaque
    assert float(nps(half, printable)) == pytest.approx(math.hypot(0.2, 0.3), rel=1e-4)
    assert float(nps(torch.zeros(4, 8, 8))) == 0


def test_the_default_palette_scores_nothing_and_neon_scores_much() -> None:
    assert PRINTABLE.shape == (30, 3)
    for colour in PRINTABLE:
        assert float(nps(flat(tuple(colour.tolist())).float())) < 1e-5
    assert float(nps(flat((0, 1, 0)).float())) > 0.3


def test_the_gamut_keeps_what_can_be_printed_and_the_rest_lands_on_its_edge() -> None:
    # Colours that sRGB can show: the cyans of print lie outside it.
    inside = (0.95 * (PRINTABLE[PRINTABLE.amin(dim=1) > 0.1] - 0.5) + 0.5).T
    torch.testing.assert_close(to_gamut(inside), inside, atol=0.02, rtol=0)
    skin = torch.tensor([[0.8], [0.6], [0.5]])
    assert torch.equal(to_gamut(skin), skin)
    neon = torch.eye(3)
    shown = to_gamut(neon)
    assert (shown - neon).abs().max() > 0.1
    torch.testing.assert_close(to_gamut(shown), shown, atol=2e-3, rtol=0)
    assert (shown.argmax(dim=0) == torch.arange(3)).all(), "red stays red"


def test_lab_to_light_against_an_independent_conversion() -> None:
    color = pytest.importorskip("skimage.color")
    lab = np.array([[[60.0, 10, 20], [30, -15, -10], [80, 0, 0]]])
    expected = color.xyz2rgb(_d65(color.lab2xyz(lab, illuminant="D50")))
    light = _linear(lab)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(encoded, expected, atol=2e-3)


def _d65(xyz: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bradford adaptation from D50, from its definition."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    old, new = cone @ (0.9642, 1.0, 0.8249), cone @ (0.95047, 1.0, 1.08883)
    return np.asarray(xyz @ (np.linalg.inv(cone) @ np.diag(new / old) @ cone).T)


# --- gradients ------------------------------------------------------------------------------------------------------


def busy(seed: int) -> Draw:
    """A draw of everything but what has no gradient."""
    ranges = Physics(noise=(0, 0), codecs=("none",), printed=False, brightness=(0, 0.02), contrast=(0.8, 0.9))
    return ranges.draw(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_agree_with_finite_differences(seed: int) -> None:
    draw = busy(seed)
    frames, where = video(2, 40, dtype=torch.float64), poses(2, torch.float64)
    weights = video(2, 40, seed=9, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    alpha = torch.full((1, 12, 12), 0.9, dtype=torch.float64)
    # Padded, so that the drawing's edge does not cross pixels as it is moved.
    content = 0.3 + 0.4 * torch.rand((3, 12, 12), generator=generator, dtype=torch.float64)

    def value(colour: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        place, below = rest if len(rest) == 2 else (where, rest[0])
        return (stick(below, place, torch.cat([colour * alpha, alpha]), draw, WIDTH) * weights).sum()

    if seed == 1:
        draw = replace(draw, blur=0.0)  # its width in texels is taken as fixed
    given_ = [content, where, frames] if seed == 1 else [content, frames]
    needed = [g.clone().requires_grad_() for g in given_]
    slopes = torch.autograd.grad(value(*needed), needed)
    for i, slope in enumerate(slopes):
        # Poses are sampled bilinearly: their slope has kinks, so steps are small.
        step = 1e-6
        way = torch.randn(given_[i].shape, generator=generator, dtype=torch.float64)
        up, down = ([*given_[:i], given_[i] + s * step * way, *given_[i + 1 :]] for s in (1, -1))
        expected = (value(*up) - value(*down)) / (2 * step)
        torch.testing.assert_close((slope * way).sum(), expected, rtol=1e-4, atol=1e-4)


def test_gradients_reach_the_art_through_print_codec_and_noise() -> None:
    content = HEART.clone().requires_grad_()
    draw = replace(Physics(codecs=("jpeg",)).draw(np.random.default_rng(0)), printed=True)
    out = record(stick(video(), poses(), content, draw, WIDTH), draw)
    (slope,) = torch.autograd.grad(out.sum(), content)
    assert torch.isfinite(slope).all()
    assert (slope[:, 16:48, 16:48] != 0).float().mean() > 0.5


# --- camera ---------------------------------------------------------------------------------------------------------


def scene() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Five frames of odd size in which a smooth pattern moves."""
    y, x, c = np.mgrid[:45, :51, :3]
    return np.stack([128 + 90 * np.sin((x + 2 * t) / 7 + c / 3 + y / 9) for t in range(5)]).astype(np.uint8)


@pytest.mark.parametrize(("codec", "good", "bad"), [(jpeg, 95, 10), (h264, 10, 45)])
def test_codecs_keep_shape_and_order_and_lose_more_at_lower_quality(codec: Any, good: int, bad: int) -> None:
    frames = scene()
    errors = []
    for quality in (good, bad):
        out = codec(frames, quality)
        assert out.shape == frames.shape
        assert out.dtype == np.uint8
        away = np.abs(out.astype(int)[:, None] - frames.astype(int)[None]).mean(axis=(2, 3, 4))
        assert (away.argmin(axis=1) == np.arange(5)).all(), "every frame is still nearest to itself"
        errors.append(np.trace(away) / 5)
        np.testing.assert_array_equal(out, codec(frames, quality))
    assert errors[0] < 6 < errors[1]


def test_eight_bits_round_to_the_nearest_level_and_pass_gradients() -> None:
    frames = (video() + 0.01).requires_grad_()
    out = record(frames, Draw())
    np.testing.assert_allclose(out.detach() * 255, (frames.detach().clamp(0, 1) * 255).round(), atol=1e-4)
    (slope,) = torch.autograd.grad((out * 2).sum(), frames)
    assert (slope == 2).all()


def test_noise_has_its_size_stays_on_the_sticker_and_differs_from_frame_to_frame() -> None:
    grey = torch.full((1, 3, 2, 96, 96), 0.5)
    still = torch.tensor([[40.0, 0.0, 48.0], [0.0, 40.0, 48.0]]).expand(1, 2, 2, 3)
    square = torch.from_numpy(art.load("grey", 128).copy())
    clean = stick(grey, still, square, Draw(), WIDTH)
    noise = stick(grey, still, square, Draw(noise=0.04, seed=5), WIDTH) - clean
    inside = noise[..., 30:66, 30:66]
    assert float(inside.std()) == pytest.approx(0.04, rel=0.03)
    assert not noise[..., :10, :].any()
    one, two = inside[0, :, 0].flatten(), inside[0, :, 1].flatten()
    assert abs(float(torch.corrcoef(torch.stack([one, two]))[0, 1])) < 0.06


def test_equal_seeds_give_equal_bytes_and_touch_no_global_generator() -> None:
    state = torch.random.get_rng_state()
    made = []
    for seed in (4, 4, 5):
        draw = Physics().draw(np.random.default_rng(seed))
        made.append(record(stick(video(), poses(), HEART, draw, WIDTH), draw))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(state, torch.random.get_rng_state())


# --- ranges ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_draws_stay_in_their_ranges(seed: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    ranges = Physics(rotation=(-20 * high, -20 * low), noise=(low, high), h264=(20, 22), codecs=("none", "h264"))
    draw = ranges.draw(np.random.default_rng(seed))
    spans = {f.name: getattr(ranges, f.name) for f in fields(ranges)}
    for name, span in spans.items():
        if hasattr(draw, name) and name not in ("printed",):
            values = np.ravel(getattr(draw, name))
            assert (values >= span[0] - 1e-12).all(), name
            assert (values <= span[1] + 1e-12).all(), name
    assert draw.codec in ("none", "h264")
    assert draw.quality in ((0,) if draw.codec == "none" else (20, 21, 22))
    assert draw == ranges.draw(np.random.default_rng(seed))


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": (5, -5)},
        {"scale": (0, 1)},
        {"noise": (-0.1, 0)},
        {"blur": (0, math.inf)},
        {"gamma": (math.nan, 1)},
        {"jpeg": (0, 50)},
        {"codecs": ()},
        {"codecs": ("mpeg1",)},
    ],
)
def test_impossible_ranges_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Physics(**options)


# --- asked again ----------------------------------------------------------------------------------------------------


SETTINGS = ("printed", "codecs", "jpeg", "h264")


class Reddish:
    """Answers ``moved`` when the apex frame is redder than a threshold; asked about whole clips."""

    name, labels, reads = "reddish", ("calm", "moved"), "pair"

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def predict(self, clips: list[Clip]) -> Any:
        from mask.contracts import Prediction

        red = [float(c.frame(c.apex)[..., 0].mean() - c.frame(c.apex)[..., 2].mean()) for c in clips]
        return Prediction.from_logits(self.labels, np.array([[0.0, r - self.threshold] for r in red]))


CLIP = replace(create(subjects=2, repeats=1, size=96).clips[0], emotion="moved")
PLAN = Plan(Placement(0.2, 0.5, 0.046), Kinetics("skin"), "heart")
GENTLE = Physics(printed=False, tint=(1, 1), codecs=("none",))


def redness(clip: Clip) -> float:
    frame = clip.frame(clip.apex).astype(float)
    return float(frame[..., 0].mean() - frame[..., 2].mean())


def test_a_plan_is_counted_wrong_where_the_recognizer_is() -> None:
    bare = redness(CLIP)
    for threshold, wrong, without in ((-300.0, 0, 0), (300.0, 3, 3)):
        told = reassess(CLIP, PLAN, Reddish(threshold), 3, np.random.default_rng(0), GENTLE)  # type: ignore[arg-type]
        assert (told.wrong, told.wrong_without, told.unanswered, told.draws) == (wrong, without, 0, 3)
        assert told.share == wrong / 3
        assert told.ci95 == wilson(wrong, 3)
    calm = replace(CLIP, emotion="calm")
    told = reassess(calm, PLAN, Reddish(bare + 0.05), 3, np.random.default_rng(0), GENTLE)  # type: ignore[arg-type]
    assert (told.wrong, told.wrong_without) == (3, 0), "the sticker's own doing"


def test_no_answer_is_no_success() -> None:
    class Mute(Reddish):
        def predict(self, clips: list[Clip]) -> Any:
            from mask.contracts import Prediction

            return Prediction(self.labels, np.full((len(clips), 2), np.nan), ("refused",) * len(clips))

    told = reassess(CLIP, PLAN, Mute(0.0), 3, np.random.default_rng(0))  # type: ignore[arg-type]
    assert (told.wrong, told.unanswered, told.wrong_without) == (0, 3, 0)


def test_without_physics_a_recognizer_sees_the_plan_itself() -> None:
    from mask.apply import apply

    seen: list[Clip] = []

    class Spy(Reddish):
        def predict(self, clips: list[Clip]) -> Any:
            seen.extend(clips)
            return super().predict(clips)

    factors = ("scale", "follow", "tint", "contrast", "gamma")
    still = {f.name: (float(f.name in factors),) * 2 for f in fields(Physics) if f.name not in SETTINGS}
    nothing = Physics(**still, printed=False, codecs=("none",))  # type: ignore[arg-type]
    reassess(CLIP, PLAN, Spy(0.0), 1, np.random.default_rng(0), nothing)  # type: ignore[arg-type]
    expected = apply(CLIP, PLAN)
    for index in range(CLIP.onset, CLIP.apex + 1):
        assert np.abs(seen[0].frame(index).astype(int) - expected.frame(index)).max() <= 1
        np.testing.assert_array_equal(seen[1].frame(index), CLIP.frame(index))
    np.testing.assert_array_equal(seen[0].frame(-1), CLIP.frame(-1))


def test_what_cannot_be_filmed_is_told() -> None:
    model: Any = Reddish(0.0)
    with pytest.raises(InvalidPlan, match="flow map"):
        reassess(flow_clip("s/a", strained([(1, 1)])), PLAN, model, 2, np.random.default_rng(0))
    with pytest.raises(NoFaceError):
        reassess(replace(CLIP, landmarks=None), PLAN, model, 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no emotion"):
        reassess(replace(CLIP, emotion=None), PLAN, model, 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="draws is 0"):
        reassess(CLIP, PLAN, model, 0, np.random.default_rng(0))
