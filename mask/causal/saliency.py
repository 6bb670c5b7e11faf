"""Saliency as a rival of causal evidence: where the surrogates' gradients say the emotion is read.

Simonyan et al., Deep Inside Convolutional Networks, 2013 (arXiv:1312.6034): the absolute gradient of the class score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mask.contracts import Discovery
from mask.plan import Placement, Site
from mask.regions.footprint import Space, footprint

_CLIPS = 24


def saliency_by_region(discovery: Discovery, emotion: str) -> dict[str, float]:
    """The largest mean gradient under a sticker in each region, averaged over discovery clips of one emotion.

    Returns:
        By region; empty when there is no surrogate, no such clip, or no gradient.
    """
    surrogate = discovery.surrogate
    if surrogate is None:
        return {}
    # Clips far apart in the list are of different people.
    clips = [c for c in discovery.clips if c.emotion == emotion]
    clips = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, min(_CLIPS, len(clips))).round().astype(int))]
    maps = [surrogate.gradient(surrogate.imagine(c), emotion) for c in clips]
    found = [m for m in maps if m is not None]
    if not found or len(found) < len(maps):
        return {}
    values = under_stickers(np.mean(found, axis=0), discovery.sites, discovery.threat.area, clips[0].space)
    told: dict[str, float] = {}
    for site, value in zip(discovery.sites, values.tolist(), strict=True):
        told[site.region] = max(value, told.get(site.region, -np.inf))
    return told


def under_stickers(
    saliency: NDArray[np.floating], sites: Sequence[Site], area: float, space: Space
) -> NDArray[np.float64]:
    """The mean of a map under an upright sticker at each site.

    Args:
        saliency: ``(S, S)`` over the face box, (row, column).
        sites: N places.
        area: share of the face box a sticker covers.
        space: see `mask.regions.footprint.Space`.

    Returns:
        ``float64 (N,)``.
    """
    side = len(saliency)
    summed = np.pad(np.asarray(saliency, dtype=np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    means = []
    for site in sites:
        corners = footprint(Placement(site.x, site.y, area), space)
        x0, y0 = np.clip(np.rint(corners.min(axis=0) * side).astype(int), 0, side - 1).tolist()
        x1, y1 = np.clip(np.rint(corners.max(axis=0) * side).astype(int), 1, side).tolist()
        total = summed[y1, x1] - summed[y0, x1] - summed[y1, x0] + summed[y0, x0]
        means.append(total / ((x1 - x0) * (y1 - y0)))
    return np.array(means)
