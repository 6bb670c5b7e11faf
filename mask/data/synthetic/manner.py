"""How a subject shows emotion: what belongs to each emotion, each person's habits, and where chance comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import express
from .camera import project
from .head import Array, Pack

# Emotion -> action units: (number, probability of taking part, strength). At least one of the first two takes part.
RECIPES: Mapping[str, tuple[tuple[int, float, float], ...]] = {
    "happiness": ((12, 0.85, 1.0), (6, 0.75, 0.8), (10, 0.15, 0.5), (7, 0.20, 0.4)),
    "disgust": ((9, 0.75, 0.9), (10, 0.70, 1.0), (4, 0.50, 0.7), (17, 0.20, 0.5), (7, 0.20, 0.4)),
    "surprise": ((1, 0.80, 1.0), (2, 0.80, 1.0), (5, 0.60, 0.6), (26, 0.35, 0.5)),
    "sadness": ((15, 0.75, 1.0), (1, 0.60, 0.9), (17, 0.55, 0.7), (4, 0.55, 0.8)),
}
EMOTIONS = tuple(RECIPES)
STRAY = (1, 2, 4, 5, 6, 7, 10, 12, 14, 15, 16, 17, 18, 20, 24)
_RESTING = (4, 5, 7, 12, 15, 17, 24)

SUBJECT, CLIP, FRAME = 1, 2, 3


def stream(seed: int, *key: int) -> np.random.Generator:
    """The generator for one purpose: `SUBJECT` and a number, `CLIP` and its key, `FRAME` and its key."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


@dataclass(frozen=True)
class Dials:
    """How hard the benchmark is.

    Args:
        intensity: gain of the expressions; at 1 they peak between about 0.7 and 3 px at 256 px.
        distraction: gain of head motion, blinks, gaze and unrelated action units.
        noise: gain of the sensor noise.
    """

    intensity: float = 1.0
    distraction: float = 1.0
    noise: float = 1.0


@dataclass(frozen=True, eq=False)
class Style:
    """How one subject shows emotion, and the room they sit in.

    Args:
        habit: action unit -> how strongly this subject uses it.
        side: -1 (all on the picture's left) to 1 (all on its right), usually near 0.
        resting: unit -> weight that never leaves this face.
        tempo: slow above 1, quick below.
        light: azimuth of the main lamp, and warmth.
        backdrop: linear RGB.
        defocus: lens blur, pixels.
    """

    habit: Mapping[int, float]
    side: float
    resting: Mapping[str, float]
    tempo: float
    light: tuple[float, float]
    backdrop: tuple[float, float, float]
    defocus: float


@lru_cache(maxsize=1)
def reach(pack: Pack) -> Mapping[str, Array]:
    """Unit -> (468, 2) pixels at 256 px that the mesh points of the mean head move at weight 1."""
    eyes = np.unique(pack.triangles[pack.part == 1])
    left, right = (pack.mean[eyes[s * pack.mean[eyes, 0] > 0]] for s in (-1, 1))
    centres = [(side.max(axis=0) + side.min(axis=0)) / 2 for side in (left, right)]
    scale = 0.63 / float(centres[1][0] - centres[0][0])
    rest = (pack.mean - (centres[0] + centres[1]) / 2) * scale
    still = project(pack.landmarks(rest), 256)[0]
    out = {}
    for code, (index, delta) in express.units(pack).items():
        moved = rest.copy()
        moved[index] += delta * scale
        out[code] = project(pack.landmarks(moved), 256)[0] - still
    return out


def style(seed: int, subject: int) -> Style:
    """How subject number `subject` shows emotion."""
    rng = stream(seed, SUBJECT, subject, 1)
    habit = {n: float(np.exp(0.45 * rng.standard_normal())) for n in (*express.SIDED, *express.CENTRAL)}
    side = float(np.clip(0.22 * rng.standard_normal(), -0.6, 0.6))
    resting: dict[str, float] = {}
    for number in rng.choice(_RESTING, 2, replace=False):
        weight = float(rng.uniform(0.0, 0.12))
        for code in express.sides(f"AU{number}"):
            resting[code] = weight
    walls = ((0.20, 0.24, 0.28), (0.30, 0.29, 0.27), (0.16, 0.20, 0.19), (0.37, 0.38, 0.38), (0.26, 0.24, 0.27))
    shade = float(rng.uniform(0.85, 1.15))
    r, g, b = (c * shade for c in walls[int(rng.integers(len(walls)))])
    return Style(
        habit=habit,
        side=side,
        resting=resting,
        tempo=float(rng.uniform(0.8, 1.2)),
        light=(float(rng.choice([-1, 1])) * float(rng.uniform(0.35, 0.85)), float(rng.uniform(-1, 1))),
        backdrop=(r, g, b),
        defocus=float(rng.uniform(0.35, 0.65)),
    )
