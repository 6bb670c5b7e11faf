"""The composite set of MEGC 2019: 442 clips of 68 subjects from CASME II, SAMM and SMIC, in three classes.

``megc2019:casme2=DIR,samm=DIR,smic=DIR``. The rule, which gives the published list exactly (J. See, M. H. Yap, J. Li,
X. Hong, S.-J. Wang, "MEGC 2019 - The Second Facial Micro-Expressions Grand Challenge", FG 2019):

* CASME II: disgust and repression are negative, happiness positive, surprise itself; others, sadness and fear are left
  out, and so are three clips: sub04/EP12_01f, whose apex is not coded; sub05/EP09_05f, whose apex is its onset;
  sub24/EP02_07, which the table of 2014 does not list. 145 clips of 24 subjects.
* SAMM: every emotion but other; anger, contempt, disgust, fear and sadness are negative. 133 clips of 28 subjects.
* SMIC: all of the high-speed camera. 164 clips of 16 subjects.

Whether a set read here is the published one is checked by a digest of its clips' names and labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mask.clip import Clip, Dataset
from mask.errors import UnreadableData

from . import casme2 as _casme2
from . import samm as _samm
from . import smic as _smic
from ._composite import join
from ._emotions import THREE
from ._tree import alike

EMOTIONS = ("negative", "positive", "surprise")
LEFT_OUT = {("sub04", "EP12_01f"), ("sub05", "EP09_05f"), ("sub24", "EP02_07")}
_OF_CASME2 = ("happiness", "disgust", "repression", "surprise")

PUBLISHED: dict[str, tuple[int, int, str]] = {
    "casme2": (145, 24, "82062113c112362f4db721bdc1fef41eaf113052ee5d446391dde293af1b9843"),
    "samm": (133, 28, "59ad3784795b81bf79584325f7b51c7c51ca6ced020a54c130685fe07a196411"),
    "smic": (164, 16, "7753963e627e6007698aefc0f1fb0ecc4d49d6e0dcd45f9b46772d5c56711827"),
}
"""Clips, subjects and digest of each part of the published list."""


def create(casme2: str, samm: str, smic: str, apex: str = "midpoint", fixes: str = "none", frames: str = "") -> Dataset:
    """Read the composite from the folders of its three sets.

    Args:
        casme2, samm, smic: the folders they were unpacked into.
        apex, fixes, frames: see `mask.data.casme2.create`; SMIC has no apexes.

    Raises:
        UnreadableData: when a set's annotations or all of its pictures are missing.
        UsageError: for an option that does not exist.
    """
    given: dict[str, Any] = {"apex": apex, "fixes": fixes, "frames": frames}
    parts = {
        "casme2": _of_casme2(_casme2.create(casme2, classes="native", **given)),
        "samm": _samm.create(samm, classes=3, **given),
        "smic": _smic.create(smic, camera="hs", classes=3, **given),
    }
    card: dict[str, Any] = {"what": "MEGC 2019, composite database", "list": {}}
    whole = True
    for name, dataset in parts.items():
        clips, subjects, digest = PUBLISHED[name]
        same = clip_list_digest(dataset) == digest
        whole &= same
        card["list"][name] = {
            "clips": len(dataset),
            "subjects": len(dataset.subjects),
            "published": [clips, subjects],
            "identical": same,
        }
    count = sum(map(len, parts.values()))
    name = "megc2019" if whole else f"megc2019 ({count} clips, not the published 442)"
    joined = join(name, parts, card, apart=False)
    return replace(joined, emotions=tuple(e for e in EMOTIONS if e in joined.emotions))


def _of_casme2(native: Dataset) -> Dataset:
    clips = [
        replace(c, emotion=THREE[str(c.emotion)])
        for c in native
        if c.emotion in _OF_CASME2 and (c.subject, file_of(c)) not in LEFT_OUT
    ]
    if not clips:
        raise UnreadableData(f"{native.name} holds no clip of MEGC 2019; fetch the rest of CASME II")
    by_emotion = {e: sum(c.emotion == e for c in clips) for e in EMOTIONS}
    card = {**native.card, "classes": "MEGC 2019", "clips": len(clips), "by_emotion": by_emotion}
    return replace(native, clips=tuple(clips), emotions=EMOTIONS, card=card)


def file_of(clip: Clip) -> str:
    """The file in a clip's key."""
    return clip.key.split("/")[2]


def clip_list_digest(clips: Iterable[Clip]) -> str:
    """SHA-256 over the sorted lines ``subject,file,label`` of clips; case and leading zeros do not count."""
    lines = sorted(f"{alike(c.subject)},{alike(file_of(c))},{EMOTIONS.index(str(c.emotion))}" for c in clips)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
