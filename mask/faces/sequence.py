"""The landmarks of one face through a clip, as a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mask import cache
from mask.clip import Frame, Frames

from .mesh import POINTS
from .tracker import FaceTracker, track

FaceStatus = Literal["seen", "held", "none"]


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """The mesh of one face, frame by frame; a `mask.clip.Landmarks`.

    Args:
        points: ``float32 (T, 468, 2)`` in pixels, NaN where there is no face.
        scores: ``float32 (T,)``, the mesh network's confidence, 0 where there is no face.
        held: ``int32 (T,)``, frames since the network last saw the face, 0 where it sees it, -1 where there is none.
        ids: ``int32 (T,)``, the number of the face, -1 where there is none; it changes after a gap.
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    held: NDArray[np.int32]
    ids: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> NDArray[np.float32] | None:
        return None if self.held[index] < 0 else self.points[index]

    def status(self, index: int) -> FaceStatus:
        """Whether the network saw the face in a frame, it was carried on, or there is none."""
        held = self.held[index]
        return "none" if held < 0 else "held" if held else "seen"

    @property
    def counts(self) -> dict[FaceStatus, int]:
        """How many frames have each status."""
        states = [self.status(i) for i in range(len(self))]
        return {"seen": states.count("seen"), "held": states.count("held"), "none": states.count("none")}


def track_clip(frames: Iterable[Frame], *, fps: float = 30.0, smooth: bool = False) -> FaceTrack:
    """Follow the best face through a clip.

    Args:
        frames: ``uint8 (H, W, 3)`` RGB, in order; read once, never kept.
        fps: frames per second.
        smooth: steady landmarks, for drawing; off, the network's own, for measuring.
    """
    points, rows = [], []
    for faces in track(frames, max_faces=1, fps=fps, smooth=smooth):
        if faces:
            face = faces[0]
            points.append(face.points[:, :2])
            rows.append((face.score, face.held, face.id))
        else:
            points.append(np.full((POINTS, 2), np.nan, np.float32))
            rows.append((0.0, -1, -1))
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return FaceTrack(
        points=np.stack(points) if points else np.empty((0, POINTS, 2), np.float32),
        scores=table[:, 0].astype(np.float32),
        held=table[:, 1].astype(np.int32),
        ids=table[:, 2].astype(np.int32),
    )


class TrackedLandmarks:
    """The mesh of the best face in a clip, found when it is asked for; a `mask.clip.Landmarks`.

    Frames are tracked in order up to the one asked for, so an answer never depends on what was asked before. Where
    `mask.cache` is on and the frames are files, what was found is kept for the next run.

    Args:
        frames: the clip's frames.
        fps: frames per second.
    """

    def __init__(self, frames: Frames, fps: float = 30.0) -> None:
        self._frames, self._fps = frames, fps
        self._found: list[NDArray[np.float32] | None] = []
        self._tracker: FaceTracker | None = None
        self._key: str | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> NDArray[np.float32] | None:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        if index >= len(self._found) and self._tracker is None:
            self._found = self._kept()
        if index >= len(self._found):
            # Whoever asks beyond the onset will ask for more: finding all at once is kept once.
            self._track(index if self._key is None or index == 0 else len(self) - 1)
        return self._found[index]

    def _track(self, last: int) -> None:
        if self._tracker is None:
            self._tracker = FaceTracker(fps=self._fps)
            self._found = []
        while len(self._found) <= last:
            faces = self._tracker.update(self._frames[len(self._found)])
            self._found.append(faces[0].points[:, :2] if faces else None)
        store = cache.active()
        if store is not None and self._key is not None:
            nowhere = np.full((POINTS, 2), np.nan, np.float32)
            store.put(self._key, np.stack([nowhere if p is None else p for p in self._found]).astype(np.float32))

    def _kept(self) -> list[NDArray[np.float32] | None]:
        """What an earlier run found in the same pictures."""
        store = cache.active()
        if store is None:
            return []
        if self._key is None:
            pictures = cache.content(self._frames)
            if pictures is None:
                return []
            self._key = cache.digest("landmarks", cache.code("faces"), cv2.__version__, self._fps, len(self), pictures)
        found = store.get(self._key)
        if found is None or found.shape[1:] != (POINTS, 2):
            return []
        return [None if np.isnan(points).all() else points for points in found]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tracker": None}
