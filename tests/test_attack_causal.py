"""The causal attack: which evidence decides, and what it does when sources disagree, fail or are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mask.audit import Setting, run
from mask.causal.agree import agreement, calibrate
from mask.causal.effects import candidates, imaginable, measure
from mask.causal.saliency import under_stickers
from mask.clip import Clip
from mask.contracts import Discovery, NoTarget, Prediction, Recognizer, Scene
from mask.data import synthetic
from mask.errors import UsageError
from mask.plan import Placement, Plan, Site, ThreatModel
from mask.regions import load, sites
from mask.registry import create
from mask.surrogate import Owned
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset, strained

SKIN = ThreatModel("skin", area=0.046)
PLACES = sites(load("mesh"), SKIN, "flow")
FOREHEAD = [(r, c) for r in range(4, 8) for c in range(12, 16)]
CHEEK = [(r, c) for r in range(13, 17) for c in range(3, 7)]
MODEL = LinearFlow(np.ones((28, 28)), 2000.0)
TWIN = LinearFlow(np.ones((28, 28)), 2000.0, name="twin")


def moved(key: str, block: list[tuple[int, int]], value: int = 250) -> Clip:
    return flow_clip(key, strained(block, value))


def people(block: list[tuple[int, int]], names: str) -> list[Clip]:
    """Clips that move in one block, and calm ones that do not."""
    calm = [flow_clip(f"{s}/calm", strained(block[:4], 250), "calm") for s in names]
    return [moved(f"{s}/moved", block, 250 - i) for i, s in enumerate(names)] + calm


def discovery(clips: list[Clip], surrogate: Any = None) -> Discovery:
    owned = Owned([TWIN]) if surrogate is None else surrogate
    return Discovery(tuple(clips), (), EMOTIONS, SKIN, PLACES, owned, np.random.default_rng(0))


def scene(evidence: Any, **changes: Any) -> Scene:
    known = Scene(SKIN, PLACES, NoTarget(), evidence, "moved", np.random.default_rng(0), None, Owned([TWIN]))
    return replace(known, **changes)


def success(attack: str, clips: list[Clip], learnt: list[Clip], **changes: Any) -> int:
    known: dict[str, Any] = {"surrogates": (TWIN,), "discovery": flow_dataset(learnt)}
    setting = Setting((MODEL,), flow_dataset(clips), {"a": create("attacks", attack)}, (SKIN,), **(known | changes))
    (cell,) = list(run(setting))
    return int(cell["cell"]["by_emotion"]["moved"]["n_success"])


def test_interventions_find_the_place_that_matters_to_everyone() -> None:
    assert success("causal:use=intervention", people(FOREHEAD, "ab"), people(FOREHEAD, "cd")) == 2


def test_the_clip_itself_decides_where_this_face_moves_elsewhere() -> None:
    """Half of the others move at the cheek and half at the forehead: their average cannot know which this clip does."""
    others = [*people(FOREHEAD, "cde"), *people(CHEEK, "fgh")]
    clips = [*people(FOREHEAD, "a"), *people(CHEEK, "b")]
    assert success("causal:use=intervention", clips, others) == 1
    assert success("causal:use=intervention+clip", clips, others) == 2
    assert success("causal:use=clip", clips, others) == 2


def test_interventions_recover_the_regions_a_recognizer_depends_on() -> None:
    """A recognizer that reads one block of strain and nothing else: the sticker with most of it under it is first."""
    weights = np.zeros((28, 28))
    rows, columns = slice(16, 20), slice(6, 10)
    weights[rows, columns] = 1.0
    reader = LinearFlow(weights, 300.0, name="reader")
    rng = np.random.default_rng(0)
    clips = []
    for k in range(8):
        flow = strained([(16, 7), (17, 8), (18, 9)], 255)
        flow[3:25, 3:25, 2] = np.maximum(flow[3:25, 3:25, 2], rng.integers(0, 60, (22, 22)))
        clips.append(flow_clip(f"s{k}/a", flow))
    plans = candidates(SKIN, PLACES, "heart")
    found = measure(discovery(clips, Owned([reader])), plans)["moved"]
    best = plans[found.best()].placement
    assert abs(best.x - 8 / 28) < 4 / 28
    assert abs(best.y - 18 / 28) < 4 / 28
    untouched = [i for i, p in enumerate(plans) if abs(p.placement.y - 18 / 28) > 6 / 28]
    assert np.abs(found.average[untouched]).max() < 1e-9, "where nothing is read, a sticker has no effect"


def test_a_plan_says_which_evidence_chose_it() -> None:
    attack = create("attacks", "causal:bootstraps=0")
    learnt = attack.discover(discovery(people(FOREHEAD, "cd")))
    plan = attack.plan(moved("x/moved", FOREHEAD), scene(learnt))
    assert plan.evidence.startswith("hides moved (given); chosen most by ")
    assert "intervention +" in plan.evidence
    assert "clip +" in plan.evidence
    alone = create("attacks", "causal:use=intervention").plan(moved("x/moved", FOREHEAD), scene(learnt))
    assert "chosen most by intervention" in alone.evidence
    assert "clip" not in alone.evidence


def test_the_emotion_is_predicted_where_it_is_not_given() -> None:
    attack = create("attacks", "causal:bootstraps=0")
    learnt = attack.discover(discovery(people(FOREHEAD, "cd")))
    clip = moved("x/moved", FOREHEAD)
    blind = attack.plan(clip, scene(learnt, hide=None))
    assert blind.evidence.startswith("hides moved (predicted)")
    assert blind.placement == attack.plan(clip, scene(learnt)).placement
    stubborn = create("attacks", "causal:bootstraps=0,hide=predicted")
    assert stubborn.plan(clip, scene(learnt, hide="calm")).evidence.startswith("hides moved (predicted)")


def test_without_surrogate_or_evidence_the_plan_abstains() -> None:
    attack = create("attacks", "causal:bootstraps=0")
    learnt = attack.discover(discovery(people(FOREHEAD, "cd"), surrogate=None))
    assert learnt.data["average"]
    empty = attack.discover(replace(discovery([]), surrogate=None))
    plan = attack.plan(moved("x/moved", FOREHEAD), scene(empty, surrogate=None))
    assert plan.abstained
    assert "no evidence" in plan.evidence


def test_a_surrogate_that_knows_no_such_emotion_or_does_not_answer_decides_nothing() -> None:
    attack = create("attacks", "causal:bootstraps=0")
    learnt = attack.discover(discovery(people(FOREHEAD, "cd")))
    clip = moved("x/moved", FOREHEAD)
    stranger = LinearFlow(np.ones((28, 28)), 2000.0, name="stranger", labels=("up", "down"))
    plan = attack.plan(clip, scene(learnt, surrogate=Owned([stranger])))
    assert "clip" not in plan.evidence
    assert "intervention" in plan.evidence


@pytest.mark.parametrize("options", ["use=guess", "hide=anger", "use=observation,bootstraps=3"])
def test_options_out_of_range(options: str) -> None:
    with pytest.raises(UsageError, match=r"expected|needs at least 20"):
        create("attacks", f"causal:{options}")


def test_grey_takes_the_place_of_the_causal_attack_of_the_same_options() -> None:
    clip = moved("x/moved", FOREHEAD)
    causal, grey = (create("attacks", f"{n}:use=intervention,hide=predicted") for n in ("causal", "grey"))
    learnt = grey.student.discover(discovery(people(FOREHEAD, "cd")))
    one, other = causal.plan(clip, scene(learnt)), grey.plan(clip, scene(learnt))
    assert other.art == "grey"
    assert replace(other, art=one.art) == one


# --- how well one ranking predicts another ---------------------------------------------------------------------


def test_agreement_is_the_rank_correlation_and_the_first() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    scores = {f"r{k}": float(v) for k, v in enumerate(rng.normal(size=12))}
    measured = {f"r{k}": scores[f"r{k}"] + float(v) for k, v in enumerate(rng.normal(size=12))} | {"other": 9.0}
    told = agreement(scores, measured)
    expected = stats.spearmanr(list(scores.values()), [measured[r] for r in scores])
    assert told["spearman"] == pytest.approx(expected.statistic)
    assert told["p"] == pytest.approx(expected.pvalue)
    assert told["regions"] == 12
    assert told["chance"] == pytest.approx(1 / 12)
    first = max(scores, key=lambda r: scores[r])
    top = max(measured[r] for r in scores)
    assert told["top_agrees"] == (measured[first] == top)
    assert told["regret"] == pytest.approx(top - measured[first])


def test_few_regions_or_flat_rankings_say_nothing() -> None:
    assert agreement({"a": 1, "b": 2}, {"a": 1, "b": 2})["spearman"] is None
    flat = dict.fromkeys("abcde", 1.0)
    assert agreement(flat, dict(zip("abcde", range(5), strict=True)))["spearman"] is None
    assert set(calibrate(flat, dict(zip("abcde", range(5), strict=True))).values()) == {0.0}


def test_scores_that_predict_are_turned_into_log_odds_and_others_into_nothing() -> None:
    scores = {f"r{k}": float(k) for k in range(10)}
    line = {r: 0.5 + 0.25 * v for r, v in scores.items()}
    worth = calibrate(scores | {"new": 11.0}, line)
    assert worth["r9"] - worth["r0"] == pytest.approx(0.25 * 9)
    assert np.mean([worth[r] for r in scores]) == pytest.approx(0)
    assert worth["new"] == pytest.approx(0.25 * (11 - 4.5)), "a region that was not tried is predicted"
    assert set(calibrate(scores, {r: -v for r, v in line.items()}).values()) == {0.0}
    noise = np.random.default_rng(3).permutation(10)
    assert set(calibrate(scores, {f"r{k}": float(noise[k]) for k in range(10)}).values()) == {0.0}


def test_saliency_under_a_sticker_is_the_mean_of_the_cells_it_covers() -> None:
    rng = np.random.default_rng(0)
    found = rng.random((28, 28))
    site = Site(9 / 28, 13 / 28, "x")
    assert under_stickers(found, [site], 0.046, "flow")[0] == pytest.approx(found[10:16, 6:12].mean())


def test_plans_are_listed_site_by_site() -> None:
    threat = ThreatModel("overlay")
    plans = candidates(threat, PLACES[:2], "heart")
    assert len(plans) == 16
    assert plans[0].placement == plans[7].placement != plans[8].placement
    assert plans[3] == Plan(
        Placement(PLACES[0].x, PLACES[0].y, 0.046, region=PLACES[0].region), threat.motions()[3], "heart"
    )


def test_of_several_drawings_each_is_tried_everywhere_and_a_control_draws_one() -> None:
    plans = candidates(SKIN, PLACES[:2], "heart+stripes")
    assert [p.art for p in plans] == ["heart", "stripes", "heart", "stripes"]
    control = create("attacks", "random:art=heart+stripes")
    clip = moved("x/moved", FOREHEAD)
    drawn = {control.plan(clip, scene(None, rng=np.random.default_rng(k))).art for k in range(10)}
    assert drawn == {"heart", "stripes"}


@pytest.mark.parametrize("art", ["grey+heart", "heart+grey"])
def test_the_drawing_is_chosen_with_the_place(art: str) -> None:
    """A recognizer of pixels that answers by how red the apex frame is."""
    clip = synthetic.create(subjects=2, repeats=1, size=96).clips[0]
    owned = Owned([Redness()])
    known = scene(None, hide="pale", sites=sites(load("mesh"), SKIN, "frames", 0.3), surrogate=owned)
    for attack in (f"causal:use=clip,art={art}", f"ensemble:art={art}"):
        plan = create("attacks", attack).plan(clip, known)
        assert plan.art == "heart"


@pytest.mark.parametrize(
    ("kinetics", "art", "expected"),
    [("skin", "heart", True), ("overlay", "sun", True), ("slip", "heart", False), ("skin", "bars", False)],
)
def test_flow_maps_stand_for_stickers_that_flow_methods_follow(kinetics: Any, art: str, expected: bool) -> None:
    assert imaginable(kinetics, art) is expected
    assert not imaginable(kinetics, f"{art}+heart")


class Redness(Recognizer):
    """Pale, or red where the apex frame is redder than blue on average."""

    name, labels, reads = "redness", ("pale", "red"), "pair"

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        apex = [c.frame(c.apex).astype(float) for c in clips]
        logits = [[0.0, float(f[..., 0].mean() - f[..., 2].mean())] for f in apex]
        return Prediction.from_logits(self.labels, np.array(logits))
