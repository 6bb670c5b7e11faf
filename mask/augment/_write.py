"""Made clips as files: lossless videos, a table that ``folder:OUT`` reads, and a sheet of pictures to look at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from mask.clip import Clip
from mask.contracts import Progress, quiet
from mask.errors import NoFaceError, UsageError
from mask.files import write_bytes, write_text
from mask.video import VideoWriter

from ._sheet import sheet

TABLE, SHEET = "annotations.csv", "sheet.png"
COLUMNS = (
    "file",
    "subject",
    "onset",
    "apex",
    "offset",
    "fps",
    "emotion",
    "action_units",
    "synthetic",
    "made_by",
    "made_from",
)
_RATE = 25.0
"""Frames per second of a video whose own rate is not known; the table leaves it open."""


def claim(out: Path, force: bool) -> None:
    """Make an empty folder or, with `force`, empty it of what `write` left there.

    Raises:
        UsageError: when it is a file, or holds anything and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out expects a folder")
    out.mkdir(parents=True, exist_ok=True)
    if not any(out.iterdir()):
        return
    if not force:
        raise UsageError(f"{out} is not empty; choose another folder, or --force to replace what was made there")
    for path in [out / TABLE, out / SHEET, *out.glob("made-*.mkv")]:
        path.unlink(missing_ok=True)


def write(made: Sequence[Clip], sources: Sequence[Clip], out: Path, progress: Progress = quiet) -> list[str]:
    """Write made clips into a claimed folder; the table and the sheet come last.

    Args:
        made: the clips.
        sources: the clips they were made of, for the sheet.
        progress: counts clips.

    Returns:
        What could not be made, a line each.

    Raises:
        UsageError: when nothing could be made.
    """
    rows: list[tuple[object, ...]] = []
    shown: list[Clip] = []
    problems: list[str] = []
    for clip in made:
        name = f"made-{len(rows):05d}.mkv"
        try:
            _film(clip, out / name)
        except NoFaceError as error:
            problems.append(f"{clip.key}: {error}")
        else:
            rows.append(_row(name, clip))
            shown.append(clip)
        progress(1)
    if not rows:
        raise UsageError(
            f"nothing could be made; the first problem: {problems[0] if problems else 'no clip was chosen'}"
        )
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_bytes(sheet(shown, sources), out / SHEET)
    write_text(text.getvalue(), out / TABLE)
    return problems


def _film(clip: Clip, path: Path) -> None:
    first = clip.frame(0)
    count = 0 if clip.frames is None else len(clip.frames)
    with VideoWriter(path, first.shape[1], first.shape[0], clip.fps or _RATE, lossless=True) as video:
        for i in range(count):
            video.write(clip.frame(i))


def _row(name: str, clip: Clip) -> tuple[object, ...]:
    return (
        name,
        clip.subject,
        clip.onset,
        clip.apex,
        clip.offset,
        "" if clip.fps is None else f"{clip.fps:g}",
        clip.emotion or "",
        "+".join(clip.action_units),
        int(clip.synthetic),
        clip.truth["made_by"],
        json.dumps(clip.truth["made_from"]),
    )
