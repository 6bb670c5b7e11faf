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

Motion = Literal["skin", "slip", "raised", "screen", "overlay", "digital"]
"""How a sticker moves: ``skin`` rides rigidly on the tracked skin, a real sticker; ``slip`` is a real one loosely
attached, ``raised`` a real one that stands off the skin, see `Kinetics`; ``screen`` stays on its pixels; ``overlay`` is
an animated digital sticker whose apparent motion from onset to apex is chosen. ``digital`` is no sticker at all: pixels
are changed by a little each, in the file or on the way to the recognizer."""

MOTIONS: tuple[Motion, ...] = ("skin", "slip", "raised", "screen", "overlay")
"""Those of stickers."""

ON_SKIN: tuple[Motion, ...] = ("skin", "slip", "raised")
"""Real stickers: they need skin to hold them, and leave eyes, nostrils and mouth free."""

SLIP_MM = 1.0
"""The furthest a loosely attached sticker may slide on the skin: an assumption, of the size of the skin's motion."""

HEIGHT_MM = 5.0
"""The most a raised sticker may stand off the skin."""

TURN_DEGREES = 10.0
"""The largest turn of the head between onset and apex that moves a raised sticker: .88 mm at the greatest height."""

MOST_STICKERS = 16

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

    Nobody chooses freely where a real sticker goes; `direction` says what drives it:

    * ``slip``: (0, 0), the skin's own motion and inertia: the sticker stays behind the moving skin, by that motion and
      no more than `reach_mm`. (0, 1), gravity: it sags down the picture by `reach_mm`.
    * ``raised``: the top moves against the skin by its height times the tangent of the head's turn, up to
      `TURN_DEGREES`. (0, 0): the turn there is, measured on the landmarks. Any other: a turn that way, of
      `TURN_DEGREES`, which the wearer makes on purpose. The turn itself is not rendered: this is what is left of it
      when the face has been registered, and an upper bound.

    `mask.sticker.flowspace` says what of this a flow map can show.

    Args:
        kind: see `Motion`.
        direction: (x, y) steps in {-1, 0, 1} in the picture: chosen for an overlay, see above for ``slip`` and
            ``raised``, (0, 0) otherwise.
        reach_mm: in millimetres on the face: for an overlay, the length of the apparent motion along each axis; for
            ``slip``, the furthest slide; for ``raised``, the height.
    """

    kind: Motion = "skin"
    direction: tuple[float, float] = (0.0, 0.0)
    reach_mm: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The stickers on one clip: one, or several of one drawing that move alike.

    Args:
        placement: where the sticker is, or the first of several.
        kinetics: how it moves; each of several moves on its own skin.
        art: which drawing, by name in `mask.sticker.art`.
        evidence: in a few words, what chose this plan.
        abstained: the attack found no evidence and fell back to what `evidence` says.
        more: where the others are.
    """

    placement: Placement
    kinetics: Kinetics = Kinetics()
    art: str = "grey"
    evidence: str = ""
    abstained: bool = False
    more: tuple[Placement, ...] = ()

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where all the stickers are."""
        return (self.placement, *self.more)

    @property
    def key(self) -> tuple[Any, ...]:
        """What the rendered clip depends on: plans with equal keys give equal pixels."""
        k = self.kinetics
        where = (v for p in self.placements for v in (p.x, p.y, p.area, p.angle))
        return (self.art, k.kind, k.direction, k.reach_mm, *where)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote."""
        kinetics = dict(data["kinetics"])
        kinetics["direction"] = tuple(kinetics["direction"])
        rest = {k: data[k] for k in ("art", "evidence", "abstained") if k in data}
        more = tuple(Placement(**p) for p in data.get("more", ()))
        return cls(Placement(**data["placement"]), Kinetics(**kinetics), **rest, more=more)


@dataclass(frozen=True)
class ThreatModel:
    """What the wearer of the sticker can do; every result names it.

    Args:
        kinetics: the one way of moving this result is about.
        area: the largest share of the face box that all stickers together may cover.
        directions: the motions an overlay may choose from, and the ways the wearer of a raised sticker may turn.
        reach_mm: how far an overlay may move along each axis, on frames.
        slip_mm: how far a loosely attached sticker may slide, at most `SLIP_MM`.
        height_mm: how far a raised sticker stands off the skin, at most `HEIGHT_MM`.
        budget: queries to the target per clip, the final one included; `None` for no limit.
        wearer_knows_emotion: whether a plan may depend on the true emotion (the wearer knows what to hide).
        eps: for ``digital``, the most by which a pixel may change, in 1/255 (Linf); stickers do not use it.
        number: the most stickers worn at once. They may not lie on one another.
        regions: the regions of the scheme ``mesh`` in which a sticker's centre may lie; none named is all of them.
    """

    kinetics: Motion = "skin"
    area: float = 0.046
    directions: tuple[tuple[float, float], ...] = DIRECTIONS
    reach_mm: float = 1.2
    slip_mm: float = SLIP_MM
    height_mm: float = HEIGHT_MM
    budget: int | None = None
    wearer_knows_emotion: bool = True
    notes: tuple[str, ...] = field(default=())
    eps: int = 8
    number: int = 1
    regions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kinetics not in (*MOTIONS, "digital"):
            raise ValueError(f"kinetics is {self.kinetics!r}; expected one of {', '.join((*MOTIONS, 'digital'))}")
        if not (isinstance(self.eps, int) and 1 <= self.eps <= 255):
            raise ValueError(f"eps is {self.eps!r}; expected a whole number of 1/255, from 1 to 255")
        if not 0 < self.area < 1:
            raise ValueError(f"area is {self.area}; expected a share of the face between 0 and 1")
        if not (isinstance(self.number, int) and 1 <= self.number <= MOST_STICKERS):
            raise ValueError(f"number is {self.number!r}; expected 1 to {MOST_STICKERS} stickers")
        for what, value, most in (("slip_mm", self.slip_mm, SLIP_MM), ("height_mm", self.height_mm, HEIGHT_MM)):
            if not 0 < value <= most:
                raise ValueError(f"{what} is {value}; expected more than 0 and at most {most:g} mm")
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; the final look at the target alone takes 1 query")

    def motions(self) -> tuple[Kinetics, ...]:
        """Every way of moving that a plan may choose; none where the threat is digital."""
        if self.kinetics == "digital":
            return ()
        if self.kinetics == "overlay":
            return tuple(Kinetics("overlay", d, self.reach_mm) for d in self.directions)
        if self.kinetics == "slip":
            return (Kinetics("slip", (0.0, 0.0), self.slip_mm), Kinetics("slip", (0.0, 1.0), self.slip_mm))
        if self.kinetics == "raised":
            return tuple(Kinetics("raised", d, self.height_mm) for d in ((0.0, 0.0), *self.directions))
        return (Kinetics(self.kinetics),)

    def motion(self, direction: tuple[float, float]) -> Kinetics:
        """The one of `motions` that goes by a direction.

        Raises:
            InvalidPlan: when there is none.
        """
        for motion in self.motions():
            if motion.direction == direction:
                return motion
        raise InvalidPlan(f"{self.kinetics} has no motion in direction {direction}")

    def check(self, plan: Plan) -> None:
        """Raise `InvalidPlan` when `plan` lies outside this threat model."""
        put = plan.placements
        if len(put) > self.number:
            raise InvalidPlan(f"the plan has {len(put)} stickers; the limit is {self.number}")
        for p in put:
            if not all(math.isfinite(v) for v in (p.x, p.y, p.area, p.angle)):
                raise InvalidPlan(f"the plan's placement is not finite: {p}")
            if not (0 <= p.x <= 1 and 0 <= p.y <= 1):
                raise InvalidPlan(f"the plan puts the sticker at ({p.x:.2f}, {p.y:.2f}), outside the face box")
        whole = sum(p.area for p in put)
        if min(p.area for p in put) <= 0 or whole > self.area + 1e-9:
            what = "sticker covers" if len(put) == 1 else f"{len(put)} stickers cover"
            raise InvalidPlan(f"the plan's {what} {whole:.4f} of the face; the limit is {self.area:.4f}")
        if plan.kinetics not in self.motions():
            raise InvalidPlan(f"the plan moves as {plan.kinetics}; this threat model is about {self.kinetics}")

    def to_json(self) -> dict[str, Any]:
        """The threat model as plain data."""
        return asdict(self)
