"""How often a probe names a region that truly moves, on the synthetic benchmark, where that is known.

``python -m benchmarks.bench_probe_truth [SEEDS]`` prints one line per method, scheme and emotion (about 2 minutes of
CPU at the default of 4 seeds). Each seed is a benchmark of its own: 12 other people, 144 clips.

- The probe looks at all clips of a seed and names one region per emotion or abstains. A region truly moves for an
  emotion when, over its clips and by the emotion's action units alone, it moves at least half as far as the region
  that moves most. *Best* is the region it ranks first, named or not.
- The published recipe looks at the onset picture of one clip (here the first of each subject and emotion) and names
  one region. A region truly moves when it moves at least half as far in that clip as the region that moves most.

Chance is the share of regions that truly move: what naming regions at random would get. Shares come with their
denominators and 95 % Wilson intervals; those of the probe are over seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from mask.causal.observe import maps
from mask.causal.paper import paper_region
from mask.causal.probe import probe
from mask.causal.variables import clip_motion
from mask.clip import Clip, Dataset
from mask.data.synthetic import create
from mask.faces import aligned_pair
from mask.metrics import wilson
from mask.regions import load

Row = dict[str, Any]
SEEDS = 4
SCHEMES = ("mesh", "au14")
PAPER_SIZE = 224


@dataclass(frozen=True)
class Naming:
    """One answer: which region was named, if any, and the share of regions that would have been right."""

    method: str
    scheme: str
    emotion: str
    named: bool
    right: bool
    chance: float


def run(seeds: int = SEEDS, processes: int = 2) -> list[Row]:
    """Measure; one dictionary per method, scheme and emotion, and one over all emotions."""
    done = Parallel(n_jobs=processes)(delayed(_one)(seed) for seed in range(seeds))
    answers = [answer for part in done for answer in part]
    rows = []
    for method, scheme in dict.fromkeys((a.method, a.scheme) for a in answers):
        mine = [a for a in answers if (a.method, a.scheme) == (method, scheme)]
        for emotion in dict.fromkeys(a.emotion for a in mine):
            rows.append(_row(method, scheme, emotion, [a for a in mine if a.emotion == emotion]))
        rows.append(_row(method, scheme, "all", mine))
    return rows


def _one(seed: int) -> list[Naming]:
    data = create(seed=seed)
    return [*_probe(data, seed), *_paper(data)]


def _probe(data: Dataset, seed: int) -> Iterable[Naming]:
    fields, kept = maps(data.clips, "dis")
    labels, subjects = [str(c.emotion) for c in kept], [c.subject for c in kept]
    for name in SCHEMES:
        scheme, rng = load(name), np.random.default_rng(seed)
        motion = clip_motion(fields, scheme.box_coverage(28)).along
        result = probe(motion, labels, subjects, scheme.names, data.emotions, rng=rng, bootstraps=100, nulls=100)
        for finding in result.by_emotion:
            truth = moving(c for c in data if c.emotion == finding.emotion)[name]
            first = finding.ranking[0].region if finding.ranking else None
            for method, region in (("probe", finding.region), ("probe, best", first)):
                yield _naming(method, name, finding.emotion, region, truth, len(scheme.names))


def _paper(data: Dataset) -> Iterable[Naming]:
    scheme = load("au14")
    masks = scheme.box_masks(PAPER_SIZE)
    first = {(c.subject, c.emotion): c for c in reversed(data.clips)}
    for clip in first.values():
        region = scheme.names[paper_region(aligned_pair(clip, PAPER_SIZE)[0], masks).index]
        truth = moving([clip])["au14"]
        yield _naming("published recipe", "au14", str(clip.emotion), region, truth, len(scheme.names))


def moving(clips: Iterable[Clip]) -> dict[str, set[str]]:
    """The regions of each scheme that move, over some clips, at least half as far as the one that moves most."""
    motion: list[Mapping[str, Mapping[str, float]]] = [(c.truth or {})["region_motion"] for c in clips]
    out = {}
    for scheme in SCHEMES:
        mean = {region: np.mean([m[scheme][region] for m in motion]) for region in load(scheme).names}
        out[scheme] = {region for region, length in mean.items() if length >= 0.5 * max(mean.values())}
    return out


def _naming(method: str, scheme: str, emotion: str, region: str | None, truth: set[str], count: int) -> Naming:
    return Naming(method, scheme, emotion, region is not None, region in truth, len(truth) / count)


def _row(method: str, scheme: str, emotion: str, answers: Sequence[Naming]) -> Row:
    named = [a for a in answers if a.named]
    right = sum(a.right for a in named)
    low, high = wilson(right, len(named))
    return {
        "method": method, "scheme": scheme, "emotion": emotion, "asked": len(answers), "named": len(named),
        "right": right, "share": right / len(named) if named else float("nan"), "low": low, "high": high,
        "chance": float(np.mean([a.chance for a in answers])),
    }  # fmt: skip


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    print(f"{seeds} seeds of 12 subjects x 4 emotions x 3 clips")
    print(
        f"{'method':17} {'scheme':6} {'emotion':10} {'asked':>5} {'named':>5} {'right':>5}  share    95 %      chance"
    )
    for r in run(seeds):
        interval = f"{r['low']:.2f}-{r['high']:.2f}"
        print(
            f"{r['method']:17} {r['scheme']:6} {r['emotion']:10} {r['asked']:5} {r['named']:5} {r['right']:5}  "
            f"{r['share']:5.2f}  {interval:>9}  {r['chance']:7.2f}"
        )


if __name__ == "__main__":
    main()
