"""A sticker on a precomputed flow map: what the map would be if a rigid thing lay on the face.

The map is ``uint8 (28, 28, 3)``: horizontal flow u, vertical flow v (positive down) and optical strain, each stretched
to 0..255 over the image, so that neither size nor zero of the motion is known. Inside the sticker's cells

  * ``skin``: u and v are their mean over the cells, for the sticker goes with the skin under it, and strain is 0, for
    it is stiff;
  * ``overlay``: u and v reach the end of the scale in the chosen direction, and strain is 0;
  * ``slip`` and ``raised`` go with the skin and against it too: where gravity or a turn made on purpose drives them
    (`mask.plan.Kinetics`), the share of the half scale that their motion is of `EXTREME_MM` is added to what ``skin``
    would show, no further than the end of the scale. Where the skin's own motion or the head's own turn drives them,
    the map does not say by how much, for its zero is lost; nothing is added, and they show what ``skin`` shows: a lower
    bound;
  * ``screen`` would need the zero of the motion, and is refused.

Then each channel is stretched to 0..255 again, as the field's preparation does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mask.errors import InvalidPlan
from mask.plan import TURN_DEGREES, Kinetics, Plan
from mask.regions.footprint import GRID, cells, corner

FlowMap = NDArray[np.uint8]

EXTREME_MM = 1.2
"""What motion the end of a map's scale is taken to be, on the face: 2 px at 224 px, the peak of a weak smile of the
synthetic faces. Maps do not say; one of a stronger expression leaves ``slip`` and ``raised`` less than is shown."""

_MIDDLE = 127.5


def apply(flow: FlowMap, plan: Plan, *, restretch: bool = True) -> FlowMap:
    """`apply_many` for one plan: ``uint8 (28, 28, 3)``."""
    return np.asarray(apply_many(flow, [plan], restretch=restretch)[0])


def apply_many(flow: FlowMap, plans: Sequence[Plan], *, restretch: bool = True) -> FlowMap:
    """Put stickers on a flow map, the stickers of one plan at a time.

    Args:
        flow: ``uint8 (28, 28, 3)`` as (u, v, strain).
        plans: P plans of upright stickers; their art is not seen in a flow map.
        restretch: stretch each channel of each result to 0..255 again; off, the cells outside keep their values.

    Returns:
        ``uint8 (P, 28, 28, 3)``, rounded to the nearest level.

    Raises:
        InvalidPlan: for kinetics ``screen``, a turned sticker, or one smaller than a cell.
        ValueError: for a flow map of another type.
    """
    if flow.dtype != np.uint8 or flow.shape != (GRID, GRID, 3):
        raise ValueError(f"the flow map is {flow.dtype} {flow.shape}; expected uint8 ({GRID}, {GRID}, 3)")
    if not plans:
        return np.empty((0, GRID, GRID, 3), dtype=np.uint8)
    blocks, which, owner = _blocks(plans)
    covers = _covers(blocks)
    inside = _means(flow, covers)[which]
    for i, plan in enumerate(plans[p] for p in owner):
        if plan.kinetics.kind == "overlay":
            inside[i, :2] = [_MIDDLE + _MIDDLE * step for step in plan.kinetics.direction]
        elif plan.kinetics.kind != "skin" and any(plan.kinetics.direction):
            inside[i, :2] = np.clip(inside[i, :2] + _MIDDLE * against(plan.kinetics), 0, 255)
    out = np.broadcast_to(flow, (len(plans), GRID, GRID, 3)).copy()
    if restretch:
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        outside = (
            _extremes_outside(flow, covers)[:, which]
            if len(first) == len(owner)
            else (_extremes_outside(flow, np.logical_or.reduceat(covers[which], first)))
        )
        inside = _restretch(out, flow, inside, outside, first, owner)
    values = np.rint(inside).astype(np.uint8)
    for i, p, (column, row, side) in zip(range(len(which)), owner, blocks[which].tolist(), strict=True):
        out[p, max(row, 0) : row + side, max(column, 0) : column + side] = values[i]
    return out


def against(kinetics: Kinetics) -> NDArray[np.float64]:
    """How far a ``slip`` or ``raised`` sticker moves against the skin, ``float64 (2,)`` as (u, v) in half scales."""
    direction = np.array(kinetics.direction) / math.hypot(*kinetics.direction)
    reach = kinetics.reach_mm
    if kinetics.kind == "raised":
        reach *= math.tan(math.radians(TURN_DEGREES))
    return np.asarray(direction * min(1.0, reach / EXTREME_MM))


def _blocks(plans: Sequence[Plan]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The places, ``(B, 3)`` as (first column, first row, side) in cells; and of each sticker, which place it covers
    and whose it is, both ``(S,)``, plan by plan."""
    places: dict[tuple[float, ...], int] = {}
    blocks: list[tuple[int, int, int]] = []
    stickers: list[tuple[int, int]] = []
    for i, plan in enumerate(plans):
        if plan.kinetics.kind == "screen":
            raise InvalidPlan(
                "a sticker fixed to the screen has zero flow, and a flow map stretched to 0..255 no longer says which "
                "value that is; choose kinetics 'skin' or 'overlay', or a clip of frames"
            )
        for put in plan.placements:
            stickers.append((places.setdefault((put.x, put.y, put.area, put.angle), len(blocks)), i))
            if len(places) > len(blocks):
                blocks.append((*corner(put), cells(put.area)))
    which, owner = np.array(stickers, dtype=np.int64).T
    return np.array(blocks, dtype=np.int64), which, owner


def _covers(blocks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which cells each block covers, ``(B, 28, 28)``."""
    at = np.arange(GRID)
    column, row, side = (part[:, None] for part in blocks.T)
    down = (at >= row) & (at < row + side)
    across = (at >= column) & (at < column + side)
    return np.asarray(down[:, :, None] & across[:, None, :])


def _means(flow: FlowMap, covers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What skin stickers show: the mean u and v under each block, and no strain, ``(B, 3)``."""
    cells_in = covers.reshape(-1, GRID * GRID).astype(np.float64)
    means = cells_in @ flow.reshape(-1, 3).astype(np.float64) / cells_in.sum(axis=1, keepdims=True)
    means[:, 2] = 0
    return np.asarray(means)


def _extremes_outside(flow: FlowMap, covers: NDArray[np.bool_]) -> FlowMap:
    """The least and the greatest value of each channel outside each cover, ``(2, B, 3)``; 255, 0 where nothing is."""
    flat = np.ascontiguousarray(flow.reshape(-1, 3).T)
    under = covers.reshape(-1, 1, GRID * GRID)
    least = np.where(under, np.uint8(255), flat).min(axis=2)
    return np.stack([least, np.where(under, np.uint8(0), flat).max(axis=2)])


def _restretch(
    out: FlowMap,
    flow: FlowMap,
    inside: NDArray[np.float64],
    outside: FlowMap,
    first: NDArray[np.int64],
    owner: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Stretch the cells outside the stickers in place, and return the stretched values inside, ``float64 (S, 3)``."""
    low = np.minimum(np.minimum.reduceat(inside, first), outside[0])
    span = np.maximum(np.maximum.reduceat(inside, first), outside[1]) - low
    scale = np.divide(255, span, out=np.zeros_like(span), where=span > 0)
    # A channel whose ends lie outside the sticker, most of them, stays as it is.
    for i, channel in np.argwhere((low != 0) | (span != 255)):
        levels = np.rint((np.arange(256) - low[i, channel]) * scale[i, channel])
        out[i, :, :, channel] = np.clip(levels, 0, 255).astype(np.uint8)[flow[:, :, channel]]
    return np.asarray((inside - low[owner]) * scale[owner])
