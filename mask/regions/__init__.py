"""Regions: the parts of a face by name, as polygons on its mesh, and where a sticker may be put.

A scheme is a file in ``schemes/``: one JSON object with its source and licence, and the regions as loops of mesh
vertices. The same regions lie on a face in a picture, through its landmarks, and on the face-box grid of a flow map,
through the average face of ``canonical.json``.
"""

from .face import apertures, canonical, mirror, outline
from .footprint import GRID, Space, extent, footprint
from .region import Region, Side
from .scheme import SCHEMES, Scheme, load
from .sites import check_place, check_places, region_sites, sites

__all__ = [
    "GRID",
    "SCHEMES",
    "Region",
    "Scheme",
    "Side",
    "Space",
    "apertures",
    "canonical",
    "check_place",
    "check_places",
    "extent",
    "footprint",
    "load",
    "mirror",
    "outline",
    "region_sites",
    "sites",
]
