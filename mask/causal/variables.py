"""The probe's variables: how much, and which way, each facial region moves.

A row is a clip (its onset-to-apex flow) or, with `frame_rows`, a frame. A column is a region. The emotion joins as one
indicator column, in a later tier than every region.

What an arrow from a region into an emotion means: given how other regions move, this region still tells the emotion
apart, so a recognizer can use it and a sticker on it can take it away. Arrows into an emotion point that way by
decree, not by discovery. They say nothing of muscles: the wearer's emotion moves the face, not the other way round,
and one muscle may drive several regions. Edges between regions say which move together once the rest is known.

Convention: flow is (u, v) in pixels, u to the right, v down; masks are weights per pixel, a region's value is the
weighted mean over it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.flow import strain

Floats = NDArray[np.float64]
Feature = Literal["along", "magnitude", "strain", "u", "v"]
Head = Literal["median", "similarity", "none"]

_FIT_PIXELS = 2048
_BATCH_PIXELS = 2**20


@dataclass(frozen=True, eq=False)
class ClipMotion:
    """How the R regions move in N clips, the head's own motion taken out.

    Args:
        magnitude: ``float64 (N, R)``, mean length of the flow in the region.
        strain: ``float64 (N, R)``, mean optical strain.
        u, v: ``float64 (N, R)``, mean displacement to the right and down.

    A region without a single pixel is NaN throughout; the guards drop it.
    """

    magnitude: Floats
    strain: Floats
    u: Floats
    v: Floats

    @property
    def vectors(self) -> Floats:
        """Mean displacement, ``float64 (N, R, 2)`` as (u, v)."""
        return np.stack([self.u, self.v], axis=-1)

    @property
    def along(self) -> Floats:
        """Signed displacement of each region along its own main axis of motion over all clips, ``float64 (N, R)``.

        The axis is the first principal one, turned so that positive is mostly down (brows lower, lip corners fall);
        labels play no part. A signed value tells a raised brow from a lowered one, which a magnitude cannot.
        """
        moved = self.vectors - self.vectors.mean(axis=0)
        out = np.full(self.u.shape, np.nan)
        for region in np.flatnonzero(np.isfinite(moved).all(axis=(0, 2))):
            axis = np.linalg.svd(moved[:, region], full_matrices=False)[2][0]
            heavy = axis[np.abs(axis).argmax()] if abs(axis[1]) < 1e-9 else axis[1]
            out[:, region] = self.vectors[:, region] @ (axis * np.sign(heavy))
        return out

    def feature(self, name: Feature) -> Floats:
        """One of the features by name, ``float64 (N, R)``."""
        if name not in get_args(Feature):
            raise ValueError(f"there is no motion feature {name!r}; there are {', '.join(get_args(Feature))}")
        values: Floats = getattr(self, name)
        return values


def clip_motion(fields: ArrayLike, masks: ArrayLike, *, head: Head = "median") -> ClipMotion:
    """Measure the motion of each region.

    Args:
        fields: ``float (N, H, W, 2)`` flow in pixels; or ``uint8 (N, H, W, 3)`` maps of (u, v, strain), each channel
            stretched to 0..255 image by image. The stretch loses where zero was, so for maps the head's motion and
            the lost zero are taken out together, and values are in grey levels.
        masks: ``(R, H, W)`` bool, or weights of at least 0.
        head: what is taken for the motion of the head: the ``median`` of u and of v over the picture, a ``similarity``
            (shift, turn and scale) fitted to it robustly, or ``none``.

    Raises:
        ValueError: for shapes that do not fit, or flow that is not finite.

    >>> flow = np.zeros((1, 8, 8, 2)); flow[0, :2, :2, 1] = -3.0
    >>> masks = np.zeros((2, 8, 8), bool); masks[0, :2, :2] = masks[1, 4:, 4:] = True
    >>> clip_motion(flow, masks).v
    array([[-3.,  0.]])
    """
    fields, weights = np.asarray(fields), _weights(masks)
    encoded = fields.dtype == np.uint8
    channels = 3 if encoded else 2
    if fields.ndim != 4 or fields.shape[3] != channels or fields.shape[1:3] != weights.shape[1:]:
        raise ValueError(
            f"fields are {fields.dtype} {fields.shape} and masks {weights.shape}; expected float (N, H, W, 2) or "
            "uint8 (N, H, W, 3), and masks (R, H, W) of the same size"
        )
    size = max(1, _BATCH_PIXELS // max(1, weights[0].size if len(weights) else 1))
    batches = [fields[i : i + size].astype(np.float64) for i in range(0, len(fields), size)]
    parts = [_measure(batch, weights, head, encoded) for batch in batches]
    return ClipMotion(*(np.concatenate(parts, axis=1) if parts else np.zeros((4, 0, len(weights)))))


def scrambled(fields: ArrayLike, rng: np.random.Generator) -> Floats:
    """Fields of the same spectrum with all places mixed up: content-free clips.

    Args:
        fields: as for `clip_motion`; the strain channel of maps is not read.
        rng: the source of randomness.

    Returns:
        ``float64 (N, H, W, 2)``: each field's Fourier phases turned by random ones, the same for u and v.
    """
    flow = np.asarray(fields)[..., :2].astype(np.float64)
    size = flow.shape[1:3]
    turn = np.exp(1j * np.angle(np.fft.rfft2(rng.standard_normal(flow.shape[:3]))))[..., None]
    mixed: Floats = np.fft.irfft2(np.fft.rfft2(flow, axes=(1, 2)) * turn, s=size, axes=(1, 2))
    return mixed


def noise_fields(count: int, shape: tuple[int, int], rng: np.random.Generator, *, slope: float = 1.5) -> Floats:
    """Smooth random flow with no face in it.

    Args:
        count: how many fields.
        shape: (H, W).
        rng: the source of randomness.
        slope: the amplitude spectrum falls as ``frequency ** -slope``; 0 is white noise.

    Returns:
        ``float64 (count, H, W, 2)`` of unit variance.
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((count, 2, *shape))) * frequency**-slope
    fields: Floats = np.fft.irfft2(spectrum, s=shape).transpose(0, 2, 3, 1)
    return fields / (fields.std() or 1.0)


Draw = Callable[[np.random.Generator], Floats]
"""Draws the motion ``(N, R)`` of N content-free clips."""


def scrambled_control(fields: ArrayLike, masks: ArrayLike, feature: Feature = "along", head: Head = "median") -> Draw:
    """Content-free clips for `mask.causal.probe`: the clips' own fields, scrambled, under the same masks."""
    return lambda rng: clip_motion(scrambled(fields, rng), masks, head=head).feature(feature)


def geometry_control(count: int, masks: ArrayLike, feature: Feature = "along", head: Head = "median") -> Draw:
    """The mask-geometry control for `mask.causal.probe`: `count` clips of smooth noise under the same masks."""
    weights = _weights(masks)
    size = (int(weights.shape[1]), int(weights.shape[2]))
    return lambda rng: clip_motion(noise_fields(count, size, rng), weights, head=head).feature(feature)


def frame_rows(motion: ArrayLike, *, thin: int | None = None, centre: bool = True) -> tuple[Floats, NDArray[np.intp]]:
    """Rows from the frames of one clip that are nearly independent of one another.

    Neighbouring frames repeat each other, and repeated rows make chance look like an edge: independent series of
    autocorrelation 0.9 get four times the false edges of white ones. So displacement is differenced into velocity and
    thinned. Pool the rows of several clips and hand their clip's name to the probe.

    Args:
        motion: ``(T, R)`` displacement relative to the onset, frame by frame.
        thin: keep every `thin`-th step; `None` for the first lag at which the mean autocorrelation of the steps
            falls below 0.2.
        centre: take out the clip's mean, so that rows tell how regions follow each other within a clip. What a whole
            clip moves goes with it, and so does every tie to an emotion; to look for those, leave the mean in.

    Returns:
        ``float64 (N, R)`` steps, and ``int (N,)`` the frames they end at.
    """
    if thin is not None and thin < 1:
        raise ValueError(f"thin is {thin}; expected at least 1")
    steps = np.diff(np.asarray(motion, dtype=np.float64), axis=0)
    kept = np.arange(0, len(steps), _decorrelation(steps) if thin is None else thin)
    rows = steps[kept]
    return rows - rows.mean(axis=0) if centre and len(rows) else rows, kept + 1


def _decorrelation(steps: Floats) -> int:
    centred = steps - steps.mean(axis=0) if len(steps) else steps
    power = (centred**2).sum(axis=0)
    moving = power > 0
    for lag in range(1, max(1, len(steps) // 2)):
        products = (centred[lag:] * centred[:-lag]).sum(axis=0)
        if not moving.any() or (products[moving] / power[moving]).mean() < 0.2:
            return lag
    return max(1, len(steps) // 2)


def _weights(masks: ArrayLike) -> Floats:
    weights = np.asarray(masks, dtype=np.float64)
    if weights.ndim != 3 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"masks have shape {weights.shape}; expected (R, H, W), bool or weights of at least 0")
    return weights


def _measure(fields: Floats, weights: Floats, head: Head, encoded: bool) -> Floats:
    """Magnitude, strain, u and v of each region in a batch of clips, ``(4, N, R)``."""
    if not np.isfinite(fields).all():
        raise ValueError("the flow holds values that are not finite; leave the clip out")
    flow = fields[..., :2] - _head_motion(fields[..., :2], head)
    strained = fields[..., 2] if encoded else strain(flow)
    values = np.stack([np.hypot(flow[..., 0], flow[..., 1]), strained, flow[..., 0], flow[..., 1]])
    totals = weights.sum(axis=(1, 2))
    sums = values.reshape(*values.shape[:2], -1) @ weights.reshape(len(weights), -1).T
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(totals > 0, sums / totals, np.nan)
    return means


def _head_motion(flow: Floats, head: Head) -> Floats:
    if head == "none":
        return np.zeros(2)
    if head == "median":
        middle: Floats = np.median(flow, axis=(1, 2), keepdims=True)
        return middle
    if head != "similarity":
        raise ValueError(f"head is {head!r}; expected one of {', '.join(get_args(Head))}")
    return np.stack([_similarity(one) for one in flow])


def _similarity(flow: Floats) -> Floats:
    """The shift, turn and scale most of the picture follows: least squares, refitted twice on the closer half."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = (x - (width - 1) / 2) / width, (y - (height - 1) / 2) / width
    one, zero = np.ones_like(x), np.zeros_like(x)
    basis = np.stack([np.stack([one, zero, x, -y], -1), np.stack([zero, one, y, x], -1)], axis=2)
    stride = max(1, int(np.ceil(np.sqrt(height * width / _FIT_PIXELS))))
    sample, target = basis[::stride, ::stride].reshape(-1, 2, 4), flow[::stride, ::stride].reshape(-1, 2)
    close = np.ones(len(sample), dtype=bool)
    for _ in range(3):
        fit = np.linalg.lstsq(sample[close].reshape(-1, 4), target[close].reshape(-1), rcond=None)[0]
        distance = np.linalg.norm(target - sample @ fit, axis=1)
        close = distance <= np.median(distance)
    fitted: Floats = basis @ fit
    return fitted
