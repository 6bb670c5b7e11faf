"""How a face moves through a long video: the flow over a sliding distance, as small maps and as a few numbers a moment.

Every moment compares a frame with the one `distance` later, both cut by the face box of the first, so that the motion
between them remains. The motion of the nose, which no expression moves much, is taken for that of the head and taken
away; the eyes, which blink and look about, are blanked. What is left of brows and mouth is the map: both brows side by
side above the mouth, as SOFTNet reads it (Liong et al., ICIP 2021).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask import cache
from mask.contracts import Progress, quiet
from mask.faces import aligned
from mask.flow import flow, strain
from mask.geometry import face_box
from mask.regions import load

from .video import LongVideo

SIDE = 42
"""Side of a map."""

SPAN = 0.185
"""Seconds from one frame to the other: half of a micro-expression. It is what SOFTNet takes, 6 frames of 30 a second in
CAS(ME)^2 and 37 of 200 in SAMM Long Videos."""

ROIS = ("brow_left", "brow_right", "mouth_corner_left", "mouth_corner_right", "chin")
"""The regions of `Motion.rois`, in order."""

_RATE = 30.0
_CROP = 128
_BROWS = (("brow_outer_left", "brow_inner_left"), ("brow_inner_right", "brow_outer_right"))
_MOUTH = ("mouth_corner_left", "upper_lip", "lower_lip", "mouth_corner_right")


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion of one face at N moments of a video of T frames.

    Args:
        maps: ``float16 (N, 42, 42, 3)``, (u, v, optical strain) in pixels of a face box 128 wide; zero where no face is
            seen.
        rois: ``float32 (N, 5, 2)``, the mean (u, v) in each of `ROIS`.
        places: ``float64 (N,)``, the frame midway between the two compared.
        frames: T.
        distance: frames between the two compared; also half of an expression's usual length.
    """

    maps: NDArray[np.float16]
    rois: NDArray[np.float32]
    places: NDArray[np.float64]
    frames: int
    distance: int

    def __len__(self) -> int:
        return len(self.maps)


def motion(video: LongVideo, *, span: float = SPAN, method: str = "dis", progress: Progress = quiet) -> Motion:
    """The motion through a video, read once from its first frame to its last.

    Moments are a thirtieth of a second apart, or a frame where that is longer. Where `mask.cache` is on and the frames
    are files, what was found is kept.

    Args:
        span: seconds between the two frames compared.
        method: how flow is computed, one of `mask.flow.METHODS`.
        progress: counts moments.

    Raises:
        ValueError: for a span that is no part of a second.
    """
    if not 0 < span <= 1:
        raise ValueError(f"span is {span}; expected seconds, above 0 and up to 1")
    distance = max(1, min(round(span * video.fps), len(video) - 1))
    step = max(1, round(video.fps / _RATE))
    starts = range(0, max(len(video) - distance, 0), step)
    places = np.arange(len(starts), dtype=np.float64) * step + distance / 2
    store, pictures = cache.active(), None
    key = None
    if store is not None and (pictures := cache.content(video.frames)) is not None:
        versions = (cache.code("spot/motion"), cache.code("faces"), cache.code("flow"), cv2.__version__)
        key = cache.digest("motion", *versions, pictures, distance, step, method)
        kept = store.get(key)
        if kept is not None and kept.shape == (len(starts), SIDE * SIDE * 3 + 2 * len(ROIS)):
            progress(len(starts))
            return _unpacked(kept, places, len(video), distance)
    rows = []
    for moment in _moments(video, starts, distance, method):
        rows.append(moment)
        progress(1)
    packed = np.array(rows, dtype=np.float16).reshape(len(starts), SIDE * SIDE * 3 + 2 * len(ROIS))
    if store is not None and key is not None:
        store.put(key, packed)
    return _unpacked(packed, places, len(video), distance)


def _unpacked(packed: NDArray[Any], places: NDArray[Any], frames: int, distance: int) -> Motion:
    maps = packed[:, : SIDE * SIDE * 3].reshape(-1, SIDE, SIDE, 3)
    rois = packed[:, SIDE * SIDE * 3 :].reshape(-1, len(ROIS), 2).astype(np.float32)
    return Motion(maps, rois, places, frames, distance)


def _moments(video: LongVideo, starts: range, distance: int, method: str) -> Iterator[NDArray[np.float32]]:
    """The map and the means of each moment, in one row; frames are looked at once, in order."""
    waiting: deque[NDArray[np.uint8]] = deque()
    taken = 0
    for start in starts:
        while taken <= start + distance:
            waiting.append(video.frame(taken))
            taken += 1
        while taken - len(waiting) < start:
            waiting.popleft()
        points = video.points(start)
        if points is None:
            yield np.zeros(SIDE * SIDE * 3 + 2 * len(ROIS), dtype=np.float32)
            continue
        box = face_box(points)
        before, after = (_grey(aligned(f, box, _CROP)) for f in (waiting[0], waiting[-1]))
        yield describe(_flow(before, after, method))


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _flow(before: NDArray[np.uint8], after: NDArray[np.uint8], method: str) -> NDArray[np.float32]:
    # The maps have a third of the crop's side: DIS on half of it is enough, and four times faster.
    return flow(before, after, method=method, **({"finest": 1} if method == "dis" else {}))


def describe(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map and the means of one flow field.

    Args:
        field: ``float32 (128, 128, 2)``, (u, v) over the face box.

    Returns:
        ``float32 (42 * 42 * 3 + 10,)``: the map, row by row, and the mean (u, v) of each of `ROIS`.
    """
    layout = _layout()
    own = field - np.median(field[layout.nose], axis=0)
    full = np.dstack([own, strain(own)]).astype(np.float32)
    full[layout.eyes] = 0
    half = SIDE // 2
    left, right, mouth = (full[part] for part in layout.windows)
    brows = [cv2.resize(part, (half, half), interpolation=cv2.INTER_AREA) for part in (left, right)]
    below = cv2.resize(mouth, (SIDE, half), interpolation=cv2.INTER_AREA)
    drawn = np.concatenate([np.concatenate(brows, axis=1), below])
    means = [own[mask].mean(axis=0) for mask in layout.rois]
    return np.concatenate([drawn.ravel(), np.concatenate(means)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where things are on the aligned average face."""

    nose: NDArray[np.bool_]
    eyes: NDArray[np.bool_]
    windows: tuple[tuple[slice, slice], ...]
    rois: tuple[NDArray[np.bool_], ...]


@lru_cache(maxsize=1)
def _layout() -> _Layout:
    mesh, au = load("mesh"), load("au14")
    masks = dict(zip(mesh.names, mesh.box_masks(_CROP), strict=True))
    eyes = dict(zip(au.names, au.box_masks(_CROP), strict=True))
    brows = [np.any([masks[n] for n in side], axis=0) for side in _BROWS]
    mouth = np.any([masks[n] for n in _MOUTH], axis=0)
    rois = (*brows, masks["mouth_corner_left"], masks["mouth_corner_right"], masks["chin"])
    return _Layout(
        nose=masks["nose"],
        eyes=eyes["eye_left"] | eyes["eye_right"],
        windows=tuple(_window(m) for m in (*brows, mouth)),
        rois=rois,
    )


def _window(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rectangle around a region, an eighth of its size wider on each side."""
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero(mask.any(axis=axis))
        more = (there[-1] - there[0] + 1) // 8
        spans.append(slice(max(int(there[0]) - more, 0), min(int(there[-1]) + 1 + more, _CROP)))
    return spans[0], spans[1]
