"""From a score per moment to intervals: smooth, threshold, take the peaks.

Liong, See, Wong, "Shallow Optical Flow Three-Stream CNN for Macro- and Micro-Expression Spotting from Long Videos"
(SOFTNet), ICIP 2021: a moving average over 2k + 1 frames, a threshold between the mean and the largest score,
peaks at least k apart, each an interval of k frames on either side. k is half of an expression's usual length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import find_peaks

from .interval import Interval, Spotting

SHARE = 0.55
"""How far the threshold lies from the mean score towards the largest, as published."""


def smooth(scores: ArrayLike, k: int) -> NDArray[np.float64]:
    """The mean over the 2k + 1 nearest scores; over those there are at either end.

    Args:
        scores: ``(N,)``.

    >>> smooth([0, 0, 3, 0, 0], 1).tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 1 or k < 0:
        raise ValueError(f"the scores have shape {given.shape} and k is {k}; expected (N,) and 0 or more")
    total = np.concatenate([[0.0], np.cumsum(given)])
    at = np.arange(len(given))
    low, high = np.maximum(at - k, 0), np.minimum(at + k + 1, len(given))
    return np.asarray((total[high] - total[low]) / (high - low))


def spot_peaks(scores: ArrayLike, places: ArrayLike, frames: int, k: int, share: float = SHARE) -> Spotting:
    """The intervals around the peaks of a score.

    A video in which the score never changes has no peak. Any other has one at least: the threshold is relative, and
    whether a video shows any expression is not asked.

    Args:
        scores: ``(N,)``, at evenly spaced moments.
        places: ``(N,)``, the frame in the middle of what each score is about, rising.
        frames: how many frames the video has.
        k: half of an expression's usual length, in frames.
        share: where the threshold lies between the mean score (0) and the largest (1).

    Raises:
        ValueError: for unequal lengths, or k or share out of range.
    """
    at = np.asarray(places, dtype=np.float64)
    given = np.asarray(scores, dtype=np.float64)
    if at.shape != given.shape or k < 1 or not 0 <= share <= 1:
        raise ValueError(
            f"{given.shape} scores at {at.shape} places, k {k}, share {share}; expected one place per score, k of at "
            "least 1 and a share in [0, 1]"
        )
    if not len(given):
        return Spotting((), np.zeros(frames, dtype=np.float32))
    step = (at[-1] - at[0]) / max(len(at) - 1, 1) or 1.0
    near = max(1, round(k / step))
    curve = smooth(given, near)
    whole = np.interp(np.arange(frames), at, curve).astype(np.float32)
    threshold = float(curve.mean() + share * (curve.max() - curve.mean()))
    if not curve.max() > curve.min() + 1e-12:
        return Spotting((), whole, threshold)
    # A peak at the very end has no far side; a floor beyond the ends gives it one.
    floor = curve.min() - 1
    found, _ = find_peaks(np.concatenate([[floor], curve, [floor]]), height=threshold, distance=near)
    intervals = []
    for peak in found - 1:
        apex = min(max(round(float(at[peak])), 0), frames - 1)
        onset, offset = max(apex - k, 0), min(apex + k, frames - 1)
        intervals.append(Interval(onset, apex, offset, score=float(curve[peak])))
    return Spotting(tuple(intervals), whole, threshold)
