"""Optimising what a sticker shows, by gradient through physics, on a recognizer that lies open.

A forward pass of D rows films the sticker under D draws and costs D queries. Content is a square of tiles, so that
what is found is plain text in the plan (`mask.sticker.art.tiles`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mask.clip import Clip
from mask.contracts import Scene, WhiteBox
from mask.errors import NoFaceError
from mask.geometry import BOX_MM, face_box
from mask.plan import Kinetics, Placement, Plan, Site
from mask.sticker import Pose, art, flowspace, progress
from mask.sticker.physics import Draw, Physics, nps, stick, total_variation

from ._effort import STYLES, Effort

_TEXELS = 64
_PHYSICS = Physics(codecs=("none",))


class Studio:
    """One clip, ready to be filmed with any content at any place.

    Raises:
        NoFaceError: without landmarks.
    """

    def __init__(self, clip: Clip, scene: Scene, opened: WhiteBox, label: int, effort: Effort) -> None:
        meshes = [clip.points(i) for i in (clip.onset, clip.apex)]
        if any(m is None for m in meshes):
            raise NoFaceError(f"clip {clip.key} has no landmarks in its onset or apex frame")
        self._meshes, self._opened, self._label, self._scene = meshes, opened, label, scene
        self._times = (clip.onset, clip.apex, clip.offset)
        self._corner = opened.propose(opened.given, "").corner[::-1]
        self._width = face_box(meshes[0]).pixels_per_mm * BOX_MM[0]  # type: ignore[arg-type]
        on = STYLES[effort.style]
        self._weights = torch.from_numpy(art.tile_weights(effort.tiles, _TEXELS, whole=bool(on))).float()
        self._layers = tuple(map(torch.from_numpy, art.layers(on, _TEXELS))) if on else None

    def poses(self, site: Site, motion: Kinetics) -> Tensor:
        """Where the sticker lies in the pixels given, ``float32 (1, 2, 2, 3)``."""
        pose = Pose(Placement(site.x, site.y, self._scene.threat.area), motion, self._meshes[0])
        onset, apex, _ = self._times
        found = np.stack(
            [pose.at(m, progress(i, *self._times)) for m, i in zip(self._meshes, (onset, apex), strict=True)]
        )
        found[:, :, 2] -= self._corner
        return torch.from_numpy(found).float()[None].to(self._opened.given.device)

    def drawing(self, colours: Tensor) -> Tensor:
        """Tiles ``float (3, N, N)`` in [0, 1] as art ``(4, h, w)``; differentiable."""
        cells = torch.cat([colours, torch.ones_like(colours[:1])])
        weights = self._weights.to(colours)
        pattern = weights @ cells @ weights.T
        if self._layers is None:
            return pattern
        under, mask, over = (layer.to(colours) for layer in self._layers)
        filled: Tensor = art.fill_in((under, mask, over), pattern)
        return filled

    def odds(self, colours: Tensor, site: Site, motion: Kinetics, draws: Sequence[Draw]) -> Tensor:
        """The log-odds of the emotion to hide, the mean over draws; as many queries."""
        shown, where = self.drawing(colours), self.poses(site, motion)
        films = torch.cat([stick(self._opened.given, where, shown, d, self._width) for d in draws])
        return odds_of(self._opened(films), self._label).mean()

    def cover(self, site: Site, motion: Kinetics) -> Tensor:
        """How much of each pixel given the sticker covers in the onset, ``float32 (h, w)``."""
        where = self.poses(site, motion)[:, :1]
        empty = torch.zeros_like(self._opened.given[:, :, :1])
        shape = self.drawing(torch.ones((3, *self._weights.shape[1:] * 2)).to(empty))[3:].expand(4, -1, -1)
        return stick(empty, where, shape, Draw(), self._width)[0, 0, 0]


def odds_of(logits: Tensor, label: int) -> Tensor:
    """The log-odds of a class against all others, ``(N,)``."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.logsumexp(dim=1)


@dataclass(frozen=True)
class Found:
    """Content at a place, and the log-odds it leaves."""

    colours: NDArray[np.uint8]
    site: Site
    motion: Kinetics
    odds: float


def afford(scene: Scene, queries: int) -> bool:
    """Whether so many queries are left before the final look."""
    return scene.target.remaining is None or scene.target.remaining >= queries


def draws(scene: Scene, count: int) -> list[Draw]:
    """Fresh physics; the codec, which has no gradient, is left to the core's own re-scoring."""
    return [_PHYSICS.draw(scene.rng) for _ in range(count)]


class Content:
    """Content under optimisation at a place that may change.

    Args:
        studio: films it.
        scene: its generator draws the first colours and all physics.
        effort: how hard.
        site, motion: where it begins.
    """

    def __init__(self, studio: Studio, scene: Scene, effort: Effort, site: Site, motion: Kinetics) -> None:
        self._studio, self._scene, self._effort = studio, scene, effort
        self.site, self.motion = site, motion
        start = scene.rng.normal(0, 0.5, (3, effort.tiles, effort.tiles))
        self._raw = torch.tensor(start, dtype=torch.float32, requires_grad=True)
        self._adam = torch.optim.Adam([self._raw], lr=effort.rate)
        self.best: Found | None = None

    def step(self) -> None:
        """One gradient step on the colours; what is left of the odds before it may be the best yet."""
        colours = self._raw.sigmoid()
        odds = self._studio.odds(colours, self.site, self.motion, draws(self._scene, self._effort.draws))
        shown = self._studio.drawing(colours)
        loss = odds + self._effort.variation * total_variation(colours) + self._effort.print_score * nps(shown)
        (slope,) = torch.autograd.grad(loss, self._raw)
        left = float(odds.detach())
        if self.best is None or left < self.best.odds:
            self.best = Found(self.colours(), self.site, self.motion, left)
        self._raw.grad = slope
        self._adam.step()

    def compare(self, others: Sequence[tuple[Site, Kinetics]]) -> None:
        """Move to the best of the present place and others; ``draws`` queries each, under the same physics."""
        made = draws(self._scene, self._effort.draws)
        tried = [(self.site, self.motion), *others]
        with torch.no_grad():
            told = [float(self._studio.odds(self._raw.sigmoid(), *place, made)) for place in tried]
        self.site, self.motion = tried[int(np.argmin(told))]

    def colours(self) -> NDArray[np.uint8]:
        """The tiles in 8 bits, ``uint8 (N, N, 3)``."""
        levels = (self._raw.detach().sigmoid() * 255).round().to(torch.uint8)
        return levels.permute(1, 2, 0).contiguous().cpu().numpy()


def planned(scene: Scene, found: Found, effort: Effort, evidence: str) -> Plan:
    """What was found, as a plan."""
    placement = Placement(found.site.x, found.site.y, scene.threat.area, region=found.site.region)
    return Plan(placement, found.motion, art.tiles(found.colours, STYLES[effort.style]), evidence)


def by_slope(clip: Clip, scene: Scene, opened: WhiteBox, label: int, looks: int) -> Plan:
    """The best place and motion on a flow map, where a sticker has no content: a fallback.

    The gradient says to first order what each plan does to the log-odds; the most promising are then looked at.
    """
    if clip.flow is None:
        raise ValueError(f"clip {clip.key} holds frames; content can be optimised there")
    plans: list[Plan] = [
        Plan(
            Placement(s.x, s.y, scene.threat.area, region=s.region), m, evidence="steepest on the flow map, no content"
        )
        for s in scene.sites
        for m in scene.threat.motions()
    ]
    given = opened.given.clone().requires_grad_()
    (slope,) = torch.autograd.grad(odds_of(opened(given), label).sum(), given)
    changed = flowspace.apply_many(clip.flow, plans).astype(np.float32) / 255
    change = changed - np.moveaxis(given.detach().cpu().numpy()[0], 0, -1)
    steepest = np.argsort(np.tensordot(change, np.moveaxis(slope.cpu().numpy()[0], 0, -1), axes=3), kind="stable")
    left = scene.target.remaining
    order: list[Plan] = [plans[i] for i in steepest[: looks if left is None else min(looks, left)]]
    if len(order) < 2:
        return plans[int(steepest[0])]
    told = scene.target.score(order)
    name = opened.labels[label]
    wrong = np.array([n is not None and n != name for n in told.names])
    best = int(np.lexsort((np.nan_to_num(told.of(name), nan=np.inf), ~wrong))[0])
    return order[best]
