"""Made clips beside what they were made of, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.errors import MaskError
from mask.faces import aligned, clip_box
from mask.flow import flow

_SIDE = 176
_TITLE = 18
_PER_WAY = 6
"""Rows of each way of making clips, spread over all it made."""
_FULL = 2.0
"""Motion that is drawn in full brightness, pixels of a crop."""
_HEAD = ("source: onset", "apex", "motion", "made: onset", "apex", "motion")


def sheet(made: Sequence[Clip], sources: Sequence[Clip]) -> bytes:
    """A PNG: for some clips of each way the aligned onset, apex and motion of the source and of what was made of it.

    Motion is drawn with its direction as colour and its length as brightness, 2 pixels of the crop the brightest.
    """
    known = {clip.key: clip for clip in sources}
    by_way: dict[str, list[Clip]] = {}
    for clip in made:
        by_way.setdefault(str(clip.truth["made_by"]), []).append(clip)
    rows = [np.hstack([_titled(np.zeros((0, _SIDE, 3), np.uint8), head) for head in _HEAD])]
    for clips in by_way.values():
        chosen = np.unique(np.linspace(0, len(clips) - 1, _PER_WAY).astype(int)).tolist()
        for clip in (clips[i] for i in chosen):
            source = known[clip.truth["made_from"][0]]
            rows.append(_titled(np.hstack([_three(source), _three(clip)]), f"{clip.emotion}: {clip.key}"))
    done, png = cv2.imencode(".png", cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    if not done:
        raise MaskError("the sheet of pictures could not be encoded")
    return bytes(png)


def _three(clip: Clip) -> NDArray[np.uint8]:
    """The aligned onset, the apex, and the flow between them."""
    box = clip_box(clip)
    onset, apex = (aligned(frame, box, _SIDE) for frame in clip.pair())
    return np.hstack([onset, apex, _coloured(flow(onset, apex, method="dis"))])


def _coloured(field: NDArray[Any]) -> NDArray[np.uint8]:
    turn = (np.arctan2(field[..., 1], field[..., 0]) / np.pi + 1) * 90
    length = np.clip(np.hypot(field[..., 0], field[..., 1]) / _FULL, 0, 1) * 255
    hsv = np.stack([turn % 180, np.full_like(turn, 255), length], axis=-1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.uint8)


def _titled(picture: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    """A picture under a line of text, cut off where it is too long."""
    strip = np.full((_TITLE, picture.shape[1], 3), 255, np.uint8)
    plain = title.encode("ascii", "replace").decode()
    cv2.putText(strip, plain, (4, _TITLE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([strip, picture])
