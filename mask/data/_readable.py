"""Whether the files of a dataset can be decoded, before anything depends on it."""

from __future__ import annotations

import warnings
from pathlib import Path

from mask.clip import Clip, Dataset
from mask.contracts import Progress, quiet
from mask.errors import MaskError


def unreadable(dataset: Dataset, *, deep: bool = False, progress: Progress = quiet) -> list[str]:
    """Decode pictures of every clip that is read from files.

    Args:
        dataset: any dataset.
        deep: every picture; otherwise the onset, the apex and the offset.
        progress: called with the number of clips looked at.

    Returns:
        One line for each clip with a picture that cannot be read.
    """
    found = []
    for clip in (*dataset.clips, *dataset.neutral):
        if isinstance(getattr(clip.frames, "sources", None), tuple):
            problem = _problem(clip, deep)
            if problem:
                found.append(f"{clip.key}: {problem}")
        progress(1)
    return found


def _problem(clip: Clip, deep: bool) -> str:
    sources: tuple[Path, ...] = clip.frames.sources  # type: ignore[union-attr]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            count = 0 if clip.frames is None else len(clip.frames)
            for index in range(count) if deep else sorted({clip.onset, clip.apex, clip.offset}):
                clip.frame(index)
    except (MaskError, IndexError) as error:
        return str(error)
    except OSError as error:
        return f"{error.strerror or error} ({sources[0]})"
    return ""
