"""Magnified and driven motion beside what it should be.

``python -m benchmarks augment_motion``: a texture with wavelengths of 5 to 50 pixels moves by a known shift; what
magnification makes of it is compared with the texture itself, not with optical flow. The measured factor is the least
squares ratio of the magnified shift to the shift; the residual is how much the picture differs from the texture at the
best shift, in grey levels, of which rounding alone makes 0.3. Then synthetic faces: how far the mesh moves in driving
clips, by optical flow and in truth, and in clips driven by them, by TV-L1 flow of the generated frames and as asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mask import registry
from mask.augment import Augmentation
from mask.augment._motion import Driver, mover
from mask.augment.driven import Driven
from mask.clip import Clip
from mask.flow import flow
from mask.geometry import face_box
from tests.augment_clips import SIZE, grid, moved_clip
from tests.flow_scenes import texture

Row = dict[str, Any]
SHIFTS = ((0.05, -0.03), (0.1, 0.1), (0.3, -0.2), (0.7, 0.5), (1.5, -1.0), (3.0, 1.0))
WAYS = (
    "magnify:factor=2",
    "magnify:factor=4",
    "magnify-eulerian:factor=2,high=50",
    "magnify-eulerian:factor=2,high=50,reach=0.1",
)
INSIDE = (slice(45, 110), slice(40, 104))
DATA = "synthetic:subjects=4,emotions=3,repeats=1,size=256"


def run() -> list[Row]:
    """Measure; rows of shifts, then of faces."""
    shifts = [_magnified(registry.create("augmentations", way), way, shift) for way in WAYS for shift in SHIFTS]
    clips = registry.create("datasets", DATA).clips
    made = Driven(clips=9).make(clips, 0)
    return [
        *shifts,
        _agreement("driving clips, flow and truth", [_measured(c) for c in clips]),
        _agreement("driven clips, flow and fused motion", [_generated(c) for c in made]),
    ]


def _magnified(way: Augmentation, name: str, shift: tuple[float, float]) -> Row:
    moved = np.array(shift)
    clip = moved_clip("s/0", np.broadcast_to(moved, (SIZE, SIZE, 2)), seed=3)
    (made,) = way.make([clip], 0)
    picture, places = texture(np.random.default_rng(3), 30.0), grid()[INSIDE]
    seen = made.frame(made.apex)[..., 0][INSIDE].astype(float)

    def wrong(by: NDArray[np.float64]) -> float:
        at = places + moved - by
        return float(np.mean((picture(at[..., 0], at[..., 1]) - seen) ** 2))

    factor = float(name.split("factor=")[1].split(",")[0])
    best = minimize(wrong, factor * moved, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-4})
    return {
        "what": name,
        "motion px": round(float(np.hypot(*moved)), 2),
        "measured factor": round(float(best.x @ moved / (moved @ moved)), 2),
        "error px": round(float(np.hypot(*(best.x - factor * moved))), 3),
        "residual, grey levels": round(float(best.fun) ** 0.5, 1),
    }


def _measured(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Motion of the mesh at the apex in pixels, by a driver and in truth."""
    before, after = (np.asarray(clip.points(i), dtype=np.float64) for i in (clip.onset, clip.apex))
    return Driver(clip).at(1.0) @ face_box(before).to_image[:, :2].T, after - before


def _generated(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Motion of the mesh at the apex in pixels, by the flow of the generated frames and as asked."""
    film = clip.truth["film"]
    asked = mover(film.face).points(film.fusion.at(1.0)) - mover(film.face).mesh
    x, y = np.clip(np.rint(mover(film.face).mesh).astype(int), 0, 255).T
    return flow(*clip.pair(), method="tvl1")[y, x].astype(np.float64), asked


def _agreement(what: str, pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Row:
    found, wanted = (np.concatenate([pair[k] for pair in pairs]) for k in range(2))
    error = np.hypot(*(found - wanted).T)
    return {
        "what": what,
        "motion px": round(float(np.median(np.hypot(*wanted.T))), 2),
        "measured factor": round(float((found * wanted).sum() / (wanted**2).sum()), 2),
        "error px": f"{np.median(error):.3f}, 90 %: {np.quantile(error, 0.9):.3f}",
        "correlation": round(float(np.corrcoef(found.ravel(), wanted.ravel())[0, 1]), 3),
    }
