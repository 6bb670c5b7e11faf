"""What an attacker owns: never the target, and on discovery clips never a model that has seen them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from mask import registry
from mask.audit import Half, Setting
from mask.cli.audit import owned
from mask.clip import Clip
from mask.contracts import Prediction, Reads, Recognizer
from mask.folds import FoldedRecognizer
from mask.owners import Owners
from mask.plan import Placement, Plan, ThreatModel
from mask.regions import load, sites
from mask.surrogate import PANEL, Owned, siblings
from tests.models import flow_clip, flow_dataset, strained

LABELS = ("calm", "moved")


@dataclass(eq=False)
class Spy(Recognizer):
    """Says how sure it is of ``moved`` and remembers whom it was asked about."""

    sure: float
    name: str = "spy"
    labels: tuple[str, ...] = LABELS
    reads: Reads = "flow"
    asked: list[str] = field(default_factory=list)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.asked += [c.subject for c in clips]
        p = self.sure if self.labels == LABELS else 1 - self.sure
        return Prediction(self.labels, np.tile([1 - p, p], (len(clips), 1)), ("ok",) * len(clips))


def clip_of(subject: str) -> Clip:
    return flow_clip(f"{subject}/a", strained([(5, 5)]))


def test_siblings_are_the_models_of_discovery_subjects_that_judge_nobody_attacked() -> None:
    shared = Spy(0.5)
    models: dict[str, Recognizer] = {"a": Spy(0.1), "b": shared, "c": Spy(0.3), "d": shared}
    found = siblings(FoldedRecognizer("bank", models), ["b", "c"], ["a", "d"])
    assert found is not None
    assert found.folds == {"c": models["c"]}, "b shares its model with d, who is attacked"
    assert siblings(FoldedRecognizer("bank", models), ["b"], ["d"]) is None
    assert siblings(Spy(0.5), ["b"], ["d"]) is None


def test_a_panel_of_siblings_answers_about_strangers_and_each_subject_by_its_own() -> None:
    models = {f"s{k}": Spy(k / 40) for k in range(30)}
    found = siblings(FoldedRecognizer("bank", cast(Any, models)), list(models), ["other"])
    assert found is not None
    asked = Owned([found])
    assert asked(clip_of("s7"), ()).of("moved")[0] == pytest.approx(7 / 40)
    assert [k for k, m in models.items() if m.asked] == ["s7"]
    asked(clip_of("other"), ())
    assert sum(bool(m.asked) for m in models.values()) in (PANEL, PANEL + 1)


def test_answers_are_averaged_by_name() -> None:
    backwards = Spy(0.8, labels=LABELS[::-1])
    told = Owned([Spy(0.2), backwards])(clip_of("x"), ())
    assert told.of("moved")[0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="different labels"):
        Prediction.average([Spy(0.1).predict([clip_of("x")]), Prediction(("a", "b"), np.array([[0.5, 0.5]]), ("ok",))])


def test_one_that_does_not_answer_makes_no_answer() -> None:
    good = Spy(0.2).predict([clip_of("x")])
    bad = Prediction(LABELS, np.full((1, 2), np.nan), ("refused",))
    assert Prediction.average([good, bad]).status == ("refused",)


def test_the_target_is_never_owned_and_is_not_asked_while_attacks_study() -> None:
    target, friend = Spy(0.9, name="target"), Spy(0.9, name="friend")
    data = flow_dataset([clip_of(s) for s in "abcd"])
    setting = Setting((target,), data, {}, (ThreatModel(),), surrogates=(target, friend))
    half = Half("all", data.clips[:2], data.clips[2:], ())
    mine = Owners(setting, target, {}, lambda *_: None).of(half)
    assert mine is not None
    assert mine.recognizers == (friend,)
    mine(data.clips[2], ())
    assert friend.asked
    assert not target.asked


def test_a_recipe_is_trained_on_discovery_clips_alone() -> None:
    data = flow_dataset([flow_clip(f"s{s}/{e}", strained([(5 + 3 * s, 9)]), e) for s in range(6) for e in LABELS])
    setting = Setting(
        (Spy(0.9),), data, {}, (ThreatModel(),), surrogates=(registry.create("recognizers", "ststnet:epochs=2"),)
    )
    half = Half("first", data.clips[:4], data.clips[4:], ())
    mine = Owners(setting, Spy(0.9), {}, lambda *_: None).of(half)
    assert mine is not None
    (bank,) = mine.recognizers
    assert isinstance(bank, FoldedRecognizer)
    assert set(bank.folds) == {"s2", "s3", "s4", "s5"}
    assert len(bank.models_for("s0")) == len(bank.models) == 4
    assert len(bank.models_for("s2")) == 1


def test_auto_is_siblings_where_there_are_some() -> None:
    bank = FoldedRecognizer("bank", {"a": Spy(0.1), "b": Spy(0.2)})
    assert owned("auto", [bank]) == {"surrogates": (), "siblings": True}
    alone = owned("auto", [Spy(0.1)])
    assert [r.name for r in alone["surrogates"]] == ["ststnet"]
    assert owned("none", [bank]) == {"surrogates": (), "siblings": False}


def test_a_clip_of_frames_is_imagined_as_the_flow_map_the_surrogate_reads() -> None:
    clip = registry.create("datasets", "synthetic:subjects=2,repeats=1,size=96").clips[0]
    model = registry.create("recognizers", "ststnet:flow=dis,size=56")
    seen = Owned([model]).imagine(clip)
    assert seen.space == "flow"
    assert seen.key != clip.key
    assert seen.emotion == clip.emotion
    np.testing.assert_array_equal(np.asarray(seen.flow), model.inputs([clip])[0])
    assert Owned([registry.create("recognizers", "mmnet:size=64,width=0.125")]).imagine(clip) is clip
    assert Owned([model]).imagine(seen) is seen


def test_the_gradient_is_that_of_the_log_odds() -> None:
    model = registry.create("recognizers", "ststnet").fresh(("calm", "moved"))
    model.module.eval()
    flow = np.random.default_rng(0).integers(30, 220, (28, 28, 3), np.uint8)
    clip = flow_clip("s/a", flow)
    found = model.gradient(clip, "moved")
    assert found.shape == (28, 28)

    def odds(values: np.ndarray) -> float:
        import torch

        with torch.no_grad():
            logits = model.answer(model.tensor([values]) if values.dtype == np.uint8 else values).double()[0]
        return float(logits[1] - logits[0])

    given = model.tensor([flow]).double().float()
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    total = 0.0
    for channel in range(3):
        moved = [given.clone(), given.clone()]
        moved[0][0, channel, row, column] += 0.5
        moved[1][0, channel, row, column] -= 0.5
        total += abs(odds(moved[0]) - odds(moved[1]))
    assert total == pytest.approx(float(found.max()), rel=0.05)


def test_plans_are_tried_on_the_clip_as_it_is_asked_about() -> None:
    clip = clip_of("x")
    plan = Plan(Placement(0.5, 0.5, 0.046))
    assert len(Owned([Spy(0.3)])(clip, [plan, plan])) == 2
    assert len(sites(load("mesh"), ThreatModel("overlay"), "flow")) == 144
