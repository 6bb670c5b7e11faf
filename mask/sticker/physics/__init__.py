"""From a drawing to what a camera records of it: print, light, skin, lens, sensor and codec.

Expectation over transformation (Athalye et al., ICML 2018) with one draw for a whole clip: a sticker that was printed,
put on and lit once is then filmed frame by frame. `Physics` holds the ranges, `Draw` one draw from them, `stick` puts
the sticker on frames under a draw, `record` writes them as a camera does, and `reassess` asks a recognizer again under
fresh draws. See `mask.sticker.physics.draws` for what acts on what, and in which order.
"""

from .camera import record
from .draws import STORED, Draw, Physics
from .printing import PRINTABLE, nps, to_gamut, total_variation
from .reassess import Reassessed, reassess, refilm
from .stick import stick

__all__ = [
    "PRINTABLE",
    "STORED",
    "Draw",
    "Physics",
    "Reassessed",
    "nps",
    "reassess",
    "record",
    "refilm",
    "stick",
    "to_gamut",
    "total_variation",
]
