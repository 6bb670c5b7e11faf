"""One annotated clip, before its pictures are looked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ._tree import Place
from ._units import ActionUnit


@dataclass
class Record:
    """One row of an annotation table.

    Args:
        line: where it stands in the file, for messages.
        subject: as results name it, such as ``sub01``.
        file: the clip or the video, as annotated.
        onset, apex, offset: frame numbers as annotated, the numbers in the names of the pictures; `None` where missing.
        emotions: by the field's names; several where the annotation names several.
        units: action units as coded.
        objective: the objective class as annotated, ``I`` to ``VII``, empty where it is not.
        places: folders to look for the pictures in, the first that exists.
        fps: frames per second, where the annotation says it clip by clip.
        first: the annotated number of the first picture of the folder, where pictures are named otherwise.
        notes: what was read in another way than it is written.
    """

    line: int
    subject: str
    file: str
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    emotions: tuple[str, ...] = ()
    units: tuple[ActionUnit, ...] = ()
    objective: str = ""
    places: tuple[Place, ...] = ()
    fps: float | None = None
    first: int | None = None
    notes: list[str] = field(default_factory=list)

    def key(self, dataset: str) -> str:
        """The clip's name in every result: dataset, subject, file and onset, since files and subjects repeat."""
        start = "start" if self.onset is None else self.onset
        return f"{dataset}/{self.subject}/{self.file}/{start}"


def frame_number(text: str, what: str, notes: list[str]) -> int | None:
    """A frame number as annotated; `None` where it is missing (empty, ``/``, ``?``, ``nan``) or no number.

    A fraction is cut off, and said in `notes`.
    """
    text = text.strip()
    if text.casefold() in ("", "/", "?", "-", "nan", "none", "n/a", "null"):
        return None
    try:
        number = float(text)
    except ValueError:
        notes.append(f"{what} {text!r} is not a frame number")
        return None
    if not abs(number) < 1e9:
        notes.append(f"{what} {text!r} is not a frame number")
        return None
    if not number.is_integer():
        notes.append(f"{what} {text} is no whole frame; {int(number)} is used")
    return int(number)


def subject_id(text: str, form: str) -> str:
    """A subject as results name it: ``1``, ``01``, ``sub1`` and ``sub01`` are one person.

    >>> subject_id("1", "sub{:02d}"), subject_id("s3", "s{:02d}"), subject_id("006", "{:03d}"), subject_id("A", "{}")
    ('sub01', 's03', '006', 'A')
    """
    match = re.fullmatch(r"[a-z]*[._ ]?0*([0-9]{1,9})(\.0)?'?", text.strip().casefold())
    return form.format(int(match[1])) if match and form != "{}" else text.strip()
