"""Build mask/regions/canonical.json: where the 468 mesh points lie in the face box of an average face.

    python scripts/build_canonical.py

Averages the exact mesh points of many synthetic neutral faces seen from the front, in the coordinates of
`mask.geometry.face_box`, and makes the two sides agree.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mask.data.synthetic import actor, camera, head, people
from mask.geometry import face_box, transform

OUT = Path(__file__).resolve().parent.parent / "mask" / "regions" / "canonical.json"
FACES = 240
SEED = 30


def points(pack: head.Pack) -> NDArray[np.float64]:
    """(FACES, 468, 2) mesh points in face-box coordinates."""
    found = []
    for number in range(FACES):
        person = people.draw(pack, number, np.random.default_rng([SEED, number]))
        vertices, _ = actor.normalised(pack, person)
        flat, _ = camera.project(pack.landmarks(vertices), 256)
        found.append(transform(face_box(flat).to_box, flat))
    return np.stack(found)


def text() -> str:
    """What the file holds."""
    pack = head.load()
    mirror = pack.landmark_mirror
    mean = points(pack).mean(axis=0)
    mean = (mean + (mean * [-1, 1] + [1, 0])[mirror]) / 2
    data = {
        "points": [[round(x, 5), round(y, 5)] for x, y in mean.tolist()],
        "mirror": mirror.tolist(),
        "source": f"exact mesh points of {FACES} synthetic neutral faces seen from the front, averaged in the face "
        f"box and made symmetric, by scripts/build_canonical.py; head pack SHA-256 {head.HEAD_SHA256}",
    }
    return json.dumps(data, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    OUT.write_text(text(), encoding="utf-8")
    print(f"{OUT}: the mean of {FACES} faces")
