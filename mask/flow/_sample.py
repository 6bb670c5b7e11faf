"""Sampling a picture between its pixels, with a gradient for the picture and for the place.

Catmull-Rom weights (Keys' cubic with a = -1/2), because they reproduce a linear ramp exactly. Torch's own bicubic
`grid_sample` uses a = -3/4, which puts the value of a ramp up to .05 px off its place: more than the error of a flow
method on clean pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sample(image: Tensor, flow: Tensor) -> Tensor:
    """Look up ``image(x + flow(x))``.

    Args:
        image: ``float (N, H, W)``.
        flow: ``float (2, N, H, W)``, pixels, (x, y), y down.

    Returns:
        ``float (N, H, W)``; places outside the picture repeat its border.
    """
    count, height, width = image.shape
    column, across = _taps(torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[0], width)
    row, down = _taps(torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[1], height)
    # In a picture with its border repeated around it, the sixteen taps of a place lie at sixteen fixed offsets.
    around = functional.pad(image[:, None], (1, 2, 1, 2), mode="replicate").view(count, -1)
    stride = width + 3
    place = (row * stride + column).view(count, -1)
    length = around.shape[1] - 3 * stride - 3
    total = torch.zeros_like(flow[0])
    for j, weight in enumerate(down):
        line = torch.zeros_like(total)
        for i, share in enumerate(across):
            tap = around.narrow(1, j * stride + i, length).gather(1, place)
            line = torch.addcmul(line, share, tap.view_as(line))
        total = torch.addcmul(total, weight, line)
    return total


def _taps(place: Tensor, size: int) -> tuple[Tensor, list[Tensor]]:
    """The pixel before each place, kept inside the picture, and the weights of the four pixels around it."""
    place = place.clamp(0, size - 1)
    base = place.detach().floor()
    s = place - base
    s2, s3 = s * s, s * s * s
    weights = [s2 - 0.5 * (s3 + s), 1.5 * s3 - 2.5 * s2 + 1, 2 * s2 + 0.5 * s - 1.5 * s3, 0.5 * (s3 - s2)]
    return base.long(), weights
