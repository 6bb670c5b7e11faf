"""What the attacker owns in an audit: siblings of the recognizer, and surrogates trained on the discovery clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mask.clip import Dataset
from mask.contracts import Recognizer
from mask.surrogate import Owned, siblings
from mask.torch_recognizer import Trainable
from mask.train import train

if TYPE_CHECKING:
    from mask.audit import Half, Setting


def surrogate_cards(setting: Setting) -> list[dict[str, Any]]:
    """What the attacker is given besides siblings, as plain data."""
    return [{**r.card(), **(r.options() if isinstance(r, Trainable) else {})} for r in setting.surrogates]


class Owners:
    """What the attacker owns against one recognizer, made when it is first asked for.

    Args:
        trained: surrogates trained so far, by half; they serve against every recognizer.
    """

    def __init__(
        self,
        setting: Setting,
        recognizer: Recognizer,
        trained: dict[str, list[Recognizer]],
        tick: Callable[[str, int, int], None],
    ) -> None:
        self._setting, self._recognizer, self._trained, self._tick = setting, recognizer, trained, tick
        self._owned: dict[str, Owned | None] = {}

    def of(self, half: Half) -> Owned | None:
        """What is owned when this half is attacked; `None` for nothing."""
        if half.name not in self._owned:
            ready = [
                r
                for r in self._setting.surrogates
                if not isinstance(r, Trainable) and r.card() != self._recognizer.card()
            ]
            members = [*self._siblings(half), *ready, *self._train(half)]
            self._owned[half.name] = Owned(members) if members else None
        return self._owned[half.name]

    def _siblings(self, half: Half) -> list[Recognizer]:
        if not self._setting.siblings:
            return []
        attacked = {c.subject for c in half.attacked}
        found = siblings(self._recognizer, dict.fromkeys(c.subject for c in half.discovery), attacked)
        return [] if found is None else [found]

    def _train(self, half: Half) -> list[Recognizer]:
        if half.name not in self._trained:
            clips = Dataset(f"discovery for {half.name}", half.discovery, self._setting.dataset.emotions)
            self._trained[half.name] = [
                train(
                    recipe,
                    clips,
                    protocol="kfold",
                    seed=self._setting.seed,
                    progress=lambda n, r=recipe: self._tick(f"surrogate {r.name}: training", n, 4 * r.epochs),  # type: ignore[misc]
                )
                for recipe in self._setting.surrogates
                if isinstance(recipe, Trainable)
            ]
        return self._trained[half.name]
