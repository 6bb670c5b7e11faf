"""Which pictures of a folder are a clip: from its onset to its offset, as far as they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._record import Record


class Missing(Exception):
    """Pictures that should be on the disk and are not."""


@dataclass(frozen=True)
class Span:
    """The pictures of a clip in order, the index of its apex where it has one, and what was not as annotated."""

    names: list[str]
    apex: int | None
    notes: list[str]


def choose(record: Record, pictures: Mapping[int, str]) -> Span:
    """The pictures from onset to offset.

    Raises:
        ValueError: when the annotation holds no interval.
        Missing: when fewer than half of the pictures are there, or fewer than two.
    """
    notes: list[str] = []
    there = sorted(pictures)
    onset, apex, offset = _times(record, notes)
    inside = [n for n in there if onset <= n <= offset]
    first = _first(record, there, onset, offset)
    if first is not None:
        notes.append(f"the pictures are numbered {there[0]} to {there[-1]}; taken in order, the first as {first}")
        pictures = {first + i: pictures[n] for i, n in enumerate(there)}
        inside = [n for n in sorted(pictures) if onset <= n <= offset]
    expected = offset - max(onset, 0) + 1
    if len(inside) < 2 or 2 * len(inside) < expected:
        held = f"{there[0]} to {there[-1]}" if there else "no picture"
        raise Missing(f"{len(inside)} of the {expected} pictures {onset} to {offset} are there (the folder has {held})")
    if inside[0] != onset:
        notes.append(f"onset picture {onset} is not there; the clip begins at {inside[0]}")
    if inside[-1] != offset:
        notes.append(f"offset picture {offset} is not there; the clip ends at {inside[-1]}")
    holes = inside[-1] - inside[0] + 1 - len(inside)
    if holes:
        notes.append(f"{holes} pictures in between are not there")
    index = None
    if apex is not None:
        nearest = min(inside, key=lambda n: (abs(n - apex), n))
        if nearest != apex:
            notes.append(f"apex picture {apex} is not there; {nearest} is used")
        index = inside.index(nearest)
        if index == 0:
            notes.append("the apex is the onset picture: there is no motion between them")
    return Span([pictures[n] for n in inside], index, notes)


def _first(record: Record, there: Sequence[int], onset: int, offset: int) -> int | None:
    """The annotated number of the first picture, when the pictures carry other numbers; `None` when they do not."""
    if not there or there[0] == onset:
        return None
    if not any(onset <= n <= offset for n in there) and record.first is not None:
        return record.first
    # Exactly the clip, counted from its own beginning: people number anew what they cut or crop.
    alone = len(there) == offset - onset + 1 == there[-1] - there[0] + 1
    return onset if alone and (there[0] in (0, 1) or not onset <= there[-1] or not there[0] <= offset) else None


def _times(record: Record, notes: list[str]) -> tuple[int, int | None, int]:
    """Onset, apex and offset, with what can be mended mended and said."""
    onset, apex, offset = record.onset, record.apex, record.offset
    if onset is None:
        raise ValueError("it has no onset frame")
    # A 0 stands for "not coded" in several sets; frame 0 itself is never an apex or an offset.
    apex = None if apex is not None and apex <= 0 else apex
    if offset is None or offset <= 0 or offset < onset:
        if apex is None or apex <= onset:
            raise ValueError(f"offset {offset} does not follow onset {onset}, and no apex does either")
        notes.append(f"offset {offset} does not follow onset {onset}; the clip ends at its apex {apex}")
        offset = apex
    if apex is not None and not onset <= apex <= offset:
        notes.append(f"apex {apex} lies outside onset {onset} to offset {offset} and is not used")
        apex = None
    if onset < 0:
        notes.append(f"onset {onset} lies before the video")
    return onset, apex, offset
