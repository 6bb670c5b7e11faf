"""Face crops: the box of `mask.geometry` drawn as a square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip, Frame
from mask.errors import NoFaceError
from mask.geometry import FaceBox, face_box

from .mesh import find_face
from .picture import check_frame, resample


def aligned(frame: Frame, box: FaceBox, size: int) -> NDArray[np.uint8]:
    """Draw a face box as a square, averaging over the pixels where it shrinks.

    Args:
        frame: ``uint8 (H, W, 3)`` RGB.
        box: where the face is.
        size: side in pixels, 1 to 2048.

    Returns:
        ``uint8 (size, size, 3)``; what lies outside the frame repeats its border.

    Raises:
        ValueError: for another frame or size.
    """
    if not 1 <= size <= 2048:
        raise ValueError(f"size is {size}; expected 1 to 2048 pixels")
    return resample(check_frame(frame), box.crop_matrix(size), size)


def clip_box(clip: Clip) -> FaceBox:
    """The face box of a clip's onset frame, from its landmarks or, where it has none, from the detector.

    Raises:
        NoFaceError: when there is no face.
        ValueError: on a clip of flow.
    """
    if clip.landmarks is not None:
        points = clip.points(clip.onset)
        if points is None:
            raise NoFaceError(f"clip {clip.key} has no face in its onset frame {clip.onset}")
        return face_box(points)
    try:
        return face_box(find_face(clip.frame(clip.onset))[0])
    except NoFaceError as error:
        raise NoFaceError(f"clip {clip.key}, onset frame {clip.onset}: {error}") from error


def aligned_pair(clip: Clip, size: int) -> NDArray[np.uint8]:
    """The onset and the apex frame, both cut by the onset's face box so that the motion between them remains.

    Args:
        clip: a clip of frames; its own landmarks are used where it has them, the detector otherwise.
        size: side in pixels.

    Returns:
        ``uint8 (2, size, size, 3)``.

    Raises:
        NoFaceError: when there is no face in the onset frame.
        ValueError: on a clip of flow, or for a size out of range.
    """
    box = clip_box(clip)
    return np.stack([aligned(frame, box, size) for frame in clip.pair()])
