"""Carrying out what an attack proposed: a clip in, the clip with a sticker, or with changed pixels, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mask.clip import Clip, Landmarks, Points
from mask.digital import Perturbation
from mask.errors import NoFaceError
from mask.plan import Plan, ThreatModel
from mask.regions import check_places
from mask.sticker import StickeredFrames, flowspace


def check(clip: Clip, plan: Plan | Perturbation, threat: ThreatModel) -> None:
    """Raise `InvalidPlan` when what an attack proposes for a clip lies outside the threat model."""
    if isinstance(plan, Perturbation):
        plan.check(clip, threat)
    else:
        threat.check(plan)
        check_places(plan, threat, clip.space)


def apply(clip: Clip, plan: Plan | Perturbation) -> Clip:
    """Put stickers on a clip, or change its pixels.

    Args:
        clip: frames with landmarks, or a flow map; for changed pixels, landmarks are not needed.
        plan: a plan the threat model allows (`check`).

    Returns:
        The same clip, labels, landmarks and all, seen with them. Frames are drawn when they are asked for.

    Raises:
        NoFaceError: when the clip has no landmarks, or no face in its onset or apex frame.
        InvalidPlan: when the plan cannot be carried out on a flow map.
        ValueError: for a drawing that does not exist.
    """
    return apply_many(clip, [plan])[0]


def apply_many(clip: Clip, plans: Sequence[Plan | Perturbation]) -> list[Clip]:
    """`apply` for many plans, one clip each, in order."""
    drawn = iter(_stickered(clip, [p for p in plans if isinstance(p, Plan)]))
    return [p.on(clip) if isinstance(p, Perturbation) else next(drawn) for p in plans]


def _stickered(clip: Clip, plans: Sequence[Plan]) -> list[Clip]:
    if not plans:
        return []
    if clip.flow is not None:
        return [clip.with_flow(flow) for flow in flowspace.apply_many(clip.flow, plans)]
    if clip.frames is None or clip.landmarks is None:
        raise NoFaceError(
            f"clip {clip.key} has no landmarks, so there is no face to put a sticker on; track it first (mask.faces)"
        )
    frames, landmarks = clip.frames, _Remembered(clip.landmarks)
    clip = replace(clip, landmarks=landmarks)
    times = (clip.onset, clip.apex, clip.offset)
    name = f"clip {clip.key}"
    return [clip.with_frames(StickeredFrames(frames, plan, landmarks, *times, name=name)) for plan in plans]


class _Remembered:
    """Landmarks found once for all the plans on a clip, however dearly they are come by."""

    def __init__(self, landmarks: Landmarks) -> None:
        self._landmarks = landmarks
        self._known: dict[int, Points | None] = {}

    def __len__(self) -> int:
        return len(self._landmarks)

    def __getitem__(self, index: int) -> Points | None:
        if index not in self._known:
            self._known[index] = self._landmarks[index]
        return self._known[index]
