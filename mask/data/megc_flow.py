"""The flow maps of MEGC2019 as published: ``<subject>/u_test/<label>/<subject>_<clip> .png``.

28 x 28 RGB pictures holding (u, v, optical strain) from onset to apex, each channel stretched to 0..255 per image.
Labels 0, 1, 2 are negative, positive, surprise. Subjects are ``subXX`` in CASME II, ``sXX`` in SMIC and ``0XX`` in
SAMM. The published names hold a space before ``.png``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Dataset
from mask.errors import UnreadableData

EMOTIONS = ("negative", "positive", "surprise")
_PARTS = ((re.compile(r"sub\d+"), "casme2"), (re.compile(r"s\d+"), "smic"), (re.compile(r"\d+"), "samm"))
_MAX_BYTES = 1 << 20


def create(path: str, part: str = "all") -> Dataset:
    """Read the folder of flow maps.

    Args:
        path: the folder that holds one folder per subject.
        part: ``all``, or one database: ``casme2``, ``samm``, ``smic``.

    Raises:
        UnreadableData: when the folder does not hold what was described above.
    """
    root = Path(path)
    if not root.is_dir():
        raise UnreadableData(f"there is no folder {root}; megc-flow: expects the folder of subjects, norm_u_v_os")
    clips: list[Clip] = []
    skipped: list[str] = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        database = next((name for pattern, name in _PARTS if pattern.fullmatch(folder.name)), None)
        if database is None or not (folder / "u_test").is_dir():
            skipped.append(f"{folder.name}: not a subject of MEGC2019 with a u_test folder")
        elif part in ("all", database):
            clips += _subject(folder, database, skipped)
    if not clips:
        raise UnreadableData(
            f"{root} holds no <subject>/u_test/<label>/*.png of {part}; expected the folder norm_u_v_os of MEGC2019"
        )
    card: dict[str, Any] = {
        "adapter": "megc-flow",
        "what": "onset-to-apex flow maps of MEGC2019 (CASME II, SAMM, SMIC), 28 x 28, stretched per image",
        "licence": "derived from gated databases; not redistributed",
        "clips": len(clips),
        "skipped": skipped,
    }
    return Dataset("megc-flow" if part == "all" else f"megc-flow/{part}", tuple(clips), EMOTIONS, card=card)


def _subject(folder: Path, database: str, skipped: list[str]) -> list[Clip]:
    clips = []
    for label, emotion in enumerate(EMOTIONS):
        for file in sorted((folder / "u_test" / str(label)).glob("*.png")):
            name = file.stem.strip()
            flow = _read(file)
            if flow is None:
                skipped.append(f"{folder.name}/{name}: not a 28 x 28 RGB picture")
                continue
            clips.append(Clip(f"{database}/{folder.name}/{name}", folder.name, emotion, database, flow=flow))
    return clips


def _read(file: Path) -> NDArray[np.uint8] | None:
    if file.stat().st_size > _MAX_BYTES:
        return None
    coded = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    picture = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED) if len(coded) else None
    if picture is None or picture.shape != (28, 28, 3) or picture.dtype != np.uint8:
        return None
    return np.ascontiguousarray(picture[..., ::-1])
