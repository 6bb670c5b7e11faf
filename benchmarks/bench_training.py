"""Why folds are trained one by one: the CPU time of a training step alone, and with other folds in one batched network.

``python -m benchmarks training`` takes Adam steps on batches of 64 flow maps, on one thread. *Together* stacks the
weights of several folds (`torch.func.stack_module_state`) and maps the network over them, each on its own batch: what
a step costs per fold. *Loss apart* is how far the folds' losses are from those of the same folds trained alone after
three steps, dropout off. A ratio below 1 says that training together is slower. STSTNet appears layer by layer, as its
paper has it; the row of ours is the same network as `mask.recognizers.ststnet` computes it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from mask.recognizers import dual_inception, htnet, off_apexnet, rcn, ststnet
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

Row = dict[str, Any]
BATCH, STEPS, TOGETHER = 64, 3, (4, 13)


class PlainSTSTNet(ststnet.Network):
    """STSTNet layer by layer."""

    def forward(self, maps: Tensor) -> Tensor:
        streams = []
        for i in (1, 2, 3):
            x = getattr(self, f"bn{i}")(functional.relu(getattr(self, f"conv{i}")(maps.flip(1))))
            streams.append(self.dropout(functional.max_pool2d(x, 3, 3, 1)))
        return self.fc(functional.avg_pool2d(torch.cat(streams, dim=1), 2, 2).flatten(1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ststnet, layer by layer": lambda: PlainSTSTNet(3),
    "off-apexnet": lambda: off_apexnet.Network(3),
    "dual-inception": lambda: dual_inception.Network(3),
    "rcn": lambda: rcn.Network(3, 64),
    "htnet, width 64": lambda: htnet.Network(3, 64),
}


def run() -> list[Row]:
    """Measure; one row per network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, _ = _alone(lambda: ststnet.Network(3), 1)
        return [{"network": "ststnet, ours", "one fold, ms": ours}, *(_row(n, m) for n, m in NETWORKS.items())]
    finally:
        torch.set_num_threads(before)


def _row(name: str, make: Callable[[], nn.Module]) -> Row:
    alone, losses = _alone(make, max(TOGETHER))
    row: Row = {"network": name, "one fold, ms": alone}
    for folds in TOGETHER:
        spent, told = _together(make, folds)
        row |= {f"{folds} together, ms a fold": spent, f"ratio of {folds}": alone / spent}
        row["loss apart"] = float((told - losses[:folds]).abs().max())
    return row


def _given(folds: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = 255 * torch.rand(folds, BATCH, 3, 28, 28, generator=generator)
    return maps, torch.randint(0, 3, (folds, BATCH), generator=generator)


def _made(make: Callable[[], nn.Module], folds: int) -> list[nn.Module]:
    torch.manual_seed(0)
    found = [make().train() for _ in range(folds)]
    for layer in (s for m in found for s in m.modules()):
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return found


def _alone(make: Callable[[], nn.Module], folds: int) -> tuple[float, Tensor]:
    maps, targets = _given(folds)
    spent, losses = [], []
    for network, x, y in zip(_made(make, folds), maps, targets, strict=True):
        optimiser = torch.optim.Adam(network.parameters(), fused=True)

        def loss(network: nn.Module = network, x: Tensor = x, y: Tensor = y) -> Tensor:
            return functional.cross_entropy(network(x), y)

        spent.append(_steps(optimiser, loss))
        losses.append(loss().detach())
    return min(spent), torch.stack(losses)


def _together(make: Callable[[], nn.Module], folds: int) -> tuple[float, Tensor]:
    maps, targets = _given(folds)
    networks = _made(make, folds)
    weights, buffers = stack_module_state(networks)
    skeleton = copy.deepcopy(networks[0]).to("meta")
    optimiser = torch.optim.Adam(weights.values(), fused=True)

    def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(skeleton, (weights, buffers), (x,)), y)

    def losses() -> Tensor:
        told: Tensor = vmap(one)(weights, buffers, maps, targets)
        return told

    return _steps(optimiser, lambda: losses().sum()) / folds, losses().detach()


def _steps(optimiser: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> float:
    """Take steps; the CPU milliseconds of the fastest."""
    best = float("inf")
    for _ in range(STEPS):
        start = time.process_time()
        value = loss()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        best = min(best, time.process_time() - start)
    return best * 1000
