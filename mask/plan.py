"""What an attack may propose, and the threat model that bounds it.

Attacks return a `Plan` and nothing else; the core checks it against the `ThreatModel`, carries it out and counts
the result. A plan holds no pixels, so it can be written to a file, read by a person and carried out again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mask.errors import InvalidPlan

Motion = Literal["skin", "screen", "overlay"]
"""How a sticker moves: ``skin`` rides rigidly on the tracked skin, a real sticker; ``screen`` stays on its pixels;
``overlay`` is an animated digital sticker whose apparent motion from onset to apex is chosen."""

MOTIONS: tuple[Motion, ...] = ("skin", "screen", "overlay")

DIRECTIONS: tuple[tuple[float, float], ...] = (
    (1.0, 0.0),
    (0.0, 1.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (1.0, 1.0),
    (1.0, -1.0),
    (-1.0, 1.0),
    (-1.0, -1.0),
)
"""The eight directions an overlay may move in, as (x, y) steps in the picture, y down."""


@dataclass(frozen=True)
class Site:
    """A place a sticker may be put.

    Args:
        x, y: centre in face-box coordinates (`mask.geometry`).
        region: the region the centre lies in, by name.
    """

    x: float
    y: float
    region: str


@dataclass(frozen=True)
class Placement:
    """Where a sticker sits on the face.

    Args:
        x, y: centre in face-box coordinates.
        area: share of the face box it covers, before any clipping at its border.
        angle: degrees, clockwise in the picture, from upright.
        region: the region meant, by name; for people and tables, it moves nothing.
    """

    x: float
    y: float
    area: float
    angle: float = 0.0
    region: str = ""


@dataclass(frozen=True)
class Kinetics:
    """How the sticker moves between onset and apex.

    Args:
        kind: see `Motion`.
        direction: for an overlay, (x, y) steps in {-1, 0, 1}; (0, 0) otherwise.
        reach_mm: for an overlay on frames, the length of the apparent motion along each axis, in millimetres on
            the face. On a flow map, whose magnitude is lost in its stretch, the motion reaches the map's own
            extreme and this is not used.
    """

    kind: Motion = "skin"
    direction: tuple[float, float] = (0.0, 0.0)
    reach_mm: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One sticker on one clip.

    Args:
        placement: where.
        kinetics: how it moves.
        art: which drawing, by name in `mask.sticker.art`.
        evidence: in a few words, what chose this plan.
        abstained: the attack found no evidence and fell back to what `evidence` says.
    """

    placement: Placement
    kinetics: Kinetics = Kinetics()
    art: str = "grey"
    evidence: str = ""
    abstained: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What the rendered clip depends on: plans with equal keys give equal pixels."""
        p, k = self.placement, self.kinetics
        return (self.art, p.x, p.y, p.area, p.angle, k.kind, k.direction, k.reach_mm)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote."""
        kinetics = dict(data["kinetics"])
        kinetics["direction"] = tuple(kinetics["direction"])
        rest = {k: data[k] for k in ("art", "evidence", "abstained") if k in data}
        return cls(Placement(**data["placement"]), Kinetics(**kinetics), **rest)


@dataclass(frozen=True)
class ThreatModel:
    """What the wearer of the sticker can do; every result names it.

    Args:
        kinetics: the one way of moving this result is about.
        area: the largest share of the face box a sticker may cover.
        directions: the motions an overlay may choose from.
        reach_mm: how far an overlay may move along each axis, on frames.
        budget: queries to the target per clip, the final one included; `None` for no limit.
        wearer_knows_emotion: whether a plan may depend on the true emotion (the wearer knows what to hide).
    """

    kinetics: Motion = "skin"
    area: float = 0.046
    directions: tuple[tuple[float, float], ...] = DIRECTIONS
    reach_mm: float = 1.2
    budget: int | None = None
    wearer_knows_emotion: bool = True
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.kinetics not in MOTIONS:
            raise ValueError(f"kinetics is {self.kinetics!r}; expected one of {', '.join(MOTIONS)}")
        if not 0 < self.area < 1:
            raise ValueError(f"area is {self.area}; expected a share of the face between 0 and 1")
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; the final look at the target alone takes 1 query")

    def motions(self) -> tuple[Kinetics, ...]:
        """Every way of moving that a plan may choose."""
        if self.kinetics == "overlay":
            return tuple(Kinetics("overlay", d, self.reach_mm) for d in self.directions)
        return (Kinetics(self.kinetics),)

    def check(self, plan: Plan) -> None:
        """Raise `InvalidPlan` when `plan` lies outside this threat model."""
        p, k = plan.placement, plan.kinetics
        if not all(math.isfinite(v) for v in (p.x, p.y, p.area, p.angle)):
            raise InvalidPlan(f"the plan's placement is not finite: {p}")
        if not (0 <= p.x <= 1 and 0 <= p.y <= 1):
            raise InvalidPlan(f"the plan puts the sticker at ({p.x:.2f}, {p.y:.2f}), outside the face box")
        if not 0 < p.area <= self.area + 1e-9:
            raise InvalidPlan(f"the plan's sticker covers {p.area:.4f} of the face; the limit is {self.area:.4f}")
        if k not in self.motions():
            raise InvalidPlan(f"the plan moves as {k}; this threat model is about {self.kinetics}")

    def to_json(self) -> dict[str, Any]:
        """The threat model as plain data."""
        return asdict(self)
