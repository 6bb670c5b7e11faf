"""A plan asked about again, under physics it was not chosen under."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mask.clip import Clip, Frame, Frames
from mask.contracts import Recognizer
from mask.errors import InvalidPlan, NoFaceError
from mask.geometry import BOX_MM, face_box
from mask.metrics import Interval, wilson
from mask.plan import Plan

from ..pose import Pose, progress
from ..texture import named
from .camera import encode
from .draws import Draw, Physics
from .stick import stick

_TOGETHER = 16
_ROOM = 1.5
"""How far around a sticker, in halves of its canvas, anything of it can come to be seen in perspective."""


@dataclass(frozen=True)
class Reassessed:
    """How a plan holds up.

    Args:
        draws: how often the clip was filmed anew.
        wrong: in how many of them the recognizer answered, and wrongly.
        unanswered: in how many it gave no answer; never a success.
        wrong_without: in how many the same clip without the sticker, through the same codec, was answered wrongly:
            what is not the sticker's doing.
        share: `wrong` over `draws`.
        ci95: Wilson's interval of `share`.
    """

    draws: int
    wrong: int
    unanswered: int
    wrong_without: int
    share: float
    ci95: Interval


def reassess(
    clip: Clip,
    plan: Plan,
    recognizer: Recognizer,
    draws: int,
    rng: np.random.Generator,
    physics: Physics | None = None,
) -> Reassessed:
    """Film a clip with its sticker again and again, and count how often the recognizer is wrong.

    Args:
        clip: labelled, of frames with landmarks.
        plan: what is put on it.
        recognizer: asked twice a draw: with and without the sticker.
        draws: how many, 1 or more.
        rng: draws the physics, anew each time: pass a generator no attack has seen.
        physics: the ranges; `None` for the default ones.

    Raises:
        InvalidPlan: on a flow map, which holds no pixels to print on.
        NoFaceError: without landmarks, or without a face in the onset or apex frame.
        ValueError: for an unlabelled clip, or draws below 1.
    """
    if draws < 1:
        raise ValueError(f"draws is {draws}; expected 1 or more")
    if clip.emotion is None:
        raise ValueError(f"clip {clip.key} has no emotion to be wrong about")
    ranges = physics or Physics()
    made = [ranges.draw(rng) for _ in range(draws)]
    told, bare = (refilm(clip, p, recognizer, made, ranges) for p in (plan, None))
    wrong = sum(n is not None and n != clip.emotion for n in told)
    without = sum(n is not None and n != clip.emotion for n in bare)
    return Reassessed(draws, wrong, told.count(None), without, wrong / draws, wilson(wrong, draws))


def refilm(
    clip: Clip, plan: Plan | None, recognizer: Recognizer, draws: Sequence[Draw], physics: Physics
) -> tuple[str | None, ...]:
    """What a recognizer answers about a clip filmed anew under each draw.

    Args:
        clip: of frames with landmarks.
        plan: the stickers on it; `None` for the clip without any, through the same codec.
        recognizer: asked once a draw.
        draws: taken from `physics`.
        physics: the ranges.

    Raises:
        InvalidPlan: on a flow map, which holds no pixels to print on.
        NoFaceError: without landmarks, or without a face in the onset or apex frame.
    """
    film = _Film(clip, plan, physics, every=recognizer.reads == "video")
    answers: list[str | None] = []
    for start in range(0, len(draws), _TOGETHER):
        answers += recognizer.predict([film.clip(d) for d in draws[start : start + _TOGETHER]]).names
    return tuple(answers)


class _Film:
    """What does not change from draw to draw: the frames, and where the sticker lies in them.

    Args:
        clip: of frames with landmarks.
        plan: its stickers; `None` for none.
        physics: what the draws are from.
        every: whether all frames are filmed, or only those from the onset to the apex.
    """

    def __init__(self, clip: Clip, plan: Plan | None, physics: Physics, *, every: bool) -> None:
        if clip.frames is None:
            raise InvalidPlan(f"clip {clip.key} is a flow map, and holds no frames to film a sticker on")
        mesh = clip.points(clip.onset)
        if mesh is None or clip.points(clip.apex) is None:
            raise NoFaceError(f"clip {clip.key} has no face in its onset or apex frame, or no landmarks")
        low, high = sorted((clip.onset, clip.apex))
        self._clip, self._base = clip, clip.frames
        self._span = range(len(clip.frames)) if every else range(low, high + 1)
        self._frames = np.stack([clip.frame(i) for i in self._span])
        self._width = face_box(mesh).pixels_per_mm * BOX_MM[0]
        self._stickers: list[tuple[tuple[slice, slice], torch.Tensor]] = []
        if plan is not None:
            self._art = torch.tensor(named(plan.art).rgba)
            found = [self._poses(Pose(p, plan.kinetics, mesh)) for p in plan.placements]
            self._faces = found[0][0]
            self._stickers = [self._sticker(poses, physics) for _, poses in found]

    def clip(self, draw: Draw) -> Clip:
        """The clip as a camera records it under a draw."""
        frames = self._stickered(draw) if self._stickers else self._frames
        return self._clip.with_frames(_Spliced(self._base, self._span, encode(frames, draw)))

    def _poses(self, pose: Pose) -> tuple[list[int], NDArray[np.float64]]:
        """The frames that show a face, and the poses in them."""
        clip, faces, found = self._clip, [], []
        for row, index in enumerate(self._span):
            points = clip.points(index)
            if points is not None and np.isfinite(points).all():
                faces.append(row)
                found.append(pose.at(points, progress(index, clip.onset, clip.apex, clip.offset)))
        return faces, np.stack(found)

    def _sticker(self, poses: NDArray[np.float64], physics: Physics) -> tuple[tuple[slice, slice], torch.Tensor]:
        """The window of the frames that one sticker can reach, and its poses there."""
        (left, top), (right, bottom) = self._reached(poses, physics)
        return np.s_[top:bottom, left:right], torch.from_numpy(poses - [[0, 0, left], [0, 0, top]])[None]

    def _reached(self, poses: NDArray[np.float64], physics: Physics) -> NDArray[np.int64]:
        """The pixels that a sticker can reach under any draw, and that are filmed again: (x, y) of two corners."""
        centres = poses[:, :, 2]
        moved = float(np.ptp(centres, axis=0).max()) * max(abs(v - 1) for v in physics.follow)
        shifted = 2 * self._width * max(map(abs, physics.shift))
        canvas = float(np.abs(poses[:, :, :2]).sum(axis=2).max()) * math.sqrt(2) * physics.scale[1]
        reach = _ROOM * canvas + shifted + moved + 4 * physics.blur[1] + 2
        corners = np.stack([centres.min(axis=0) - reach, centres.max(axis=0) + reach + 1])
        return np.asarray(np.clip(corners, 0, self._frames.shape[2:0:-1]), dtype=np.int64)

    def _stickered(self, draw: Draw) -> NDArray[np.uint8]:
        out = self._frames.copy()
        for window, placed in self._stickers:
            part = out[(self._faces, *window)]
            if not part.size:
                continue
            video = torch.from_numpy(part).permute(3, 0, 1, 2)[None].float() / 255
            with torch.inference_mode():
                made = stick(video, placed, self._art, draw, self._width)[0]
            out[(self._faces, *window)] = (made * 255).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()
        return out


class _Spliced:
    """Frames of which a stretch was recorded anew; a `mask.clip.Frames`."""

    def __init__(self, base: Frames, span: range, recorded: NDArray[np.uint8]) -> None:
        self._base, self._span, self._recorded = base, span, recorded

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int, /) -> Frame:
        at = index % len(self) if -len(self) <= index < 0 else index
        return self._recorded[at - self._span.start] if at in self._span else self._base[index]
