"""Training: who is held out, what is learnt from, which epoch is kept, what is left on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mask import registry
from mask.clip import Clip, Dataset
from mask.errors import UnreadableData, UnreadableWeights, UsageError
from mask.evaluate import evaluate
from mask.learn import Epoch, Lesson
from mask.model_card import LOG, PAGE
from mask.torch_recognizer import Trainable
from mask.train import PROTOCOLS, held_out, train
from mask.weights import sha256
from tests.models import EMOTIONS, flow_clip

LABELS = EMOTIONS


def clip(database: str, subject: str, k: int) -> Clip:
    """A map whose v is bright in the upper half when the face moves, and whose corner says which clip it is."""
    flow = np.zeros((28, 28, 3), dtype=np.uint8)
    flow[:14, :, 1] = 200 * (k % 2)
    flow[20:, :, 1] = 200 * (1 - k % 2)
    flow[27, 27, 2] = int(subject[1:]) * 8 + k
    return replace(flow_clip(f"{database}/{subject}/{k}", flow, EMOTIONS[k % 2], subject), dataset=database)


def made(*clips: Clip) -> Dataset:
    return Dataset("made", clips, EMOTIONS)


def dataset(subjects: int = 6, clips: int = 4, databases: int = 2, name: str = "made") -> Dataset:
    members = [clip("ab"[s % databases], f"s{s}", k) for s in range(subjects) for k in range(clips)]
    return Dataset(name, tuple(members), EMOTIONS)


class Tiny(Trainable):
    """A linear network on the strain-free part of the map; it keeps what it was shown."""

    reads = "flow"
    dials: ClassVar[tuple[str, ...]] = ("epochs", "rate")
    shown: ClassVar[list[tuple[set[int], set[int]]]] = []
    chunk = 8

    def __init__(self, labels: Sequence[str], *, epochs: int = 3, rate: float = 0.01) -> None:
        super().__init__("tiny", labels, nn.Sequential(nn.Dropout(0.3), nn.Linear(28 * 28, len(labels))))
        self.epochs, self.rate = epochs, rate

    def inputs(self, clips: Sequence[Clip]) -> list[Any]:
        return [None if c.key.endswith("blind") else c.flow for c in clips]

    def tensor(self, inputs: Sequence[Any]) -> Tensor:
        return torch.from_numpy(np.stack(inputs))[..., 1].flatten(1).float() / 255

    def answer(self, given: Tensor) -> Tensor:
        result: Tensor = self.module(given)
        return result

    def learn(self, lesson: Lesson) -> None:
        watched = set() if lesson.validation is None else set(lesson.validation[0][:, 27, 27, 2].tolist())
        self.shown.append((set(lesson.inputs[:, 27, 27, 2].tolist()), watched))
        super().learn(lesson)


@pytest.fixture(autouse=True)
def _nothing_shown() -> None:
    Tiny.shown.clear()


def codes(data: Dataset, subjects: Sequence[str]) -> set[int]:
    return {int(np.asarray(c.flow)[27, 27, 2]) for c in data.clips if c.subject in subjects}


@pytest.mark.parametrize("validation", [0.0, 0.4])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_held_out_subject_is_learnt_from_or_chooses(protocol: Any, validation: float) -> None:
    data = dataset()
    folds = held_out(data, protocol, 3)
    trained = train(Tiny(LABELS), data, protocol=protocol, seed=3, validation=validation)
    assert len(Tiny.shown) == len(folds)
    for held, (learnt, watched) in zip(folds, Tiny.shown, strict=True):
        others = [s for s in data.subjects if s not in held]
        assert learnt | watched == codes(data, others)
        assert not learnt & watched
        chosen = [s for s in others if codes(data, [s]) <= watched]
        assert codes(data, chosen) == watched, "whole subjects choose"
        assert len(chosen) == (max(1, round(validation * len(others))) if validation else 0)
        assert all(trained.models_for(s) == (trained.folds[s],) for s in held)
    tested = [s for fold in folds for s in fold]
    assert len(tested) == len(set(tested))
    for subject in set(data.subjects) - set(tested):
        with pytest.raises(UnreadableWeights):
            trained.models_for(subject)


def test_folds_of_each_protocol() -> None:
    data = dataset(9, 1, 2)
    assert held_out(data, "loso") == [(s,) for s in data.subjects]
    assert held_out(data, "cross") == [("s0", "s2", "s4", "s6", "s8"), ("s1", "s3", "s5", "s7")]
    assert sorted(len(f) for f in held_out(data, "kfold", 1)) == [2, 2, 2, 3]
    assert [len(f) for f in held_out(data, "split", 1)] == [3]
    assert held_out(data, "kfold", 1) != held_out(data, "kfold", 2)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (dataset(1), {}, "has 1 subject"),
        (dataset(4, databases=1), {"protocol": "cross"}, "one database"),
        (
            replace(dataset(2), clips=(clip("a", "s1", 0), clip("b", "s1", 1), clip("b", "s2", 1))),
            {"protocol": "cross"},
            "both have a subject 's1'",
        ),
        (dataset(3), {"protocol": "best"}, "no protocol 'best'"),
        (dataset(3), {"validation": 1.0}, "validation is 1.0"),
        (dataset(2), {"validation": 0.5}, "leaves none"),
        (
            replace(dataset(3), clips=tuple(c for c in dataset(3).clips if c.emotion == "calm")),
            {},
            "is calm; give clips of two",
        ),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    tmp_path: Path, data: Dataset, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        train(Tiny(LABELS), data, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_clips_without_a_face_are_left_out_and_count_as_unanswered(tmp_path: Path) -> None:
    data = dataset(3)
    blind = [replace(c, key=f"{c.key} blind") if c.key.endswith("3") else c for c in data.clips]
    train(Tiny(LABELS), replace(data, clips=tuple(blind)), out=tmp_path / "out")
    scores = json.loads((tmp_path / "out" / "model.json").read_text())["scores"]["pooled"]
    assert (scores["n"], sum(scores["unanswered"])) == (12, 3)
    with pytest.raises(UnreadableData, match="no clip shows a face"):
        train(Tiny(LABELS), replace(data, clips=tuple(replace(c, key=f"{c.key} blind") for c in data.clips)))
    few = [c for c in blind if c.subject == "s0" or c.key == "b/s1/0"]
    with pytest.raises(UnreadableData, match="has 1 usable training clips"):
        train(Tiny(LABELS), replace(data, clips=tuple(few)))


class Clock(Tiny):
    """Right about validation clips in the epochs listed, and else wrong; its only weight tells the epoch."""

    good: ClassVar[tuple[int, ...]] = (2, 4)

    def __init__(self, labels: Sequence[str], *, epochs: int = 5, rate: float = 0.0) -> None:
        super().__init__(labels, epochs=epochs, rate=rate)
        self.module = nn.Linear(1, 2)

    def schedule(self, optimiser: torch.optim.Optimizer) -> None:
        return None

    def learn(self, lesson: Lesson) -> None:
        with torch.no_grad():
            self.module.weight.zero_()
        super().learn(lesson)

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            self.module.weight += 1
        return self.tensor(list(rows.numpy()))

    def answer(self, given: Tensor) -> Tensor:
        moved = 2.0 * (given[:, :28].mean(dim=1) > 0.1) - 1
        sign = 1.0 if int(self.module.weight.detach()[0, 0]) in self.good else -1.0
        return torch.stack([-sign * moved, sign * moved], dim=1) + 0 * self.module.bias

    chunk = 1_000


@pytest.mark.parametrize(("validation", "kept"), [(0.0, 5), (0.3, 2)])
def test_the_last_epoch_is_the_model_or_the_first_best_on_validation(validation: float, kept: int) -> None:
    epochs: list[Epoch] = []
    trained = train(
        Clock(LABELS), dataset(), protocol="split", validation=validation, observe=lambda _, e, __: epochs.append(e)
    )
    (model,) = trained.models
    assert int(model.module.weight[0, 0]) == kept
    told = [e.validation for e in epochs]
    assert told == ([0.0, 1.0, 0.0, 1.0, 0.0] if validation else [None] * 5)


def test_a_rare_class_weighs_more_unless_asked_otherwise() -> None:
    targets = torch.tensor([0, 0, 0, 1])
    lesson = Lesson(torch.zeros(4, 1), targets, 3, torch.Generator())
    torch.testing.assert_close(lesson.weights, torch.tensor([4 / 9, 4 / 3, 4 / 3]))
    assert replace(lesson, balanced=False).weights.tolist() == [1, 1, 1]


def test_the_loss_told_is_the_mean_of_the_clips() -> None:
    """At rate zero nothing is learnt, so the loss of an epoch can be worked out from outside."""
    rng = np.random.default_rng(0)
    rows, targets = rng.integers(0, 256, (19, 28, 28, 3), np.uint8), np.arange(19) % 2
    model, epochs = Tiny(LABELS, rate=0.0, epochs=1), []
    model.module[0].p = 0.0
    lesson = Lesson(*map(torch.from_numpy, (rows, targets)), 2, torch.Generator(), each=lambda e, _: epochs.append(e))
    model.learn(lesson)
    answers = model.answer(model.tensor(list(rows))).detach()
    loss = nn.functional.cross_entropy(answers, lesson.targets, lesson.weights, reduction="none")
    weights = lesson.weights[lesson.targets]
    # Batches of 8, 8 and 3, each a weighted mean; any order gives nearly the same.
    assert epochs[0].loss == pytest.approx(float(loss.sum() / weights.sum()), rel=0.1)


def weights_of(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p) for p in folder.glob("fold-*.safetensors")}


def log_of(folder: Path) -> list[tuple[str, str]]:
    with (folder / LOG).open(newline="") as stream:
        return [(row["fold"], row["number"]) for row in csv.DictReader(stream)]


def test_equal_seeds_give_equal_weights_and_leave_the_generators_alone(tmp_path: Path) -> None:
    recipe = Tiny(LABELS)
    state = torch.random.get_rng_state()
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        train(recipe, dataset(), seed=seed, out=tmp_path / name)
    assert torch.equal(state, torch.random.get_rng_state())
    assert weights_of(tmp_path / "one") == weights_of(tmp_path / "two")
    assert not weights_of(tmp_path / "one").items() & weights_of(tmp_path / "other").items()


@pytest.mark.parametrize("after", [1, 4, 8, 17])
def test_a_killed_training_goes_on_to_the_same_end(tmp_path: Path, after: int) -> None:
    """Killed within or at the end of a fold, six folds of three epochs."""
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    train(Tiny(LABELS), dataset(), out=whole)
    left = after

    def kill(done: int) -> None:
        nonlocal left
        left -= done
        if left <= 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Tiny(LABELS), dataset(), out=torn, progress=kill)
    kept = weights_of(torn)
    assert len(kept) == max(0, (after - 1) // 3)
    assert not (torn / "model.json").exists()
    Tiny.shown.clear()
    counted: list[int] = []
    recipe = Tiny(LABELS)
    state = torch.random.get_rng_state()
    train(recipe, dataset(), out=torn, progress=counted.append)
    assert torch.equal(state, torch.random.get_rng_state())
    assert len(Tiny.shown) == 6 - len(kept), "finished folds are not trained again"
    assert sum(counted) == 18
    assert weights_of(torn) == weights_of(whole)
    assert sorted(log_of(torn)) == sorted(log_of(whole)) == [(str(f), str(e)) for f in range(6) for e in (1, 2, 3)]
    cards = [json.loads((f / "model.json").read_text()) for f in (whole, torn)]
    assert cards[0] == cards[1]


def test_a_fold_logged_and_lost_is_logged_once(tmp_path: Path) -> None:
    """Killed between the log and the weights."""
    out = tmp_path / "out"
    train(Tiny(LABELS), dataset(), out=out)
    card = json.loads((out / "model.json").read_text())
    header = {k: card[k] for k in ("schema", "recognizer", "options", "labels", "folds", "training")}
    (out / "training.json").write_text(json.dumps(header))
    (out / "model.json").unlink()
    (out / "fold-002.safetensors").unlink()
    train(Tiny(LABELS), dataset(), out=out)
    assert sorted(log_of(out)) == [(str(f), str(e)) for f in range(6) for e in (1, 2, 3)]


def test_an_unfinished_training_of_other_options_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Tiny(LABELS), dataset(), out=tmp_path, progress=lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
    for options in ({"seed": 1}, {"validation": 0.3}, {"balanced": False}, {"protocol": "kfold"}):
        with pytest.raises(UsageError, match="other options"):
            train(Tiny(LABELS), dataset(), out=tmp_path, **options)


def test_the_card_tells_what_evaluation_tells(tmp_path: Path) -> None:
    data = dataset(6, 4, 2, name="a|b <script>\n# c")
    train(Tiny(LABELS, epochs=20), data, validation=0.3, seed=5, out=tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    trained = train(Tiny(LABELS, epochs=20), data, validation=0.3, seed=5)
    assert card["scores"] == evaluate(trained, data, seed=5)["scores"]
    assert set(card["scores"]) == {"pooled", "a", "b"}
    assert card["scores"]["pooled"]["majority"]["uf1"] == pytest.approx(1 / 3)
    assert card["sha256"] == weights_of(tmp_path)
    assert card["environment"]["packages"]["torch"] == torch.__version__
    assert "0.3 of each fold's training subjects" in card["training"]["epoch_selection"]
    page = (tmp_path / PAGE).read_text()
    assert "<script>" not in page
    assert "\n# c" not in page
    assert f"{card['scores']['pooled']['uf1']:.4f}" in page
    assert "seed 5" in page


def test_the_command_trains_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mask.cli import train as command

    words: dict[str, Any] = {"protocol": "kfold", "validation": 0.25, "class_weights": False, "seed": 0, "force": False}
    spec, data = "ststnet:flow=farneback,size=32,epochs=2", "synthetic:subjects=4,repeats=1,size=96"
    command.train(spec, data, tmp_path / "m", **words, as_json=True, quiet=True)
    told = json.loads(capsys.readouterr().out)
    assert told["scores"] == json.loads((tmp_path / "m" / "model.json").read_text())["scores"]
    loaded = registry.create("recognizers", f"ststnet:weights={tmp_path / 'm'}")
    assert loaded.card()["training"]["class_weights"] == "none"
    assert evaluate(loaded, registry.create("datasets", data))["scores"] == told["scores"]
    with pytest.raises(UsageError, match="--force"):
        command.train(spec, data, tmp_path / "m", **words, as_json=True, quiet=True)
    command.train(spec, data, tmp_path / "m", **{**words, "force": True}, as_json=False, quiet=True)
    assert "MODEL_CARD.md" in capsys.readouterr().out
