"""The average over folds is the mean of its models, and prepares their common input once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from mask.recognizers.ststnet import STSTNet

from mask import registry
from mask.clip import Clip
from mask.contracts import Recognizer
from mask.folds import FoldedRecognizer


def strangers(count: int) -> list[Clip]:
    rng = np.random.default_rng(0)
    return [
        Clip(str(i), "stranger", None, "made", flow=rng.integers(0, 4, (28, 28, 3), np.uint8)) for i in range(count)
    ]


def folds(*options: str) -> dict[str, Recognizer]:
    return {f"s{i}": registry.create("recognizers", f"ststnet{o}") for i, o in enumerate(options)}


@pytest.mark.parametrize(("options", "calls"), [(("", "", ""), 1), (("", ":flow=dis"), 2)], ids=["alike", "unlike"])
def test_a_stranger_gets_the_mean(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], calls: int) -> None:
    torch.manual_seed(0)
    models, clips = folds(*options), strangers(5)
    each = [m.predict(clips).probabilities for m in models.values()]
    assert np.abs(each[0] - each[1]).max() > 1e-4
    asked: list[int] = []
    inputs = STSTNet.inputs

    def counted(self: STSTNet, clips: Sequence[Clip]) -> Any:
        asked.append(len(clips))
        return inputs(self, clips)

    monkeypatch.setattr(STSTNet, "inputs", counted)
    told = FoldedRecognizer("all", models, strangers="average").predict(clips)
    np.testing.assert_allclose(told.probabilities, np.mean(each, axis=0), atol=1e-12)
    assert told.status == ("ok",) * 5
    assert asked == [5] * calls
