"""Recognizers of flow trained here without leakage, beside the figures their field publishes for them.

``python -m benchmarks recognizers`` trains five recognizers leave-one-subject-out on the MEGC2019 flow maps that are at
hand (CASME II and SAMM, 278 clips) and keeps the weights under ``MASK_BENCH_MODELS`` (by default
``runs/bench_recognizers``); started anew, it goes on where it stopped. 95 % intervals are bootstraps over subjects.

- *last epoch*: no epoch, rate or size was chosen by looking at a held-out subject.
- *best on the test fold*: the same trainings, each fold read at the epoch that serves its own test clips best. This is
  leakage; much of what is published was scored so, and it is here to show what that is worth. Nowhere else is it used.
- Published figures come from models that were trained on SMIC's 164 clips too; so were the published STSTNet weights.
  Where they say *test fold*, the released code selects the epoch on it. *MEB* is Varanka et al., arXiv 2211.11425, on
  the same three databases; *table in HTNet* is a row that the HTNet paper quotes.
- *CPU min* is the time of all trainings on one core.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mask import registry
from mask.clip import Dataset
from mask.evaluate import evaluate, scores_of
from mask.learn import Epoch
from mask.metrics import majority
from mask.torch_recognizer import Trainable
from mask.train import train

Row = dict[str, Any]
NAMES = ("ststnet", "off-apexnet", "dual-inception", "rcn", "htnet")
LAST, LEAKY = "last epoch", "best on the test fold"

PUBLISHED: dict[tuple[str, str, str], str] = {
    ("ststnet", LAST, "casme2"): ".838/.869 paper",
    ("ststnet", LAST, "samm"): ".659/.681 paper",
    ("ststnet", LAST, "pooled"): ".735/.761 paper; .713 MEB",
    ("ststnet", LEAKY, "pooled"): ".774 MEB",
    ("off-apexnet", LAST, "casme2"): ".876/.868 table in HTNet; .774 MEB",
    ("off-apexnet", LAST, "samm"): ".541/.539 table in HTNet; .605 MEB",
    ("off-apexnet", LAST, "pooled"): ".720/.710 table in HTNet; .703 MEB",
    ("off-apexnet", LEAKY, "casme2"): ".928 MEB",
    ("off-apexnet", LEAKY, "samm"): ".790 MEB",
    ("off-apexnet", LEAKY, "pooled"): ".839 MEB",
    ("dual-inception", LAST, "casme2"): ".862/.856 paper",
    ("dual-inception", LAST, "samm"): ".587/.566 paper",
    ("dual-inception", LAST, "pooled"): ".732/.728 paper",
    ("rcn", LAST, "casme2"): ".851/.812 table in HTNet",
    ("rcn", LAST, "samm"): ".760/.672 table in HTNet",
    ("rcn", LAST, "pooled"): ".743/.719 table in HTNet",
    ("htnet", LAST, "pooled"): ".648/.655 users of the released code",
    ("htnet", LEAKY, "casme2"): ".953/.952 paper, test fold",
    ("htnet", LEAKY, "samm"): ".813/.812 paper, test fold",
    ("htnet", LEAKY, "pooled"): ".860/.848 paper, test fold",
}
"""UF1, or UF1/UAR, by recognizer, choice of epoch and part."""


def run() -> list[Row]:
    """Measure; one row per recognizer, choice of epoch and database. Empty where the real data is absent."""
    data = flow_maps()
    return [] if data is None else list(_rows(data))


def flow_maps(part: str = "all") -> Dataset | None:
    """The MEGC2019 flow maps, or `None`, said on standard error."""
    place = megc() / "norm_u_v_os"
    if not place.is_dir():
        print(f"{place} is absent; nothing was measured", file=sys.stderr)
        return None
    found: Dataset = registry.create("datasets", f"megc-flow:{place},part={part}")
    return found


def megc() -> Path:
    """Where the MEGC2019 material is to be."""
    shared = Path(os.environ.get("MASK_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared"))
    return shared / "data" / "megc2019"


def models() -> Path:
    """Where trained weights are kept."""
    return Path(os.environ.get("MASK_BENCH_MODELS", "runs/bench_recognizers"))


def chosen() -> tuple[str, ...]:
    """The recognizers to measure: all, or those that ``MASK_BENCH_ONLY`` names, separated by commas."""
    only = os.environ.get("MASK_BENCH_ONLY", "")
    return tuple(only.split(",")) if only else NAMES


def trained(name: str, data: Dataset) -> Any:
    """A recognizer trained leave-one-subject-out, now or earlier, with what it said of its test fold at every epoch."""
    folder = models() / name
    if not (folder / "model.json").is_file():
        recipe: Trainable = registry.create("recognizers", name)
        watch = _Watch(recipe, data, models() / f"{name}-watched")
        train(recipe, data, out=folder, observe=watch)
        print(f"{name}: trained", file=sys.stderr)
    return registry.create("recognizers", f"{name}:weights={folder}")


class _Watch:
    """Keeps what a model says of its test fold after every epoch, and the CPU time; it only looks."""

    def __init__(self, recipe: Trainable, data: Dataset, folder: Path) -> None:
        self._recipe, self._data, self._folder = recipe, data, folder
        self._told: list[list[int]] = []
        self._inputs: list[Any] = []
        self._start = 0.0

    def __call__(self, held: tuple[str, ...], epoch: Epoch, model: Trainable) -> None:
        if epoch.number == 1:
            self._told, self._start = [], time.process_time()
            self._inputs = self._recipe.inputs([c for c in self._data.clips if c.subject in held])
        said = model.judge(self._inputs).names
        self._told.append([model.labels.index(str(name)) for name in said])
        if epoch.number == model.epochs:
            # The first epoch was over before the clock was started.
            spent = (time.process_time() - self._start) * model.epochs / max(1, model.epochs - 1)
            self._folder.mkdir(parents=True, exist_ok=True)
            np.savez(self._folder / f"{held[0]}.npz", told=np.array(self._told), seconds=spent)


def leaky(name: str, data: Dataset) -> tuple[list[str | None], float]:
    """What each clip is called at the epoch that serves its own test fold best, and the CPU seconds of all folds."""
    answers: dict[str, str] = {}
    seconds = 0.0
    for subject in data.subjects:
        with np.load(models() / f"{name}-watched" / f"{subject}.npz") as kept:
            told, spent = kept["told"], float(kept["seconds"])
        clips = [c for c in data.clips if c.subject == subject]
        right = (told == [data.emotions.index(str(c.emotion)) for c in clips]).sum(axis=1)
        best = told[int(np.argmax(right))]
        answers |= {c.key: data.emotions[k] for c, k in zip(clips, best, strict=True)}
        seconds += spent
    return [answers[c.key] for c in data.clips], seconds


def _rows(data: Dataset) -> Iterator[Row]:
    for name in chosen():
        model = trained(name, data)
        guessed, seconds = leaky(name, data)
        size = sum(p.numel() for p in model.models[0].module.parameters())
        honest = evaluate(model, data)["scores"]
        for choice, scores in ((LAST, honest), (LEAKY, scores_of(data.clips, guessed, data.emotions))):
            for part in ("casme2", "samm", "pooled"):
                row = _row(name, choice, part, scores[part], PUBLISHED.get((name, choice, part), ""))
                yield {**row, "weights": size, "CPU min": round(seconds / 60, 1)}
    yield from _references(data)


def _references(data: Dataset) -> Iterator[Row]:
    """The published STSTNet weights, and what answering the commonest emotion scores."""
    weights = megc() / "STSTNet_Weights"
    if weights.is_dir():
        golden = evaluate(registry.create("recognizers", f"ststnet:weights={weights}"), data)["scores"]
        for part in ("casme2", "samm", "pooled"):
            yield _row("ststnet, published weights", LAST, part, golden[part], "the same")
    for part in ("casme2", "samm", "pooled"):
        true = [str(c.emotion) for c in data.clips if part in (c.dataset, "pooled")]
        named, s = majority(true, data.emotions)
        yield {
            "recognizer": f"always {named}",
            "epoch": "",
            "clips": f"{part}, {len(true)}",
            "UF1": f"{s.uf1:.3f}",
            "UAR": f"{s.uar:.3f}",
        }


def _row(name: str, choice: str, part: str, s: dict[str, Any], published: str) -> Row:
    return {
        "recognizer": name,
        "epoch": choice,
        "clips": f"{part}, {s['n']}",
        "UF1": f"{s['uf1']:.3f} [{s['uf1_ci95'][0]:.3f}, {s['uf1_ci95'][1]:.3f}]",
        "UAR": f"{s['uar']:.3f} [{s['uar_ci95'][0]:.3f}, {s['uar_ci95'][1]:.3f}]",
        "published": published,
    }
