"""Made clips as files: lossless videos, a table that ``folder:OUT`` reads, and a sheet of pictures to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mask import export
from mask.clip import Clip
from mask.contracts import Progress, quiet
from mask.errors import NoFaceError, UsageError
from mask.files import write_bytes
from mask.runs import claim_folder

from ._sheet import sheet

SHEET = "sheet.png"
COLUMNS = (*export.COLUMNS, "made_by", "made_from")


def claim(out: Path, force: bool) -> None:
    """Make an empty folder or, with `force`, empty it of what `write` left there.

    Raises:
        UsageError: when it is a file, or holds anything and `force` is off.
    """
    claim_folder(out, force)
    for path in [out / SHEET, *out.glob("made-*.mkv")]:
        path.unlink(missing_ok=True)


def write(made: Sequence[Clip], sources: Sequence[Clip], out: Path, progress: Progress = quiet) -> list[str]:
    """Write made clips into a claimed folder; the sheet and the table come last.

    Args:
        made: the clips.
        sources: the clips they were made of, for the sheet.
        progress: counts clips.

    Returns:
        What could not be made, a line each.

    Raises:
        UsageError: when nothing could be made.
    """
    exporter = export.Exporter(out, ())
    shown: list[Clip] = []
    problems: list[str] = []
    for number, clip in enumerate(made):
        told = {"made_by": str(clip.truth["made_by"]), "made_from": json.dumps(clip.truth["made_from"])}
        try:
            exporter.add(clip, f"made-{number:05d}", **told)
        except NoFaceError as error:
            problems.append(f"{clip.key}: {error}")
        else:
            shown.append(clip)
        progress(1)
    if not shown:
        raise UsageError(
            f"nothing could be made; the first problem: {problems[0] if problems else 'no clip was chosen'}"
        )
    write_bytes(sheet(shown, sources), out / SHEET)
    exporter.finish()
    return problems
