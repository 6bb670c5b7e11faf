"""Draw ``docs/example.png``, the picture in the README, from the examples in a finished run.

``mask demo --out runs/demo`` and then ``python scripts/build_picture.py runs/demo``. Every face belongs to nobody.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mask.results import read_results

OUT = Path(__file__).resolve().parents[1] / "docs" / "example.png"
KINETICS = {"skin": "a real sticker, riding on the skin", "overlay": "an animated overlay"}


def main(run: Path) -> None:
    found = [e for e in read_results(run / "results.json")["examples"] if e["frames"]]
    chosen = [next(e for e in found if e["kinetics"] == k) for k in KINETICS if any(e["kinetics"] == k for e in found)]
    figure = Figure(figsize=(9.2, 2.75 * len(chosen)), layout="constrained", facecolor="white")
    rows = figure.subfigures(len(chosen), 1, squeeze=False)[:, 0]
    for row, example in zip(rows, chosen, strict=True):
        row.suptitle(
            f"{KINETICS[example['kinetics']]}: {example['recognizer']} reads {example['clean_prediction']} before, "
            f"{example['attacked_prediction']} after",
            fontsize=11,
        )
        (_, before), (_, after) = ([_picture(f) for f in pair] for pair in example["frames"])
        flows = [_picture(f)[..., 2] for f in example["flow"]]
        pictures = [
            (before, "apex"),
            (flows[0], "optical strain"),
            (after, "apex, stickered"),
            (flows[1], "its strain"),
        ]
        for axes, (picture, title) in zip(row.subplots(1, 4), pictures, strict=True):
            axes.imshow(picture, cmap="magma", interpolation="nearest")
            axes.set_title(title, fontsize=9)
            axes.axis("off")
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=110)
    print(OUT)


def _picture(coded: str) -> NDArray[np.uint8]:
    data: Any = np.frombuffer(base64.b64decode(coded), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
