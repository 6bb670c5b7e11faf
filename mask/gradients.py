"""Whether the gradient a recognizer gives is the one it has, and what else of its networks can be measured."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mask.clip import Clip
from mask.contracts import Differentiable, DifferentiableFlow, Recognizer
from mask.faces import aligned_pair
from mask.flow import SIZE

_STEPS = (1e-8, 1e-9, 1e-10)
"""Small, and smaller: through optical flow, whose iterations branch, a larger step passes more branches."""
_DIRECTIONS, _ENOUGH = 3, 1e-6
"""How many directions are tried at each step, and the error at which no more are."""


def networks(thing: Any, depth: int = 4) -> list[nn.Module]:
    """Every torch module a recognizer holds, in those it wraps too, each once."""
    if isinstance(thing, nn.Module):
        return [thing]
    if depth == 0:
        return []
    inside: Sequence[Any] = ()
    if isinstance(thing, Recognizer):
        inside = tuple(vars(thing).values())
    elif isinstance(thing, Mapping):
        inside = tuple(thing.values())
    elif isinstance(thing, list | tuple):
        inside = thing
    return list(dict.fromkeys(m for part in inside for m in networks(part, depth - 1)))


@contextmanager
def unchanged(recognizer: Recognizer, what: str) -> Iterator[None]:
    """Raise `ValueError` when the block leaves another weight, buffer or mode behind than it found."""
    found = networks(recognizer)
    before = [{n: t.clone() for n, t in m.state_dict().items()} for m in found]
    training = [s.training for m in found for s in m.modules()]
    yield
    for module, saved in zip(found, before, strict=True):
        for name, tensor in module.state_dict().items():
            if not torch.equal(tensor, saved[name]):
                raise ValueError(f"{what} changes the weights: {name}")
    if training != [s.training for m in found for s in m.modules()]:
        raise ValueError(f"{what} changes the training mode")


@dataclass(frozen=True)
class Slope:
    """What the gradient of one entrance turned out to be.

    Args:
        reaches: it gets to the input, is finite, and is not zero everywhere.
        error: the relative difference between it and central differences, in float64, along a random direction; the
            least of some, at ever smaller steps, as a branch passed on the way spoils one of them, and a wrong gradient
            all. `None` where it does not reach the input.
    """

    reaches: bool
    error: float | None


def slope(recognizer: Recognizer, space: Literal["frames", "flow"]) -> Slope:
    """Measure the gradient of ``logits``, for frames, or of ``flow_logits``, for flow maps, on random input.

    Raises:
        ValueError: for an output of another shape, a gradient that is not finite, a changed state, or an entrance that
            does not run in float64.
    """
    if not isinstance(recognizer, Differentiable if space == "frames" else DifferentiableFlow):
        return Slope(False, None)
    given = torch.rand(_shape(recognizer, space), generator=torch.Generator().manual_seed(0))
    device = next((p.device for m in networks(recognizer) for p in m.parameters()), torch.device("cpu"))
    x = given.to(device).requires_grad_()
    name = _entrance(space)
    with unchanged(recognizer, name):
        value = _total(recognizer, space, x)
        (gradient,) = torch.autograd.grad(value, x, allow_unused=True) if value.requires_grad else (None,)
    if gradient is None:
        return Slope(False, None)
    if not bool(torch.isfinite(gradient).all()):
        raise ValueError(f"the gradient of {name} is not finite")
    return Slope(True, _error(recognizer, space, given)) if bool((gradient != 0).any()) else Slope(False, None)


def _entrance(space: str) -> str:
    return "logits" if space == "frames" else "flow_logits"


def _shape(recognizer: Recognizer, space: str) -> tuple[int, ...]:
    if space == "flow":
        return (1, 3, SIZE, SIZE)
    frames = int(getattr(recognizer, "frames", 8)) if recognizer.reads == "video" else 2
    size = int(getattr(recognizer, "size", 112))
    return (1, 3, frames, size, size)


def _total(recognizer: Recognizer, space: str, x: Tensor) -> Tensor:
    """The logits of one input, weighed unevenly, so that a softmax or a mean among them does not cancel."""
    out: Tensor = getattr(recognizer, _entrance(space))(x)
    if tuple(out.shape) != (1, len(recognizer.labels)):
        raise ValueError(f"{_entrance(space)} has shape {tuple(out.shape)}; expected {(1, len(recognizer.labels))}")
    return (out * torch.linspace(1, 2, out.shape[1]).to(out)).sum()


def _error(recognizer: Recognizer, space: str, given: Tensor) -> float:
    double = copy.deepcopy(recognizer)
    for module in networks(double):
        module.to(device="cpu", dtype=torch.float64)
    x = given.double().requires_grad_()
    try:
        (gradient,) = torch.autograd.grad(_total(double, space, x), x)
    except RuntimeError as error:
        raise ValueError(f"{_entrance(space)} does not run in float64 ({error})") from error
    generator = torch.Generator().manual_seed(1)
    least = math.inf
    for step in (s for s in _STEPS for _ in range(_DIRECTIONS)):
        way = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        told = float((gradient * way).sum())
        with torch.no_grad():
            ahead, behind = (float(_total(double, space, x + sign * step * way)) for sign in (1, -1))
        found = (ahead - behind) / (2 * step)
        least = min(least, abs(found - told) / max(abs(found), abs(told), 1e-12))
        if least < _ENOUGH:
            break
    return least


def disagreement(recognizer: Recognizer, clips: Sequence[Clip], probabilities: np.ndarray[Any, Any]) -> float | None:
    """The largest difference between `predict` and a softmax over the logits of the same clips.

    Labels in another order than the outputs show here.

    Returns:
        `None` where the two cannot be compared: without logits, or where what they are given is not known from outside.
    """
    rows: list[Tensor] = []
    if isinstance(recognizer, DifferentiableFlow) and all(c.flow is not None for c in clips):
        maps = np.stack([np.moveaxis(np.asarray(c.flow), -1, 0) for c in clips])
        rows = [recognizer.flow_logits(torch.from_numpy(maps).float() / 255)]
    elif isinstance(recognizer, Differentiable) and recognizer.reads == "pair":
        pairs = np.stack([aligned_pair(c, int(getattr(recognizer, "size", 112))) for c in clips])
        rows = [recognizer.logits(torch.from_numpy(np.moveaxis(pairs, -1, 1).copy()).float() / 255)]
    if not rows:
        return None
    return float(np.abs(rows[0].softmax(dim=1).detach().cpu().double().numpy() - probabilities).max())


def device_difference(recognizer: Recognizer, clips: Sequence[Clip]) -> float | None:
    """The largest difference of a probability between the CPU and the graphics card; `None` where there is no card."""
    if not torch.cuda.is_available() or not networks(recognizer):
        return None
    told = []
    for device in ("cpu", "cuda"):
        moved = copy.deepcopy(recognizer)
        for module in networks(moved):
            module.to(device)
        told.append(moved.predict(clips).probabilities)
    return float(np.nanmax(np.abs(told[0] - told[1])))
