"""The face found anew in every clip, sticker and all: no filter, but what a system does that is sent a video."""

from __future__ import annotations

from dataclasses import dataclass

from mask.contracts import Defense, Recognizer
from mask.retrack import Retracking


@dataclass(frozen=True)
class Retrack(Defense):
    """Puts the face detector and the mesh network between the clip and the recognizer, see `mask.retrack`."""

    def wrap(self, recognizer: Recognizer) -> Recognizer:
        return Retracking(recognizer)


create = Retrack
