"""Access to a recognizer: what a plan does to a clip, remembered; and metered, for attacks.

`Scorer` carries plans out (renders, quantises to 8 bits) and asks the recognizer, each (clip, plan) once.
`MeteredTarget` is the view an attack gets: it counts queries per clip, refuses those over budget, and gives no more
than the declared access.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mask.apply import apply_many
from mask.clip import Clip
from mask.contracts import Access, Prediction, Progress, Proposal, Recognizer, Status, quiet
from mask.digital.whitebox import OpenRecognizer
from mask.errors import AccessDenied, BudgetExhausted

_Row = tuple[np.ndarray[Any, np.dtype[np.float64]], Status]


class Scorer:
    """What a recognizer says about clips, clean or under a plan; every answer is remembered.

    Not a budget: the core, and surrogates that an attack owns, use it freely.

    Args:
        recognizer: asked once per (clip, plan); it must be deterministic, which `mask.conformance` measures.
        chunk: plans rendered and asked about at a time.
    """

    def __init__(self, recognizer: Recognizer, chunk: int = 256) -> None:
        self.recognizer, self.chunk = recognizer, chunk
        self._known: dict[tuple[str, tuple[Any, ...] | None], _Row] = {}

    def clean(self, clips: Sequence[Clip], progress: Progress = quiet) -> Prediction:
        """Predictions on the clips as they are."""
        missing = [c for c in clips if (c.key, None) not in self._known]
        for start in range(0, len(missing), self.chunk):
            part = missing[start : start + self.chunk]
            self._remember([(c.key, None) for c in part], self.recognizer.predict(part))
        progress(len(clips))
        return self._recall([(c.key, None) for c in clips])

    def under(self, clip: Clip, plans: Sequence[Proposal]) -> Prediction:
        """Predictions on one clip under each plan."""
        return self.under_each([(clip, plan) for plan in plans])

    def under_each(self, pairs: Sequence[tuple[Clip, Proposal]], progress: Progress = quiet) -> Prediction:
        """Predictions for (clip, plan) pairs, in order."""
        keys = [(clip.key, plan.key) for clip, plan in pairs]
        fresh = {k: pair for k, pair in zip(keys, pairs, strict=True) if k not in self._known}
        waiting = list(fresh.items())
        for start in range(0, len(waiting), self.chunk):
            part = waiting[start : start + self.chunk]
            self._remember([k for k, _ in part], self.recognizer.predict(_carry_out([p for _, p in part])))
            progress(len(part))
        progress(len(pairs) - len(waiting))
        return self._recall(keys)

    def _remember(self, keys: Sequence[Any], told: Prediction) -> None:
        self._known.update(zip(keys, zip(told.probabilities, told.status, strict=True), strict=True))

    def _recall(self, keys: Sequence[Any]) -> Prediction:
        labels = self.recognizer.labels
        if not keys:
            return Prediction(labels, np.empty((0, len(labels))), ())
        rows = [self._known[k] for k in keys]
        return Prediction(labels, np.stack([r[0] for r in rows]), tuple(r[1] for r in rows))


def _carry_out(pairs: Sequence[tuple[Clip, Proposal]]) -> list[Clip]:
    """Apply plans, those of one clip together; the order is kept."""
    out: list[Clip] = []
    start = 0
    for end in range(1, len(pairs) + 1):
        if end == len(pairs) or pairs[end][0] is not pairs[start][0]:
            out += apply_many(pairs[start][0], [plan for _, plan in pairs[start:end]])
            start = end
    return out


class MeteredTarget:
    """The target as one attack sees it on one clip.

    A query is one distinct plan on this clip; asking again what was answered is free, as it is for any attacker with
    a memory. So is each row of a forward pass through the opened recognizer. One query is kept for the final look,
    which `finish` spends.

    Args:
        scorer: the recognizer under attack.
        clip: the clip as the core knows it.
        access: what the attack declared.
        budget: queries per clip, the final look included; `None` for no limit.
    """

    def __init__(self, scorer: Scorer, clip: Clip, access: Access, budget: int | None) -> None:
        self._scorer, self._clip, self._access, self._budget = scorer, clip, access, budget
        self._asked: dict[tuple[Any, ...], Proposal] = {}
        self._passes = 0

    @property
    def queries(self) -> int:
        """Queries spent so far."""
        return len(self._asked) + self._passes

    @property
    def asked(self) -> tuple[Proposal, ...]:
        """The plans asked about so far, in order."""
        return tuple(self._asked.values())

    @property
    def remaining(self) -> int | None:
        """Queries left before the final look; `None` for no limit."""
        return None if self._budget is None else max(0, self._budget - 1 - self.queries)

    def decide(self, plans: Sequence[Proposal]) -> tuple[str | None, ...]:
        """The predicted label under each plan."""
        self._allow("decision", plans)
        return self._scorer.under(self._clip, plans).names

    def score(self, plans: Sequence[Proposal]) -> Prediction:
        """The probabilities under each plan."""
        self._allow("score", plans)
        return self._scorer.under(self._clip, plans)

    def open(self) -> OpenRecognizer:
        """The recognizer laid open; see `mask.contracts.WhiteBox`."""
        self._allow("gradient", ())
        return OpenRecognizer(self._scorer.recognizer, self._clip, self._pass)

    def finish(self, plan: Proposal) -> int:
        """Spend the final look on `plan` and return all queries spent."""
        self._asked.setdefault(plan.key, plan)
        return self.queries

    def _allow(self, wanted: Access, plans: Sequence[Proposal]) -> None:
        levels = ("none", "decision", "score", "gradient")
        if levels.index(wanted) > levels.index(self._access):
            raise AccessDenied(f"this attack declared access {self._access!r} and asked its target for a {wanted}")
        new = {p.key: p for p in plans if p.key not in self._asked}
        self._afford(len(new))
        self._asked.update(new)

    def _pass(self, rows: int) -> None:
        self._afford(rows)
        self._passes += rows

    def _afford(self, count: int) -> None:
        if self.remaining is not None and count > self.remaining:
            raise BudgetExhausted(
                f"this attack asked {count} more queries about {self._clip.key} with {self.remaining} left of "
                f"{self._budget}"
            )
