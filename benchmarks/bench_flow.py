"""Optical flow: milliseconds for a pair and mean end-point error, beside scikit-image's TV-L1.

The pairs are those of the tests, rendered analytically so that their flow is known exactly (eight motions of .2 to 3
px), with sensor noise of 2 grey levels. Times are the least of several runs, all methods in turn in each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from mask.flow import METHODS, encode, flow, flow_maps, tvl1
from tests.flow_scenes import Scene, scenes

BATCH = 16
RUNS = 3
PEER = "scikit-image TV-L1"

Field = NDArray[np.float32]


class Row(TypedDict):
    """One figure; `ratio` is how many times better than the peer."""

    what: str
    ours: float
    peer: float | None
    peer_name: str
    ratio: float | None
    unit: str


def run() -> list[Row]:
    """Measure everything; one row per figure."""
    torch.manual_seed(0)
    return [row for size in (140, 224) for row in _at(size)]


def _at(size: int) -> list[Row]:
    found = scenes(size, noise=2.0)
    pairs = np.stack([np.stack([s.onset, s.apex]) for s in found])
    batch = np.resize(pairs, (BATCH, *pairs.shape[1:]))
    jobs: dict[str, Callable[[], object]] = {
        f"{method}, flow map": lambda method=method: flow_maps(batch, method)  # type: ignore[misc]
        for method in METHODS
    }
    jobs["tvl1, gradient of a map"] = lambda: _gradient(pairs[:1])
    count = {name: 1 if "gradient" in name else BATCH for name in jobs}
    peer = _peer()
    if peer is not None:
        jobs["peer"], count["peer"] = (lambda: [peer(s) for s in found[:2]]), 2
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(RUNS):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            best[name] = min(best[name], (time.perf_counter() - start) / count[name])
    theirs = best.pop("peer", None)
    rows = [
        _row(f"{name}, {size} px", 1e3 * t, None if theirs is None else 1e3 * theirs, "ms") for name, t in best.items()
    ]
    their_error = None if peer is None else float(np.mean([s.error(peer(s)) for s in found]))
    for method in METHODS:
        error = float(np.mean([s.error(flow(s.onset, s.apex, method=method)) for s in found]))
        rows.append(_row(f"{method}, error, {size} px", error, their_error, "px"))
    return rows


def _gradient(pairs: NDArray[np.uint8]) -> None:
    onset, apex = (torch.from_numpy(pairs[:, k : k + 1]).float().div(255).requires_grad_() for k in (0, 1))
    encode(tvl1(onset, apex)).square().sum().backward()


def _peer() -> Callable[[Scene], Field] | None:
    try:
        from skimage.registration import optical_flow_tvl1
    except ImportError:
        return None

    def find(scene: Scene) -> Field:
        v, u = optical_flow_tvl1(scene.onset.astype(np.float32) / 255, scene.apex.astype(np.float32) / 255)
        return np.stack([u, v], axis=-1)

    return find


def _row(what: str, ours: float, peer: float | None, unit: str) -> Row:
    ratio = None if peer is None else peer / ours
    return {"what": what, "ours": ours, "peer": peer, "peer_name": PEER, "ratio": ratio, "unit": unit}


def main() -> None:
    """Print the table."""
    print(f"{'what':<36} {'ours':>9} {'peer':>9} {'ratio':>7}  peer")
    for row in run():
        peer = "not run" if row["peer"] is None else f"{row['peer']:.3f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        print(f"{row['what']:<36} {row['ours']:>6.3f} {row['unit']} {peer:>9} {ratio:>7}  {row['peer_name']}")


if __name__ == "__main__":
    main()
