"""What an augmentation is, and the choices all of them make: seeded, and the same in every fold where they can be."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.errors import NoFaceError, UsageError


class Augmentation(ABC):
    """Makes clips to train on from clips to train on. Subclasses are frozen dataclasses.

    Attributes:
        name: the file's name, as specs give it.
    """

    name: ClassVar[str]

    @abstractmethod
    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        """The clips made of these.

        Nothing is drawn before a frame is looked at. A clip's key tells everything its pixels depend on, so that equal
        keys mean equal clips; `Clip.truth` tells it as data (`provenance`).

        Args:
            training: labelled clips of frames that show a face.
            seed: fixes every choice. Where two calls are given some of the same clips, they choose the same of those
                wherever they can, so that folds share what is made.

        Raises:
            UsageError: when these clips do not suffice.
        """


def need_pixels(augmentations: Iterable[Augmentation], clips: Iterable[Clip]) -> None:
    """Raise `UsageError` when there is an augmentation and a clip without frames."""
    first = next(iter(augmentations), None)
    bare = next((c for c in clips if c.frames is None), None)
    if first is not None and bare is not None:
        raise UsageError(
            f"{first.name} needs pixels, and {bare.key} is a flow map without frames; give a dataset of frames, or "
            "train without --augment"
        )


def made_by(augmentations: Iterable[Augmentation], training: Sequence[Clip], seed: int) -> list[Clip]:
    """Everything the augmentations make of these clips, each of them given the same; no key twice."""
    found: dict[str, Clip] = {}
    for augmentation in augmentations:
        for clip in augmentation.make(training, seed):
            found.setdefault(clip.key, clip)
    return list(found.values())


def draw(*what: object) -> float:
    """A number in [0, 1) that depends on nothing but what is given.

    >>> draw(0, "a") == draw(0, "a"), draw(0, "a") == draw(1, "a")
    (True, False)
    """
    told = hashlib.blake2b(repr(what).encode(), digest_size=6).digest()
    return int.from_bytes(told) / 2**48


def ranked(names: Iterable[str], *what: object) -> list[str]:
    """The names, each once, in a random order; leaving some out does not change the order of the others."""
    return sorted(set(names), key=lambda name: (draw(*what, name), name))


def by_subject(clips: Iterable[Clip]) -> dict[str, dict[str, Clip]]:
    """Clips by subject and key."""
    found: dict[str, dict[str, Clip]] = {}
    for clip in clips:
        found.setdefault(clip.subject, {})[clip.key] = clip
    return found


def onset_mesh(clip: Clip) -> NDArray[np.float64]:
    """The mesh of a clip's onset frame, ``float64 (468, 2)`` in pixels.

    Raises:
        NoFaceError: when there is none.
    """
    from mask.faces import find_face  # not above: listing the names of what there is stays light

    points = find_face(clip.frame(clip.onset))[0] if clip.landmarks is None else clip.points(clip.onset)
    if points is None or not np.isfinite(points).all():
        raise NoFaceError(f"clip {clip.key} has no face in its onset frame {clip.onset}")
    return np.asarray(points, dtype=np.float64)[:468, :2]


def provenance(augmentation: Augmentation, sources: Sequence[Clip], **more: Any) -> dict[str, Any]:
    """What `Clip.truth` holds of a made clip: ``made_by``, the keys and subjects it was made from, and more."""
    return {
        "made_by": repr(augmentation),
        "made_from": tuple(c.key for c in sources),
        "subjects": tuple(dict.fromkeys(c.subject for c in sources)),
        **more,
    }
