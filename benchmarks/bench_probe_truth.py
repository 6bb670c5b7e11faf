"""How often a probe names a region that truly moves, on the synthetic benchmark, where that is known.

``python -m benchmarks.bench_probe_truth [SEEDS]`` prints one line per method, scheme and emotion (2 to 4 minutes of
CPU at the default of 4 seeds). Each seed is a benchmark of its own: 12 other people, 144 clips.

- The probe looks at all clips of a seed and names one region per emotion or abstains. A region truly moves for an
  emotion when, over its clips and by the emotion's action units alone, it moves at least half as far as the region
  that moves most. *Best* is the region it ranks first, named or not.
- The published recipe looks at the onset picture of one clip (here the first of each subject and emotion) and names
  one region. A region truly moves when it moves at least half as far in that clip as the region that moves most.

Chance is the share of regions that truly move: what naming regions at random would get. *Shuffled* is what the
method's own answers would get when dealt out again over all emotions, so that a liking for some regions is no merit.
Shares come with their denominators and 95 % Wilson intervals; those of the probe are over seeds.
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
    """One answer: the region named, if any, those that would have been right, and of how many regions."""

    method: str
    scheme: str
    emotion: str
    region: str | None
    truth: frozenset[str]
    regions: int


def run(seeds: int = SEEDS, processes: int = 2) -> list[Row]:
    """Measure; one dictionary per method, scheme and emotion, and one over all emotions."""
    done = Parallel(n_jobs=processes)(delayed(_one)(seed) for seed in range(seeds))
    answers = [answer for part in done for answer in part]
    rows = []
    for method, scheme in dict.fromkeys((a.method, a.scheme) for a in answers):
        mine = [a for a in answers if (a.method, a.scheme) == (method, scheme)]
        emotions = dict.fromkeys(a.emotion for a in mine)
        named = [a.region for a in mine if a.region is not None]
        rows += [_row(e, [a for a in mine if a.emotion == e], named) for e in emotions]
        rows.append(_row("all", mine, named))
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
                yield Naming(method, name, finding.emotion, region, truth, len(scheme.names))


def _paper(data: Dataset) -> Iterable[Naming]:
    scheme = load("au14")
    masks = scheme.box_masks(PAPER_SIZE)
    for clip in (c for c in data if c.key.endswith("_1")):
        region = scheme.names[paper_region(aligned_pair(clip, PAPER_SIZE)[0], masks).index]
        truth = moving([clip])["au14"]
        yield Naming("published recipe", "au14", str(clip.emotion), region, truth, len(scheme.names))


def moving(clips: Iterable[Clip]) -> dict[str, frozenset[str]]:
    """The regions of each scheme that move, over some clips, at least half as far as the one that moves most."""
    motion: list[Mapping[str, Mapping[str, float]]] = [(c.truth or {})["region_motion"] for c in clips]
    out = {}
    for scheme in SCHEMES:
        mean = {region: np.mean([m[scheme][region] for m in motion]) for region in load(scheme).names}
        out[scheme] = frozenset(region for region, length in mean.items() if length >= 0.5 * max(mean.values()))
    return out


def _row(emotion: str, answers: Sequence[Naming], regions: Sequence[str]) -> Row:
    """One line; `regions` are all that the method named, for whatever emotion."""
    named = [a for a in answers if a.region is not None]
    right = sum(a.region in a.truth for a in named)
    low, high = wilson(right, len(named))
    shuffled = [region in a.truth for a in answers for region in regions]
    return {
        "method": answers[0].method, "scheme": answers[0].scheme, "emotion": emotion,
        "asked": len(answers), "named": len(named), "right": right,
        "share": right / len(named) if named else float("nan"), "low": low, "high": high,
        "chance": float(np.mean([len(a.truth) / a.regions for a in answers])),
        "shuffled": float(np.mean(shuffled)) if shuffled else float("nan"),
    }  # fmt: skip


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    print(f"{seeds} seeds of 12 subjects x 4 emotions x 3 clips")
    columns = ("method", "scheme", "emotion", "asked", "named", "right", "share", "95 %", "chance", "shuffled")
    print("{:17} {:6} {:10} {:>5} {:>5} {:>5} {:>6} {:>10} {:>7} {:>9}".format(*columns))
    for r in run(seeds):
        print(
            f"{r['method']:17} {r['scheme']:6} {r['emotion']:10} {r['asked']:5} {r['named']:5} {r['right']:5} "
            f"{r['share']:6.2f} {r['low']:5.2f}-{r['high']:.2f} {r['chance']:7.2f} {r['shuffled']:9.2f}"
        )


if __name__ == "__main__":
    main()
