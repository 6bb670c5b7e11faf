"""Faces through a video: who is where, frame by frame, and how sure.

The mesh of the last frame says where to look in the next one, so the detector runs only at the start, after a loss,
when the picture changes abruptly, and from time to time to find other faces and to check the ones it has. A face the
network stops seeing is carried on by its texture for a moment before it is given up; `TrackedFace.held` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame
from mask.geometry import Affine

from .detector import Detection, detect
from .mesh import SURE, FaceMesh
from .motion import Motion
from .picture import check_frame, likeness
from .roi import Roi, roi_from_landmarks
from .steady import Steady, moved

# The network's confidence is all but binary: above 0.98 with up to half of a face covered, below 0.05 when three
# quarters are. A face is taken up above `SURE` and kept above this.
_KEEP = 0.25
# Overlap of two squares that show the same face, and of two that may; faces side by side overlap by less than 0.1.
_SAME, _NEAR = 0.5, 0.2
# Correlation with the frame before: below the first, at the place of a face, the face is looked for anew; below the
# second, over the whole frame, this is another scene.
_LIKE, _SCENE = 0.6, 0.4


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """One face in one frame.

    Args:
        id: the same number while a face is followed without a gap. It is continuity of place, not recognition: who
            leaves and comes back gets a new number.
        points: ``float32 (468, 3)``, (x, y) and depth in pixels.
        score: the mesh network's confidence in this frame, in [0, 1].
        held: frames since the network last saw the face; 0 where it sees it now, or is not asked (see
            `FaceTracker`). A held face's points are carried on by the motion of its texture, or stay where they were
            when there is none.
    """

    id: int
    points: NDArray[np.float32]
    score: float
    held: int = 0


class _Face:
    """What the tracker remembers of one face."""

    raw: NDArray[np.float32]
    shown: NDArray[np.float32]
    roi: Roi
    score: float
    held: int

    def __init__(self, number: int, fps: float, smooth: bool) -> None:
        self.id = number
        self.motion = Motion()
        self.steady = Steady(fps) if smooth else None
        self.fresh = False

    def see(self, points: NDArray[np.float32], score: float, motion: Affine | None) -> None:
        self.raw, self.roi, self.score, self.held = points, roi_from_landmarks(points), score, 0
        self.shown = points if self.steady is None else self.steady(points, motion)
        self.fresh = True

    def ride(self, motion: Affine) -> None:
        """Go with the texture for one frame, without asking the network."""
        self.raw, self.shown = moved(self.raw, motion), moved(self.shown, motion)
        self.roi = roi_from_landmarks(self.raw)
        if self.steady is not None:
            self.steady.ride(self.raw, self.shown, motion)
        self.fresh = False

    def carry(self, score: float, motion: Affine | None) -> None:
        self.score = score
        self.held += 1
        self.fresh = False
        if motion is not None:
            self.raw, self.shown = moved(self.raw, motion), moved(self.shown, motion)
            self.roi = roi_from_landmarks(self.raw)
        if self.steady is not None:
            self.steady.restart(self.raw, self.shown)


class FaceTracker:
    """Follows the faces of a video.

    Args:
        max_faces: how many faces to follow at most; the best detections come first.
        smooth: steady landmarks, for drawing (`mask.faces.steady`); off, they are the network's own, for measuring.
            Steady landmarks follow the texture in between, so the network is asked only every other frame while
            the texture of the face moves as one.
        fps: frames per second, which turns the times below into frames.
        hold: seconds for which a face the network does not see is carried on.
        search: seconds between looks of the detector while everything goes well.
        min_score: least confidence of a detection, in (0, 1).

    Raises:
        ValueError: for a value out of range.
    """

    def __init__(
        self,
        max_faces: int = 1,
        *,
        smooth: bool = False,
        fps: float = 30.0,
        hold: float = 0.5,
        search: float = 0.5,
        min_score: float = 0.5,
    ) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces is {max_faces}; expected at least 1")
        if not (fps > 0 and hold >= 0 and search > 0 and 0 < min_score < 1):
            raise ValueError(
                f"fps {fps}, hold {hold}, search {search}, min_score {min_score}: expected a positive fps and search, "
                f"a hold that is not negative and a score between 0 and 1"
            )
        self._max_faces, self._smooth, self._fps, self._min_score = max_faces, smooth, fps, min_score
        self._hold = round(hold * fps)
        self._every = max(round(search * fps), 1)
        self._mesh = FaceMesh()
        self._faces: list[_Face] = []
        self._next_id = 0
        self._index = -1
        self._glance: NDArray[np.uint8] | None = None

    def update(self, frame: Frame) -> list[TrackedFace]:
        """Read the next frame, ``uint8 (H, W, 3)`` RGB; returns the faces followed, oldest first."""
        frame = check_frame(frame)
        self._index += 1
        look = _Look(frame, self._min_score)
        look.cut, self._glance = _cut(self._glance, look.glance), look.glance
        if self._index % self._every == 0:
            look.now()
        for face in self._faces:
            self._follow(face, look)
        self._faces = _distinct([f for f in self._faces if f.held <= self._hold and _inside(f.roi, frame)])
        if len(self._faces) < self._max_faces and (look.taken or not self._faces):
            self._take_up(look)
        for face in self._faces:
            face.motion.remember(frame, face.raw)
        return [TrackedFace(f.id, f.shown.copy(), f.score, f.held) for f in self._faces]

    def _follow(self, face: _Face, look: _Look) -> None:
        """Find a known face in this frame: where it was, else where the detector sees it, else by its texture."""
        face.motion.look(look.frame)
        abrupt = look.cut or face.motion.likeness() < _LIKE
        motion = face.motion.affine() if self._smooth else None
        if motion is not None and face.fresh and not abrupt and not look.taken:
            face.ride(motion)
            return
        points, score = self._mesh.landmarks(look.frame, face.roi)
        if abrupt or score < _KEEP:
            look.now()
        # The network is sure of itself even when the face has moved half out of its square, and may then stay
        # beside it for ever; a detection elsewhere corrects it.
        place = roi_from_landmarks(points) if score >= _KEEP else face.roi
        for detection in self._beside(face, place, score, look):
            again, sure = self._mesh.landmarks(look.frame, detection.roi)
            if sure >= SURE:
                points, score, motion = again, sure, None
                break
        if score >= (SURE if abrupt else _KEEP):
            face.see(points, score, motion)
        else:
            # What little shows of a covered face is worth following.
            face.carry(score, face.motion.affine(share=0.2))
            if look.cut:
                face.held = self._hold + 1

    def _beside(self, face: _Face, place: Roi, score: float, look: _Look) -> list[Detection]:
        """Detections that may be this face and are not where the mesh has it, most overlapping first."""
        others = [f.roi for f in self._faces if f is not face]
        free = [d for d in look.found if all(d.roi.overlap(o) < _SAME for o in others)]
        if score >= _KEEP and any(d.roi.overlap(place) >= _SAME for d in free):
            return []
        free.sort(key=lambda d: -d.roi.overlap(place))
        return [d for d in free if d.roi.overlap(place) >= _NEAR]

    def _take_up(self, look: _Look) -> None:
        """Start to follow faces that nobody follows yet."""
        look.now(thorough=not self._faces and self._index % (2 * self._every) == 0)
        for detection in look.found:
            if len(self._faces) == self._max_faces:
                return
            if not self._is_new(detection.roi):
                continue
            points, score = self._mesh.landmarks(look.frame, detection.roi)
            place = roi_from_landmarks(points)
            if score >= SURE and self._is_new(place) and _inside(place, look.frame):
                face = _Face(self._next_id, self._fps, self._smooth)
                face.see(points, score, None)
                self._faces.append(face)
                self._next_id += 1

    def _is_new(self, place: Roi) -> bool:
        return all(f.roi.overlap(place) < _SAME for f in self._faces)


class _Look:
    """One frame: what it looks like from afar, and what the detector says about it, asked at most once."""

    def __init__(self, frame: Frame, min_score: float) -> None:
        self.frame, self._min_score = frame, min_score
        height, width = frame.shape[:2]
        self.glance: NDArray[np.uint8] = frame[:: height // 24 + 1, :: width // 32 + 1].copy()
        self.cut = False
        self.found: list[Detection] = []
        self.taken = False

    def now(self, thorough: bool = False) -> None:
        if not self.taken or (thorough and not self.found):
            self.found = detect(self.frame, min_score=self._min_score, thorough=thorough)
            self.taken = True


def track(frames: Iterable[Frame], **options: Any) -> Iterator[list[TrackedFace]]:
    """Follow the faces through a stream of frames; `options` are those of `FaceTracker`.

    Yields:
        The faces of each frame, one list a frame, empty where there is none.
    """
    tracker = FaceTracker(**options)
    for frame in frames:
        yield tracker.update(frame)


def _cut(before: NDArray[np.uint8] | None, now: NDArray[np.uint8]) -> bool:
    return before is not None and (before.shape != now.shape or likeness(before, now) < _SCENE)


def _inside(roi: Roi, frame: Frame) -> bool:
    height, width = frame.shape[:2]
    return bool(0 <= roi.x < width and 0 <= roi.y < height)


def _distinct(faces: list[_Face]) -> list[_Face]:
    """Without those that have slid onto a face followed for longer."""
    kept: list[_Face] = []
    for face in faces:
        if all(face.roi.overlap(k.roi) < _SAME for k in kept):
            kept.append(face)
    return kept
