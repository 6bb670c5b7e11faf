"""Optical flow between onset and apex, optical strain, and the map STSTNet reads.

Convention, everywhere: ``apex(x + flow(x)) = onset(x)``, (u, v) in pixels, u to the right, v down.
"""

from .encode import SIZE, STILL, encode, encode_uint8
from .methods import METHODS, flow, flow_map, flow_maps
from .opencv import dis, farneback
from .strain import strain
from .tvl1 import SMALLEST, tvl1

__all__ = [
    "METHODS",
    "SIZE",
    "SMALLEST",
    "STILL",
    "dis",
    "encode",
    "encode_uint8",
    "farneback",
    "flow",
    "flow_map",
    "flow_maps",
    "strain",
    "tvl1",
]
