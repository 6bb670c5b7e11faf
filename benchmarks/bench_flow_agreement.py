"""Whether the flow-map model of a sticker says what a flow method sees on pixels.

``python -m benchmarks flow_agreement`` puts stickers of 4.6 % of the face on synthetic clips twice: on the flow map of
the bare clip, as `mask.sticker.flowspace` says it would look (*said*), and on the frames, whose flow map is then
computed anew (*seen*). Values are levels, 0 to 255, of the maps a recognizer reads; pairs of numbers are u (to the
right) and v (down).

- *change*: mean of |seen - bare|, what the sticker did. *error*: mean of |said - seen|. *bias*: mean of said - seen.
- *inside* are the cells the model covers, *border* the two rings of cells around them, *outside* all others.
- *r*: correlation of said - bare with seen - bare over all cells, u and v together.
- *exact* is no method but the synthetic truth, with the sticker's own rigid motion where it lies: what is wrong there
  is the model's fault, what is wrong with a method and right there is the method's.
- *none* is the bare clip under other sensor noise, where nothing is said: the floor of what a method can agree on.
- *overlap*: of the area that either covers, the share that the model's cells and the sticker on the frame both cover.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mask import registry
from mask.apply import apply_many
from mask.clip import Clip, Frame
from mask.faces import aligned_pair, clip_box
from mask.flow import METHODS, SIZE, encode_uint8, flow_maps
from mask.geometry import invert, transform
from mask.plan import Kinetics, Placement, Plan, ThreatModel
from mask.regions import footprint, load, sites
from mask.sticker import Pose, flowspace
from mask.sticker.art import FILL, tiles

Row = dict[str, Any]
Map = NDArray[np.uint8]
Field = NDArray[np.float64]

DATA = "synthetic:subjects=6,repeats=1"
CLIPS = 12
PLACES = 8
AREA = 0.046
CROP = 140
"""Side of the aligned face in pixels, the default of every recognizer of flow."""

EXACT = "exact"
WAYS = (EXACT, *METHODS)
RING = 2
INSIDE, BORDER, OUTSIDE = range(3)
ZONES = ("inside", "border", "outside")

TEXTURED = tiles(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
_SLIP, _RAISED, _OVERLAY = (ThreatModel("slip"), ThreatModel("raised"), ThreatModel("overlay"))
STICKERS: dict[str, tuple[Kinetics, str]] = {
    "skin, grey": (Kinetics("skin"), "grey"),
    "skin, textured": (Kinetics("skin"), TEXTURED),
    "skin, stripes": (Kinetics("skin"), "stripes"),
    "slip, left behind": (_SLIP.motion((0, 0)), TEXTURED),
    "slip, sagging": (_SLIP.motion((0, 1)), TEXTURED),
    "raised, own turn": (_RAISED.motion((0, 0)), TEXTURED),
    "raised, turned right": (_RAISED.motion((1, 0)), TEXTURED),
    "overlay, right and up": (_OVERLAY.motion((1, -1)), TEXTURED),
    "overlay, down": (_OVERLAY.motion((0, 1)), TEXTURED),
    "overlay, down, grey": (_OVERLAY.motion((0, 1)), "grey"),
}


@dataclass(frozen=True)
class Case:
    """One sticker on one clip: three maps ``uint8 (28, 28, 3)``, the zone of each cell, and `overlap`."""

    bare: Map
    said: Map
    seen: Map
    zone: NDArray[np.int64]
    overlap: float


def run() -> list[Row]:
    """Measure; one row per sticker and flow method."""
    data, noiseless = (registry.create("datasets", f"{DATA}{more}") for more in ("", ",noise=0.0"))
    clips = list(zip(data.clips, noiseless.clips, strict=True))[:: len(data) // CLIPS][:CLIPS]
    found: dict[tuple[str, str], list[Case]] = {}
    for clip, still in clips:
        for name, way, cases in _cases(clip, still):
            found.setdefault((name, way), []).extend(cases)
    return [_row(name, way, found[name, way]) for name in ("none", *STICKERS) for way in WAYS if (name, way) in found]


def places() -> list[Placement]:
    """Places on skin, spread evenly over those there are, each on whole cells of a flow map."""
    every = sites(load("mesh"), ThreatModel("skin", area=AREA), "flow")
    chosen = np.linspace(0, len(every) - 1, PLACES).round().astype(int)
    return [Placement(every[i].x, every[i].y, AREA, region=every[i].region) for i in chosen]


def zones(placement: Placement) -> NDArray[np.int64]:
    """The zone of each cell, ``int64 (28, 28)``, by the model's own footprint."""
    (left, top), _, (right, bottom), _ = np.rint(footprint(placement, "flow") * SIZE).astype(int)
    zone = np.full((SIZE, SIZE), OUTSIDE)
    zone[max(top - RING, 0) : bottom + RING, max(left - RING, 0) : right + RING] = BORDER
    zone[max(top, 0) : bottom, max(left, 0) : right] = INSIDE
    return zone


def _cases(clip: Clip, still: Clip) -> Iterator[tuple[str, str, list[Case]]]:
    at = places()
    zone = [zones(p) for p in at]
    plans = {name: [Plan(p, motion, art) for p in at] for name, (motion, art) in STICKERS.items()}
    pairs = {name: [aligned_pair(c, CROP) for c in apply_many(clip, made)] for name, made in plans.items()}
    truth = Exact(clip)
    overlap = [_overlap(truth.under(Plan(p)), z == INSIDE) for p, z in zip(at, zone, strict=True)]
    bare, regrained = (aligned_pair(c, CROP) for c in (clip, clip.with_frames(Regrained(clip, still))))
    for way in WAYS:
        if way == EXACT:
            clean = truth.map()
        else:
            clean, other = flow_maps(np.stack([bare, regrained]), way)
            yield "none", way, [Case(clean, clean, other, z, o) for z, o in zip(zone, overlap, strict=True)]
        for name, made in plans.items():
            seen = [truth.map(p) for p in made] if way == EXACT else flow_maps(np.stack(pairs[name]), way)
            said = flowspace.apply_many(clean, made)
            yield name, way, [Case(clean, *maps) for maps in zip(said, seen, zone, overlap, strict=True)]


class Regrained:
    """The frames of a synthetic clip under other sensor noise: its own, mirrored."""

    def __init__(self, clip: Clip, still: Clip) -> None:
        self._clip, self._still = clip, still

    def __len__(self) -> int:
        return len(self._clip.frames or ())

    def __getitem__(self, index: int) -> Frame:
        quiet = self._still.frame(index).astype(np.int64)
        grain = (self._clip.frame(index) - quiet)[:, ::-1]
        return np.clip(quiet + grain, 0, 255).astype(np.uint8)


class Exact:
    """The exact flow of a synthetic clip on its aligned face, with and without a sticker."""

    def __init__(self, clip: Clip) -> None:
        self._meshes = clip.points(clip.onset), clip.points(clip.apex)
        self._crop = clip_box(clip).crop_matrix(CROP)
        y, x = np.mgrid[:CROP, :CROP]
        self._pixels = transform(invert(self._crop), np.stack([x, y], axis=-1))
        moved = clip.truth["flow"]()
        # Off the face nothing is known; what is nearest on the face goes on there.
        nearest = ndimage.distance_transform_edt(np.isnan(moved[..., 0]), return_distances=False, return_indices=True)
        where = self._pixels.astype(np.float32)
        self._flow: Field = cv2.remap(moved[tuple(nearest)], where[..., 0], where[..., 1], cv2.INTER_LINEAR).astype(
            np.float64
        )

    def map(self, plan: Plan | None = None) -> Map:
        """The flow map a method without error would give."""
        return encode_uint8(self.flow(plan))

    def flow(self, plan: Plan | None = None) -> Field:
        """The exact flow, ``float64 (CROP, CROP, 2)``, in pixels of the aligned face."""
        moved = self._flow
        if plan is not None:
            canvas, end = self._canvas(plan)
            moved = np.where(_inside(canvas)[..., None], transform(end, canvas) - self._pixels, moved)
        return np.asarray(moved @ self._crop[:, :2].T)

    def under(self, plan: Plan) -> NDArray[np.bool_]:
        """Which pixels of the onset a square sticker covers, ``bool (CROP, CROP)``."""
        return _inside(self._canvas(plan)[0])

    def _canvas(self, plan: Plan) -> tuple[Field, Field]:
        """Where each pixel of the onset lies on the sticker's canvas, and the sticker's pose in the apex frame."""
        pose = Pose(plan.placement, plan.kinetics, self._meshes[0])
        start, end = (pose.at(mesh, share) for mesh, share in zip(self._meshes, (0.0, 1.0), strict=True))
        return transform(invert(start), self._pixels), end


def _inside(canvas: Field) -> NDArray[np.bool_]:
    return np.asarray(np.abs(canvas).max(axis=-1) <= np.sqrt(FILL))


def _overlap(under: NDArray[np.bool_], cells: NDArray[np.bool_]) -> float:
    cover = cv2.resize(under.astype(np.float64), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return float(np.minimum(cover, cells).sum() / np.maximum(cover, cells).sum())


def _row(name: str, way: str, cases: list[Case]) -> Row:
    bare, said, seen = (
        np.stack([getattr(c, what)[..., :2] for c in cases]).astype(np.float64) for what in ("bare", "said", "seen")
    )
    zone = np.stack([c.zone for c in cases])
    row: Row = {
        "sticker": name,
        "flow": way,
        "cases": len(cases),
        "overlap": round(float(np.mean([c.overlap for c in cases])), 2),
        "r": correlation(said - bare, seen - bare),
    }
    for number, title in enumerate(ZONES):
        here = zone == number
        row[f"{title} change"] = _pair(np.abs(seen - bare)[here])
        row[f"{title} error"] = _pair(np.abs(said - seen)[here])
        row[f"{title} bias"] = _pair((said - seen)[here], signed=True)
    return row


def correlation(one: Field, other: Field) -> float | None:
    """Pearson's, over all values; `None` where one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return round(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]), 2)


def _pair(values: Field, *, signed: bool = False) -> str:
    u, v = values.mean(axis=0)
    return f"{u:+.0f} {v:+.0f}" if signed else f"{u:.0f} {v:.0f}"
