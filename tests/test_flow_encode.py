"""Strain against closed forms, the flow map's rules, and the published maps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mask.flow import SIZE, STILL, encode, encode_uint8, strain

Y, X = np.mgrid[:20, :24].astype(float)
A = 0.07

CLOSED_FORMS = {
    "translation": ((1.5 + 0 * X, -0.5 + 0 * X), 0.0),
    "simple shear": ((A * Y, 0 * X), A / np.sqrt(2)),
    "pure shear": ((A * Y, A * X), np.sqrt(2) * A),
    "stretch along x": ((A * X, 0 * X), A),
    "stretch and squeeze": ((A * X, -A * Y), np.sqrt(2) * A),
    "expansion": ((A * X, A * Y), np.sqrt(2) * A),
    "rotation": ((-A * Y, A * X), 0.0),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_strain_of_linear_motion(name: str) -> None:
    (u, v), expected = CLOSED_FORMS[name]
    np.testing.assert_allclose(strain(np.stack([u, v], axis=-1)), np.full(X.shape, expected), atol=1e-12)
    tensor = torch.from_numpy(np.stack([u, v]))[None]
    np.testing.assert_allclose(strain(tensor), np.full((1, *X.shape), expected), atol=1e-12)


def test_strain_keeps_type_and_leading_axes() -> None:
    field = np.random.default_rng(0).normal(size=(3, 2, 9, 8, 2)).astype(np.float32)
    found = strain(field)
    assert found.shape == (3, 2, 9, 8)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[1, 1], strain(field[1, 1]))


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 4), st.integers(0, 99))
def test_strain_ignores_shifts_and_scales_with_the_flow(dx: float, dy: float, scale: float, seed: int) -> None:
    field = np.random.default_rng(seed).normal(size=(8, 9, 2))
    np.testing.assert_allclose(strain(field * scale + [dx, dy]), scale * strain(field), atol=1e-9)


def test_strain_has_a_gradient_even_where_nothing_moves() -> None:
    flow = torch.zeros(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    strain(flow).sum().backward()
    assert flow.grad is not None
    assert torch.isfinite(flow.grad).all()
    moving = torch.randn(1, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda f: strain(f), (moving.requires_grad_(),))


def smooth(seed: int, size: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.normal(size=(size, size, 2)).astype(np.float32), (0, 0), size / 12) * 5


def by_hand(flow: NDArray[np.float32]) -> NDArray[np.float64]:
    """Strain at full size, the mean of each 5 x 5 cell, the stretch; for 140 x 140."""
    field = flow.astype(np.float64)
    uy, ux = np.gradient(field[..., 0])
    vy, vx = np.gradient(field[..., 1])
    full = np.dstack([field, np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)])
    cells = full.reshape(SIZE, 5, SIZE, 5, 3).mean(axis=(1, 3))
    low, high = cells.min(axis=(0, 1)), cells.max(axis=(0, 1))
    return (cells - low) / (high - low) * 255


def test_the_map_by_hand() -> None:
    flow = smooth(0, 140)
    found = encode_uint8(flow)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, by_hand(flow), atol=0.51)
    assert (found.min(axis=(0, 1)) == 0).all()
    assert (found.max(axis=(0, 1)) == 255).all()


@pytest.mark.parametrize("size", [28, 56, 100, 224])
def test_any_size_makes_a_map(size: int) -> None:
    maps = encode(torch.from_numpy(smooth(1, size)).permute(2, 0, 1)[None])
    assert maps.shape == (1, 3, SIZE, SIZE)
    assert float(maps.min()) == 0
    assert float(maps.max()) <= 255


def test_maps_of_a_batch_are_stretched_one_by_one() -> None:
    flows = torch.from_numpy(np.stack([smooth(s, 84) * (s + 1) for s in range(3)])).permute(0, 3, 1, 2)
    for n in range(3):
        torch.testing.assert_close(encode(flows)[n], encode(flows[n : n + 1])[0], atol=1e-3, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 20), st.floats(-5, 5), st.floats(-5, 5))
def test_strength_and_common_motion_leave_no_trace(scale: float, dx: float, dy: float) -> None:
    flow = smooth(2, 56)
    moved = (flow * scale + [dx, dy]).astype(np.float32)
    np.testing.assert_allclose(encode_uint8(moved).astype(int), encode_uint8(flow), atol=1)


def test_channels_without_motion_are_zero() -> None:
    nothing = np.zeros((56, 56, 2), np.float32)
    assert encode_uint8(nothing).max() == 0
    assert encode_uint8(nothing + np.float32(1.7)).max() == 0, "a face that shifts as a whole"
    sideways = nothing.copy()
    sideways[:, 28:, 0] = 1
    found = encode_uint8(sideways)
    assert found[..., 0].max() == 255
    assert found[..., 1].max() == 0
    assert found[..., 2].max() == 255
    just_under = nothing.copy()
    just_under[:, 28:, 0] = 0.9 * STILL
    assert encode_uint8(just_under).max() == 0


def test_the_gradient_of_the_map() -> None:
    flow = torch.from_numpy(smooth(3, 30).astype(np.float64)).permute(2, 0, 1)[None].requires_grad_()
    weight = torch.randn(1, 3, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda f: (encode(f) * weight).sum(), (flow,), fast_mode=True)
    still = torch.zeros(1, 2, 30, 30, requires_grad=True)
    encode(still).sum().backward()
    assert still.grad is not None
    assert torch.isfinite(still.grad).all()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (torch.zeros(1, 3, 30, 30), r"expected \(N, 2, H, W\)"),
        (torch.zeros(2, 30, 30), r"expected \(N, 2, H, W\)"),
        (torch.zeros(1, 2, 1, 30), "at least 2"),
        (torch.full((1, 2, 30, 30), torch.nan), "not finite"),
    ],
)
def test_bad_flow_is_told(bad: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode(bad)


def test_bad_arrays_are_told() -> None:
    with pytest.raises(ValueError, match=r"expected \(H, W, 2\)"):
        encode_uint8(np.zeros((2, 30, 30)))
    with pytest.raises(ValueError, match=r"H, W, 2"):
        strain(np.zeros((2, 30, 30)))
    with pytest.raises(ValueError, match="not finite"):
        encode_uint8(np.full((30, 30, 2), np.inf))


def agreement(maps: NDArray[np.float64]) -> float:
    """How well strain taken from a map's own u and v, their ratio fitted, explains its strain channel: correlation."""
    ratios = np.exp(np.linspace(np.log(0.1), np.log(10), 41))
    fields = np.stack([np.stack([maps[..., 0], r * maps[..., 1]], axis=-1) for r in ratios])
    return max(float(np.corrcoef(s.ravel(), maps[..., 2].ravel())[0, 1]) for s in strain(fields))


def test_strain_of_the_map_is_not_strain_in_the_map() -> None:
    """Taken before the maps are made small, strain keeps what the small u and v have lost."""
    rng = np.random.default_rng(0)
    rough = smooth(4, 140) + 0.1 * cv2.GaussianBlur(rng.normal(size=(140, 140, 2)).astype(np.float32), (0, 0), 1.5)
    late = encode_uint8(rough)
    late[..., 2] = encode_uint8(late[..., :2].astype(np.float32))[..., 2]
    assert agreement(late.astype(float)) > 0.99
    assert agreement(encode_uint8(rough).astype(float)) < 0.97


@pytest.mark.shared
def test_the_published_maps_hold_strain_taken_at_full_size(megc: Path) -> None:
    files = sorted((megc / "norm_u_v_os").glob("*/u_test/*/*.png"))[::5]
    maps = [cv2.imread(str(f))[..., ::-1].astype(float) for f in files]
    found = np.median([agreement(m) for m in maps])
    assert 0.82 < found < 0.92, "strain taken at 28 x 28 would agree to .999"
