"""A folder of clips with an annotation table: what ``mask data synth`` writes, and the form to bring your own in.

``annotations.csv`` beside the clips has one row per clip, by header and as text: ``file`` (a video, or a folder of
pictures, relative to the table), ``subject``, ``onset``, ``apex``, ``offset`` (frame indices from 0), ``emotion``
(empty for unknown), and optionally ``fps``, ``action_units`` (such as ``AU6+L12``), ``neutral`` (1 for a clip without
expression) and ``synthetic`` (1 when the face belongs to nobody). Landmarks are found when they are needed.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mask.clip import Clip, Dataset
from mask.errors import MaskError, UnreadableData, UnreadableVideo
from mask.faces import TrackedLandmarks
from mask.video import open_frames

REQUIRED = ("file", "subject", "onset", "apex", "offset", "emotion")
MAX_CLIPS = 1_000_000


def create(path: str) -> Dataset:
    """Read a folder of clips.

    Args:
        path: the folder that holds ``annotations.csv``.

    Raises:
        UnreadableData: when the table is missing or lacks a column, or no clip can be used.
    """
    root = Path(path)
    table = root / "annotations.csv"
    if not table.is_file():
        raise UnreadableData(f"there is no annotations.csv in {root}; expected one with {', '.join(REQUIRED)}")
    clips: list[Clip] = []
    neutral: list[Clip] = []
    skipped: list[str] = []
    missing: list[str] = []
    keys: set[str] = set()
    for number, record in enumerate(_records(table), start=2):
        try:
            clip = _clip(root, record)
        except UnreadableVideo as error:
            missing.append(f"line {number}: {error}")
            continue
        except (MaskError, ValueError) as error:
            skipped.append(f"line {number}: {error}")
            continue
        if clip.key in keys:
            skipped.append(f"line {number}: {clip.key} is listed twice; the first is used")
            continue
        keys.add(clip.key)
        if record.get("neutral") == "1":
            neutral.append(clip)
        elif clip.emotion is None:
            skipped.append(f"line {number}: no emotion")
        else:
            clips.append(clip)
    if not clips:
        problems = [*missing, *skipped]
        first = f"; the first problem: {problems[0]}" if problems else ""
        raise UnreadableData(f"{table} lists no usable labelled clip{first}")
    emotions = tuple(dict.fromkeys(str(c.emotion) for c in clips))
    card = {"adapter": "folder", "clips": len(clips), "neutral": len(neutral), "missing": missing, "skipped": skipped}
    return Dataset(f"folder:{root.name}", tuple(clips), emotions, tuple(neutral), card)


def _records(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [c for c in REQUIRED if c not in (reader.fieldnames or ())]
            if missing:
                raise UnreadableData(f"{table} has no column {missing[0]!r}; expected {', '.join(REQUIRED)}")
            records: list[dict[str, str]] = []
            for record in reader:
                if len(records) >= MAX_CLIPS:
                    raise UnreadableData(f"{table} lists more than {MAX_CLIPS:,} clips; split it")
                records.append({k: (v or "").strip() for k, v in record.items() if isinstance(k, str)})
            return records
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableData(f"{table} is not a readable table ({error})") from error


def _clip(root: Path, record: Mapping[str, str]) -> Clip:
    file, subject = record["file"], record["subject"]
    if not file or not subject:
        raise ValueError("file and subject must not be empty")
    place = (root / file).resolve()
    if not place.is_relative_to(root.resolve()):
        raise ValueError(f"{file!r} lies outside the dataset's folder")
    if not place.exists():
        raise UnreadableVideo(f"{file} is listed and not there")
    frames = open_frames(place)
    units = tuple(u for u in record.get("action_units", "").replace(",", "+").split("+") if u)
    extra: dict[str, Any] = {"fps": float(record["fps"])} if record.get("fps") else {}
    return Clip(
        key=f"folder/{subject}/{file}",
        subject=subject,
        emotion=record["emotion"] or None,
        dataset="folder",
        frames=frames,
        landmarks=TrackedLandmarks(frames),
        onset=_index(record, "onset"),
        apex=_index(record, "apex"),
        offset=_index(record, "offset"),
        action_units=units,
        synthetic=record.get("synthetic") == "1",
        **extra,
    )


def _index(record: Mapping[str, str], name: str) -> int:
    text = record[name]
    if not text.isdigit():
        raise ValueError(f"{name} is {text!r}; expected a frame index from 0")
    return int(text)
