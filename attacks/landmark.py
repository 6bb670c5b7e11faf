"""A sticker that misleads alignment: put where it moves the landmarks that the face's crop hangs on.

Source: the idea that a small physical patch can move predicted facial landmarks, and all that is built on them, is that
of C. Zhu, X. Li, J. Li, S. Dai, "Improving Robustness of Facial Landmark Detection by Defending Against Adversarial
Attacks" (SAAT), ICCV 2021, who change pixels by gradients; written anew, no code taken.

Differences from the paper: a drawn sticker of the threat model's size whose place alone is chosen, by trying each
allowed place on the onset frame and reading the mesh of `mask.faces` from what is then seen; the recognizer is never
asked. It succeeds only against a recognizer that looks for the face in the stickered clip (`mask.retrack`): others use
the landmarks that came with the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mask.apply import apply_many
from mask.clip import Clip, Frame
from mask.contracts import Attack, Scene
from mask.errors import InvalidPlan, NoFaceError
from mask.faces import find_face
from mask.geometry import EYE_SPAN, face_box, transform
from mask.plan import Plan

from ._choose import at, draw_motion

_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


@dataclass(frozen=True)
class Shift:
    """How far a sticker moved what the mesh network sees.

    Args:
        crop: mean distance the corners of the face box moved, in pixels.
        mesh: mean distance the 468 points moved, in pixels.
        pupils: distance between the eyes on the clean frame, in pixels.
    """

    crop: float
    mesh: float
    pupils: float


@dataclass(frozen=True)
class Landmark(Attack):
    """Takes the place of largest shift; one where the face is lost is taken only if it is at every place.

    A lost face is no success, for nobody is misled.

    Args:
        aim: move the ``crop``, which is what recognizers align by, or the whole ``mesh``.
    """

    aim: Literal["crop", "mesh"] = "crop"
    art: str = "heart"

    def __post_init__(self) -> None:
        if self.aim not in ("crop", "mesh"):
            raise ValueError(f"aim is {self.aim!r}; expected crop or mesh")

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        if clip.space == "flow":
            raise InvalidPlan("a flow map has been aligned already; there are no landmarks left to mislead")
        motion = draw_motion(scene)
        plans = [at(site, scene, "", motion=motion, art=self.art) for site in scene.sites]
        shifts = measure(clip, plans)
        reach = [-1.0 if s is None else getattr(s, self.aim) for s in shifts]
        best = int(np.argmax(reach))
        shift = shifts[best]
        if shift is None:
            return replace(plans[best], evidence="the face is lost wherever the sticker is put", abstained=True)
        told = f"moves the crop by {shift.crop:.2f} px ({shift.crop / shift.pupils:.1%} of the eyes' distance), "
        told += f"the mesh by {shift.mesh:.2f} px ({shift.mesh / shift.pupils:.1%}): most of {len(plans)} places"
        return replace(plans[best], evidence=told)


def measure(clip: Clip, plans: Sequence[Plan]) -> list[Shift | None]:
    """How far each plan moves the mesh in the onset frame, `None` where the face is not found any more.

    Raises:
        InvalidPlan: when no face is found in the clean frame.
    """
    try:
        before = _mesh(clip.frame(clip.onset))
    except NoFaceError as error:
        raise InvalidPlan(f"there is no face to mislead about: {error}") from error
    pupils = float(np.hypot(*face_box(before).to_image[:, 0])) * EYE_SPAN
    found: list[Shift | None] = []
    for stickered in apply_many(clip, plans):
        try:
            after = _mesh(stickered.frame(clip.onset))
        except NoFaceError:
            found.append(None)
            continue
        crop = _apart(*(transform(face_box(p).to_image, _CORNERS) for p in (before, after)))
        found.append(Shift(crop, _apart(before, after), pupils))
    return found


def _mesh(frame: Frame) -> NDArray[np.float64]:
    return find_face(frame)[0][:, :2].astype(np.float64)


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.hypot(*(one - other).T).mean())


create = Landmark
