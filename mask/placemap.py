"""Where a face is sensitive: how often a sticker at each place flipped the recognizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mask.plan import Plan, Site, ThreatModel


class PlaceMap:
    """How often each place flipped a clip that was correct clean, over everything an attack asked its target.

    When every place and motion was asked about, the mean over all is the exact success rate of a random placement.
    """

    def __init__(self, places: Sequence[Site], threat: ThreatModel) -> None:
        self._places = {(s.x, s.y, threat.area): i for i, s in enumerate(places)}
        self._motions = {m: i for i, m in enumerate(threat.motions())}
        self._sites = places
        self._asked = np.zeros((len(places), len(self._motions)), dtype=np.int64)
        self._flips = np.zeros_like(self._asked)

    def add(self, plans: Sequence[Plan], wrong: Sequence[bool]) -> None:
        """Count the answers about one clip; only those about one sticker of the whole area belong on the map."""
        for plan, flip in zip(plans, wrong, strict=True):
            place = self._places.get((plan.placement.x, plan.placement.y, plan.placement.area))
            if place is not None and not plan.more and plan.kinetics in self._motions:
                self._asked[place, self._motions[plan.kinetics]] += 1
                self._flips[place, self._motions[plan.kinetics]] += flip

    def to_json(self) -> dict[str, Any] | None:
        """The map as plain data, or None when the attack asked nothing."""
        if not self._asked.any():
            return None
        rate = self._flips / np.maximum(self._asked, 1)
        whole = bool(self._asked.min() == self._asked.max())
        return {
            "n": int(self._asked.max()),
            "random_exact": float(rate.mean()) if whole else None,
            "places": [
                {"x": s.x, "y": s.y, "region": s.region, "mean": float(r.mean()), "best_motion": float(r.max())}
                for s, r in zip(self._sites, rate, strict=True)
            ],
        }
