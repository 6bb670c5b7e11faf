"""Mamba's block in plain torch: a state-space model whose steps depend on what it reads (Gu and Dao, arXiv 2312.00752).

Written from the paper. The published kernel needs a graphics card; this one runs anywhere, and its gradient is
autograd's. The recurrence is cut into blocks of about the square root of the length: all blocks take their steps side
by side, and a second, short recurrence carries the state from block to block. Every factor is a decay between 0 and 1
and nothing is divided, so the result is as exact as step after step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def scan(decay: Tensor, drive: Tensor) -> Tensor:
    """The states of ``h[t] = decay[t] * h[t - 1] + drive[t]`` from ``h[-1] = 0``.

    Args:
        decay: ``float (N, T, ...)``, in [0, 1].
        drive: ``float (N, T, ...)``.

    Returns:
        ``float (N, T, ...)``.

    >>> scan(torch.full((1, 3, 1), 0.5), torch.ones(1, 3, 1)).flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    count, length = drive.shape[:2]
    block = max(1, math.isqrt(length))
    missing = -length % block
    if missing:
        # A decay of one and no drive: the state is handed on as it is.
        decay = torch.cat([decay, torch.ones_like(decay[:, :1]).expand(-1, missing, *decay.shape[2:])], dim=1)
        drive = torch.cat([drive, torch.zeros_like(drive[:, :1]).expand(-1, missing, *drive.shape[2:])], dim=1)
    shape = (count, -1, block, *drive.shape[2:])
    decay, drive = decay.reshape(shape), drive.reshape(shape)
    state, kept = drive[:, :, 0], decay[:, :, 0]
    states, lasting = [state], [kept]
    for step in range(1, block):
        state = decay[:, :, step] * state + drive[:, :, step]
        kept = kept * decay[:, :, step]
        states.append(state)
        lasting.append(kept)
    own, passed = torch.stack(states, dim=2), torch.stack(lasting, dim=2)
    before = [torch.zeros_like(state[:, 0])]
    for last in range(own.shape[1] - 1):
        before.append(passed[:, last, -1] * before[-1] + own[:, last, -1])
    whole = own + passed * torch.stack(before, dim=1)[:, :, None]
    return whole.flatten(1, 2)[:, :length]


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
    decay = torch.exp(delta[..., None] * a)
    states = scan(decay, (delta * x)[..., None] * b[:, :, None])
    return (states * c[:, :, None]).sum(dim=-1) + skip * x


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
