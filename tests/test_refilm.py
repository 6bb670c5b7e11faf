"""Successes filmed again: counted against the same clip without stickers, under draws that no attack has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mask.audit import Setting, run
from mask.clip import Clip, Dataset
from mask.contracts import Prediction
from mask.data.synthetic import create as synthetic
from mask.plan import Kinetics, Placement, Plan, ThreatModel
from mask.refilm import Refilmer
from mask.registry import create
from mask.results import Row, read_rows, refilmed, write_rows
from mask.sticker.physics import STORED, Draw
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset, strained

CLIPS = [replace(c, emotion="moved") for c in synthetic(subjects=2, repeats=1, size=96).clips[::4]]
SKIN = Plan(Placement(0.2, 0.5, 0.046), Kinetics("skin"), "heart")


class Reds:
    """Answers ``calm`` where a frame is not as red as it was clean: where there is a heart on it."""

    name, labels, reads = "reds", EMOTIONS, "pair"

    def __init__(self, slack: float = 0.2) -> None:
        self.usual, self.slack = {c.key: _red(c) for c in CLIPS}, slack
        self.seen: list[Clip] = []

    def predict(self, clips: Any) -> Prediction:
        self.seen += clips
        return Prediction.from_logits(self.labels, np.array([[self._off(c), 0.0] for c in clips]))

    def _off(self, clip: Clip) -> float:
        return abs(_red(clip) - self.usual[clip.key]) - self.slack

    def card(self) -> dict[str, Any]:
        return {"name": self.name}


def _red(clip: Clip) -> float:
    frame = clip.frame(clip.apex).astype(float)
    return float((frame[..., 0] - frame[..., 2]).mean())


def test_draws_are_shared_by_all_plans_on_a_clip_and_the_bare_clip_is_filmed_once() -> None:
    model = Reds()
    again = Refilmer(model, 3, seed=0)  # type: ignore[arg-type]
    assert again(CLIPS[0], SKIN) == (3, 3)
    assert len(model.seen) == 6
    again(CLIPS[0], replace(SKIN, art="grey"))
    assert len(model.seen) == 9
    assert again(CLIPS[0], SKIN) == Refilmer(model, 3, seed=0)(CLIPS[0], SKIN)  # type: ignore[arg-type]


def test_what_the_codec_does_by_itself_is_no_success() -> None:
    model = Reds(slack=-100.0)  # wrong about every clip, stickers or none
    assert Refilmer(model, 3, seed=0)(CLIPS[0], SKIN) == (0, 0)  # type: ignore[arg-type]


def test_a_sticker_that_is_never_printed_meets_the_codec_alone() -> None:
    draw = STORED.draw(np.random.default_rng(0))
    assert draw.codec in ("jpeg", "h264")
    assert (
        replace(draw, codec="none", quality=0, bend_axis=0, shade_from=0, shadow_from=0, shadow_edge=0, seed=0)
        == Draw()
    )


def test_an_audit_films_successes_again_and_nothing_else(tmp_path: Any) -> None:
    data = Dataset("made", tuple(CLIPS), EMOTIONS)
    setting = Setting(
        (Reds(),),  # type: ignore[arg-type]
        data,
        {"random": create("attacks", "random")},
        (ThreatModel("skin", area=0.046),),
        siblings=False,
        draws=2,
    )
    (hearts,) = run(setting)
    assert hearts["cell"]["n_success"] == len(CLIPS)
    films = [(r.refilmed or 0, r.refilmed_wrong) for r in hearts["rows"]]
    assert all(of == wrong > 0 for of, wrong in films)
    again = hearts["cell"]["refilmed"]
    assert (again["plans"], again["draws"], again["asr"]) == (len(CLIPS), sum(of for of, _ in films), 1.0)
    (firm,) = run(replace(setting, recognizers=(Reds(slack=100.0),)))  # type: ignore[arg-type]
    assert firm["cell"]["n_success"] == 0
    assert firm["cell"]["refilmed"] is None
    write_rows(hearts["rows"], tmp_path / "clips.csv")
    assert [(r.refilmed, r.refilmed_wrong) for r in read_rows(tmp_path / "clips.csv")] == films
    (bare,) = run(replace(setting, draws=0))
    assert all(r.refilmed is None for r in bare["rows"])


def test_flow_maps_hold_nothing_to_film() -> None:
    data = flow_dataset([flow_clip(f"s{i}/a", strained([(5, 5)])) for i in range(2)])
    model = LinearFlow(np.ones((28, 28)), threshold=300)
    (cell,) = run(
        Setting((model,), data, {"e": create("attacks", "exhaustive")}, (ThreatModel("overlay", area=0.046),), draws=2)
    )
    assert cell["cell"]["n_success"] == 2
    assert cell["cell"]["refilmed"] is None


def test_the_share_that_is_left() -> None:
    def row(subject: str, of: int | None, wrong: int | None) -> Row:
        base = ("r", "none", "a", "skin", f"{subject}/{of}{wrong}", subject, "moved", "moved", "calm", "ok")
        return Row(*base, success=of is not None, queries=1, refilmed=of, refilmed_wrong=wrong)

    told = refilmed([row("a", 4, 4), row("a", 4, 1), row("b", 0, 0), row("b", None, None)])
    assert told is not None
    assert told["asr"] == pytest.approx((1 + 0.25 + 0 + 0) / 4)
    assert (told["plans"], told["draws"], told["wrong"]) == (3, 8, 5)
