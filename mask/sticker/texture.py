"""A drawing at the resolution it is seen at: area-averaged before it is warped, so that small stickers do not alias."""

from __future__ import annotations

import math
from functools import cache

import torch

from . import art

_PER_OCTAVE = 4
"""Levels per halving: a drawing is at most 9 % larger or smaller than asked for."""


class Texture:
    """Premultiplied RGBA, with what was made smaller of it remembered: for art that does not change.

    Args:
        rgba: ``float (4, h, w)``, red, green and blue premultiplied by alpha, in [0, 1]; at least 2 x 2 texels. The
            canvas reaches from edge to edge of the texels.

    Attributes:
        reach: how far from the middle of the canvas, as (x, y), there is anything to see; 1 is its edge.

    Raises:
        ValueError: for another shape or dtype.
    """

    def __init__(self, rgba: torch.Tensor) -> None:
        if rgba.ndim != 3 or rgba.shape[0] != 4 or min(rgba.shape[1:]) < 2 or not rgba.is_floating_point():
            raise ValueError(f"the art is {rgba.dtype} {tuple(rgba.shape)}; expected float (4, h, w), 2 texels or more")
        self.rgba = rgba
        self.reach = (1.0, 1.0) if rgba.requires_grad else _reach(rgba[3])
        self._smaller: dict[tuple[int, int], torch.Tensor] = {}

    def level(self, width: float, height: float) -> tuple[int, int]:
        """The size, as (rows, columns), closest to `height` x `width`; never enlarged."""
        rows, columns = self.rgba.shape[1:]
        return _nearest(rows, height), _nearest(columns, width)

    def at(self, level: tuple[int, int]) -> torch.Tensor:
        """The drawing in that many rows and columns, ``float (4, rows, columns)``; differentiable."""
        if level not in self._smaller:
            self._smaller[level] = shrink(self.rgba, *level)
        return self._smaller[level]


@cache
def named(name: str) -> Texture:
    """The texture of a drawing of `mask.sticker.art`."""
    return Texture(torch.tensor(art.load(name)))


def shrink(rgba: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Average over areas: each new texel is the exact mean of what it covers.

    Args:
        rgba: ``float (C, h, w)``.
        rows, columns: the new size, at most the old.

    Returns:
        ``float (C, rows, columns)``; `rgba` itself when the size is the same.
    """
    if rgba.shape[1:] == (rows, columns):
        return rgba
    down = _averages(rgba.shape[1], rows).to(rgba)
    across = _averages(rgba.shape[2], columns).to(rgba)
    return down @ rgba @ across.T


def _reach(alpha: torch.Tensor) -> tuple[float, float]:
    """How far from the middle of the canvas anything is drawn, as (x, y)."""
    drawn = alpha.detach().cpu() > 0
    across, down = (
        (2 * line.nonzero()[:, 0] + 1 - len(line)).abs().max().item() / len(line) + 1 / len(line) if line.any() else 0.0
        for line in (drawn.any(dim=0), drawn.any(dim=1))
    )
    return across, down


def _averages(old: int, new: int) -> torch.Tensor:
    """Weights ``(new, old)``: how much of each old texel lies in each new one, rows summing to 1."""
    edges = torch.arange(new + 1, dtype=torch.float64) * (old / new)
    start = torch.arange(old, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], start + 1) - torch.maximum(edges[:-1, None], start)
    return overlap.clamp(min=0) * (new / old)


def _nearest(texels: int, pixels: float) -> int:
    steps = max(0, round(_PER_OCTAVE * math.log2(texels / max(pixels, 1.0))))
    return max(2, round(texels / 2 ** (steps / _PER_OCTAVE)))
