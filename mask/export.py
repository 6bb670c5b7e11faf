"""Clips as files that MASK reads back: lossless videos and a table, or flow maps in folders of subjects."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import cv2

from mask.clip import Clip
from mask.errors import MaskError
from mask.files import write_bytes, write_text
from mask.video import VideoWriter

COLUMNS = ("file", "subject", "onset", "apex", "offset", "fps", "emotion", "action_units", "synthetic")
FPS = 100.0
"""What a video whose rate is not known is written at; the table leaves it open."""


class Exporter:
    """Writes clips, one at a time, and in the end what is needed to read them.

    Frames go to ``SUBJECT/NAME.mkv`` and ``annotations.csv``, for ``folder:OUT``; flow maps to
    ``SUBJECT/u_test/LABEL/NAME.png``, for ``megc-flow:OUT``. Names are those of the clips, with whatever does not
    belong into a file name replaced.

    Args:
        out: the folder; it must exist.
        emotions: the label set, in order.
    """

    def __init__(self, out: Path, emotions: Sequence[str]) -> None:
        self.out, self._emotions = out, tuple(emotions)
        self._rows: list[dict[str, object]] = []
        self._taken: set[str] = set()

    def add(self, clip: Clip, name: str = "", **columns: str) -> str:
        """Write one clip and return its file, relative to the folder.

        Args:
            clip: frames or a flow map.
            name: of a video, without its end; by default the clip's own, below that of its subject.
            columns: what else the table says about it, by name; the same names for every clip.

        Raises:
            MaskError: where it cannot be written.
            NoFaceError: where its frames cannot be made; nothing is left of it.
        """
        if clip.flow is not None:
            label = self._emotions.index(str(clip.emotion))
            file = self._name(f"{_safe(clip.subject)}/u_test/{label}/{_safe(clip.key.split('/')[-1])}", ".png")
            done, coded = cv2.imencode(".png", clip.flow[..., ::-1])
            if not done:
                raise MaskError(f"the flow map of {clip.key} cannot be written as PNG")
            (self.out / file).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(coded.tobytes(), self.out / file)
            return file
        if clip.frames is None:
            raise MaskError(f"{clip.key} has neither frames nor a flow map to write")
        file = self._name(name or f"{_safe(clip.subject)}/{_safe(clip.key.split('/', 1)[-1])}", ".mkv")
        (self.out / file).parent.mkdir(parents=True, exist_ok=True)
        height, width = clip.frames[0].shape[:2]
        with VideoWriter(self.out / file, width, height, clip.fps or FPS, lossless=True) as video:
            for i in range(len(clip.frames)):
                video.write(clip.frames[i])
        times = (clip.onset, clip.apex, clip.offset, "" if clip.fps is None else f"{clip.fps:g}")
        told = (clip.emotion or "", "+".join(map(str, clip.action_units)), int(clip.synthetic))
        self._rows.append(dict(zip(COLUMNS, (file, clip.subject, *times, *told), strict=True)) | columns)
        return file

    def finish(self) -> str:
        """Write the table, where there is one, and return the spec that reads the clips."""
        if not self._rows:
            return f"megc-flow:{self.out}"
        text = io.StringIO()
        table = csv.DictWriter(text, list(self._rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_text(text.getvalue(), self.out / "annotations.csv")
        return f"folder:{self.out}"

    def _name(self, stem: str, suffix: str) -> str:
        name, k = f"{stem}{suffix}", 2
        while name.lower() in self._taken:
            name, k = f"{stem}_{k}{suffix}", k + 1
        self._taken.add(name.lower())
        return name


def _safe(name: str) -> str:
    """A file name; whatever may not stand in one everywhere becomes an underscore.

    >>> _safe("../EP02 01f"), _safe(""), _safe("..")
    ('_EP02_01f', '_', '_')
    """
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "_"
