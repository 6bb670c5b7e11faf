"""Clips whose motion is known exactly: an analytic texture under the mesh of the average face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.regions import canonical
from tests.flow_scenes import Floats, texture

SIZE = 144


def mesh(size: int = SIZE, width: float = 0.6) -> Floats:
    """The average face's mesh in the middle of a square picture, its box `width` of the picture wide."""
    across = width * size
    return canonical() * [across, 1.3 * across] + [(1 - width) / 2 * size, 0.14 * size]


def grid(size: int = SIZE) -> Floats:
    """The places of all pixels, ``(size, size, 2)`` as (x, y)."""
    y, x = np.mgrid[:size, :size].astype(float)
    return np.stack([x, y], axis=-1)


def picture(places: Floats, seed: int) -> NDArray[np.uint8]:
    """A random texture at some places, ``uint8 (H, W, 3)``."""
    value = texture(np.random.default_rng(seed), 30.0)(places[..., 0], places[..., 1])
    return np.repeat(np.clip(np.round(value), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def moved_clip(
    key: str, field: Floats, emotion: str = "moved", *, seed: int = 0, steps: Sequence[float] = (0, 0.5, 1, 0)
) -> Clip:
    """A clip whose face moves by shares of a field ``(H, W, 2)``, `mask.flow`'s convention; the apex is at the most.

    Its subject is the part of the key before the first slash.
    """
    size = len(field)
    # Frames show the texture where it was at the apex: the picture on the grid, seen at places that lag behind.
    frames = np.stack([picture(grid(size) + (max(steps) - s) * field, seed) for s in steps])
    there = mesh(size)
    return Clip(
        key,
        key.split("/")[0],
        emotion,
        "made",
        frames=frames,
        landmarks=np.repeat(there[None], len(steps), axis=0),
        fps=100.0,
        onset=0,
        apex=int(np.argmax(steps)),
        offset=len(steps) - 1,
        synthetic=True,
    )


def still_clip(key: str, emotion: str, *, seed: int = 0, size: int = SIZE) -> Clip:
    """A clip in which nothing moves."""
    return moved_clip(key, np.zeros((size, size, 2)), emotion, seed=seed)
