"""Training with made clips: only the training subjects of a fold have a part in them, and the record says so."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mask import registry
from mask.augment import Augmentation, made_by
from mask.augment.driven import Driven
from mask.augment.local_static_face_mix import LocalStaticFaceMix
from mask.clip import Clip, Dataset
from mask.errors import UsageError
from mask.learn import Lesson
from mask.model_card import LOG, PAGE
from mask.torch_recognizer import Trainable
from mask.train import PROTOCOLS, held_out, train
from mask.weights import sha256
from tests.augment_clips import moved_clip, still_clip
from tests.models import flow_clip

LABELS = ("calm", "moved")


def dataset(subjects: int = 6, each: int = 4) -> Dataset:
    """Still faces; subject s shows grey level 10 s + k in clip k."""
    clips = []
    for s in range(subjects):
        for k in range(each):
            clip = still_clip(f"s{s}/{k}", LABELS[k % 2], size=32)
            grey = np.full((2, 32, 32, 3), 20 * s + 4 * k, np.uint8)
            marks = np.repeat(np.asarray(clip.landmarks)[:1], 2, axis=0)
            clips.append(replace(clip, dataset="ab"[s % 2], frames=grey, landmarks=marks, apex=1, offset=1))
    return Dataset("made", tuple(clips), LABELS)


class Reader(Trainable):
    """Reads the key and the label of each clip, so that what was learnt from can be told; keeps it."""

    reads = "pair"
    dials: ClassVar[tuple[str, ...]] = ("epochs", "rate")
    shown: ClassVar[list[tuple[list[str], list[str]]]] = []
    names: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []
    chunk = 16

    def __init__(self, labels: Sequence[str], *, epochs: int = 2, rate: float = 0.01) -> None:
        super().__init__("reader", labels, nn.Linear(2, len(labels)))
        self.epochs, self.rate = epochs, rate

    def inputs(self, clips: Sequence[Clip]) -> list[Any]:
        rows: list[Any] = []
        for clip in clips:
            self.asked.append(clip.key)
            if clip.key not in self.names:
                self.names.append(clip.key)
            blind = clip.key.endswith("blind")
            rows.append(None if blind else np.array([self.names.index(clip.key), clip.frame(0).mean()], np.float32))
        return rows

    def tensor(self, inputs: Sequence[Any]) -> Tensor:
        return torch.from_numpy(np.stack(inputs)) / 100

    def logits(self, video: Tensor) -> Tensor:
        result: Tensor = self.module(video)
        return result

    def learn(self, lesson: Lesson) -> None:
        def keys(rows: Tensor) -> list[str]:
            return [self.names[int(k)] for k in rows[:, 0].tolist()]

        watched = [] if lesson.validation is None else keys(lesson.validation[0])
        self.shown.append((keys(lesson.inputs), watched))
        super().learn(lesson)


@dataclass(frozen=True)
class Echo(Augmentation):
    """One copy of each clip, kept with what it was given."""

    name: ClassVar[str] = "echo"
    given: ClassVar[list[list[str]]] = []

    def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
        self.given.append([c.key for c in training])
        return [replace(c, key=f"{c.key} again") for c in training]


@pytest.fixture(autouse=True)
def _nothing_shown() -> None:
    for kept in (Reader.shown, Reader.names, Reader.asked, Echo.given):
        kept.clear()


def subjects_of(key: str) -> set[str]:
    """Everyone who has a part in a clip, by its key."""
    return {word.split("/")[0] for word in key.split() if word[0] == "s" and "/" in word}


WAYS = (LocalStaticFaceMix(probability=1.0), Driven(clips=60), Echo())


@pytest.mark.parametrize("validation", [0.0, 0.4])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_who_is_held_out_or_chooses_has_a_part_in_what_is_made(protocol: Any, validation: float) -> None:
    data = dataset()
    own = {c.key for c in data.clips}
    folds = held_out(data, protocol, 1)
    train(Reader(LABELS), data, protocol=protocol, seed=1, validation=validation, augment=WAYS)
    assert len(Reader.shown) == len(folds)
    for held, (learnt, watched) in zip(folds, Reader.shown, strict=True):
        choosing = {s for key in watched for s in subjects_of(key)}
        assert bool(choosing) == bool(validation)
        allowed = set(data.subjects) - set(held) - choosing
        made = [key for key in learnt if key not in own]
        assert {s for key in made for s in subjects_of(key)} == allowed
        assert all(subjects_of(key) <= allowed for key in learnt)
        assert set(watched) <= own, "nothing made chooses the epoch"
        assert len(made) == len(set(made)) > len(learnt) / 2
        assert {key for key in learnt if key in own} == {c.key for c in data.clips if c.subject in allowed}


def test_made_clips_carry_their_label_and_are_drawn_once_for_all_folds() -> None:
    data = dataset()
    seen: list[tuple[list[str], list[int]]] = []

    class Watching(Reader):
        def learn(self, lesson: Lesson) -> None:
            keys = [self.names[int(k)] for k in lesson.inputs[:, 0].tolist()]
            seen.append((keys, lesson.targets.tolist()))
            super().learn(lesson)

    train(Watching(LABELS), data, augment=WAYS)
    emotion = {c.key: LABELS.index(c.emotion or "") for c in data.clips}
    for keys, targets in seen:
        for key, target in zip(keys, targets, strict=True):
            # The face leads the key of a driven clip and the clip itself that of every other.
            last = [word for word in key.split() if "/" in word][-1 if " driven by " in key else 0]
            assert target == emotion[last]
    assert len(Reader.asked) == len(set(Reader.asked)), "no clip is read twice"


def test_clips_without_a_face_are_not_made_from_and_made_ones_without_are_left_out() -> None:
    data = dataset()
    blind = [replace(c, key=f"{c.key} blind") if c.key.endswith("3") else c for c in data.clips]

    @dataclass(frozen=True)
    class Blinding(Echo):
        def make(self, training: Sequence[Clip], seed: int) -> list[Clip]:
            made = super().make(training, seed)
            return [replace(c, key=f"{c.key} blind") if "/0" in c.key else c for c in made]

    train(Reader(LABELS), replace(data, clips=tuple(blind)), augment=[Blinding()])
    for learnt, _ in Reader.shown:
        assert not any(key.endswith("blind") for key in learnt)
        assert len(learnt) == 5 * (3 + 2)
    assert all(not any(k.endswith("blind") for k in given) for given in Echo.given[6:])


def weights_of(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p) for p in folder.glob("fold-*.safetensors")}


def test_log_and_card_tell_and_a_killed_training_goes_on_to_the_same_end(tmp_path: Path) -> None:
    data, whole, torn = dataset(), tmp_path / "whole", tmp_path / "torn"
    train(Reader(LABELS), data, augment=WAYS, out=whole)
    left = 5

    def kill(done: int) -> None:
        nonlocal left
        left -= done
        if left <= 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Reader(LABELS), data, augment=WAYS, out=torn, progress=kill)
    with pytest.raises(UsageError, match="other options"):
        train(Reader(LABELS), data, augment=WAYS[:2], out=torn)
    train(Reader(LABELS), data, augment=WAYS, out=torn)
    assert weights_of(torn) == weights_of(whole)
    card = json.loads((whole / "model.json").read_text())
    assert card == json.loads((torn / "model.json").read_text())
    assert card["training"]["augment"] == [repr(w) for w in WAYS]
    page = (whole / PAGE).read_text().replace("\\", "")
    assert "LocalStaticFaceMix(alpha=0.5, probability=1.0, copies=2); Driven(clips=60, drivers=3); Echo()" in page
    with (whole / LOG).open(newline="") as stream:
        told = {int(row["fold"]): int(row["made_clips"]) for row in csv.DictReader(stream)}
    counted = [sum(key not in {c.key for c in data.clips} for key in learnt) for learnt, _ in Reader.shown[:6]]
    assert [told[k] for k in range(6)] == counted
    assert min(counted) > 100


def test_without_augmentation_nothing_changes(tmp_path: Path) -> None:
    data = dataset()
    train(Reader(LABELS), data, out=tmp_path / "none")
    train(Reader(LABELS), data, out=tmp_path / "some", augment=[Echo()])
    none, some = (json.loads((tmp_path / n / "model.json").read_text()) for n in ("none", "some"))
    assert none["training"]["augment"] == []
    assert "own training clips: none." in (tmp_path / "none" / PAGE).read_text()
    assert weights_of(tmp_path / "none") != weights_of(tmp_path / "some")
    assert {k: v for k, v in none["training"].items() if k != "augment"} == {
        k: v for k, v in some["training"].items() if k != "augment"
    }


def test_what_cannot_be_made_is_told_before_anything_is_written(tmp_path: Path) -> None:
    data = dataset()
    maps = [flow_clip(f"s{k}/map", np.full((28, 28, 3), k, np.uint8), LABELS[k % 2], f"s{k}") for k in range(4)]
    for given, ways, said in (
        (Dataset("maps", tuple(maps), LABELS), WAYS[:1], "local-static-face-mix needs pixels"),
        (Dataset("maps", tuple(maps), LABELS), WAYS[1:2], "driven needs pixels"),
        (data.only(["s0", "s1"]), WAYS[:1], "two training subjects"),
        (
            replace(data, clips=tuple(replace(c, apex=0) for c in data.clips)),
            WAYS[1:2],
            "two training clips of one emotion",
        ),
    ):
        with pytest.raises(UsageError, match=said):
            train(Reader(LABELS), given, augment=ways, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "model", ["off-apexnet:flow=dis,size=32,epochs=1", "mmnet:size=32,width=0.1,epochs=1", "lbp-top:size=32"]
)
def test_flow_pair_and_video_recognizers_learn_from_every_way(model: str, tmp_path: Path) -> None:
    clips = [
        moved_clip(f"s{s}/{e}", np.full((96, 96, 2), (s - 1) * (0.5, -1)[k]), e, seed=s, steps=(0, 0.5, 1))
        for s in range(3)
        for k, e in enumerate(LABELS)
    ]
    specs = ("driven:clips=4", "local-static-face-mix", "magnify:factor=2", "magnify-eulerian:factor=2")
    ways = [registry.create("augmentations", spec) for spec in specs]
    data = Dataset("made", tuple(clips), LABELS)
    train(registry.create("recognizers", model), data, protocol="split", augment=ways, out=tmp_path)
    (held,) = held_out(data, "split")
    with (tmp_path / LOG).open(newline="") as stream:
        told = {int(row["made_clips"]) for row in csv.DictReader(stream)}
    assert told == {len(made_by(ways, [c for c in clips if c.subject not in held], 0))}, "each could be read"


def test_the_command_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mask.cli import train as command

    words: dict[str, Any] = {"validation": 0.0, "class_weights": True, "seed": 0, "force": False, "as_json": True}
    data = "synthetic:subjects=3,repeats=1,emotions=3,size=96,fps=25"
    ways = ["local-static-face-mix:alpha=0.5,probability=0.5", "driven:clips=3"]
    model = "ststnet:flow=dis,size=56,epochs=2"
    command.train(model, data, tmp_path / "m", protocol="split", augment=ways, quiet=True, **words)
    told = json.loads(capsys.readouterr().out)
    assert told["recognizer"]["training"]["augment"] == [
        "LocalStaticFaceMix(alpha=0.5, probability=0.5, copies=2)",
        "Driven(clips=3, drivers=3)",
    ]
    with (tmp_path / "m" / LOG).open(newline="") as stream:
        assert all(int(row["made_clips"]) > 3 for row in csv.DictReader(stream))
