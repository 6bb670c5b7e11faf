"""What attacks that follow a gradient share: what they hide, and how hard content is worked on."""

from __future__ import annotations

from dataclasses import dataclass

from mask.contracts import Scene, WhiteBox
from mask.errors import InvalidPlan

STYLES = {"free": "", "natural": "heart"}
"""The drawing of `mask.sticker.art` whose colours are worked on, by style; none for a plain square."""


@dataclass(frozen=True)
class Effort:
    """How hard content is worked on.

    Args:
        tiles: cells along a side of the content, 2 to 16.
        steps: gradient steps.
        draws: of physics a step, each a query.
        rate: of Adam, on the logits of the colours.
        variation: weight of total variation.
        print_score: weight of the non-printability score.
        style: ``free`` for a square of tiles; ``natural`` for a heart with a pattern of them, rim and gleam and all,
            which still looks like a sticker.
    """

    tiles: int = 8
    steps: int = 40
    draws: int = 4
    rate: float = 0.3
    variation: float = 0.25
    print_score: float = 0.1
    style: str = "free"

    def check(self) -> None:
        """Raise `ValueError` for what cannot be done."""
        if not 2 <= self.tiles <= 16:
            raise ValueError(f"tiles is {self.tiles}; expected 2 to 16")
        if self.style not in STYLES:
            raise ValueError(f"style is {self.style!r}; expected {' or '.join(STYLES)}")
        if self.steps < 1 or self.draws < 1:
            raise ValueError(f"steps is {self.steps} and draws {self.draws}; expected 1 or more")
        if not self.rate > 0 or self.variation < 0 or self.print_score < 0:
            raise ValueError("rate must be more than 0, and the weights of variation and print_score not negative")


def hidden(scene: Scene, opened: WhiteBox) -> int:
    """The class to leave: the emotion to hide or, when that is not known, the recognizer's answer, for a query."""
    import torch  # not before it is needed: attacks are listed without it

    if scene.hide is not None:
        if scene.hide not in opened.labels:
            raise InvalidPlan(f"the recognizer knows no {scene.hide!r}; it knows {', '.join(opened.labels)}")
        return opened.labels.index(scene.hide)
    with torch.no_grad():
        return int(opened(opened.given).argmax())
