"""Training data made of training data: what each way of making it gains on the synthetic benchmark.

``python -m benchmarks augment`` trains a recognizer of flow (two seeds) and one of frames on a small set (12 made-up
subjects, three classes, frames of 128 px) in four folds of subjects: plainly, plainly for twice the epochs (every way
about doubles the clips, and so the steps), and with each way of `mask list augmentations`. Clips are made of the
training subjects of each fold alone, and held-out subjects are judged on their own clips. The gain is in UF1 over the
plain training of the same recognizer, on the same folds; intervals are bootstraps over subjects, all seeds counted
together. Twelve subjects show large gains only; an interval that holds zero is no gain, and of twenty intervals one
leaves zero out by chance.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mask import metrics, registry
from mask.augment import made_by
from mask.clip import Clip, Dataset
from mask.train import held_out, train

Row = dict[str, Any]
Table = NDArray[np.float64]
DATA = "synthetic:subjects=12,emotions=3,repeats=2,size=128"
MODELS = {
    "ststnet:flow=dis,size=84,epochs={epochs}": (60, (0, 1)),
    "mmnet:size=32,width=0.125,rate=0.003,epochs={epochs}": (60, (0,)),
}
"""Specs, their epochs, and the seeds they are trained with."""
PLAIN, LONGER = "none", "none, twice the epochs"
WAYS = (
    PLAIN,
    LONGER,
    "local-static-face-mix:alpha=0.5,probability=0.5",
    "magnify:factor=2",
    "magnify-eulerian:factor=2",
    "driven:clips=54",
)


def run() -> list[Row]:
    """Measure; one row per recognizer and way. ``MASK_BENCH_ONLY`` names some recognizers, separated by commas."""
    only = os.environ.get("MASK_BENCH_ONLY", "")
    data = _rendered(registry.create("datasets", DATA))
    rows = []
    for model, (epochs, seeds) in MODELS.items():
        if only and model.split(":")[0] not in only.split(","):
            continue
        plain: Table | None = None
        for way in WAYS:
            start = time.process_time()
            spec = model.format(epochs=epochs * (2 if way == LONGER else 1))
            tables, made = _trained(spec, way, data, seeds)
            plain = tables if plain is None else plain
            spent = round(time.process_time() - start)
            rows.append({**_row(spec, way, tables, plain), "made clips a fold": made, "CPU s": spent})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _rendered(data: Dataset) -> Dataset:
    """The same clips with their frames in memory, so that what is timed is training."""

    def held(clip: Clip) -> Clip:
        frames = [clip.frame(i) for i in range(len(clip.frames or ()))]
        return replace(clip, frames=np.stack(frames))

    return replace(data, clips=tuple(held(c) for c in data.clips))


def _trained(spec: str, way: str, data: Dataset, seeds: Sequence[int]) -> tuple[Table, int]:
    """What each subject adds to the confusion matrix, ``(S, K, K + 1)``, over all seeds; and made clips a fold."""
    augment = [] if way in (PLAIN, LONGER) else [registry.create("augmentations", way)]
    tables = np.zeros((len(data), len(data.emotions), len(data.emotions) + 1))
    made: list[int] = []
    for seed in seeds:
        recipe = registry.create("recognizers", spec)
        told = train(recipe, data, protocol="kfold", seed=seed, augment=augment).predict(data.clips).names
        tables += _counted(data.clips, told, data.emotions)
        folds = [[c for c in data.clips if c.subject not in held] for held in held_out(data, "kfold", seed)]
        made += [len(made_by(augment, fold, seed)) for fold in folds]
    return metrics.per_subject([c.subject for c in data.clips], tables), round(float(np.mean(made)))


def _counted(clips: Sequence[Clip], told: Sequence[str | None], emotions: Sequence[str]) -> Table:
    """One clip, one table: row the truth, column the answer, the last column no answer."""
    tables = np.zeros((len(clips), len(emotions), len(emotions) + 1))
    for i, (clip, answer) in enumerate(zip(clips, told, strict=True)):
        tables[i, emotions.index(str(clip.emotion)), emotions.index(answer) if answer else -1] = 1
    return tables


def _row(spec: str, way: str, tables: Table, plain: Table) -> Row:
    both = np.stack([tables, plain], axis=1)

    def gain(sums: Table) -> Table:
        return np.asarray(metrics.score_tables(sums[:, 0])[0] - metrics.score_tables(sums[:, 1])[0])

    def uf1(sums: Table) -> Table:
        return np.asarray(metrics.score_tables(sums)[0])

    score, change = float(uf1(tables.sum(0)[None])[0]), float(gain(both.sum(0)[None])[0])
    low, high = metrics.bootstrap(tables, uf1, rng=np.random.default_rng(0))
    worse, better = metrics.bootstrap(both, gain, rng=np.random.default_rng(0))
    verdict = "gain" if worse > 0 else "loss" if better < 0 else "no gain"
    return {
        "recognizer": spec,
        "augmentation": way,
        "UF1": f"{score:.3f} [{low:.3f}, {high:.3f}]",
        "gain in UF1": "" if way == PLAIN else f"{change:+.3f} [{worse:+.3f}, {better:+.3f}]",
        "verdict": "" if way == PLAIN else verdict,
    }
