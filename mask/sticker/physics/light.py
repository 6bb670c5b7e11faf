"""What light does to a sticker's colours, and the camera's tone curve."""

from __future__ import annotations

import math

import torch

from .draws import Draw
from .geometry import texels
from .printing import to_gamut

_SOFT = 0.1
"""Width of a shadow's edge, in half canvases."""


def lit(art: torch.Tensor, draw: Draw) -> torch.Tensor:
    """The drawing printed, lit and exposed.

    Args:
        art: ``float (4, h, w)``, premultiplied, in [0, 1].
        draw: printed, tint, shade, shadow, contrast, brightness and gamma are used, in this order.

    Returns:
        ``float (4, h, w)``, premultiplied, in [0, 1]; `art` itself when there is nothing to do. Differentiable in the
        art; the gradient is zero where a colour is clipped.
    """
    if not draw.printed and not relights(draw):
        return art
    alpha = art[3:]
    colour = art[:3] / alpha.clamp_min(1e-6)
    if draw.printed:
        colour = to_gamut(colour)
    if relights(draw):
        colour = colour * colour.new_tensor(draw.tint)[:, None, None] * _falling(art, draw)
        toned = (draw.contrast * (colour - 0.5) + 0.5 + draw.brightness).clamp(1e-6, 1)
        colour = toned**draw.gamma
    return torch.cat([colour.clamp(0, 1) * alpha, alpha])


def relights(draw: Draw) -> bool:
    """Whether a draw changes the light or the exposure at all."""
    tone = (draw.tint, draw.shade, draw.shadow, draw.contrast, draw.brightness, draw.gamma)
    return tone != ((1.0, 1.0, 1.0), 0.0, 0.0, 1.0, 0.0, 1.0)


def _falling(art: torch.Tensor, draw: Draw) -> torch.Tensor:
    """How much light each texel gets, ``float (h, w)``."""
    at = texels(art)
    light = 1 + draw.shade * (at @ _direction(at, draw.shade_from))
    inside = (at @ _direction(at, draw.shadow_from) - draw.shadow_edge) / _SOFT
    return light.clamp_min(0) * (1 - draw.shadow * torch.sigmoid(inside))


def _direction(like: torch.Tensor, degrees: float) -> torch.Tensor:
    angle = math.radians(degrees)
    return like.new_tensor([math.cos(angle), math.sin(angle)])
