"""Flow and flow maps of frames, by any method."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mask import cache

from .encode import SIZE, encode, encode_uint8, to_uint8
from .opencv import Field, Grey, dis, farneback
from .tvl1 import SMALLEST, tvl1

METHODS = ("tvl1", "farneback", "dis")
"""The methods by name: TV-L1 is what the field's recognizers were trained on; DIS is the fastest."""

_BATCH = 16
_OPENCV: Mapping[str, Callable[..., Field]] = {"farneback": farneback, "dis": dis}
_LUMA = (0.299, 0.587, 0.114)


def flow(
    onset: NDArray[np.uint8], apex: NDArray[np.uint8], *, method: str = "tvl1", **params: Any
) -> NDArray[np.float32]:
    """The displacement of every pixel from onset to apex.

    Convention: ``apex(x + flow(x)) = onset(x)``; (u, v) in pixels, u to the right, v down.

    Args:
        onset: ``uint8 (H, W, 3)`` RGB or ``uint8 (H, W)`` grey, at least 16 x 16 pixels.
        apex: the same.
        method: one of `METHODS`.
        params: parameters of `mask.flow.tvl1`, `mask.flow.farneback` or `mask.flow.dis`.

    Returns:
        ``float32 (H, W, 2)``. Frames without any texture have no flow that could be seen: 0.

    Raises:
        ValueError: for other shapes or types, an unknown method or parameter.

    >>> flow(np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)).shape
    (20, 30, 2)
    """
    onset, apex = np.asarray(onset), np.asarray(apex)
    if onset.shape != apex.shape:
        raise ValueError(f"onset has shape {onset.shape} and apex {apex.shape}; expected frames of one size")
    pairs = np.stack([onset, apex])[None]
    _check(pairs, method, params)
    if method == "tvl1":
        return np.ascontiguousarray(tvl1(*_tensors(pairs), **params)[0].permute(1, 2, 0).numpy())
    return _OPENCV[method](*_greys(pairs[0]), **params)


def flow_map(
    onset: NDArray[np.uint8], apex: NDArray[np.uint8], *, method: str = "tvl1", **params: Any
) -> NDArray[np.uint8]:
    """The flow map of one pair of frames; see `flow` and `encode`.

    Returns:
        ``uint8 (28, 28, 3)``, (u, v, strain), each channel stretched to 0..255.
    """
    return encode_uint8(flow(onset, apex, method=method, **params))


def flow_maps(pairs: NDArray[np.uint8], method: str = "tvl1", **params: Any) -> NDArray[np.uint8]:
    """The flow maps of many pairs, the same as `flow_map` of each, faster: batched in torch, threaded in OpenCV.

    Where `mask.cache` is on, maps are kept by the pixels of their pair.

    Args:
        pairs: ``uint8 (N, 2, H, W, 3)`` RGB or ``uint8 (N, 2, H, W)`` grey, the onset and the apex of each.
        method, params: see `flow`.

    Returns:
        ``uint8 (N, 28, 28, 3)``, (u, v, strain), each channel stretched to 0..255.

    Raises:
        ValueError: see `flow`.
    """
    pairs = np.asarray(pairs)
    _check(pairs, method, params)
    store = cache.active()
    if store is None:
        return _made(pairs, method, params)
    what = ("flow", cache.code("flow"), torch.__version__, cv2.__version__, method, sorted(params.items()))
    keys = [cache.digest(*what, pair) for pair in pairs]
    kept = [store.get(key) for key in keys]
    missing = [i for i, found in enumerate(kept) if found is None or found.shape != (SIZE, SIZE, 3)]
    if missing:
        for i, made in zip(missing, _made(pairs[missing], method, params), strict=True):
            kept[i] = made
            store.put(keys[i], made)
    return np.array(kept, dtype=np.uint8).reshape(len(pairs), SIZE, SIZE, 3)


def _made(pairs: NDArray[np.uint8], method: str, params: Mapping[str, Any]) -> NDArray[np.uint8]:
    maps = np.zeros((len(pairs), SIZE, SIZE, 3), dtype=np.uint8)
    if method == "tvl1":
        for start in range(0, len(pairs), _BATCH):
            part = slice(start, start + _BATCH)
            maps[part] = to_uint8(encode(tvl1(*_tensors(pairs[part]), **params)))
        return maps
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for i, done in enumerate(pool.map(lambda pair: flow_map(*pair, method=method, **params), pairs)):
            maps[i] = done
    return maps


def _tensors(pairs: NDArray[np.uint8]) -> Sequence[torch.Tensor]:
    """Onsets and apexes ``float32 (N, 1, H, W)`` in [0, 1] of ``(N, 2, H, W[, 3])``, grey without rounding."""
    frames = torch.from_numpy(np.ascontiguousarray(pairs)).float() / 255
    if frames.ndim == 5:
        frames = (frames * frames.new_tensor(_LUMA)).sum(dim=-1)
    return frames[:, :1], frames[:, 1:]


def _greys(pair: NDArray[np.uint8]) -> tuple[Grey, Grey]:
    onset, apex = (np.ascontiguousarray(f) if f.ndim == 2 else cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in pair)
    return onset, apex


def _check(pairs: NDArray[Any], method: str, params: Mapping[str, Any]) -> None:
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
    parameters = inspect.signature(_OPENCV.get(method, tvl1)).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in params:
        if name not in known:
            raise ValueError(f"{method} has no parameter {name!r}; it takes {', '.join(known)}")
    colour = pairs.ndim == 5 and pairs.shape[-1] == 3
    if pairs.dtype != np.uint8 or pairs.shape[1:2] != (2,) or not (colour or pairs.ndim == 4):
        raise ValueError(
            f"the frames are {pairs.dtype} {pairs.shape[2:]}; expected uint8 RGB (H, W, 3) or grey (H, W), in pairs"
        )
    height, width = pairs.shape[2:4]
    if min(height, width) < SMALLEST:
        raise ValueError(f"the frames are {width} x {height}; expected at least {SMALLEST} x {SMALLEST} pixels")
