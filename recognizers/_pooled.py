"""Rectify, normalise over the batch and take the largest of each 3 x 3 window, in training: the same, faster.

Written out layer by layer, most of the time of a shallow network goes into reading and writing full-size maps that the
pooling then throws away. Where the gain of the normalisation is positive it keeps the order of numbers, so the largest
may be taken first and a ninth be normalised; and the gradient of the statistics is one multiply-add over the map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_WINDOW = ([3, 3], [3, 3], [1, 1], [1, 1], False)
"""Size, stride, padding, dilation and rounding of the pooling."""


def pooled_norm(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Rectified, normalised, pooled maps, and the mean and the variance that normalised them.

    Args:
        x: ``float (N, C, H, W)``; overwritten.
        gain: ``float (C,)``, positive.
        bias: ``float (C,)``.
        eps: added to the variance.

    Returns:
        ``float (N, C, h, w)``, pooled with size and stride 3 and padding 1; ``float (C,)`` twice, without gradient.
    """
    result: tuple[Tensor, Tensor, Tensor] = _PooledNorm.apply(x, gain, bias, eps)  # type: ignore[no-untyped-call]
    return result


class _PooledNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        x = functional.relu_(x)
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        mean = rows.mean(0)
        variance = ((rows.T @ rows).diagonal() / len(rows) - mean * mean).clamp_min_(0)
        scale = torch.rsqrt(variance + eps)
        pooled, places = functional.max_pool2d(x, 3, 3, 1, return_indices=True)
        normal = (pooled - _wide(mean)) * _wide(scale)
        ctx.save_for_backward(x, places, normal, gain, mean, scale)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(_wide(bias), normal, _wide(gain)), mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, places, normal, gain, mean, scale = ctx.saved_tensors
        of_bias, of_gain = grad.sum((0, 2, 3)), (grad * normal).sum((0, 2, 3))
        slope = gain * scale
        back = torch.ops.aten.max_pool2d_with_indices_backward(grad * _wide(slope), x, *_WINDOW, places)
        # Through the mean and the variance every value of the map has its share.
        share = x.shape[1] / x.numel()
        tilt = -slope * scale * of_gain * share
        back.addcmul_(x, _wide(tilt)).add_(_wide(-slope * of_bias * share - tilt * mean))
        return torch.ops.aten.threshold_backward(back, x, 0.0), of_gain, of_bias, None


def _wide(per_channel: Tensor) -> Tensor:
    return per_channel.view(1, -1, 1, 1)
