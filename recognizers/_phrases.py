"""Action units in words, and words as vectors, for recognizers that align clips with texts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PHRASES = {
    1: "raising the inner part of the {} brows",
    2: "raising the outer part of the {} brows",
    4: "lowering the {} brows",
    5: "raising the {} upper lids",
    6: "raising the {} cheeks",
    7: "tightening the {} lids",
    9: "wrinkling the {} nose",
    10: "raising the {} upper lip",
    11: "deepening the {} furrow from nose to lips",
    12: "pulling the {} corners of the lips up",
    13: "sharply puffing the {} cheeks",
    14: "dimpling the {} corners of the lips",
    15: "pulling the {} corners of the lips down",
    16: "lowering the {} lower lip",
    17: "raising the {} chin",
    18: "puckering the {} lips",
    20: "stretching the {} lips",
    22: "funnelling the {} lips",
    23: "tightening the {} lips",
    24: "pressing the {} lips",
    25: "parting the {} lips",
    26: "dropping the {} jaw",
    27: "stretching the {} mouth",
    28: "sucking in the {} lips",
    31: "clenching the {} jaw",
    32: "biting the {} lip",
    38: "widening the {} nostrils",
    39: "narrowing the {} nostrils",
    43: "closing the {} eyes",
    45: "blinking the {} eyes",
}
"""What a unit of the Facial Action Coding System does, with room for a side."""

_SIDES = {"A": "", "L": "left", "R": "right"}
_AT = {(unit, side): i for i, (unit, side) in enumerate((u, s) for u in PHRASES for s in _SIDES)}
_SMALL_WORDS = {"the", "of", "to", "in", "from"}
UNITS = len(_AT)
"""How many units there are, each on both sides, on the left and on the right."""


def coded(units: Sequence[str]) -> NDArray[np.uint8]:
    """Action units as ``uint8 (UNITS,)``, 1 where a unit moves on both sides, on the left or on the right.

    Args:
        units: such as ``("AU4", "L14")``; one without a phrase is left out, intensities and doubts too.
    """
    found = np.zeros(len(_AT), dtype=np.uint8)
    for unit in units:
        match = re.match(r"(AU|[LRTB])(\d+)", unit)
        if match is not None:
            side = match[1] if match[1] in _SIDES else "A"
            place = _AT.get((int(match[2]), side))
            if place is not None:
                found[place] = 1
    return found


def texts() -> tuple[str, ...]:
    """What each place of `coded` says.

    >>> [texts()[i] for i in coded(("L10", "AU12")).nonzero()[0]]
    ['raising the left upper lip', 'pulling the corners of the lips up']
    """
    return tuple(" ".join(PHRASES[unit].format(_SIDES[side]).split()) for unit, side in _AT)


def vectors(width: int) -> Tensor:
    """The vector of each text, ``float32 (UNITS, width)``; a word has the same one on every machine."""

    def vector(word: str) -> Tensor:
        return torch.randn(width, generator=torch.Generator().manual_seed(zlib.crc32(word.encode())))

    words = [[vector(w) for w in text.split() if w not in _SMALL_WORDS] for text in texts()]
    return torch.stack([torch.stack(w).mean(0) for w in words])
