"""Motion maps as what spotters of maps take, and their mirror images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mask.spot.motion import Motion


def stacked(seen: Motion) -> Tensor:
    """Maps (u, v, strain) of all moments, ``float32 (N, 3, 42, 42)``."""
    return torch.from_numpy(np.ascontiguousarray(seen.maps.transpose(0, 3, 1, 2), dtype=np.float32))


def mirrored(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the maps mirrored; a mirrored face moves the other way, so u changes its sign."""
    chosen = torch.rand(len(maps), generator=generator) < 0.5
    other = maps.flip(-1) * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
    return torch.where(chosen.view(-1, 1, 1, 1), other, maps)
