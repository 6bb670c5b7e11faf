"""The place a surrogate looks at most: where its gradient is largest, or where covering the face costs it most.

Sources: ``gradient``: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps", 2013, arXiv:1312.6034; ``occlusion``: M. D. Zeiler, R. Fergus, "Visualizing
and Understanding Convolutional Networks", ECCV 2014, arXiv:1311.2901. Written anew.

Differences from the papers: saliency is summed up under a sticker of the allowed size at each allowed place. The
occluder is a grey sticker that rides on the skin: on a flow map it takes away the motion it covers. Saliency says
nothing about motion, so an overlay's is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mask.causal.saliency import under_stickers
from mask.clip import Clip
from mask.contracts import Attack, Scene, Surrogate
from mask.plan import Kinetics, Placement, Plan

from ._choose import at
from ._offline import chance, stage
from ._search import margin


@dataclass(frozen=True)
class Saliency(Attack):
    """Puts the sticker on the most salient place.

    Args:
        evidence: ``gradient`` or ``occlusion``.
    """

    evidence: Literal["gradient", "occlusion"] = "gradient"
    art: str = "heart"

    def __post_init__(self) -> None:
        if self.evidence not in ("gradient", "occlusion"):
            raise ValueError(f"evidence is {self.evidence!r}; expected gradient or occlusion")

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        owned = scene.surrogate
        if owned is None:
            return chance(scene, "no surrogate to look into", self.art)
        clean = owned(clip, ())
        label = scene.hide if scene.hide in clean.labels else clean.names[0]
        if label is None:
            return chance(scene, "the surrogate does not read this clip", self.art)
        values = (
            _gradient(clip, scene, owned, label) if self.evidence == "gradient" else _cost(clip, scene, owned, label)
        )
        if values is None or not np.isfinite(values).any():
            return chance(scene, f"the surrogate gives no {self.evidence}", self.art)
        best = scene.sites[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))]
        return at(best, scene, f"largest {self.evidence} saliency for {label} on the surrogate", art=self.art)


def _gradient(clip: Clip, scene: Scene, owned: Surrogate, label: str) -> NDArray[np.float64] | None:
    """The mean gradient under a sticker at each site."""
    found = owned.gradient(owned.imagine(clip), label)
    return None if found is None else under_stickers(found, scene.sites, scene.threat.area, clip.space)


def _cost(clip: Clip, scene: Scene, owned: Surrogate, label: str) -> NDArray[np.float64]:
    """The log-odds that a grey sticker at each site takes from the label."""
    covers = [Plan(Placement(s.x, s.y, scene.threat.area), Kinetics("skin")) for s in scene.sites]
    told = owned(stage(clip, owned, "skin", "grey"), covers)
    return -margin(told, label)


create = Saliency
