"""What a third party might register: quick members for grids, which write down what was done with them, and where."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch

from mask.clip import Clip, Dataset
from mask.contracts import Access, Attack, Prediction, Recognizer, Scene
from mask.plan import Placement, Plan
from tests.models import LinearFlow, flow_clip, flow_dataset, strained

NAME = "mask-bench-things"
ENTRY_POINTS = """
[mask.datasets]
made = tests.bench_things:made
[mask.recognizers]
linear = tests.bench_things:linear
[mask.attacks]
told = tests.bench_things:Told
killer = tests.bench_things:Killer
broken = tests.bench_things:Broken
"""


def install(folder: Path) -> None:
    """What ``pip install`` would leave in a folder of packages."""
    info = folder / f"{NAME.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


def log() -> Path:
    return Path(os.environ["MASK_BENCH_LOG"])


def tell(what: str, **more: Any) -> None:
    """One line in the log; appending is atomic."""
    line = json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n"
    with log().open("ab", buffering=0) as stream:
        stream.write(line.encode())


def told(what: str) -> list[dict[str, Any]]:
    lines = log().read_text().splitlines() if log().exists() else []
    return [entry for entry in map(json.loads, lines) if entry["what"] == what]


def made(subjects: int = 4, clips: int = 2, pixel: int = 0) -> Dataset:
    rng = np.random.default_rng(7)
    found = []
    for s in range(subjects):
        for k in range(clips):
            row, column = rng.integers(3, 21, 2)
            block = [(row + i, column + j) for i in range(4) for j in range(4)]
            flow = strained(block, int(rng.integers(140, 255)))
            flow[14, 14, 0] += pixel
            found.append(flow_clip(f"s{s}/moved{k}", flow))
            still = strained([])
            still[10 + s, 10 + k, 1] += s
            found.append(flow_clip(f"s{s}/calm{k}", still, "calm"))
    return flow_dataset(found)


@dataclass
class Linear(LinearFlow):
    """Says when it is loaded, and under which circumstances."""

    def __post_init__(self) -> None:
        tell(
            "loaded",
            threads=[torch.get_num_threads(), cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")],
            gpu=os.environ.get("CUDA_VISIBLE_DEVICES"),
        )

    def card(self) -> dict[str, Any]:
        return {**super().card(), "sha256": f"{self.threshold}"}

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.calls.clear()
        return super().predict(clips)


def linear(threshold: float = 1500.0) -> Recognizer:
    return Linear(np.ones((28, 28)), threshold)


@dataclass(frozen=True)
class Told(Attack):
    """A random place; says for which seed it was carried out, after resting a while on each clip."""

    access: ClassVar[Access] = "none"
    rest: float = 0.0
    mark: int = 0

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        tell("clip", clip=clip.key, mark=self.mark)
        time.sleep(self.rest)
        site = scene.sites[int(scene.rng.integers(len(scene.sites)))]
        return Plan(Placement(site.x, site.y, scene.threat.area, 0.0, site.region), scene.threat.motions()[0])


@dataclass(frozen=True)
class Killer(Told):
    """Kills the process it runs in, the first `times` times."""

    times: int = 1

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        if len(told("killed")) < self.times:
            tell("killed")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().plan(clip, scene)


@dataclass(frozen=True)
class Broken(Told):
    """Fails while there is a file of the log's name with ``.broken`` after it."""

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        if log().with_suffix(".broken").exists():
            raise RuntimeError("a bug of somebody's")
        return super().plan(clip, scene)
