"""Several datasets as one, in the manner of the composite and cross-database protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mask.clip import Clip, Dataset
from mask.errors import UsageError


def join(name: str, parts: Mapping[str, Dataset], card: Mapping[str, Any], *, apart: bool) -> Dataset:
    """One dataset of several; each clip still says which it is of.

    Args:
        name: the whole.
        parts: by the name its subjects get.
        card: what the whole says besides its parts.
        apart: put the part's name before each subject, where two sets name different people alike.

    Raises:
        UsageError: when two parts share a subject's name, and `apart` is off.
    """
    clips: list[Clip] = []
    owner: dict[str, str] = {}
    for part, dataset in parts.items():
        for clip in dataset:
            subject = f"{part}:{clip.subject}" if apart else clip.subject
            if owner.setdefault(subject, part) != part:
                raise UsageError(
                    f"{owner[subject]} and {part} both have a subject {subject}: leaving one out would leave out two "
                    "people"
                )
            clips.append(replace(clip, subject=subject))
    emotions = tuple(dict.fromkeys(e for d in parts.values() for e in d.emotions))
    told = {
        "adapter": name,
        **card,
        "clips": len(clips),
        "subjects": len(owner),
        "parts": {part: dict(d.card) for part, d in parts.items()},
        "missing": [line for d in parts.values() for line in d.card["missing"]],
        "skipped": [line for d in parts.values() for line in d.card["skipped"]],
    }
    return Dataset(name, tuple(clips), emotions, card=told)
