"""Recognizers trained again on stickered clips: what is trained on, who is judged by whom, and what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mask.audit import Setting, check, run
from mask.clip import Clip, Dataset
from mask.errors import UsageError
from mask.plan import Kinetics, Placement, Plan, ThreatModel
from mask.registry import create
from mask.results import read_rows, write_rows
from mask.retrain import answers, recipe_of
from mask.torch_recognizer import Inputs, Trainable
from mask.train import train
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset, strained

SUBJECTS = "abcdef"
OVERLAY = ThreatModel("overlay", area=0.046)
BLOCK = [(r, c) for r in range(5, 8) for c in range(12, 15)]


class Mean(Trainable):
    """Logistic regression on how much moves in all; quick, and exact about what it can know."""

    reads = "flow"
    dials: ClassVar[tuple[str, ...]] = ("epochs",)
    epochs, rate = 150, 0.1
    taught: ClassVar[list[tuple[str, ...]]] = []

    def __init__(self, labels: Any, *, epochs: int = 150) -> None:
        super().__init__("mean", labels, nn.Linear(1, len(labels)))
        self.epochs = epochs

    def inputs(self, clips: Any) -> list[Inputs | None]:
        rest = strained([]).astype(np.float32)
        return [None if c.flow is None else np.abs(c.flow - rest).mean(keepdims=True)[0, 0] for c in clips]

    def tensor(self, inputs: Any) -> Tensor:
        return torch.from_numpy(np.stack(inputs))


def people() -> Dataset:
    """Moved clips have strain and calm ones none, whoever it is."""
    clips = []
    for i, s in enumerate(SUBJECTS):
        clips += [flow_clip(f"{s}/moved", strained(BLOCK, 250 - i)), flow_clip(f"{s}/calm", strained([]), "calm")]
    return flow_dataset(clips)


def hidden(clip: Clip) -> Plan:
    """A sticker on the only part that moves: it lies on a place without strain for the calm."""
    return Plan(Placement(13.5 / 28, 6.5 / 28, 0.046), Kinetics("skin"))


def test_what_a_sticker_covers_is_lost_to_a_retrained_network_too_and_what_it_does_not_is_not() -> None:
    data = people()
    recipe = Mean(EMOTIONS)
    bare = answers(recipe, data, [(c, None) for c in data])
    assert all(bare[c.key] == c.emotion for c in data)
    elsewhere = Plan(Placement(0.5, 0.8, 0.046), Kinetics("skin"))
    worn = answers(recipe, data, [(c, elsewhere) for c in data])
    assert all(worn[c.key] == c.emotion for c in data)


def test_a_sticker_that_only_the_emotional_wear_gives_them_away() -> None:
    """The shipped recognizer may be fooled by it; one that has seen such stickers is not."""
    data = people()
    motion = OVERLAY.motions()[0]
    loud = Plan(Placement(0.5, 0.8, 0.046), motion)
    flat = [replace(c, flow=flow_clip(c.key, strained([])).flow) for c in data]
    told = answers(Mean(EMOTIONS), data, [(c, loud if c.emotion == "moved" else None) for c in flat])
    assert all(told[c.key] == c.emotion for c in data)


def test_nobody_is_judged_by_a_model_that_saw_them() -> None:
    data = people()
    taught: list[set[float]] = []

    class Watched(Mean):
        def learn(self, lesson: Any) -> None:
            taught.append({round(float(v), 6) for v in lesson.inputs.flatten()})
            super().learn(lesson)

        def judge(self, inputs: Any) -> Any:
            shown = {round(float(v), 6) for row in inputs for v in row}
            moving = shown - {round(float(Mean(EMOTIONS).inputs([data.clips[1]])[0][0]), 6)}  # type: ignore[index]
            assert moving
            assert not moving & taught[-1]
            return super().judge(inputs)

    answers(Watched(EMOTIONS, epochs=1), data, [(c, None) for c in data])
    assert len(taught) == 4


def test_its_weights_play_no_part_and_the_seed_does() -> None:
    data = people()
    first = Mean(EMOTIONS, epochs=1)
    other = Mean(EMOTIONS, epochs=1)
    nn.init.constant_(other.module.weight, 7.0)  # type: ignore[arg-type]
    worn = [(c, None) for c in data]
    assert answers(first, data, worn) == answers(other, data, worn)


def test_a_clip_without_a_face_has_no_answer() -> None:
    data = people()
    lost = replace(data.clips[0], flow=None, frames=np.zeros((2, 8, 8, 3), np.uint8), onset=0, apex=1, offset=1)
    told = answers(Mean(EMOTIONS), data, [(lost, None), *((c, None) for c in data.clips[1:])])
    assert set(told) == {c.key for c in data.clips[1:]}


def test_an_audit_tells_it_beside_the_attack_and_nowhere_else(tmp_path: Path) -> None:
    data = people()
    model = train(Mean(EMOTIONS), data, protocol="kfold")
    setting = Setting(
        (model,),
        data,
        {"random": create("attacks", "random"), "centre": create("attacks", "centre")},
        (OVERLAY,),
        retrained=("centre",),
    )
    ticks: list[int] = []
    cells = list(run(setting, tick=lambda what, done, _: ticks.append(done) if "retraining" in what else None))
    random, centre = cells
    assert random["cell"]["retrained"] is None
    assert {r.retrained_prediction for r in random["rows"]} == {""}
    told = centre["cell"]["retrained"]
    assert told["n"] == len(data)
    right = sum(r.retrained_prediction == r.emotion for r in centre["rows"])
    assert told["accuracy"] == pytest.approx(right / len(data))
    assert sum(ticks) == 4 * 150
    write_rows(centre["rows"], tmp_path / "clips.csv")
    again = read_rows(tmp_path / "clips.csv")
    assert [r.retrained_prediction for r in again] == [r.retrained_prediction for r in centre["rows"]]


def test_what_cannot_be_trained_is_refused_before_anything_runs() -> None:
    fixed = LinearFlow(np.ones((28, 28)), 2000.0)
    assert recipe_of(fixed) is None
    setting = Setting((fixed,), people(), {"centre": create("attacks", "centre")}, (OVERLAY,), retrained=("centre",))
    with pytest.raises(UsageError, match="not a network that MASK can train"):
        check(setting)
