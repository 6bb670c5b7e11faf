"""What is known exactly about a synthetic clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mask.geometry import BOX_MM
from mask.regions import SCHEMES, load
from mask.regions.face import canonical
from mask.regions.polygon import contains, distance

from .actor import HAIR_PART
from .film import Take, mesh, stage
from .head import PARTS, Array
from .raster import Index
from .render import Shot, shoot
from .stage import Stage

Kind = Literal["total", "expression"]
_HIDDEN = 0.03  # decimetres in front of a point that hide it
_EYES = PARTS.index("eyes")


@dataclass(frozen=True)
class Flow:
    """Exact optical flow from the onset to the apex, computed when called.

    ``flow()`` is everything that moves; ``flow("expression")`` is what the emotion's action units alone would do, the
    head, the light and all distractions staying as they were at the onset.
    """

    take: Take

    def __call__(self, kind: Kind = "total") -> NDArray[np.float32]:
        """``float32 (H, W, 2)``, (x, y) pixels; NaN off the face and where the apex hides it.

        Raises:
            ValueError: for another kind.
        """
        if kind not in ("total", "expression"):
            raise ValueError(f"there is no flow {kind!r}; there are 'total' and 'expression'")
        return _flow(self.take, kind).copy()


@lru_cache(maxsize=4)
def _flow(take: Take, kind: Kind) -> NDArray[np.float32]:
    play, scene = take.play(), stage(take)
    a, b = play.onset, play.apex
    before = shoot(scene, play.weights(a), play.poses[a], _pair(play.gaze[a]))
    if kind == "total":
        after = shoot(scene, play.weights(b), play.poses[b], _pair(play.gaze[b]))
    else:
        after = shoot(scene, _only_expression(take), play.poses[a], _pair(play.gaze[a]))
    out = np.full((take.size * take.size, 2), np.nan, dtype=np.float32)
    shown = _face(scene, before.seen)
    tri = before.seen[shown]
    x, y = (grid[shown].astype(np.float64) for grid in scene.grid)
    at = _follow(scene, before, after, tri, x, y)
    visible = ~_hidden(scene, after, tri, at)
    out[shown[visible]] = (at - np.stack([x, y], axis=1))[visible]
    return out.reshape(take.size, take.size, 2)


def _pair(gaze: Array) -> tuple[float, float]:
    return float(gaze[0]), float(gaze[1])


def _only_expression(take: Take) -> dict[str, float]:
    """The onset's weights, with the emotion as it is at the apex."""
    play = take.play()
    weights = play.weights(play.onset)
    for code, weight in play.expression.items():
        weights[code] = weights.get(code, 0.0) + float(weight[play.apex] - weight[play.onset])
    return weights


def _face(scene: Stage, seen: Index) -> Index:
    """Pixels that show the skin of the head, eyes or lashes."""
    head = (scene.actor.follow[scene.triangles] > 0.5).all(axis=1) & (scene.part != HAIR_PART)
    return np.flatnonzero(np.append(head, False)[seen])


def _follow(scene: Stage, before: Shot, after: Shot, tri: Index, x: Array, y: Array) -> Array:
    """(N, 2) where the surface under each pixel has gone."""
    a, b, c = (before.points[scene.triangles[tri, i]] for i in range(3))
    ab, ac, p = b - a, c - a, np.stack([x, y], axis=1) - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    wb = (p[:, 0] * ac[:, 1] - p[:, 1] * ac[:, 0]) / area
    wc = (ab[:, 0] * p[:, 1] - ab[:, 1] * p[:, 0]) / area
    a, b, c = (after.points[scene.triangles[tri, i]] for i in range(3))
    at: Array = a + wb[:, None] * (b - a) + wc[:, None] * (c - a)
    eye = np.flatnonzero(scene.part[tri] == _EYES)
    if len(eye):  # the pupil slides over the eyeball's mesh
        t, then, now = tri[eye], np.stack([x, y])[:, eye].astype(np.float32), at[eye].T.astype(np.float32)
        miss = [before.planes.at(i, t, *then) - after.planes.at(i, t, *now) for i in (1, 2)]
        (ux, uy), (vx, vy) = ((after.planes.dx[i][t], after.planes.dy[i][t]) for i in (1, 2))
        det = ux * vy - uy * vx
        at[eye, 0] += (miss[0] * vy - miss[1] * uy) / det
        at[eye, 1] += (miss[1] * ux - miss[0] * vx) / det
    return at


def _hidden(scene: Stage, after: Shot, tri: Index, at: Array) -> NDArray[np.bool_]:
    """Whether something else stands in front of a surface point in the later picture, or it has left it."""
    column, row = np.rint(at).astype(np.int64).T
    outside = (column < 0) | (row < 0) | (column >= scene.size) | (row >= scene.size)
    front = after.seen[np.where(outside, 0, row * scene.size + column)]
    there = at.astype(np.float32).T
    own = after.planes.at(0, tri, *there) - scene.layer[tri]
    other = after.planes.at(0, front, *there) - np.append(scene.layer, 0.0)[front]
    lidded = (scene.part[tri] == _EYES) & (np.append(scene.part, -1)[front] != _EYES)
    out: NDArray[np.bool_] = outside | lidded | (other > own + _HIDDEN)
    return out


def landmark_motion(take: Take) -> Array:
    """(468, 2) pixels from onset to apex by the emotion's action units alone, the head held still."""
    play = take.play()
    pose = play.poses[play.onset]
    return mesh(take, _only_expression(take), pose) - mesh(take, play.weights(play.onset), pose)


def region_motion(take: Take) -> dict[str, dict[str, float]]:
    """How far each region moves from onset to apex by the emotion's action units alone.

    Returns:
        For every scheme of `mask.regions.SCHEMES`, region -> pixels: the mean length of `landmark_motion` over the
        mesh points in the region and on its outline.
    """
    length = np.hypot(*landmark_motion(take).T)
    return {
        scheme: {region: float(length[points].mean()) for region, points in _points(scheme).items()}
        for scheme in SCHEMES
    }


@lru_cache(maxsize=8)
def _points(scheme: str) -> dict[str, Index]:
    """Region -> the mesh points in it and on its outline, on the average face."""
    face, out = canonical() * BOX_MM, {}
    for region in load(scheme).regions:
        loops = region.loops(face)
        out[region.name] = np.flatnonzero(contains(loops, face) | (distance(loops, face) < 1e-6))
    return out


class Truth(Mapping[str, Any]):
    """`Clip.truth` of a synthetic clip; what costs time is computed when asked for.

    ``emotion`` (of the four), ``action_units`` (unit -> weight per frame, the emotion's own), ``distractors`` (the
    same for everything else), ``landmark_motion``, ``region_motion`` (scheme -> region -> pixels), ``flow`` (a
    `Flow`), ``head`` (T, 6: yaw, pitch, roll in radians, x, y, z in decimetres), ``brightness`` (T,), ``gaze`` (T, 2).
    """

    KEYS = (
        "emotion",
        "action_units",
        "distractors",
        "landmark_motion",
        "region_motion",
        "flow",
        "head",
        "brightness",
        "gaze",
    )

    def __init__(self, take: Take) -> None:
        self._take = take

    def __getitem__(self, key: str) -> Any:
        play = self._take.play()
        if key == "emotion":
            return self._take.emotion
        if key == "action_units":
            return {code: weight.copy() for code, weight in play.expression.items()}
        if key == "distractors":
            return {code: weight.copy() for code, weight in play.distraction.items()}
        if key == "landmark_motion":
            return landmark_motion(self._take)
        if key == "region_motion":
            return region_motion(self._take)
        if key == "flow":
            return Flow(self._take)
        if key == "head":
            return np.array([[p.yaw, p.pitch, p.roll, p.x, p.y, p.z] for p in play.poses])
        if key == "brightness":
            return play.bright.copy()
        if key == "gaze":
            return play.gaze.copy()
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.KEYS)

    def __len__(self) -> int:
        return len(self.KEYS)
