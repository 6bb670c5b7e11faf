"""Time, memory and size of the synthetic benchmark, beside scikit-image where it does the same work.

``python -m benchmarks.bench_synthetic [--quick]`` prints the table; ``--quick`` leaves out the whole set. Times of
single steps are CPU time on one core, the least of several runs; that of the whole set is wall time on two processes,
which means something on an idle machine only, so its CPU time stands beside it.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from skimage.draw import polygon

from mask.clip import Clip
from mask.data.synthetic import create, film, raster, truth

Row = dict[str, Any]


def run(full: bool = True) -> list[Row]:
    """Measure; one dictionary per line, ratio above 1 where ours is faster."""
    rows = [*_steps(), *_visibility()]
    return [*rows, *_whole_set()] if full else rows


def _steps() -> list[Row]:
    clip = create(subjects=1).clips[4]
    take = clip.frames.take
    clip.pair()
    packed = files("mask.data.synthetic").joinpath("assets/head.npz").read_bytes()

    def dress() -> None:
        film.subject.cache_clear()
        film.subject(take.seed, take.subject)

    def pair() -> None:
        film.stage.cache_clear()
        film.expose(take, clip.onset), film.expose(take, clip.apex)

    def flow() -> None:
        truth._flow.cache_clear()
        clip.truth["flow"]()

    return [
        _row("one 256 px frame with noise", _least(lambda: film.expose(take, 3), 15)),
        _row("onset and apex of a new clip", _least(pair, 8)),
        _row("exact mesh points of a frame", _least(lambda: clip.points(3), 15)),
        _row("exact onset-to-apex flow", _least(flow, 5)),
        _row("a new subject", _least(dress, 3)),
        _row("the 156 clips of the default set, unrendered", _least(_plan, 3)),
        _row("head pack", len(packed) / 1e6, unit="MB"),
    ]


def _plan() -> None:
    film._play.cache_clear()
    create()


def _visibility() -> list[Row]:
    """Which triangle is in front at every pixel centre: numpy spans against one `skimage.draw.polygon` a triangle."""
    take = create(subjects=1).clips[4].frames.take
    scene, shot = film.stage(take), film.moment(take, 3)
    corners = shot.points[scene.triangles]
    ids = np.flatnonzero(raster.front_facing(corners))
    corners = corners[ids]

    def peer() -> NDArray[np.int64]:
        seen = np.full((take.size, take.size), -1)
        for triangle, number in zip(corners, ids, strict=True):
            rows, columns = polygon(triangle[:, 1], triangle[:, 0], seen.shape)
            seen[rows, columns] = number
        return seen

    ours = raster.cut(corners).cover(ids, take.size).reshape(take.size, take.size)
    agree = float((ours == peer()).mean())
    if agree < 0.95:
        raise RuntimeError(f"the two rasterisers agree on {agree:.1%} of the pixels only")
    mine, theirs = _least(lambda: raster.cut(corners).cover(ids, take.size), 15), _least(peer, 3)
    return [_row(f"visibility of {len(ids)} triangles", mine, theirs, "skimage.draw.polygon")]


def _whole_set() -> list[Row]:
    data = create()
    clips = (*data.clips, *data.neutral)
    groups = [[c for c in clips if c.subject == s] for s in data.subjects]
    rows = []
    for what, pairs in (("onset and apex of the default set", True), ("default set", False)):
        start = time.perf_counter()
        done = Parallel(n_jobs=2)(delayed(_render)(group, pairs) for group in groups)
        wall = time.perf_counter() - start
        frames, seconds, memory = (np.array(column) for column in zip(*done, strict=True))
        rows += [
            _row(f"{what}, {frames.sum()} frames, 2 processes", wall, unit="s"),
            _row("the same, CPU time of both", float(seconds.sum()), unit="s"),
        ]
    return [*rows, _row("the same, largest process", float(memory.max()) / 1e6, unit="GB")]


def _render(clips: Sequence[Clip], pairs: bool) -> tuple[int, float, int]:
    start, count = time.process_time(), 0
    for clip in clips:
        for i in (clip.onset, clip.apex) if pairs else range(len(clip.frames)):
            clip.frame(i)
            count += 1
    return count, time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _least(work: Callable[[], Any], runs: int) -> float:
    work()
    best = math.inf
    for _ in range(runs):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000


def _row(what: str, ours: float, peer: float | None = None, peer_name: str = "", unit: str = "ms") -> Row:
    ratio = None if peer is None else peer / ours
    return {"what": what, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": unit}


def main() -> None:
    print(f"{'what':52} {'ours':>10} {'peer':>10} {'ratio':>7}  peer")
    for row in run(full="--quick" not in sys.argv[1:]):
        peer = "" if row["peer"] is None else f"{row['peer']:.1f} {row['unit']}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        print(f"{row['what']:52} {row['ours']:7.2f} {row['unit']:2} {peer:>10} {ratio:>7}  {row['peer_name']}")


if __name__ == "__main__":
    main()
