"""Datasets: how far a stand-in apex is from the true one, and what the cache and a look at a folder cost.

Apexes are those of rendered faces that turn, blink and breathe; the error is in hundredths of the clip. Their true
apexes lie near the middle, which flatters the midpoint. A folder like CASME II is 255 clips of 66 tiny pictures. Times
are CPU time on one core, the least of several runs.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from openpyxl import Workbook
from PIL import Image

from mask import registry
from mask.clip import Clip
from mask.data._apex import spot
from mask.faces import TrackedLandmarks, aligned_pair
from mask.flow import flow_maps
from mask.video import open_frames

Row = dict[str, Any]


def run() -> list[Row]:
    """Measure; one dictionary per line."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_apexes(), *_cached(Path(folder)), _folder(Path(folder) / "set")]


def _apexes() -> list[Row]:
    errors: dict[str, list[float]] = {"midpoint": [], "spotted": []}
    for clip in registry.create("datasets", "synthetic:subjects=8,emotions=3,repeats=1,size=160,seed=5"):
        frames = np.stack([clip.frame(i) for i in range(clip.onset, clip.offset + 1)])
        true, count = clip.apex - clip.onset, len(frames)
        errors["midpoint"].append(100 * abs(count // 2 - true) / count)
        errors["spotted"].append(100 * abs((spot(frames) or count // 2) - true) / count)
    return [
        _row(f"apex={how}: mean error on {len(found)} clips (worst {max(found):.0f})", np.mean(found), "% of clip")
        for how, found in errors.items()
    ]


def _cached(folder: Path) -> list[Row]:
    clip = _filmed(folder / "film")
    count = len(clip.frames or ())
    pair = aligned_pair(clip, 140)[None]
    os.environ["MASK_CACHE"] = str(folder / "cache")
    try:
        landmarks = _twice(lambda: TrackedLandmarks(open_frames(folder / "film"))[count - 1])
        flow = _twice(lambda: flow_maps(pair))
    finally:
        del os.environ["MASK_CACHE"]
    return [
        *_pair(f"landmarks of {count} frames of 256 px", *landmarks),
        *_pair("a TV-L1 flow map of 140 px", *flow),
    ]


def _filmed(folder: Path) -> Clip:
    clip = registry.create("datasets", "synthetic:subjects=1,emotions=3,repeats=1,seed=1").clips[0]
    folder.mkdir(parents=True)
    for i in range(len(clip.frames)):
        Image.fromarray(clip.frame(i)).save(folder / f"{i}.jpg", quality=95)
    return replace(clip, frames=open_frames(folder), landmarks=None)


def _folder(root: Path) -> Row:
    book, picture = Workbook(), root / "picture.jpg"
    sheet = book.active
    sheet.append(["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"])
    for i in range(255):
        sheet.append([i // 10 + 1, f"EP{i:03d}", 46, 79, 111, "4+7", ("disgust", "happiness", "surprise")[i % 3]])
        place = root / f"CASME2_RAW_selected/sub{i // 10 + 1:02d}/EP{i:03d}"
        place.mkdir(parents=True)
        if i == 0:
            Image.new("RGB", (8, 8)).save(picture)
        for number in range(46, 112):
            os.link(picture, place / f"img{number}.jpg")
    book.save(root / "CASME2-coding-20140508.xlsx")
    took = _least(lambda: registry.create("datasets", f"casme2:{root}"), 3)
    return _row("a folder like CASME II: the table and 255 clips", 1000 * took, "ms")


def _twice(work: Callable[[], object]) -> tuple[float, float]:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start), 1000 * _least(work, 5)


def _least(work: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def _pair(what: str, first: float, then: float) -> list[Row]:
    return [_row(f"{what}, computed and kept", first, "ms"), _row(f"{what}, from the cache", then, "ms")]


def _row(what: str, value: float, unit: str) -> Row:
    return {"what": what, "measured": f"{value:.3g}", "unit": unit}


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(run()))
