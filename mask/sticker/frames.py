"""The frames of a clip with a sticker on them, drawn when they are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.clip import Frame, Frames, Landmarks
from mask.errors import NoFaceError
from mask.plan import Plan

from .pose import Pose, progress
from .raster import render_frame
from .texture import named


class StickeredFrames:
    """Frames under a plan; a `mask.clip.Frames`.

    A frame without a face is left as it is, except by a sticker fixed to the screen.

    Args:
        base: the frames.
        plan: the stickers, their places and their motion.
        landmarks: the mesh in each frame, in the pixels of `base`.
        onset, apex, offset: indices into `base`; the sticker is put on in the onset frame.
        name: how errors call the clip.
        reference: the mesh on which the sticker is a square, see `Pose`; `None` for that of the onset frame.

    Raises:
        NoFaceError: when the onset or the apex frame has no face.
        ValueError: for an unknown drawing, or landmarks for another number of frames.
    """

    def __init__(
        self,
        base: Frames,
        plan: Plan,
        landmarks: Landmarks,
        onset: int,
        apex: int,
        offset: int,
        name: str = "the clip",
        reference: ArrayLike | None = None,
    ) -> None:
        if len(landmarks) != len(base):
            raise ValueError(f"there are landmarks for {len(landmarks)} frames of {len(base)}")
        self._base, self._plan, self._landmarks = base, plan, landmarks
        self._times = (onset, apex, offset)
        for index, what in ((onset, "onset"), (apex, "apex")):
            if self._points(index) is None:
                raise NoFaceError(f"{name} has no face in its {what} frame {index}, so no sticker can be put on it")
        mesh = self._points(onset) if reference is None else reference
        self._poses = [Pose(p, plan.kinetics, mesh) for p in plan.placements]
        named(plan.art)

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int) -> Frame:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"frame {index} of {count}")
        index %= count
        frame = self._base[index]
        points = self._points(index)
        if points is None and self._plan.kinetics.kind != "screen":
            return frame
        for pose in self._poses:
            frame = render_frame(frame, named(self._plan.art), pose.at(points, progress(index, *self._times)))
        return frame

    def _points(self, index: int) -> NDArray[np.floating] | None:
        points = self._landmarks[index]
        return points if points is not None and bool(np.isfinite(points).all()) else None
