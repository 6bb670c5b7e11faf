"""Action units: which shapes of the head each one moves, on either side.

Sides are the picture's: ``L12`` pulls the mouth corner on the left of the picture, which is the subject's right.
The shapes are named after the subject's own sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .head import Array, Pack
from .skin import smooth

# Action unit -> (shapes, gain); "*" is the subject's Left or Right, a shape without it is split down the middle.
SIDED: Mapping[int, tuple[tuple[str, float], ...]] = {
    1: (("browInnerUp", 1.0),),
    2: (("browOuterUp*", 1.0),),
    4: (("browDown*", 1.0),),
    5: (("eyeWide*", 1.0),),
    6: (("cheekSquint*", 1.0),),
    7: (("eyeSquint*", 1.0),),
    9: (("noseSneer*", 1.0),),
    10: (("mouthUpperUp*", 1.0),),
    12: (("mouthSmile*", 1.0),),
    14: (("mouthDimple*", 1.0),),
    15: (("mouthFrown*", 1.0),),
    16: (("mouthLowerDown*", 1.0),),
    20: (("mouthStretch*", 1.0),),
    24: (("mouthPress*", 1.0),),
    45: (("eyeBlink*", 1.0),),
}
CENTRAL: Mapping[int, tuple[tuple[str, float], ...]] = {
    17: (("mouthShrugLower", 1.0),),
    18: (("mouthPucker", 1.0),),
    26: (("jawOpen", 1.0),),
}


@lru_cache(maxsize=1)
def units(pack: Pack) -> Mapping[str, tuple[NDArray[np.int64], Array]]:
    """Every movable unit: ``L12``, ``R12``, ``AU17``, ... -> (vertices, displacement in decimetres at weight 1)."""
    right_half = smooth(0.5 + pack.mean[:, 0] / 0.30)
    out: dict[str, tuple[NDArray[np.int64], Array]] = {}
    for number, shapes in SIDED.items():
        for side, own, half in (("L", "Right", 1 - right_half), ("R", "Left", right_half)):
            total = np.zeros_like(pack.base)
            for name, gain in shapes:
                shape = pack.dense("au/" + name.replace("*", own)) * gain
                total += shape if "*" in name else shape * half[:, None]
            out[f"{side}{number}"] = _sparse(total)
    for number, shapes in CENTRAL.items():
        out[f"AU{number}"] = _sparse(sum((pack.dense("au/" + n) * g for n, g in shapes), np.zeros_like(pack.base)))
    return out


def _sparse(shape: Array) -> tuple[NDArray[np.int64], Array]:
    index = np.flatnonzero(np.abs(shape).max(axis=1) > 0)
    return index, shape[index]


def sides(code: str) -> tuple[str, ...]:
    """The movable units behind a FACS code: ``AU12`` is both sides.

    >>> sides("AU12"), sides("L12"), sides("AU17")
    (('L12', 'R12'), ('L12',), ('AU17',))
    """
    if code.startswith("AU") and int(code[2:]) in SIDED:
        return f"L{code[2:]}", f"R{code[2:]}"
    return (code,)


def mirrored(code: str) -> str:
    """The code of the mirror image: ``L12`` becomes ``R12``; a two-sided code stays."""
    return {"L": "R", "R": "L"}.get(code[0], code[0]) + code[1:]
