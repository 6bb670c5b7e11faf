"""What `check_recognizer` measures of a network, and the ways one can break its contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mask.clip import Clip
from mask.conformance import NotConforming, check_recognizer
from mask.contracts import Prediction, Recognizer
from mask.folds import FoldedRecognizer
from mask.gradients import networks, slope
from tests.models import flow_clip, strained

LABELS = ("calm", "moved", "torn")
CLIPS = [flow_clip(f"s{k}/a", strained([(4 + k, 10), (5, 11 + k)], 240 - 9 * k)) for k in range(3)]


class Lying(torch.autograd.Function):
    """The identity, with a gradient that is off by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.factor, None


class Smooth(Recognizer):
    """A small smooth network on flow maps; it has no `logits`."""

    name, labels, reads = "smooth", LABELS, "flow"

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layers = nn.Linear(3 * 28 * 28, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)
        self.module = nn.Sequential(nn.Flatten(), *layers).eval()

    def flow_logits(self, maps: Tensor) -> Tensor:
        result: Tensor = self.module(maps)
        return result

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        if not clips:
            return Prediction(self.labels, np.empty((0, 3)), ())
        maps = torch.from_numpy(np.stack([np.moveaxis(np.asarray(c.flow), -1, 0) for c in clips])).float() / 255
        return Prediction.from_logits(self.labels, self.flow_logits(maps).detach().double().numpy())


def test_a_right_gradient_is_found_right() -> None:
    facts = check_recognizer(Smooth(), CLIPS)
    assert facts.gradient_error is not None
    assert facts.gradient_error < 1e-6
    assert facts.differentiable
    assert not slope(Smooth(), "frames").reaches, "it has no logits"


@pytest.mark.parametrize(("factor", "fine"), [(1.0, True), (1.01, False), (-1.0, False)])
def test_a_gradient_that_is_off_is_noticed(factor: float, fine: bool) -> None:
    class Off(Smooth):
        def flow_logits(self, maps: Tensor) -> Tensor:
            return super().flow_logits(Lying.apply(maps, factor))

    if fine:
        check_recognizer(Off(), CLIPS)
    else:
        with pytest.raises(NotConforming, match="finite differences"):
            check_recognizer(Off(), CLIPS)


def test_a_gradient_that_does_not_arrive_is_told_and_no_fault() -> None:
    class Deaf(Smooth):
        def flow_logits(self, maps: Tensor) -> Tensor:
            return super().flow_logits(maps.detach())

    assert check_recognizer(Deaf(), CLIPS).gradient_error is None
    assert not slope(Deaf(), "flow").reaches


class Shuffled(Smooth):
    def flow_logits(self, maps: Tensor) -> Tensor:
        return super().flow_logits(maps)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        told = super().predict(clips)
        return Prediction(told.labels, told.probabilities[:, ::-1].copy(), told.status)


class Wakeful(Smooth):
    def predict(self, clips: Sequence[Clip]) -> Prediction:
        told = super().predict(clips)
        self.module.train()
        return told


class Learning(Smooth):
    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.module[2].running_mean += 1
        return super().predict(clips)


class Broken(Smooth):
    def flow_logits(self, maps: Tensor) -> Tensor:
        return super().flow_logits(maps) + (maps - maps).sum().sqrt()


class Wide(Smooth):
    def flow_logits(self, maps: Tensor) -> Tensor:
        out = super().flow_logits(maps)
        return out if maps.shape[0] > 1 or not maps.requires_grad else out[:, :2]


class Single(Smooth):
    def flow_logits(self, maps: Tensor) -> Tensor:
        return super().flow_logits(maps.float())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Shuffled, "labels in order"),
        (Wakeful, "training mode"),
        (Learning, "changes the weights"),
        (Broken, "not finite"),
        (Wide, "has shape"),
        (Single, "float64"),
    ],
)
def test_what_breaks_the_contract_is_named(kind: type[Smooth], said: str) -> None:
    with pytest.raises(NotConforming, match=said):
        check_recognizer(kind(), CLIPS)


def test_networks_are_found_in_what_a_recognizer_wraps() -> None:
    one, two = Smooth(), Smooth()
    folded = FoldedRecognizer("all", {"a": one, "b": two, "c": one})
    assert networks(folded) == [one.module, two.module]
    assert networks("no recognizer") == []
