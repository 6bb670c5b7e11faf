"""The published one-shot sticker: the region of largest causal out-degree, image by image (Tan et al., ICASSP 2025).

Source: J. C. A. Tan et al., "Post-Hoc Adversarial Stickers Against Micro-Expression Leakage", ICASSP 2025, DOI
10.1109/ICASSP49660.2025.10889387, and what its released code does; written anew, no code taken (it has no licence).

PC runs on the pixels of one image as rows and the 14 regions as columns; the region with most arrows leaving it
carries the sticker. On a clip of frames the image is the aligned onset; on a flow map it is the map. Differences: the
sticker has the size of the threat model, for equal terms, where the paper covers 4 % of the picture; where a region
cannot carry a sticker (an eye, for one of real skin), the next in out-degree does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mask.causal.paper import PaperChoice, paper_region
from mask.clip import Clip
from mask.contracts import Attack, Scene
from mask.errors import InvalidPlan
from mask.faces import aligned_pair
from mask.plan import Plan
from mask.regions import load, region_sites

from ._choose import at


@dataclass(frozen=True)
class AuSticker(Attack):
    """Chooses a region per image by PC on its pixels.

    Args:
        size: side of the aligned crop the graph is searched on. The number of rows, 3 * size squared, decides how
            many of the edges are significant: see `mask probe --method paper`.
    """

    size: int = 224
    art: str = "heart"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        picture = clip.flow if clip.flow is not None else aligned_pair(clip, self.size)[0]
        choice = _choice(picture.tobytes(), len(picture))
        carriers = region_sites(load("au14"), scene.threat, clip.space, scene.step)
        order = [choice.index, *np.argsort([-d for d in choice.out_degree], kind="stable").tolist()]
        names = load("au14").names
        for rank, index in enumerate(order):
            site = carriers[names[index]]
            if site is not None:
                why = "no edge was directed; the fallback" if choice.fallback else "largest out-degree"
                if rank:
                    why += f" was {names[choice.index]}, which cannot carry a sticker; the next"
                return replace(at(site, scene, why, art=self.art), abstained=choice.fallback)
        raise InvalidPlan(f"none of the 14 regions can carry a sticker of {scene.threat.area:.3f} of the face")


@lru_cache(maxsize=512)  # the search is slow, and the same picture is planned on for every recognizer and kinetics
def _choice(picture: bytes, size: int) -> PaperChoice:
    return paper_region(np.frombuffer(picture, dtype=np.uint8).reshape(size, size, 3), _masks(size))


@lru_cache(maxsize=4)
def _masks(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return load("au14").box_masks(size)


create = AuSticker
