"""What stays the same through a clip: who is seen, in what light, and in which order they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import raster
from .actor import HAIR_PART, Actor, draw_order
from .camera import HeadPose, place, project
from .head import Array
from .light import Room, shadows
from .raster import Index, Single

FULL = 16383  # of a channel on the sensor: 14 bits


@dataclass(frozen=True, eq=False)
class Stage:
    """What stays the same through a clip.

    Args:
        actor: who is seen.
        size: width and height of the picture.
        triangles: (F, 3) those that may be seen, back to front; part: (F,) of them.
        number: (F,) which triangles of the actor they are.
        layer: (F,) added to the depth so that parts lying close together still count as apart.
        grid: (size * size,) x and y of every pixel.
        lamps, ambient: shadows on every vertex.
        backdrop: (3, size * size) linear RGB, in 0..16383.
        room: the light.
        defocus: width of the lens blur, pixels.
    """

    actor: Actor
    size: int
    triangles: Index
    part: Index
    number: Index
    layer: Array
    grid: tuple[Single, Single]
    lamps: Array
    ambient: Array
    backdrop: Array
    room: Room
    defocus: float

    @classmethod
    def build(cls, actor: Actor, size: int, pose: HeadPose, room: Room, backdrop: Array, defocus: float) -> Stage:
        """Prepare a clip whose head stays close to `pose`."""
        points, depth = project(place(actor.rest, pose, actor.follow), size)
        corners = points[actor.triangles]
        near = raster.front_facing(corners, slack=0.5)
        inside = np.asarray((points > -8).all(axis=1) & (points < size + 8).all(axis=1))
        near &= inside[actor.triangles].any(axis=1)
        order = draw_order(depth, actor.triangles, actor.part)
        order = order[near[order]]
        lamps, ambient = shadows(actor.visibility, actor.ambient, room)
        flat = np.ascontiguousarray(np.clip(backdrop, 0, 1).reshape(-1, 3).T) * FULL
        part = actor.part[order]
        layer = 100.0 * np.where(part == HAIR_PART, 0, part)
        row = np.arange(size, dtype=np.float32)
        return cls(
            actor=actor,
            size=size,
            triangles=actor.triangles[order],
            part=part,
            number=order,
            layer=layer,
            grid=(np.tile(row, size), np.repeat(row, size)),
            lamps=lamps,
            ambient=ambient,
            backdrop=flat,
            room=room,
            defocus=defocus,
        )
