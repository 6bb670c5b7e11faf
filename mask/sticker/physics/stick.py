"""A sticker on frames under one draw of physics."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from ..render import composite, shrink
from ..texture import nearest_level
from .camera import defocus, grain
from .draws import Draw
from .geometry import attach, warp
from .light import lit, relights

_DENSITY = 4.0
"""Texels a pixel that a drawing is bent and blurred at, at most: finer than it is sampled at in the end."""

_SPARE = 0.25
"""How much larger than the canvas a drawing may come to be seen, in perspective."""


def stick(
    frames: torch.Tensor, poses: torch.Tensor, art: torch.Tensor, draw: Draw, width: torch.Tensor | float
) -> torch.Tensor:
    """Put a sticker on clips, printed, put on, lit and filmed as one draw says.

    Args:
        frames: ``float (N, 3, T, H, W)`` RGB in [0, 1]: T frames of each clip, the first being where it is put on.
        poses: ``float (N, T, 2, 3)``, canvas to pixels, frame by frame (`mask.sticker.Pose`).
        art: ``float (4, h, w)``, premultiplied RGBA.
        draw: all of it but the codec, which `record` uses. The default `Draw` gives `mask.sticker.render.composite`,
            bit for bit.
        width: of the face box in pixels, a number or ``float (N,)``; the unit of `Draw.shift`.

    Returns:
        ``float (N, 3, T, H, W)``. Gradients reach the frames, the art and the poses; the blur's width in
        texels, which follows the sticker's size, is taken as fixed.

    Raises:
        ValueError: for shapes that do not fit.
    """
    if frames.ndim != 5 or frames.shape[1] != 3:
        raise ValueError(f"frames have shape {tuple(frames.shape)}; expected (N, 3, T, H, W)")
    count, _, times = frames.shape[:3]
    if tuple(poses.shape) != (count, times, 2, 3):
        raise ValueError(f"poses have shape {tuple(poses.shape)}; expected ({count}, {times}, 2, 3)")
    flat = frames.transpose(1, 2).flatten(0, 1)
    placed = attach(poses, draw, width).flatten(0, 1)
    if draw.printed or relights(draw) or _bends(draw) or draw.blur > 0:
        art = _fine(art, placed)
    seen, placed = _bent(lit(art, draw), placed, draw)
    out: torch.Tensor = composite(flat, seen, placed)
    if draw.noise > 0:
        alpha = seen[3:].detach().expand(4, -1, -1)
        cover = composite(torch.zeros_like(flat[:, :3]), alpha, placed.detach())[:, :1]
        out = (out + cover * grain(out, draw)).clamp(0, 1)
    video: torch.Tensor = out.unflatten(0, (count, times)).transpose(1, 2)
    return video


def _fine(art: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    """The drawing no finer than it need be."""
    across, down = _canvas(poses)
    return shrink(art, *nearest_level(tuple(art.shape), _DENSITY * across, _DENSITY * down))


def _canvas(poses: torch.Tensor) -> tuple[float, float]:
    """Sides of the canvas in pixels, averaged over the frames: the drawing does not change while it is filmed."""
    across, down = (2 * float(torch.linalg.vector_norm(poses[:, :, i].detach(), dim=1).mean()) for i in (0, 1))
    return across, down


def _bends(draw: Draw) -> bool:
    return draw.bend > 0 or draw.perspective != (0.0, 0.0)


def _bent(art: torch.Tensor, poses: torch.Tensor, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """The drawing bent, seen in perspective and out of focus, with room around it, and the poses that fit it."""
    bent = _bends(draw)
    if not bent and draw.blur == 0:
        return art, poses
    rows, columns = art.shape[1:]
    across, down = _canvas(poses)
    sigma = draw.blur * (rows / down + columns / across) / 2
    spare = math.ceil(3 * sigma) + (math.ceil(_SPARE * max(rows, columns) / 2) if bent else 0)
    art = functional.pad(art, (spare, spare, spare, spare))
    margin = (1 + 2 * spare / columns, 1 + 2 * spare / rows)
    wider = torch.diag(poses.new_tensor(margin))
    poses = torch.cat([poses[:, :, :2] @ wider, poses[:, :, 2:]], dim=2)
    return defocus(warp(art, draw, margin), sigma), poses
