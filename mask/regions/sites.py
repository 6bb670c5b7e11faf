"""Where a sticker may be put: a regular grid of places, and the one nearest each region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.errors import InvalidPlan
from mask.geometry import BOX_MM
from mask.plan import ON_SKIN, Motion, Placement, Plan, Site, ThreatModel

from .face import apertures, canonical, outline
from .footprint import GRID, Space, cells, extent, footprint
from .polygon import fill
from .scheme import Scheme, load

APERTURE_SHARE = 0.10
"""The share of an eye, a nostril or the mouth that a sticker on the skin may cover."""

MARGIN_MM = 1.0
"""Openings are taken this much larger than they are: skin next to lashes and lips does not hold a sticker."""

FACE_SHARE = 0.95
"""The share of a sticker on the skin that must lie on the face, so that it has something to stick to."""

STEP = 1 / 14
"""The default spacing of places on frames, in shares of the face box's width: 9.8 mm."""

_FLOW_STEP = 2
_TOUCH_MM2 = 0.01
_RASTER = (26 * GRID, 20 * GRID)


def sites(scheme: Scheme, threat: ThreatModel, space: Space, step: float | None = None) -> tuple[Site, ...]:
    """Every place one sticker of the threat model's whole area may be put, row by row.

    A sticker lies wholly in the face box. One that is stuck on the skin (`mask.plan.ON_SKIN`) also lies on the face
    and leaves eyes, nostrils and mouth free, on the average face. On a flow map, top left corners lie on every second
    cell.

    Args:
        scheme: names the places.
        threat: how large the sticker is and how it moves.
        space: see `Space`.
        step: spacing on frames, in shares of the face box's width; `None` for `STEP`.

    Raises:
        InvalidPlan: when there is no such place.
        ValueError: for a step outside (0, 1], or a region that does not exist.

    >>> from mask.regions import load
    >>> len(sites(load("mesh"), ThreatModel(kinetics="overlay", area=0.046), "flow"))
    144
    """
    places = _sites(scheme, threat.kinetics in ON_SKIN, threat.area, space, STEP if step is None else step)
    if not threat.regions:
        return places
    lawful = _within([(s.x, s.y) for s in places], threat.regions)
    if not any(lawful):
        raise InvalidPlan(
            f"a sticker of {threat.area:.3f} of the face has no place in {', '.join(threat.regions)}; choose a smaller "
            "area or other regions"
        )
    return tuple(s for s, fine in zip(places, lawful, strict=True) if fine)


def region_sites(
    scheme: Scheme, threat: ThreatModel, space: Space, step: float | None = None
) -> dict[str, Site | None]:
    """For each region the one of `sites` nearest to its centre, named after the region.

    Of two equally near, that nearer the midline. `None` when a sticker at none of the places covers the
    region's centre, or when the region holds an opening and the sticker is stuck on the skin.
    """
    found = _region_sites(scheme, threat.kinetics in ON_SKIN, threat.area, space, STEP if step is None else step)
    if not threat.regions:
        return dict(found)
    return {name: s if s and all(_within([(s.x, s.y)], threat.regions)) else None for name, s in found}


@cache
def _region_sites(
    scheme: Scheme, on_skin: bool, area: float, space: Space, step: float
) -> tuple[tuple[str, Site | None], ...]:
    places = _sites(scheme, on_skin, area, space, step)
    width, height = extent(area, space)
    at = np.array([(s.x, s.y) for s in places])
    found: dict[str, Site | None] = {}
    for region, middle in zip(scheme.regions, scheme.box_centres(), strict=True):
        apart = at - middle
        # Rounded, so that the two sides of the face agree about what is equally near.
        away = np.round(np.hypot(*(apart * BOX_MM).T), 1)
        best = int(np.lexsort((np.abs(at[:, 0] - 0.5), away))[0])
        covered = bool((np.abs(apart[best]) <= np.array([width, height]) / 2 + 1e-3).all())
        usable = covered and (region.skin or not on_skin)
        found[region.name] = replace(places[best], region=region.name) if usable else None
    return tuple(found.items())


def check_places(plan: Plan, threat: ThreatModel, space: Space) -> None:
    """Hold the stickers of a plan to the rules of the skin, of each other and of the regions that are allowed.

    Raises:
        InvalidPlan: as `check_place`; when two stickers overlap; when one is centred outside the regions allowed.
    """
    for placement in plan.placements:
        check_place(placement, plan.kinetics.kind, space)
    if threat.regions:
        at = [(p.x, p.y) for p in plan.placements]
        for (x, y), fine in zip(at, _within(at, threat.regions), strict=True):
            if not fine:
                raise InvalidPlan(f"the sticker at ({x:.2f}, {y:.2f}) is not in {', '.join(threat.regions)}")
    for one, other in combinations(plan.placements, 2):
        mine, theirs = ((footprint(p, space) * BOX_MM).astype(np.float32) for p in (one, other))
        if cv2.intersectConvexConvex(mine, theirs)[0] > _TOUCH_MM2:
            raise InvalidPlan(
                f"the stickers at ({one.x:.2f}, {one.y:.2f}) and ({other.x:.2f}, {other.y:.2f}) lie on one another"
            )


def _within(points: Sequence[tuple[float, float]], regions: tuple[str, ...]) -> list[bool]:
    scheme = load("mesh")
    unknown = [r for r in regions if r not in scheme.names]
    if unknown:
        raise ValueError(f"there is no region {unknown[0]!r}; there are {', '.join(scheme.names)}")
    return [name in regions for name in scheme.regions_at(points)]


def check_place(placement: Placement, kinetics: Motion, space: Space) -> None:
    """Hold a sticker put anywhere, at any angle, to the rules of `sites`.

    Raises:
        InvalidPlan: when it reaches out of the face box, or is stuck on the skin and hangs off the face or covers an
            eye, a nostril or the mouth.
    """
    corners = footprint(placement, space)
    where = f"the sticker at ({placement.x:.2f}, {placement.y:.2f})"
    if corners.min() < -1e-6 or corners.max() > 1 + 1e-6:
        raise InvalidPlan(f"{where} reaches out of the face box")
    if kinetics not in ON_SKIN:
        return
    if placement.angle % 90 == 0:
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        holds = _holds((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    else:
        under = fill([corners * (_RASTER[1], _RASTER[0]) - 0.5], _RASTER)
        face, *openings = (mask[under].sum() / of for mask, of in zip(_masks(), _wholes(under), strict=True))
        holds = face >= FACE_SHARE and all(o <= APERTURE_SHARE for o in openings)
    if not holds:
        raise InvalidPlan(
            f"{where} is stuck on the skin, but hangs off the face or covers an eye, a nostril or the mouth"
        )


@cache
def _sites(scheme: Scheme, on_skin: bool, area: float, space: Space, step: float) -> tuple[Site, ...]:
    if not 0.002 <= step <= 1:
        raise ValueError(f"step is {step}; expected 0.002 to 1 of the face box's width")
    width, height = extent(area, space)
    columns, rows = _flow_axes(area) if space == "flow" else _frame_axes(width, height, step)
    places = [(x, y) for y in rows for x in columns if not on_skin or _holds(x, y, width, height)]
    if not places:
        how = "stuck on the skin clear of eyes, nostrils and mouth" if on_skin else "put inside the face box"
        raise InvalidPlan(f"a sticker of {area:.3f} of the face can nowhere be {how}; choose a smaller area")
    return tuple(Site(x, y, name) for (x, y), name in zip(places, scheme.regions_at(places), strict=True))


def _flow_axes(area: float) -> tuple[list[float], list[float]]:
    side = cells(area)
    axis = [(corner + side / 2) / GRID for corner in range(0, GRID - side + 1, _FLOW_STEP)]
    return axis, axis


def _frame_axes(width: float, height: float, step: float) -> tuple[list[float], list[float]]:
    """Equal spacing in millimetres both ways; columns symmetric about the middle of the face, one in the middle."""
    if width > 1 or height > 1:
        return [], []
    down = step * BOX_MM[0] / BOX_MM[1]
    reach = int((0.5 - width / 2) / step + 1e-9)
    columns = [round(0.5 + k * step, 6) for k in range(-reach, reach + 1)]
    count = int((1 - height) / down + 1e-9)
    rows = [round(0.5 + (k - count / 2) * down, 6) for k in range(count + 1)]
    return columns, rows


def _holds(x: float, y: float, width: float, height: float) -> bool:
    """Whether skin at a place carries an upright sticker, by the shares above."""
    face, *openings = _summed()
    window = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    on_face, covered = _sum(face, window)
    if on_face < FACE_SHARE * covered:
        return False
    return all(_sum(opening, window)[0] <= APERTURE_SHARE * opening[-1, -1] for opening in openings)


def _wholes(under: NDArray[np.bool_]) -> list[int]:
    """What the shares are shares of: the sticker's area for the face, each opening's own for the openings."""
    return [int(under.sum()), *(int(mask.sum()) for mask in _masks()[1:])]


@cache
def _masks() -> tuple[NDArray[np.uint8], ...]:
    """The face and its openings, with their margin, on a fine grid over the face box."""
    grid = canonical() * (_RASTER[1], _RASTER[0]) - 0.5
    across = 2 * round(MARGIN_MM * _RASTER[1] / BOX_MM[0]) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    face = fill(outline().loops(grid), _RASTER).astype(np.uint8)
    openings = (cv2.dilate(fill(a.loops(grid), _RASTER).astype(np.uint8), brush) for a in apertures())
    return face, *(np.asarray(o, dtype=np.uint8) for o in openings)


@cache
def _summed() -> tuple[NDArray[np.int64], ...]:
    """Summed-area tables of `_masks`."""
    return tuple(np.pad(m.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))) for m in _masks())


def _sum(table: NDArray[np.int64], window: tuple[float, float, float, float]) -> tuple[int, int]:
    """What a summed-area table holds in a window of the face box, and the window's own area, in samples."""
    left, right = (min(max(round(v * _RASTER[1]), 0), _RASTER[1]) for v in window[::2])
    top, bottom = (min(max(round(v * _RASTER[0]), 0), _RASTER[0]) for v in window[1::2])
    held = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return int(held), (right - left) * (bottom - top)
