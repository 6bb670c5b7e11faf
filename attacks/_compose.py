"""Several stickers put on one after the other, each where it does best beside those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Discovery, Scene
from mask.plan import Placement, Plan, Site
from mask.regions import extent

Judge = Callable[[Sequence[Plan]], NDArray[np.float64]]
"""How well plans do, ``float64 (P,)``, lower is better; they differ in their last sticker, the first ones in motion."""


def share(scene: Scene | Discovery) -> tuple[float, tuple[Site, ...]]:
    """The size of each sticker where all the threat model allows are worn, and the places for one of them."""
    area = scene.threat.area / scene.threat.number
    alone = scene.threat.number == 1 or scene.places is None
    return area, scene.sites if alone or scene.places is None else scene.places(area)


def compose(clip: Clip, scene: Scene, plans: Sequence[Plan], judge: Judge) -> Plan:
    """As many stickers as are allowed and find room; the first decides how they move.

    Args:
        clip: tells how large stickers are.
        scene: its threat model says how many there may be.
        plans: of one sticker each, one or more; the others take their places from these.
        judge: asked about `plans`, and then about the best so far with one more sticker.
    """
    best = plans[int(np.argmin(judge(plans)))]
    where: list[Placement] = list(dict.fromkeys(p.placement for p in plans))
    width, height = extent(best.placement.area, clip.space)
    while len(best.placements) < scene.threat.number:
        free = [
            p
            for p in where
            if all(abs(p.x - q.x) >= width - 1e-9 or abs(p.y - q.y) >= height - 1e-9 for q in best.placements)
        ]
        if not free:
            break
        grown = [replace(best, more=(*best.more, p)) for p in free]
        best = grown[int(np.argmin(judge(grown)))]
    return best
