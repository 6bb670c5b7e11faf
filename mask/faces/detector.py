"""Face detection with MediaPipe's short-range BlazeFace, decoded here.

The network sees a 128 px square and answers with 896 anchors: two at each cell of a 16 x 16 grid (stride 8) and six
at each cell of an 8 x 8 grid (three layers of stride 16). An anchor carries a score, a box and six keypoints, as
offsets from its cell centre. Overlapping answers are averaged by score (weighted non-maximum suppression).

Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, 2019 (arXiv:1907.05047).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Frame
from mask.geometry import transform

from .nets import DETECTOR, Net
from .picture import check_frame
from .roi import Roi, roi_from_keypoints

_SIDE = 128
_STRIDES = (8, 16, 16, 16)
_OVERLAP = 0.3
# Upright faces score above 0.84 even half covered; one seen upside down is read as an upright one at 0.6.
_CERTAIN = 0.8


@dataclass(frozen=True, eq=False)
class Detection:
    """One face found in a picture.

    Args:
        box: (x, y, width, height) in pixels; may reach over the border.
        keypoints: ``float32 (6, 2)`` in pixels: the eyes (picture left first on an upright face), the nose tip, the
            mouth centre, the ears (picture left first).
        score: confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    keypoints: NDArray[np.float32]
    score: float

    @property
    def roi(self) -> Roi:
        """The square the mesh network wants to see."""
        return roi_from_keypoints(self.box, self.keypoints)


def detect(frame: Frame, *, min_score: float = 0.5, thorough: bool = False) -> list[Detection]:
    """Find the faces in a picture.

    The network sees faces that fill about 12 % to 90 % of the longer side, tilted by up to some 60 degrees. `thorough`
    also looks into overlapping squares, for faces down to about 5 %, and at the picture turned by quarter turns, as
    long as nothing certain has been found.

    Args:
        frame: ``uint8 (H, W, 3)`` RGB.
        min_score: least confidence, in (0, 1).
        thorough: see above; up to some ten times the work when there is no face.

    Returns:
        The faces, best score first.

    Raises:
        ValueError: for anything but such a frame, or a score outside (0, 1).
    """
    frame = check_frame(frame)
    if not 0 < min_score < 1:
        raise ValueError(f"min_score is {min_score}; expected a value between 0 and 1")
    best: list[Detection] = []
    for views in _rounds(frame, thorough):
        parts = [_look(frame, view, min_score) for view in views]
        found = suppress(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        if found and (not best or found[0].score > best[0].score):
            best = found
        if best and best[0].score >= _CERTAIN:
            break
    return best


def anchors() -> NDArray[np.float32]:
    """The cell centres the network's 896 answers are relative to, ``float32 (896, 2)`` in pixels of its input."""
    layers = []
    for stride in _STRIDES:
        middles = (np.arange(_SIDE // stride, dtype=np.float32) + 0.5) * stride
        y, x = np.meshgrid(middles, middles, indexing="ij")
        layers.append(np.stack([x, y], axis=-1).reshape(-1, 1, 2))
    # Layers of equal stride share their cells: the answers of one cell stand together.
    grids = [
        np.concatenate([g for g, s in zip(layers, _STRIDES, strict=True) if s == stride] * 2, axis=1)
        for stride in sorted(set(_STRIDES))
    ]
    return np.concatenate([grid.reshape(-1, 2) for grid in grids])


def suppress(
    boxes: NDArray[np.floating[Any]], keypoints: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]
) -> list[Detection]:
    """Weighted non-maximum suppression.

    The best answer absorbs all that overlap it by more than 0.3 (intersection over union), itself included: their
    mean, weighted by score, is the detection, and its score is the best one's.

    Args:
        boxes: (K, 4) as (centre x, centre y, width, height) in pixels.
        keypoints: (K, 6, 2) in pixels.
        scores: (K,) in [0, 1].

    Returns:
        The detections, best score first.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, keypoints, scores = boxes[order], keypoints[order], scores[order]
    found = []
    while len(scores):
        near = _overlap(boxes[0], boxes) > _OVERLAP
        near[0] = True
        weights = scores[near] / scores[near].sum()
        x, y, w, h = (float(v) for v in weights @ boxes[near])
        points = np.tensordot(weights, keypoints[near], axes=1).astype(np.float32)
        found.append(Detection((x - w / 2, y - h / 2, w, h), points, float(scores[0])))
        boxes, keypoints, scores = boxes[~near], keypoints[~near], scores[~near]
    return found


def _overlap(box: NDArray[Any], boxes: NDArray[Any]) -> NDArray[Any]:
    """Intersection over union of one (centre, size) box with many."""
    reach = (box[2:] + boxes[:, 2:]) / 2 - np.abs(box[:2] - boxes[:, :2])
    shared = np.clip(np.minimum(reach, np.minimum(box[2:], boxes[:, 2:])), 0, None).prod(axis=1)
    union = box[2:].prod() + boxes[:, 2:].prod(axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def _rounds(frame: Frame, thorough: bool) -> list[list[Roi]]:
    """What to look at, one round after the other."""
    height, width = frame.shape[:2]
    side = max(width, height)
    whole = Roi(width / 2, height / 2, side)
    if not thorough:
        return [[whole]]
    turned = [Roi(whole.x, whole.y, side, math.radians(a)) for a in (-90, 90, 180)]
    return [[whole], _squares(width, height), turned]


def _squares(width: int, height: int) -> list[Roi]:
    """Overlapping squares of two thirds of the shorter side, in rows and columns; larger ones on a narrow strip."""
    side = max(2 / 3 * min(width, height), max(width, height) / 6)
    columns, rows = (max(math.ceil((length - side) / (side / 2) - 1e-6), 0) + 1 for length in (width, height))
    xs = np.linspace(side / 2, max(width - side / 2, side / 2), columns)
    ys = np.linspace(side / 2, max(height - side / 2, side / 2), rows)
    return [Roi(float(x), float(y), side) for y in ys for x in xs]


def _look(frame: Frame, view: Roi, min_score: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The sure answers about one square, in pixels of the picture: boxes (centre, size), keypoints, scores."""
    crop = view.crop(frame, _SIDE, cv2.BORDER_CONSTANT)
    blob = cv2.dnn.blobFromImage(crop, 1 / 127.5, (_SIDE, _SIDE), (127.5, 127.5, 127.5))
    answers, logits = _net()(blob)
    scores = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -100, 100)))
    sure = scores >= min_score
    offsets = answers.reshape(-1, 8, 2)[sure]
    centres = offsets[:, [0, 2, 3, 4, 5, 6, 7]] + _ANCHORS[sure, None]
    placed = transform(view.inverse(_SIDE), centres)
    sizes = offsets[:, 1] * (view.size / _SIDE)
    return np.concatenate([placed[:, 0], sizes], axis=1), placed[:, 1:], scores[sure]


_ANCHORS = anchors()
_threads = threading.local()


def _net() -> Net:
    """This thread's detector: a network of OpenCV serves one thread at a time."""
    if not hasattr(_threads, "net"):
        _threads.net = Net(DETECTOR)
    net: Net = _threads.net
    return net
