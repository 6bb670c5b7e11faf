"""Mamba's block in plain torch: a state-space model whose steps depend on what it reads (Gu and Dao, arXiv 2312.00752).

Written from the paper. The published kernel needs a graphics card; this one runs anywhere: one step after the other,
each in place and on all channels at once, and a backward pass that is the same recurrence from the end, so that
autograd need not remember the steps.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def scan(decay: Tensor, drive: Tensor) -> Tensor:
    """The states of ``h[t] = decay[t] * h[t - 1] + drive[t]`` from ``h[-1] = 0``.

    Args:
        decay, drive: ``float (T, ...)``, of one shape.

    Returns:
        ``float (T, ...)``.

    >>> scan(torch.full((3, 1), 0.5), torch.ones(3, 1)).flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    states: Tensor = _Scan.apply(decay, drive)  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, decay: Tensor, drive: Tensor) -> Tensor:
        states = _run(decay, drive.clone())
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        decay, states = ctx.saved_tensors
        # What reaches h[t] comes from its own use and, through decay[t + 1], from all that follows.
        later = torch.cat([decay[1:], torch.zeros_like(decay[:1])]).flip(0)
        reached = _run(later, grads[0].flip(0)).flip(0)
        before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
        return reached * before, reached


def _run(decay: Tensor, states: Tensor) -> Tensor:
    """The recurrence in place: `states` holds what drives it, and then the states."""
    for t in range(1, len(states)):
        states[t].addcmul_(decay[t], states[t - 1])
    return states


def selective_scan(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor) -> Tensor:
    """The selective state-space model: zero-order hold of the decay, Euler's step of the input, as published.

    Args:
        x: ``float (N, T, D)``, the input.
        delta: ``float (N, T, D)``, the length of each step, above 0.
        a: ``float (D, S)``, below 0.
        b, c: ``float (N, T, S)``, what enters the state and what is read from it.
        skip: ``float (D,)``, the share of the input that passes by.

    Returns:
        ``float (N, T, D)``.
    """
    x, delta, b, c = (part.transpose(0, 1) for part in (x, delta, b, c))
    states = scan(torch.exp(delta[..., None] * a), (delta * x)[..., None] * b[:, :, None])
    return (torch.einsum("tnds,tns->tnd", states, c) + skip * x).transpose(0, 1)


class MambaBlock(nn.Module):
    """A residual Mamba block on ``float (N, T, width)``; at no moment does it look ahead.

    Args:
        width: channels.
        state: numbers of state per inner channel.
        expand: inner channels per channel.
        reach: moments the inner convolution sees.
    """

    def __init__(self, width: int, state: int = 16, expand: int = 2, reach: int = 4) -> None:
        super().__init__()
        inner = expand * width
        self.rank = max(1, math.ceil(width / 16))
        self.state = state
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * inner, bias=False)
        self.near = nn.Conv1d(inner, inner, reach, groups=inner, padding=reach - 1)
        self.select = nn.Linear(inner, self.rank + 2 * state, bias=False)
        self.step = nn.Linear(self.rank, inner)
        self.log_a = nn.Parameter(torch.arange(1, state + 1, dtype=torch.float32).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.leave = nn.Linear(inner, width, bias=False)
        # Steps of 0.001 to 0.1, evenly in their logarithm, through the inverse of softplus; as published.
        steps = torch.exp(torch.empty(inner).uniform_(math.log(1e-3), math.log(1e-1)))
        with torch.no_grad():
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, x: Tensor) -> Tensor:
        y, gate = self.enter(self.norm(x)).chunk(2, dim=-1)
        y = functional.silu(self.near(y.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        rank, b, c = self.select(y).split([self.rank, self.state, self.state], dim=-1)
        delta = functional.softplus(self.step(rank))
        y = selective_scan(y, delta, -torch.exp(self.log_a), b, c, self.skip)
        out: Tensor = x + self.leave(y * functional.silu(gate))
        return out
