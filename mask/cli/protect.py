"""``mask protect``."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mask.cli.console import Progress, note, print_json, say
from mask.errors import MaskError, NoFaceError, UsageError
from mask.evidence import choose
from mask.protect import protect as work
from mask.runs import claim_file
from mask.video import probe, writable_suffix
from mask.weights import write_json

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
    sources = _sources(inputs)
    targets = [_target(s, out, suffix, len(sources)) for s in sources]
    _check_art(art)
    choice = choose(area, region=region, hide=hide, folder=evidence)
    records: list[dict[str, Any]] = []
    failures: list[MaskError] = []
    for source, target in zip(sources, targets, strict=True):
        try:
            claim_file(target, force)
            frames = probe(source).frames
            with Progress(quiet) as bar:
                record = work(
                    source,
                    target,
                    choice,
                    art=art,
                    max_faces=faces,
                    progress=lambda n, s=source, t=frames: bar(s.name, n, t),  # type: ignore[misc]
                )
        except MaskError as error:
            failures.append(error)
            note(f"mask: {error}")
            continue
        write_json(record, target.with_name(target.name + ".json"))
        records.append(record)
        if not as_json:
            _show(record, target)
    if as_json:
        print_json(records)
    if failures:
        raise _worst(failures, len(sources))


def _worst(failures: Sequence[MaskError], total: int) -> MaskError:
    kinds = {type(f) for f in failures}
    said = f"{len(failures)} of {total} inputs could not be protected"
    return NoFaceError(f"{said}: no face") if kinds == {NoFaceError} else MaskError(said)


def _sources(inputs: Sequence[str]) -> list[Path]:
    """Files as they are, folders by their videos, globs by what they match."""
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in _VIDEOS)
            if not inside:
                raise UsageError(f"{path} holds no video ({', '.join(_VIDEOS)})")
            found += inside
        elif path.exists() or not glob.has_magic(text):
            found.append(path)
        else:
            matched = sorted(Path(p) for p in glob.glob(text))
            if not matched:
                raise UsageError(f"{text!r} matches no file")
            found += matched
    return found


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
    say(f"{target}: {frames} frames, a {sticker['art']} on {sticker['region']}")
    say(
        f"  {faces['followed']} faces followed, {faces['frames_with_a_sticker']} frames with a sticker",
    )
    missing = frames - faces["frames_with_a_sticker"]
    if missing:
        say(f"  {missing} frames show no face the detector knows; look at them")
    if faces["frames_with_a_hidden_face"]:
        say(f"  in {faces['frames_with_a_hidden_face']} frames a face was covered and its sticker carried on")
    say(f"  why there: {record['evidence']['why']} ({record['evidence']['source']})")
    say("  not tested on any recognizer yet: mask verify ORIGINAL MASKED --recognizer ...")
