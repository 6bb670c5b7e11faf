"""MESFusion: SOFTNet whose streams look at each other, window by window, before they score a moment.

What is known is a description: the three streams of SOFTNet (Liong et al., ICIP 2021; see ``softnet``) fused by the
cross-attention of shifted windows (Z. Liu et al., "Swin Transformer", ICCV 2021). We had no paper of it, no weights and
no published number, and its code has no licence and was not read, so this is a network of that description and no more:
widths, depth, heads, which stream asks which, and the training are ours. Each stream is embedded to the same width at
14 x 14; in each of two blocks every stream asks the two others within windows of 7 x 7, and in the second the windows
are shifted by half; the means over the face give the score. It spots and does not recognise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.spot import weights as saved
from mask.spot.learn import TrainableSpotter
from mask.spot.motion import SPAN, Motion
from mask.spot.peaks import SHARE

from ._maps import mirrored, stacked

_STREAMS, _SIDE, _WINDOW = 3, 14, 7


class CrossAttention(nn.Module):
    """Every stream asks the two others, within windows; ``float32 (N, 3, 14, 14, C)`` to the same shape.

    Args:
        width: channels.
        heads: of the attention.
        shift: how far the windows are shifted, in cells. Cells that come together only because the shift wraps around
            do not see each other.
    """

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.norm, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.tell = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, width)
        self.mix = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        cells = _WINDOW * _WINDOW
        self.offset = nn.Parameter(torch.zeros(heads, (2 * _WINDOW - 1) ** 2))
        row, column = torch.meshgrid(torch.arange(_WINDOW), torch.arange(_WINDOW), indexing="ij")
        at = torch.stack([row.flatten(), column.flatten()])
        apart = at[:, :, None] - at[:, None] + _WINDOW - 1
        self.apart: Tensor
        self.hidden: Tensor
        self.register_buffer("apart", apart[0] * (2 * _WINDOW - 1) + apart[1], persistent=False)
        self.register_buffer("hidden", _strangers(shift).view(-1, cells, cells), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        count, _, _, _, width = x.shape
        y = self.norm(x).roll((-self.shift, -self.shift), (2, 3))
        asked = _windows(self.ask(y))
        key, value = _windows(self.tell(y)).chunk(2, dim=-1)
        # Windows of the two other streams side by side: (N, 3, windows, 2 * 49, C).
        others = [[s for s in range(_STREAMS) if s != own] for own in range(_STREAMS)]
        key, value = (
            torch.cat([t[:, [o[0] for o in others]], t[:, [o[1] for o in others]]], dim=3) for t in (key, value)
        )
        asked, key, value = (t.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for t in (asked, key, value))
        place = self.offset[:, self.apart]
        bias = (place[None] + self.hidden[:, None]).repeat(1, 1, 1, 2)
        told = functional.scaled_dot_product_attention(asked, key, value, attn_mask=bias)
        told = _whole(told.transpose(-2, -3).reshape(count, _STREAMS, -1, _WINDOW * _WINDOW, width))
        x = x + self.leave(told).roll((self.shift, self.shift), (2, 3))
        out: Tensor = x + self.mix(self.after(x))
        return out


def _windows(x: Tensor) -> Tensor:
    """``(N, 3, 14, 14, C)`` as windows ``(N, 3, 4, 49, C)``."""
    x = x.unflatten(3, (-1, _WINDOW)).unflatten(2, (-1, _WINDOW))
    return x.transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _whole(x: Tensor) -> Tensor:
    """Windows ``(N, 3, 4, 49, C)`` back as ``(N, 3, 14, 14, C)``."""
    side = _SIDE // _WINDOW
    x = x.unflatten(3, (_WINDOW, _WINDOW)).unflatten(2, (side, side))
    return x.transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _strangers(shift: int) -> Tensor:
    """``(4, 49, 49)``: minus infinity between cells of one shifted window that lie on opposite sides of the face."""
    area = torch.zeros(_SIDE, _SIDE)
    if shift:
        line = (torch.arange(_SIDE) >= _SIDE - shift).float()
        area = 2 * line[:, None] + line[None]
    of = _windows(area.expand(1, _STREAMS, _SIDE, _SIDE)[..., None])[0, 0, :, :, 0]
    return torch.zeros(len(of), _WINDOW**2, _WINDOW**2).masked_fill(of[:, :, None] != of[:, None], float("-inf"))


class Network(nn.Module):
    """Maps ``float32 (N, 3, 42, 42)`` maps (u, v, strain) to a score ``(N,)`` before the sigmoid."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(nn.Conv2d(1, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3)) for _ in range(_STREAMS)
        )
        self.blocks = nn.Sequential(CrossAttention(width, heads, 0), CrossAttention(width, heads, _WINDOW // 2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(_STREAMS * width * 4, 1)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(3, 1, 1))

    def set_scale(self, maps: Tensor) -> None:
        """Take the spread of each channel from training maps."""
        self.scale.copy_(maps.std(dim=(0, 2, 3)).clamp_min(1e-6).view(3, 1, 1))

    def forward(self, maps: Tensor) -> tuple[Tensor, None]:
        x = maps / self.scale
        streams = [stream(x[:, i : i + 1]).permute(0, 2, 3, 1) for i, stream in enumerate(self.streams)]
        fused = self.norm(self.blocks(torch.stack(streams, dim=1)))
        # Left and right brow and either half of the mouth keep their places.
        quarters = _windows(fused).mean(dim=3)
        return self.head(quarters.flatten(1))[:, 0], None


class MesFusion(TrainableSpotter):
    """MESFusion on the motion of brows and mouth."""

    dials: ClassVar[tuple[str, ...]] = (*TrainableSpotter.dials, "width", "heads")

    def __init__(self, emotions: Sequence[str] = (), *, width: int = 16, heads: int = 2, **dials: Any) -> None:
        if width < 1 or heads < 1 or width % heads:
            raise ValueError(f"width {width} is no multiple of heads {heads}")
        self.width, self.heads = width, heads
        # It is told of emotions, as every spotter, and knows none.
        super().__init__("mesfusion", (), **dials)

    def network(self, classes: int) -> nn.Module:
        return Network(self.width, self.heads)

    def given(self, seen: Motion) -> Tensor:
        return stacked(seen)

    def vary(self, given: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the maps."""
        return mirrored(given, generator)


def create(
    weights: str | None = None,
    width: int = 16,
    heads: int = 2,
    epochs: int = 10,
    rate: float = 1e-3,
    span: float = SPAN,
    flow: str = "dis",
    share: float = SHARE,
) -> Any:
    """MESFusion: trained when `weights` names a folder that ``mask spot --train`` wrote, untrained otherwise."""
    asked = {"width": width, "heads": heads, "epochs": epochs, "rate": rate}
    return saved.create("mesfusion", MesFusion, weights, {**asked, "span": span, "flow": flow, "share": share})
