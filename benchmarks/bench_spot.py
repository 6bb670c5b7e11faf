"""Spotting micro-expressions in long videos, each video by a model that has not seen its subject; and what is no skill.

``python -m benchmarks spot`` renders 12 long videos of 6 made-up subjects (12 s each at 30 frames per second, 96 px;
three micro-expressions of .28 to .5 s among one macro-expression, blinks, glances and turns of the head) and trains
every spotter in four folds of subjects. Two stand beside them: peaks of motion, where nothing is learnt, and every
spotter's own intervals at random places. An interval is right when it shares half of its frames with an annotated one;
F1 is pooled, intervals are bootstraps over subjects, recognition is the unweighted F1 of three classes on the right
ones, and STRS the product. Sizes and epochs are small, and named; it shows that a spotter spots at all, not how well on
people.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from mask import registry
from mask.spot import weights
from mask.spot.baselines import FlowPeak
from mask.spot.learn import TrainableSpotter
from mask.spot.run import find, scores
from mask.spot.video import long_videos
from mask.train import held_out

Row = dict[str, Any]
DATA = "synthetic-long:subjects=6,videos=2,size=96"
SPOTTERS = (
    "softnet:epochs=10",
    "me-tst:width=16,depth=3,state=4,epochs=40,rate=0.005",
    "mesfusion:width=8,heads=1,epochs=5",
    "sfamnet:epochs=5,rate=0.003",
)


def run() -> list[Row]:
    """Measure; a row per spotter, with its random control."""
    data = registry.create("datasets", DATA)
    videos = long_videos(data)
    plain = FlowPeak()
    start = time.process_time()
    seen = [plain.motion(v) for v in videos.videos]
    print(f"motion of {len(seen)} videos, rendered: {time.process_time() - start:.0f} CPU s", file=sys.stderr)
    folds = held_out(data, "kfold")
    rows: list[Row] = []
    for spec in SPOTTERS:
        recipe = registry.create("recognizers", spec)
        if not isinstance(recipe, TrainableSpotter):
            raise TypeError(f"{spec} is trained already")
        start = time.process_time()
        spotter = weights.train(recipe, videos, seen, folds)
        found = list(find(spotter, videos.videos, iter(seen)))
        spent = time.process_time() - start
        told = scores(spec, found, videos.emotions if spotter.emotions else (), seed=0)
        if not rows:
            rows.append(_row(plain.name, told[plain.name], None, None))
        rows.append(_row(spec, told[spec], told["random places"], spent))
        print(f"{spec}: F1 {told[spec]['f1']:.3f} after {spent:.0f} CPU s", file=sys.stderr)
    return rows


def _row(name: str, s: dict[str, Any], control: dict[str, Any] | None, spent: float | None) -> Row:
    named = s["recognition"]
    return {
        "spotter": name,
        "true": s["true"],
        "spotted": s["spotted"],
        "right": s["tp"],
        "F1": f"{s['f1']:.3f} [{s['f1_ci95'][0]:.3f}, {s['f1_ci95'][1]:.3f}]",
        "F1 at random places": None if control is None else f"{control['f1']:.3f}",
        "apex error ms": None if s["apex_error_ms"] is None else round(s["apex_error_ms"]),
        "recognition F1": None if named is None else f"{named['f1']:.3f}",
        "STRS": None if named is None else f"{s['strs']:.3f} [{s['strs_ci95'][0]:.3f}, {s['strs_ci95'][1]:.3f}]",
        "STRS at random places": None if named is None or control is None else f"{control['strs']:.3f}",
        "CPU s": None if spent is None else round(spent),
    }


if __name__ == "__main__":
    for line in run():
        print(line)
