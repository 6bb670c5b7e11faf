"""Picture pairs whose optical flow is known exactly.

A texture is a sum of plane waves, so that it can be evaluated anywhere: the apex is the texture on the pixel grid, the
onset is the texture at the displaced places, and no picture is ever resampled. Convention:
``apex(x + flow(x)) = onset(x)``, (u, v) in pixels, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MARGIN = 4  # pixels left out of an error along the border, where content leaves the picture


@dataclass(frozen=True)
class Scene:
    """One pair and its flow."""

    name: str
    onset: NDArray[np.uint8]
    apex: NDArray[np.uint8]
    flow: Floats

    def error(self, found: NDArray[np.floating]) -> float:
        """Mean end-point error in pixels."""
        inside = slice(MARGIN, -MARGIN)
        return float(np.linalg.norm((found - self.flow)[inside, inside], axis=-1).mean())


def texture(rng: np.random.Generator, contrast: float) -> Callable[[Floats, Floats], Floats]:
    """A random picture as a function of (x, y): wavelengths 5 to 50 px, standard deviation `contrast`, mean 128."""
    waves = 50
    length = np.exp(rng.uniform(np.log(5), np.log(50), waves))
    angle, phase = rng.uniform(0, 2 * np.pi, (2, waves))
    amplitude = np.sqrt(length)
    amplitude *= contrast / np.sqrt((amplitude**2).sum() / 2)
    kx, ky = 2 * np.pi / length * np.array([np.cos(angle), np.sin(angle)])

    def value(x: Floats, y: Floats) -> Floats:
        total = np.full(x.shape, 128.0)
        for k in range(waves):
            total += amplitude[k] * np.sin(kx[k] * x + ky[k] * y + phase[k])
        return total

    return value


def fields(size: int) -> dict[str, Floats]:
    """Known motions on a `size` x `size` picture."""
    y, x = np.mgrid[:size, :size].astype(float)
    middle = (size - 1) / 2
    dx, dy = x - middle, y - middle

    def bump(height: float, width: float) -> Floats:
        return height * np.exp(-((x - 0.7 * middle) ** 2 + (y - 1.1 * middle) ** 2) / 2 / width**2)

    left = x < middle
    parts = {
        "translation .6 px": (0 * x + 0.5, 0 * x - 0.3),
        "translation 2.2 px": (0 * x + 2.0, 0 * x - 1.0),
        "rotation": (-0.02 * dy, 0.02 * dx),
        "expansion": (0.02 * dx, 0.02 * dy),
        "bump .3 px": (bump(0.3, 0.08 * size), bump(-0.2, 0.08 * size)),
        "bump 1.4 px": (bump(1.0, 0.1 * size), bump(-1.0, 0.1 * size)),
        "bump 2.8 px": (bump(2.0, 0.12 * size), bump(-2.0, 0.12 * size)),
        "two halves": (np.where(left, 1.0, -0.5), np.where(left, 0.0, 0.5)),
    }
    return {name: np.stack(part, axis=-1) for name, part in parts.items()}


def scene(name: str, flow: Floats, *, seed: int = 0, contrast: float = 30.0, noise: float = 0.0) -> Scene:
    """Render one pair, 8 bits, with sensor noise of standard deviation `noise` grey levels on both frames."""
    rng = np.random.default_rng(seed)
    picture = texture(rng, contrast)
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(float)

    def expose(value: Floats) -> NDArray[np.uint8]:
        return np.clip(np.round(value + rng.normal(0, noise, value.shape)), 0, 255).astype(np.uint8)

    onset = expose(picture(x + flow[..., 0], y + flow[..., 1]))
    return Scene(name, onset, expose(picture(x, y)), flow)


def scenes(size: int, *, contrast: float = 30.0, noise: float = 0.0) -> list[Scene]:
    """One pair of each motion, each with its own texture."""
    return [
        scene(name, flow, seed=seed, contrast=contrast, noise=noise)
        for seed, (name, flow) in enumerate(fields(size).items())
    ]
