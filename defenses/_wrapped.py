"""What input-filter defences share: a recognizer that looks at filtered pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mask.clip import Clip, Frame, Frames
from mask.contracts import Prediction, Recognizer

Filter = Callable[[Frame], Frame]
"""Maps ``uint8 (H, W, 3)`` RGB to the same shape; must be picklable and deterministic."""


@dataclass(frozen=True)
class _Filtered:
    base: Frames
    filter: Filter

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: int) -> Frame:
        return self.filter(self.base[index])


class FilteredRecognizer(Recognizer):
    """A recognizer whose every input picture passes through a filter first: each frame, or the flow map itself."""

    def __init__(self, inner: Recognizer, name: str, filter: Filter) -> None:
        self.inner, self.filter = inner, filter
        self.name, self.labels, self.reads = f"{inner.name}+{name}", inner.labels, inner.reads

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        return self.inner.predict([self._filtered(c) for c in clips])

    def card(self) -> dict[str, Any]:
        return {**self.inner.card(), "name": self.name}

    def _filtered(self, clip: Clip) -> Clip:
        if clip.flow is not None:
            return clip.with_flow(self.filter(clip.flow))
        if clip.frames is None:
            raise ValueError(f"clip {clip.key} holds neither frames nor flow")
        return clip.with_frames(_Filtered(clip.frames, self.filter))
