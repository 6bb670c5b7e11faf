"""Every recognizer that can be trained, on the synthetic benchmark, beside always answering the commonest emotion.

``python -m benchmarks recognizers_synthetic`` trains each on a small set (12 made-up subjects, three classes, frames of
128 px) in four folds of subjects, one or two minutes of CPU each; sizes and epochs are small, and named. The classes
are equally many, so that guessing has a UF1 of about .33, twice that of the commonest answer. It shows that
a recognizer learns from frames at all, not how well it does on people. Intervals are bootstraps over subjects.
MER-CLIP, whose paper starts from a pretrained network, learns nothing from 54 clips (UF1 .357) and has its row on four
times as many.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from mask import registry
from mask.evaluate import evaluate
from mask.torch_recognizer import Trainable
from mask.train import train

Row = dict[str, Any]
DATA = "synthetic:subjects=12,emotions=3,repeats=2,size=128"
MORE = {"mer-clip": "synthetic:subjects=24,emotions=3,repeats=4,size=128"}
"""What else a recognizer is trained on, by name."""

SMALL = {
    "ststnet": "ststnet:flow=dis,size=84,epochs=60",
    "off-apexnet": "off-apexnet:flow=dis,size=84,epochs=30",
    "dual-inception": "dual-inception:flow=dis,size=84,epochs=15",
    "rcn": "rcn:flow=dis,size=84,width=32,epochs=40,rate=0.002",
    "htnet": "htnet:flow=dis,size=84,width=32,epochs=30",
    "lbp-top": "lbp-top:size=80",
    "mmnet": "mmnet:size=64,width=0.125,rate=0.003,epochs=120",
    "apex-cnn": "apex-cnn:size=64,width=0.125,gain=30,epochs=40",
    "stcnn": "stcnn:size=32,epochs=60,still=true",
    "causalnet": "causalnet:flow=dis,size=84,width=32,epochs=30",
    "micron-bert": "micron-bert:size=64,width=32,depth=2,pretrain=10,epochs=60,rate=0.001",
    "mer-clip": "mer-clip:size=32,frames=16,patch=8,width=32,depth=1,epochs=60,rate=0.001,still=true",
    "mpfnet-p": "mpfnet-p:flow=dis,size=64,frames=3,width=0.125,prior=3,epochs=25,rate=0.003",
    "mpfnet-c": "mpfnet-c:flow=dis,size=64,frames=3,width=0.125,prior=3,epochs=25,rate=0.003",
}
"""Options for a small machine; a recognizer that is not here is trained as it comes."""


def run() -> list[Row]:
    """Measure; one row per recognizer. ``MASK_BENCH_ONLY`` names some, separated by commas."""
    only = os.environ.get("MASK_BENCH_ONLY", "")
    names = only.split(",") if only else list(registry.names("recognizers"))
    rows = []
    for name in names:
        spec = SMALL.get(name, name)
        recipe = registry.create("recognizers", spec)
        if not isinstance(recipe, Trainable):
            continue
        data = registry.create("datasets", MORE.get(name, DATA))
        start = time.process_time()
        scores = evaluate(train(recipe, data, protocol="kfold"), data)["scores"]["pooled"]
        spent = time.process_time() - start
        print(f"{spec}: UF1 {scores['uf1']:.3f} after {spent:.0f} CPU s", file=sys.stderr)
        rows.append(_row(spec, scores, spent))
    return rows


def _row(spec: str, s: dict[str, Any], spent: float) -> Row:
    base = s["majority"]
    return {
        "recognizer": spec,
        "clips": s["n"],
        "UF1": f"{s['uf1']:.3f} [{s['uf1_ci95'][0]:.3f}, {s['uf1_ci95'][1]:.3f}]",
        "UAR": f"{s['uar']:.3f} [{s['uar_ci95'][0]:.3f}, {s['uar_ci95'][1]:.3f}]",
        "majority UF1": f"{base['uf1']:.3f}",
        "majority UAR": f"{base['uar']:.3f}",
        "margin in UF1": f"{s['uf1'] - base['uf1']:+.3f}",
        "CPU s": round(spent),
    }
