"""The synthetic benchmark as files: lossless videos, an annotation table, and how they were made."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from joblib import Parallel, delayed

from mask.clip import Clip, Dataset
from mask.contracts import Progress, quiet
from mask.errors import MaskError, UsageError
from mask.video import VideoWriter

from .dataset import VERSION, Options, build

TABLE, RECIPE = "annotations.csv", "generator.json"
COLUMNS = (
    "dataset",
    "subject",
    "file",
    "onset",
    "apex",
    "offset",
    "fps",
    "emotion",
    "action_units",
    "neutral",
    "synthetic",
)


def write(
    what: Dataset | Options,
    out: str | Path,
    progress: Progress = quiet,
    force: bool = False,
    workers: int = 2,
) -> Path:
    """Write every clip as a lossless video file, and the table that ``folder:OUT`` reads back.

    A file has its name only when it is complete, and the table is written last, so a run that was interrupted is taken
    up where it stopped by running it again with the same options.

    Args:
        what: what `create` returned, or its options.
        out: the folder; made when missing.
        progress: called with the number of clips finished since the last call.
        force: write into a folder that holds something else, and write files anew that exist.
        workers: processes.

    Returns:
        The path of the table.

    Raises:
        UsageError: when `out` holds something else and `force` is not set.
        ValueError: for a dataset that is not this benchmark.
        MaskError: when the folder cannot be written to.
    """
    options = _options(what)
    data, root = build(options), Path(out)
    _claim(root, options, force)
    by_subject: dict[str, list[Clip]] = {}
    for clip in (*data.clips, *data.neutral):
        by_subject.setdefault(clip.subject, []).append(clip)
    jobs = (delayed(_film)(clips, root, force) for clips in by_subject.values())
    try:
        for done in Parallel(n_jobs=min(workers, len(by_subject)), return_as="generator_unordered")(jobs):
            progress(done)
    finally:
        _sweep(root / file_of(clip) for clip in (*data.clips, *data.neutral))
    _save(root / TABLE, _table(data))
    return root / TABLE


def file_of(clip: Clip) -> str:
    """The file of a clip within the folder, as ``s01/happiness_1.mkv``."""
    return clip.key.removeprefix("synthetic/") + ".mkv"


def _options(what: Dataset | Options) -> Options:
    if isinstance(what, Options):
        return what
    options = what.card.get("options")
    if not isinstance(options, dict) or "synthetic" not in what.name:
        raise ValueError(f"the dataset {what.name!r} is not the synthetic benchmark; give what create() returned")
    return Options(**options)


def _claim(root: Path, options: Options, force: bool) -> None:
    """Make sure the folder is ours, and say what is being written into it."""
    recipe = json.dumps({"generator": "mask.data.synthetic", "version": VERSION, "options": asdict(options)}, indent=2)
    try:
        root.mkdir(parents=True, exist_ok=True)
        before = (root / RECIPE).read_text(encoding="utf-8") if (root / RECIPE).is_file() else None
        other = any(root.iterdir()) if before is None else before.strip() != recipe
    except (OSError, UnicodeDecodeError) as error:
        raise MaskError(f"{root} cannot be used as a folder ({error})") from error
    if other and not force:
        what = "another benchmark" if before is not None else "something else"
        raise UsageError(f"{root} holds {what}; choose an empty folder, or --force to write into this one")
    if force:
        (root / TABLE).unlink(missing_ok=True)
    _save(root / RECIPE, recipe + "\n")


def _film(clips: Sequence[Clip], root: Path, force: bool) -> int:
    for clip in clips:
        path = root / file_of(clip)
        if path.exists() and not force:
            continue
        path.parent.mkdir(exist_ok=True)
        frames = clip.frames
        if frames is None or clip.fps is None:
            raise ValueError(f"{clip.key} has no frames")
        height, width = frames[0].shape[:2]
        with VideoWriter(path, width, height, clip.fps, lossless=True) as video:
            for i in range(len(frames)):
                video.write(frames[i])
    return len(clips)


def _sweep(paths: Iterable[Path]) -> None:
    """Remove what a worker that was killed has left unfinished."""
    for path in paths:
        for part in path.parent.glob(f".{path.stem}.*{path.suffix}"):
            part.unlink(missing_ok=True)


def _table(data: Dataset) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for clip in (*data.clips, *data.neutral):
        table.writerow(
            (
                clip.dataset,
                clip.subject,
                file_of(clip),
                clip.onset,
                clip.apex,
                clip.offset,
                f"{clip.fps:g}",
                clip.emotion or "",
                "+".join(clip.action_units),
                int(clip.emotion is None),
                1,
            )
        )
    return text.getvalue()


def _save(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        os.replace(part, path)
    except OSError as error:
        raise MaskError(f"{path} cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
