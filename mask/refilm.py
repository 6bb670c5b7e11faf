"""Whether a success outlives physics it was not chosen under: plans filmed again, on draws no attack has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mask.clip import Clip
from mask.contracts import Recognizer
from mask.plan import ON_SKIN, Plan
from mask.sticker.physics import STORED, Draw, Physics, refilm


@dataclass
class Refilmer:
    """Films the clips of one recognizer again.

    Every plan on a clip meets the same draws, so that attacks can be compared; a sticker that is only drawn into the
    frames meets the codec alone.

    Args:
        recognizer: with its defence, where there is one.
        draws: how often each clip is filmed.
        seed: of the draws.
    """

    recognizer: Recognizer
    draws: int
    seed: int
    _bare: dict[tuple[str, bool], tuple[str | None, ...]] = field(default_factory=dict)

    def __call__(self, clip: Clip, plan: Plan) -> tuple[int, int]:
        """In how many draws the clip without stickers was read correctly, and with them, wrongly in how many of these.

        Raises:
            NoFaceError: without landmarks, or without a face in the onset or apex frame.
        """
        printed = plan.kinetics.kind in ON_SKIN
        physics = Physics() if printed else STORED
        made = self._draws(clip, physics)
        if (clip.key, printed) not in self._bare:
            self._bare[clip.key, printed] = refilm(clip, None, self.recognizer, made, physics)
        fair = [d for d, n in zip(made, self._bare[clip.key, printed], strict=True) if n == clip.emotion]
        told = refilm(clip, plan, self.recognizer, fair, physics)
        return len(fair), sum(n is not None and n != clip.emotion for n in told)

    def _draws(self, clip: Clip, physics: Physics) -> Sequence[Draw]:
        digest = hashlib.sha256(f"refilm\0{clip.key}".encode()).digest()
        rng = np.random.default_rng([self.seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()])
        return [physics.draw(rng) for _ in range(self.draws)]
