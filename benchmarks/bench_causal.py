"""The causal probe: how fast against causal-learn, and (``--power``) how often it names the right region.

Run ``python -m benchmarks.bench_causal`` for speed, ``python -m benchmarks.bench_causal --power [RUNS]`` for the study
behind the probe's rule (about 25 CPU minutes at 60 runs a cell).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from causallearn.search.ConstraintBased.PC import pc

from mask.causal.fisherz import skeleton
from mask.causal.orient import orient
from mask.causal.paper import noise_image, paper_region
from mask.causal.probe import probe
from mask.causal.score import scores
from mask.causal.table import Table, build

Array = np.ndarray
Row = dict[str, Any]
EMOTIONS = ("joy", "fear", "anger", "calm")
SIDE = 4
REGIONS = tuple(f"r{i}" for i in range(SIDE * SIDE))
SUBJECTS = 12


def run() -> list[Row]:
    """Speed of the probe's parts; CPU seconds, the best of several runs, both sides in the same process."""
    rng = np.random.default_rng(0)
    motion = _face(rng, 500, mirrored=False)
    image, masks = noise_image((224, 224), rng), _layout(224)
    columns = (masks[..., None] * image).reshape(len(masks), -1).T.astype(float)
    clips, labels, subjects, _ = world(rng, 96, 1.0, mirrored=False)
    ours_pc = _seconds(lambda: _resample(motion, rng, _fast), 50)
    peer_pc = _seconds(lambda: _resample(motion, rng, _reference), 5)
    ours_paper = _seconds(lambda: paper_region(image, masks), 3)
    peer_paper = _seconds(lambda: _reference(columns), 1)
    whole = partial(probe, clips, labels, subjects, REGIONS, EMOTIONS, rng=rng, method="fast-pc")
    return [
        _row("PC resamples, 16 regions x 500 rows", 1 / ours_pc, 1 / peer_pc, "per s"),
        _row("published recipe, 14 regions, 224 x 224", ours_paper, peer_paper, "s"),
        {
            "what": "1,000 PC resamples, 16 regions x 500 rows, 2 processes, wall clock",
            "ours": _bootstraps(motion), "peer": None, "peer_name": "", "ratio": None, "unit": "s",
        },
        {
            "what": "whole probe, 96 clips, 16 regions, 200 + 400 searches of each emotion",
            "ours": _seconds(whole, 2), "peer": None, "peer_name": "", "ratio": None, "unit": "s",
        },
    ]  # fmt: skip


CELLS = tuple((m, n, d) for m in (False, True) for n in (72, 144) for d in (0.0, 0.5, 0.8, 1.2))
"""Mirrored or not, clips, effect."""


def power(runs: int = 60, cells: Sequence[tuple[bool, int, float]] = CELLS) -> list[Row]:
    """How often each method names the region that moves, names another, or speaks at all where nothing does.

    Four emotions, each moved by one region (``single``) or by a region and its mirror image alike (``mirrored``) of a
    4 x 4 face whose neighbouring regions move together; 12 subjects. Every method is held to the same family-wise
    level of .05 by permuting labels within subjects: the probe, the largest plain correlation, and the largest
    coefficient of a regression on all regions. Shares are of emotions; `speaks` is of runs.
    """
    out: list[Row] = []
    with ProcessPoolExecutor(2) as pool:
        for mirrored, count, effect in cells:
            times = runs * 3 if effect == 0 else runs
            found = list(pool.map(partial(_trial, mirrored, count, effect), range(times)))
            row: Row = {"face": "mirrored" if mirrored else "single", "clips": count, "effect": effect, "runs": times}
            for key in found[0]:
                row[key] = round(float(np.mean([f[key] for f in found])), 3)
            row["chance"] = (2 if mirrored else 1) / len(REGIONS)
            out.append(row)
            print(_line(row), flush=True)
    return out


def world(
    rng: np.random.Generator, count: int, effect: float, *, mirrored: bool
) -> tuple[Array, list[str], list[str], list[set[str]]]:
    """Clips of a face, their labels and subjects, and for each emotion the regions that show it.

    `effect` is the mean displacement added, in standard deviations of a region within a subject; each clip's
    intensity varies around it (gamma, shape 4), and neighbours take up to half of it.
    """
    subjects = np.arange(count) % SUBJECTS
    labels = np.zeros(count, dtype=int)
    for s in range(SUBJECTS):
        own = np.flatnonzero(subjects == s)
        labels[own] = rng.permutation(np.resize(np.arange(len(EMOTIONS)), len(own)))
    motion = _face(rng, count, mirrored) + 0.5 * rng.standard_normal((SUBJECTS, len(REGIONS)))[subjects]
    shown = []
    for k, driver in enumerate(rng.choice(len(REGIONS), len(EMOTIONS), replace=False)):
        drivers = {int(driver), _mirror(int(driver))} if mirrored else {int(driver)}
        reach = 0.5 * np.exp(-_distances()[list(drivers)].min(axis=0) / 1.28)
        reach[list(drivers)] = 1.0
        here = np.flatnonzero(labels == k)
        motion[here] += effect * rng.gamma(4, 1 / 4, (len(here), 1)) * reach
        shown.append({REGIONS[d] for d in drivers})
    return motion, [EMOTIONS[k] for k in labels], [f"s{s}" for s in subjects], shown


def _trial(mirrored: bool, count: int, effect: float, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    motion, labels, subjects, shown = world(rng, count, effect, mirrored=mirrored)
    result = probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=rng, method="fast-pc", bootstraps=60, nulls=99)
    named = {"probe": [f.region for f in result.by_emotion]}
    table = build(motion, labels, subjects, REGIONS, EMOTIONS, None, 0)
    for name, statistic in (("plain", _plain), ("regression", _regression)):
        named[name] = _by_permutation(table, statistic, rng)
    out: dict[str, float] = {}
    for name, regions in named.items():
        hits = [r in s for r, s in zip(regions, shown, strict=True)] if effect else [False]
        out[f"{name} right"] = float(np.mean(hits))
        out[f"{name} wrong"] = float(np.mean([r is not None for r in regions])) - (out[f"{name} right"])
        out[f"{name} speaks"] = float(any(r is not None for r in regions))
    return out


def _by_permutation(table: Table, statistic: Callable[[Table], Array], rng: np.random.Generator) -> list[str | None]:
    """Each emotion's first region by a statistic, where fewer than one draw in twenty reaches it."""
    seen = statistic(table)
    highest = np.array([statistic(table.shuffled(rng)).max() for _ in range(99)])
    best = seen.argmax(axis=0)
    p_values = [(1 + (highest >= seen[b, k]).sum()) / 100 for k, b in enumerate(best)]
    return [table.regions[b] if p <= 0.05 else None for b, p in zip(best, p_values, strict=True)]


def _plain(table: Table) -> Array:
    return scores(table, 0.05).tie


def _regression(table: Table) -> Array:
    """|z| of each region given all others."""
    columns, count = table.full(), len(table.regions)
    correlation = np.corrcoef(columns.T)
    out = np.zeros((count, len(table.emotions)))
    for k in range(len(table.emotions)):
        chosen = [*range(count), count + k]
        inverse = np.linalg.inv(correlation[np.ix_(chosen, chosen)])
        partial_r = -inverse[-1, :-1] / np.sqrt(inverse[-1, -1] * np.diag(inverse)[:-1])
        out[:, k] = np.sqrt(table.samples - count - 2) * np.abs(np.arctanh(partial_r))
    return out


def _face(rng: np.random.Generator, count: int, mirrored: bool) -> Array:
    """Motion whose neighbouring regions move together, and with `mirrored` the two halves of the face as well."""
    smooth = np.exp(-_distances() / 2.88)
    if mirrored:
        flip = np.eye(len(REGIONS))[[_mirror(i) for i in range(len(REGIONS))]]
        smooth = (smooth + 0.8 * (flip @ smooth + smooth @ flip) + flip @ smooth @ flip) / 2
        size = np.sqrt(np.diag(smooth))
        smooth = smooth / np.outer(size, size)
    values, vectors = np.linalg.eigh(smooth + 0.1 * np.eye(len(REGIONS)))
    return rng.standard_normal((count, len(REGIONS))) @ (vectors * np.sqrt(np.maximum(values, 0))).T


def _distances() -> Array:
    """Squared distances between the cells of the face."""
    at = np.stack(np.divmod(np.arange(len(REGIONS)), SIDE), axis=1)
    return ((at[:, None] - at[None]) ** 2).sum(axis=-1)


def _mirror(region: int) -> int:
    row, column = divmod(region, SIDE)
    return row * SIDE + SIDE - 1 - column


def _layout(size: int) -> Array:
    """Fourteen boxes about where the paper has its regions, overlapping as its rectangles do."""
    places = [
        (22, 25), (38, 25), (62, 25), (78, 25), (30, 36), (50, 33), (70, 36),
        (25, 55), (75, 55), (35, 75), (50, 68), (65, 75), (50, 78), (50, 92),
    ]  # fmt: skip
    masks = np.zeros((len(places), size, size), dtype=bool)
    for mask, (x, y) in zip(masks, places, strict=True):
        left, top, wide, high = (round(v * size / 100) for v in (x - 13, y - 9, 26, 18))
        mask[max(0, top) : top + high, max(0, left) : left + wide] = True
    return masks


def _resample(motion: Array, rng: np.random.Generator, search: Callable[[Array], Any]) -> None:
    search(motion[rng.integers(len(motion), size=len(motion))])


def _bootstraps(motion: Array, count: int = 1000) -> float:
    """Seconds on the clock, starting the processes included."""
    start = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_resamples, motion, count // 2), range(2)))
    return time.perf_counter() - start


def _resamples(motion: Array, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        _resample(motion, rng, _fast)


def _fast(table: Array) -> Any:
    return orient(skeleton(np.corrcoef(table.T), len(table)))


def _reference(table: Array) -> Any:
    return pc(table, 0.05, "fisherz", show_progress=False)


def _seconds(task: Callable[[], Any], times: int) -> float:
    best = np.inf
    for _ in range(times):
        start = time.process_time()
        task()
        best = min(best, time.process_time() - start)
    return float(best)


def _row(what: str, ours: float, peer: float, unit: str) -> Row:
    ratio = ours / peer if unit == "per s" else peer / ours
    return {"what": what, "ours": ours, "peer": peer, "peer_name": "causal-learn", "ratio": ratio, "unit": unit}


def _line(row: Row) -> str:
    return "  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())


def main() -> None:
    if "--power" in sys.argv:
        power(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 60)
        return
    rows = run()
    width = max(len(r["what"]) for r in rows)
    for r in rows:
        peer = "" if r["peer"] is None else f"{r['peer_name']} {r['peer']:.3g}   {r['ratio']:.0f} times faster"
        print(f"{r['what']:<{width}}  {r['ours']:>9.3g} {r['unit']:<6} {peer}")


if __name__ == "__main__":
    main()
