"""``mask protect``."""

from __future__ import annotations

import glob
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mask.cli.console import Progress, note, print_json, say
from mask.errors import MaskError, NoFaceError, UsageError
from mask.evidence import Choice, choose
from mask.files import claim_file, write_json
from mask.protect import protect as work
from mask.video import PartialVideo, probe, writable_suffix

_VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".wmv")


def protect(
    inputs: Sequence[str],
    out: Path | None,
    *,
    suffix: str,
    region: str,
    hide: str,
    art: str,
    area: float,
    faces: int,
    evidence: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Protect each input; one that fails does not stop the others, and decides the exit code."""
    if not 0 < area < 1:
        raise UsageError(f"--area is {area}; expected a share of the face between 0 and 1")
    _check_art(art)
    choice = choose(area, region=region, hide=hide, folder=evidence)
    jobs = _jobs(inputs, out, suffix)
    records: list[dict[str, Any]] = []
    failures: list[MaskError] = []
    for source, target in jobs:
        try:
            record = _one(source, target, choice, art, faces, force, quiet)
        except MaskError as error:
            failures.append(error)
            if len(jobs) > 1:
                note(f"mask: {error}")
            continue
        records.append(record)
        if not as_json:
            _show(record, target)
    if as_json:
        print_json(records)
    if failures:
        raise failures[0] if len(jobs) == 1 else _summary(failures, len(jobs))


def _one(source: Path, target: Path, choice: Choice, art: str, faces: int, force: bool, quiet: bool) -> dict[str, Any]:
    """Write the video, then its record beside it."""
    beside = target.with_name(target.name + ".json")
    frames = probe(source).frames
    try:
        claim_file(target, force)
        claim_file(beside, force)
    except OSError as error:
        raise MaskError(f"cannot write {target}: {_why(error)}") from error
    with Progress(quiet) as bar, warnings.catch_warnings():
        # What could not be read of a damaged file is in the record and told below.
        warnings.simplefilter("ignore", PartialVideo)
        record = work(source, target, choice, art=art, max_faces=faces, progress=lambda n: bar(source.name, n, frames))
    if record["input"]["problem"]:
        note(f"mask: {record['input']['problem']}; what could be read is in {target}")
    try:
        write_json(record, beside)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MaskError(f"{target} is complete, but its record {beside.name} is not: {_why(error)}") from error
    return record


def _why(error: OSError) -> str:
    return str(error.strerror or error).lower()


def _summary(failures: Sequence[MaskError], total: int) -> MaskError:
    """One error for many: of their own kind when they are all of one."""
    kinds = {type(f) for f in failures}
    said = f"{len(failures)} of {total} inputs could not be protected"
    if kinds == {NoFaceError}:
        return NoFaceError(f"{said}: they show no face")
    return UsageError(said) if kinds == {UsageError} else MaskError(said)


def _jobs(inputs: Sequence[str], out: Path | None, suffix: str) -> list[tuple[Path, Path]]:
    """Every input with where it goes."""
    sources = _sources(inputs, suffix)
    jobs = [(s, _target(s, out, suffix, len(sources))) for s in sources]
    for target, count in Counter(t.resolve() for _, t in jobs).items():
        if count > 1:
            raise UsageError(f"{count} inputs would all be written to {target}; give them one by one")
    return jobs


def _sources(inputs: Sequence[str], suffix: str) -> list[Path]:
    """Files as they are, folders by their videos, globs by what they match; each once."""
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            found += _videos_in(path, suffix)
        elif path.exists() or not glob.has_magic(text):
            found.append(path)
        else:
            matched = sorted(Path(p) for p in glob.glob(text) if not _is_ours(Path(p), suffix))
            if not matched:
                raise UsageError(f"{text!r} matches no file")
            found += matched
    return list(dict.fromkeys(found))


def _videos_in(folder: Path, suffix: str) -> list[Path]:
    """The videos of a folder, without those an earlier run left there."""
    inside = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEOS and not p.name.startswith("."))
    videos = [p for p in inside if not _is_ours(p, suffix)]
    if not videos:
        raise UsageError(f"{folder} holds no video to protect; expected files ending in {', '.join(_VIDEOS)}")
    return videos


def _is_ours(path: Path, suffix: str) -> bool:
    return bool(suffix) and path.stem.endswith(suffix) and path.with_name(path.name + ".json").is_file()


def _target(source: Path, out: Path | None, suffix: str, count: int) -> Path:
    name = source.stem + suffix + writable_suffix(source)
    if out is None:
        target = source.with_name(name)
    elif out.is_dir() or count > 1:
        if out.is_file():
            raise UsageError(f"{out} is a file; several inputs need a folder")
        target = out / name
    else:
        target = out
    if target.resolve() == source.resolve():
        raise UsageError(f"{target} is the input itself; choose another name")
    return target


def _check_art(art: str) -> None:
    from mask.sticker import art as drawings

    if art not in drawings.names():
        raise UsageError(f"there is no sticker {art!r}; there are {', '.join(drawings.names())}")


def _show(record: dict[str, Any], target: Path) -> None:
    faces, sticker, frames = record["faces"], record["sticker"], record["input"]["frames"]
    say(f"{target}: {_count(frames, 'frame')}, a {sticker['art']} on {sticker['region']}")
    with_one = _count(faces["frames_with_a_sticker"], "frame")
    say(f"  {_count(faces['followed'], 'face')} followed, a sticker in {with_one}")
    if faces["frames_without_a_face"]:
        say(f"  no face was known in {_count(faces['frames_without_a_face'], 'frame')}: look at them")
    if faces["frames_with_a_hidden_face"]:
        hidden = _count(faces["frames_with_a_hidden_face"], "frame")
        say(f"  a face was hidden in {hidden}, and its sticker carried on")
    say(f"  why there: {record['evidence']['why']} ({record['evidence']['source']})")
    say("  not tested on any recognizer yet: mask verify ORIGINAL MASKED --recognizer ...")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
