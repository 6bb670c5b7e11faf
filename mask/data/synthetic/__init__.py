"""Synthetic micro-expressions: rendered faces that belong to nobody, with exact truth.

Every clip shows one subject make one brief facial movement, from the onset over the apex to the offset in 1/10 to 1/2
of a second, between still moments. What moves is known exactly: action units and their weights, the 468 mesh points in
every frame, the optical flow. Faces come from a CC0 head model (assets/PROVENANCE.md). It is evidence about a
method, not about people.

What is guaranteed. A frame depends on nothing but (seed, subject, emotion, repeat, frame) and the dials: not on how
many subjects or repeats there are, on what was rendered before, on threads or on processes. The numbers drawn come
from PCG64 streams, one per purpose; everything that decides a pixel is elementwise float64 and exact integer
arithmetic, with no matrix library and no OpenCV in between, so bytes are equal from machine to machine as far as the
machine's sine and exponential agree before they are rounded to 14 bits.
"""

from __future__ import annotations

from .dataset import VERSION, create
from .write import write

__all__ = ["VERSION", "create", "write"]
