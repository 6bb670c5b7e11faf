"""Speed of attacks: plans tried on a recognizer, one at a time as rivals do and many together as here.

``python -m benchmarks attacks`` prints the table, in wall-clock time on all cores. STSTNet is untrained here: what it
answers takes no time to change. A candidate on frames is rendered and scored in two ways: *imagined* on the flow map
the recognizer reads, which is how an attack chooses, and *rendered* on pixels and through optical flow, which is how
the core judges.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.bench_sticker import SIDE, _art, _pil
from mask import registry
from mask.causal.effects import candidates
from mask.clip import Clip
from mask.contracts import Discovery, NoTarget, Scene
from mask.folds import FoldedRecognizer
from mask.oracle import Scorer
from mask.plan import ThreatModel
from mask.regions import load, sites
from mask.sticker import art
from mask.surrogate import PANEL, Owned

Row = dict[str, Any]
EMOTIONS = ("negative", "positive", "surprise")
CLIPS, STUDIED, MODELS, AREA = 442, 24, 24, 0.046


def run() -> list[Row]:
    """Measure; one row per figure."""
    clips = _clips(CLIPS)
    bank = FoldedRecognizer("bank", {f"s{k}": _model() for k in range(MODELS)}, strangers="average", panel=PANEL)
    return [_exhaustive(clips), _one_shot(clips, bank), *_candidates()]


def _model() -> Any:
    model = registry.create("recognizers", "ststnet:flow=dis").fresh(EMOTIONS)
    model.module.eval()
    return model


def _clips(count: int) -> list[Clip]:
    rng = np.random.default_rng(0)
    flows = rng.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8)
    return [Clip(f"made/s{i}/c", f"s{i}", EMOTIONS[i % 3], "made", flow=flow) for i, flow in enumerate(flows)]


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _exhaustive(clips: list[Clip]) -> Row:
    """Every place with nine motions: eight of an overlay, and one that rides on the skin."""
    overlay = ThreatModel("overlay", area=AREA)
    places = sites(load("mesh"), overlay, "flow")
    plans = candidates(overlay, places, "heart") + candidates(ThreatModel("skin", area=AREA), places, "heart")
    scorer = Scorer(_model())
    scorer.under(clips[0], plans)
    spent = _seconds(lambda: [scorer.under(clip, plans) for clip in clips[1:]]) * len(clips) / (len(clips) - 1)
    return {"what": f"{len(clips)} flow clips x {len(plans)} plans, rendered and scored", "ours": spent, "unit": "s"}


def _one_shot(clips: list[Clip], bank: FoldedRecognizer) -> Row:
    threat = ThreatModel("overlay", area=AREA)
    places = sites(load("mesh"), threat, "flow")
    attack = registry.create("attacks", "causal:bootstraps=0")
    owned = Owned([bank])
    rng = np.random.default_rng(0)
    learnt = attack.discover(Discovery(tuple(clips[:STUDIED]), (), EMOTIONS, threat, places, owned, rng))

    def plan(clip: Clip) -> None:
        attack.plan(clip, Scene(threat, places, NoTarget(), learnt, clip.emotion, rng, None, owned))

    strangers = clips[MODELS : MODELS + 40]
    plan(strangers[0])
    each = [_seconds(lambda c=c: plan(c)) for c in strangers[1:]]  # type: ignore[misc]
    return {"what": f"a one-shot plan, {PANEL} surrogates asked", "ours": float(np.median(each)) * 1000, "unit": "ms"}


def _candidates() -> list[Row]:
    """Candidate stickers on one synthetic clip, per second."""
    clip = registry.create("datasets", "synthetic:subjects=1,repeats=1").clips[0]
    model = _model()
    threat = ThreatModel("overlay", area=AREA)
    plans = candidates(threat, sites(load("mesh"), threat, "frames"), "heart")
    owned, seen = Owned([model]), Owned([model]).imagine(clip)
    owned(seen, plans[:8])
    imagined = len(plans) / _seconds(lambda: Owned([model])(seen, plans))
    few = plans[:: len(plans) // 24]
    rendered = len(few) / _seconds(lambda: Scorer(model).under(clip, few))
    rows = []
    for name, paste in (("ART 1.20.1 AdversarialPatchPyTorch", _art_ms()), ("PIL resize, rotate, paste", _pil_ms())):
        if paste is None:
            continue
        # Two frames pasted, then the same flow, network and all, which is what is left of ours without its pasting.
        judge = _seconds(lambda: [model.predict([clip]) for _ in range(8)]) / 8
        peer = 1 / (2 * paste / 1000 + judge)
        for how, ours in (("imagined", imagined), ("rendered", rendered)):
            what = f"candidates {how} and scored"
            rows.append(
                {"what": what, "ours": ours, "unit": "a second", "peer": peer, "ratio": ours / peer, "peer_name": name}
            )
    return rows


def _art_ms() -> float | None:
    return _art(np.random.default_rng(1).random((1, 3, SIDE, SIDE), dtype=np.float32))


def _pil_ms() -> float:
    frame = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    half = math.sqrt(AREA / art.FILL) * SIDE / 2
    pose = np.array([[half, 0.0, SIDE / 2], [0.0, half, SIDE / 2]])
    return _seconds(lambda: [_pil(frame, pose) for _ in range(50)]) / 50 * 1000
