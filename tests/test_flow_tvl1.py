"""TV-L1: the iteration against a reference written from the paper, gradients, invariances, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mask.flow import SMALLEST, encode, tvl1
from mask.flow._relax import Weights, relax, relax_
from mask.flow._sample import sample

from .flow_scenes import Scene, scenes

WEIGHTS = Weights(attachment=0.15, theta=0.3, tau=0.25)


def tensors(found: list[Scene], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    def stack(frames: list[NDArray[np.uint8]]) -> Tensor:
        return torch.from_numpy(np.stack(frames)[:, None]).to(dtype) / 255

    return stack([s.onset for s in found]), stack([s.apex for s in found])


def random_state(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*size: int, scale: float) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype) * scale

    return {
        "u": draw(2, *shape, scale=0.5),
        "p": torch.zeros(2, 2, *shape, dtype=dtype),
        "c": draw(*shape, scale=5.0),
        "g": draw(2, *shape, scale=8.0),
    }


def by_the_book(u: Tensor, c: Tensor, g: Tensor, iterations: int) -> NDArray[np.float64]:
    """Zach, Pock, Bischof 2007, equations 9 to 14, pixel by pixel, for one picture."""
    flow, constant, gradient = (np.array(t.numpy()) for t in (u, c, g))
    _, height, width = flow.shape
    dual = np.zeros((2, 2, height, width))  # (of u or v, along x or y)
    lt, step = WEIGHTS.attachment * WEIGHTS.theta, WEIGHTS.tau / WEIGHTS.theta
    for _ in range(iterations):
        target = np.zeros_like(flow)
        for i in range(height):
            for j in range(width):
                slope = gradient[:, i, j]
                rho, square = constant[i, j] + slope @ flow[:, i, j], slope @ slope
                if rho < -lt * square:
                    move = lt * slope
                elif rho > lt * square:
                    move = -lt * slope
                else:
                    move = -rho * slope / square
                target[:, i, j] = flow[:, i, j] + move
        for k in range(2):
            for i in range(height):
                for j in range(width):
                    along_x = (dual[k, 0, i, j] if j < width - 1 else 0) - (dual[k, 0, i, j - 1] if j else 0)
                    along_y = (dual[k, 1, i, j] if i < height - 1 else 0) - (dual[k, 1, i - 1, j] if i else 0)
                    flow[k, i, j] = target[k, i, j] + WEIGHTS.theta * (along_x + along_y)
            for i in range(height):
                for j in range(width):
                    dx = flow[k, i, j + 1] - flow[k, i, j] if j < width - 1 else 0.0
                    dy = flow[k, i + 1, j] - flow[k, i, j] if i < height - 1 else 0.0
                    grown = dual[k, :, i, j] + step * np.array([dx, dy])
                    dual[k, :, i, j] = grown / (1 + step * math.hypot(dx, dy))
    return flow


@pytest.mark.parametrize("solve", [relax, relax_])
def test_the_iteration_is_that_of_the_paper(solve: object) -> None:
    state = random_state((3, 7, 5))
    found, _ = solve(**state, weights=WEIGHTS, iterations=6)  # type: ignore[operator]
    for n in range(3):
        expected = by_the_book(state["u"][:, n], state["c"][n], state["g"][:, n], 6)
        np.testing.assert_allclose(found[:, n], expected, atol=1e-5)


def test_in_place_and_differentiable_iterations_agree_and_spoil_nothing() -> None:
    state = random_state((2, 20, 17))
    before = {name: value.clone() for name, value in state.items()}
    u, p = relax(**state, weights=WEIGHTS, iterations=15)
    u_, p_ = relax_(**state, weights=WEIGHTS, iterations=15)
    torch.testing.assert_close(u, u_, atol=1e-5, rtol=0)
    torch.testing.assert_close(p, p_, atol=1e-5, rtol=0)
    for name, value in state.items():
        assert torch.equal(value, before[name]), name


def test_sampling_reproduces_a_quadratic_and_repeats_the_border() -> None:
    y, x = np.mgrid[:12, :15].astype(float)

    def quadratic(x: NDArray[np.float64], y: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(0.5 * x - 2 * y + 0.1 * x * x - 0.2 * x * y + 3)[None]

    plane = quadratic(x, y)
    shift = torch.tensor([0.3, -0.7], dtype=torch.float64).view(2, 1, 1, 1).expand(2, 1, 12, 15)
    inside = (slice(None), slice(3, -3), slice(3, -3))
    expected = quadratic(x + 0.3, y - 0.7)
    torch.testing.assert_close(sample(plane, shift)[inside], expected[inside])
    far = torch.full((2, 1, 12, 15), 1e4, dtype=torch.float64)
    assert torch.equal(sample(plane, far), plane[:, -1:, -1:].expand(1, 12, 15))
    assert torch.equal(sample(plane, torch.zeros_like(far)), plane)


def test_sampling_gradients_for_picture_and_place() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    flow = (torch.rand(2, 1, 6, 5, generator=generator, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(sample, (image, flow))


def test_the_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(2)
    y, x = torch.meshgrid(torch.arange(18.0), torch.arange(20.0), indexing="ij")
    apex = (0.5 + 0.2 * torch.sin(0.7 * x + 0.2 * y) + 0.2 * torch.cos(0.5 * y - 0.3 * x)).double()[None, None]
    onset = apex.roll(1, dims=3) + 0.01 * torch.randn(apex.shape, generator=generator, dtype=torch.float64)
    pair = [onset.requires_grad_(), apex.requires_grad_()]
    weight = torch.randn(1, 2, 18, 20, generator=generator, dtype=torch.float64)

    def loss(onset: Tensor, apex: Tensor) -> Tensor:
        return (tvl1(onset, apex, warps=2, iterations=6) * weight).sum()

    gradients = torch.autograd.grad(loss(*pair), pair)
    for i in range(2):
        for _ in range(4):
            direction = torch.randn(apex.shape, generator=generator, dtype=torch.float64)
            with torch.no_grad():
                ahead, behind = ([t + s * 1e-7 * direction * (k == i) for k, t in enumerate(pair)] for s in (1, -1))
                slope = (loss(*ahead) - loss(*behind)) / 2e-7
            torch.testing.assert_close((gradients[i] * direction).sum(), slope, rtol=1e-3, atol=1e-6)


def test_gradients_through_the_whole_map_reach_both_frames() -> None:
    onset, apex = tensors(scenes(48, noise=1)[4:6])
    onset.requires_grad_()
    apex.requires_grad_()
    maps = encode(tvl1(onset, apex))
    maps[:, :, 8:20, 8:20].sum().backward()
    for frame in (onset, apex):
        assert frame.grad is not None
        assert torch.isfinite(frame.grad).all()
        assert (frame.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_gradients_of_featureless_frames_are_finite(level: float) -> None:
    frame = torch.full((1, 1, 24, 24), level, requires_grad=True)
    encode(tvl1(frame, frame.detach().clone())).sum().backward()
    assert frame.grad is not None
    assert torch.isfinite(frame.grad).all()


def test_the_flow_is_the_same_with_and_without_a_gradient() -> None:
    onset, apex = tensors(scenes(64, noise=1)[4:6])
    plain = tvl1(onset, apex)
    assert not plain.requires_grad
    graph = tvl1(onset.requires_grad_(), apex)
    assert graph.requires_grad
    torch.testing.assert_close(graph.detach(), plain, atol=5e-3, rtol=0)


def test_a_pair_does_not_depend_on_its_batch() -> None:
    """Bit for bit, with more pairs than are relaxed together."""
    onset, apex = tensors(scenes(112, noise=2))
    together = tvl1(onset, apex)
    for n in (0, 3, 7):
        assert torch.equal(tvl1(onset[n : n + 1], apex[n : n + 1])[0], together[n])
    assert torch.equal(tvl1(onset, apex), together)


def test_a_wide_motion_needs_the_pyramid() -> None:
    generator = torch.Generator().manual_seed(0)
    frame = functional.avg_pool2d(torch.rand(1, 1, 100, 100, generator=generator), 5, 1)
    moved = frame.roll(6, dims=3)
    inside = (slice(None), 0, slice(20, -20), slice(20, -20))
    assert abs(float(tvl1(frame, moved)[inside].mean()) - 6) < 0.05
    assert abs(float(tvl1(frame, moved, levels=1)[inside].mean()) - 6) > 1


@pytest.mark.parametrize("size", [(16, 16), (16, 50), (33, 17), (65, 71)])
def test_odd_sizes_and_types(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    frame = functional.avg_pool2d(torch.rand(1, 1, size[0] + 2, size[1] + 2, generator=generator), 3, 1)
    found = tvl1(frame.double(), frame.roll(1, dims=3).double())
    assert found.shape == (1, 2, *size)
    assert found.dtype == torch.float64
    middle = found[0, :, 3:-3, 3:-3].mean(dim=(1, 2))
    torch.testing.assert_close(middle, torch.tensor([1.0, 0.0], dtype=torch.float64), atol=0.1, rtol=0)


def test_an_empty_batch() -> None:
    assert tvl1(torch.zeros(0, 1, 32, 32), torch.zeros(0, 1, 32, 32)).shape == (0, 2, 32, 32)


@pytest.mark.parametrize(
    ("onset", "apex", "said"),
    [
        (torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 21), "shapes"),
        (torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20), r"\(N, 1, H, W\)"),
        (torch.zeros(1, 1, 15, 20), torch.zeros(1, 1, 15, 20), f"at least {SMALLEST} x {SMALLEST}"),
        (torch.zeros(1, 1, 20, 20).byte(), torch.zeros(1, 1, 20, 20).byte(), "float32"),
        (torch.full((1, 1, 20, 20), torch.nan), torch.zeros(1, 1, 20, 20), "onset ranges from nan"),
        (torch.zeros(1, 1, 20, 20), torch.full((1, 1, 20, 20), torch.inf), "apex ranges from inf"),
        (torch.full((1, 1, 20, 20), 255.0), torch.zeros(1, 1, 20, 20), r"\[0, 1\]"),
        (torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 20).double(), "differ in type"),
    ],
)
def test_bad_pictures_are_told(onset: Tensor, apex: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tvl1(onset, apex)


@pytest.mark.parametrize(
    "parameter", [{"tau": 0.3}, {"attachment": 0.0}, {"warps": 0}, {"levels": 0}, {"smoothing": -1.0}]
)
def test_bad_parameters_are_told(parameter: dict[str, float]) -> None:
    still = torch.zeros(1, 1, 20, 20)
    with pytest.raises(ValueError, match=next(iter(parameter))):
        tvl1(still, still, **parameter)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_same_on_a_gpu() -> None:
    onset, apex = tensors(scenes(64, noise=1)[:4])
    found = tvl1(onset.cuda(), apex.cuda()).cpu()
    torch.testing.assert_close(found, tvl1(onset, apex), atol=2e-2, rtol=0)
