"""The apex of a clip that has none annotated: what ``apex=spotted`` asks for.

The frame in which the face is furthest from where a steady move from onset to offset would have it: the DIS flow from
the onset, over the aligned face at 128 x 128 pixels, less the share of the flow to the offset that has passed, less the
motion of the whole face; its mean magnitude, smoothed. Without the steady move, a head that drifts has its apex at the
end. ``python -m benchmarks data`` measures how far this, and the midpoint, are from true apexes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mask import cache
from mask.clip import Frames
from mask.errors import NoFaceError
from mask.faces import aligned, find_face
from mask.flow import dis
from mask.geometry import face_box

_SIZE = 128
# Longer clips are looked at in steps: an apex is no sharper than this.
_MOST = 96


def spot(frames: Frames) -> int | None:
    """The index of the apex.

    Args:
        frames: from the onset to the offset.

    Returns:
        At least 1; `None` when the first frame shows no face or there is one frame only.
    """
    store, pictures = cache.active(), None
    if store is not None:
        pictures = cache.content(frames)
    key = None
    if pictures is not None:
        versions = (cache.code("data/_apex"), cache.code("faces"), cache.code("flow"), cv2.__version__)
        key = cache.digest("apex", *versions, pictures)
    if store is not None and key is not None:
        kept = store.get(key)
        if kept is not None and kept.shape == ():
            return int(kept) or None
    found = _spot(frames)
    if store is not None and key is not None:
        store.put(key, np.array(found or 0))
    return found


def _spot(frames: Frames) -> int | None:
    count = len(frames)
    if count < 2:
        return None
    try:
        box = face_box(find_face(frames[0])[0])
    except NoFaceError:
        return None
    indices = np.unique(np.linspace(1, count - 1, min(count - 1, _MOST)).round().astype(int))
    onset = _grey(aligned(frames[0], box, _SIZE))
    whole = dis(onset, _grey(aligned(frames[count - 1], box, _SIZE)))
    motion = []
    for index in indices:
        left = dis(onset, _grey(aligned(frames[int(index)], box, _SIZE))) - whole * (index / (count - 1))
        motion.append(np.linalg.norm(left - np.median(left, axis=(0, 1)), axis=-1).mean())
    # A peak of this width: single frames are noisy, and blinks are short.
    half = max(1, len(indices) // 12)
    weights = np.bartlett(2 * half + 3)[1:-1]
    smooth = np.convolve(np.pad(motion, half, mode="edge"), weights / weights.sum(), mode="valid")
    return int(indices[int(np.argmax(smooth))])


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
