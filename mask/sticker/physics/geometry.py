"""How a sticker lies: put on askew, bent over the cheek, seen in perspective, and carried by the skin.

Conventions are those of `mask.sticker.view`: the canvas runs from -1 to 1 in (x, y), y down, edge to edge of the
texels.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from .draws import Draw


def attach(poses: torch.Tensor, draw: Draw, width: torch.Tensor | float) -> torch.Tensor:
    """Where the sticker lies when it was put on turned, resized and shifted; it rides on the skin as before.

    Args:
        poses: ``float (N, T, 2, 3)``, canvas to pixels.
        draw: its rotation, scale, shift and follow are used.
        width: of the face box in pixels, a number or ``float (N,)``.

    Returns:
        ``float (N, T, 2, 3)``. Differentiable in the poses.
    """
    first = poses[:, :1]
    followed = poses + (draw.follow - 1) * (poses - first)
    angle = math.radians(draw.rotation)
    turn = draw.scale * poses.new_tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    pixels = poses.new_tensor(draw.shift)[:, None] * torch.as_tensor(width).to(poses).reshape(-1, 1, 1, 1)
    linear, place = followed[..., :2], followed[..., 2:]
    # In sticker coordinates, so that the shift turns and grows with the face.
    moved = linear @ torch.linalg.solve(first[..., :2], pixels.expand(len(poses), 1, 2, 1))
    return torch.cat([linear @ turn, place + moved], dim=-1)


def warp(art: torch.Tensor, draw: Draw, margin: tuple[float, float] = (1.0, 1.0)) -> torch.Tensor:
    """The drawing as a bent surface shows it, seen in perspective.

    The sticker lies on a cylinder that touches the picture's plane in the middle of the canvas: what is an arc length
    of s from the axis is seen at ``sin(k s) / k``, where k s is `Draw.bend` at the edge of the canvas. Then the canvas
    is seen as by a camera near by: (x, y) at ``(x, y) / (1 + px x + py y)``.

    Args:
        art: ``float (4, h, w)``, premultiplied.
        draw: its bend, bend_axis and perspective are used.
        margin: how far the texels reach, in canvases, across and down; more than 1 for art with an empty border.

    Returns:
        ``float (4, h, w)``; `art` itself when there is nothing to do. Differentiable in the art.
    """
    if draw.bend == 0 and draw.perspective == (0.0, 0.0):
        return art
    seen = texels(art, margin)
    flat = seen / (1 - seen @ seen.new_tensor(draw.perspective))[..., None]
    axis = math.radians(draw.bend_axis)
    across = seen.new_tensor([-math.sin(axis), math.cos(axis)])
    k = math.radians(draw.bend)
    if k > 0:
        away = flat @ across
        # What lies beyond the horizon of the cylinder is not seen; its sine is kept below 1.
        length = torch.asin((k * away).clamp(-0.999, 0.999)) / k
        flat = flat + (length - away)[..., None] * across
    where = flat / flat.new_tensor(margin)
    found: torch.Tensor = functional.grid_sample(art[None], where[None].to(art), align_corners=False)[0]
    return found


def texels(art: torch.Tensor, margin: tuple[float, float] = (1.0, 1.0)) -> torch.Tensor:
    """Where the texels' centres lie on the canvas, ``float (h, w, 2)`` as (x, y)."""
    rows, columns = art.shape[-2:]
    y, x = (
        (2 * torch.arange(n, dtype=torch.float64, device=art.device) + 1 - n) / n * m
        for n, m in ((rows, margin[1]), (columns, margin[0]))
    )
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).to(art)
