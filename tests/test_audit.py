"""The audit: disjoint halves, nothing an attack can overstate, resuming, and what the core counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from mask.audit import Setting, halves, run
from mask.clip import Clip
from mask.contracts import Access, Attack, Prediction, Scene
from mask.errors import AccessDenied, BudgetExhausted, UsageError
from mask.plan import Kinetics, Placement, Plan, ThreatModel
from mask.registry import create
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset, strained

# Every clip's strain lies in one block of 4 x 4 cells on the forehead; a sticker over it takes all of it away.
BLOCK = [(r, c) for r in range(4, 8) for c in range(12, 16)]
MODEL = LinearFlow(np.ones((28, 28)), 2000.0)
TWIN = LinearFlow(np.ones((28, 28)), 2000.0, name="twin")
SKIN = ThreatModel("skin", area=0.046)
FOREHEAD = Plan(Placement(0.5, 0.2, 0.046))


def clips(subjects: int = 4, each: int = 2) -> list[Clip]:
    made = []
    for s in range(subjects):
        made += [flow_clip(f"s{s}/moved{k}", strained(BLOCK, 250 - s)) for k in range(each)]
        made += [flow_clip(f"s{s}/calm{k}", strained(BLOCK[:4], 250), "calm") for k in range(each)]
    return made


def setting(attacks: dict[str, Attack], **changes: Any) -> Setting:
    known: dict[str, Any] = {
        "recognizers": (MODEL,),
        "dataset": flow_dataset(clips()),
        "attacks": attacks,
        "threats": (SKIN,),
        "surrogates": (TWIN,),
    }
    return Setting(**(known | changes))


def only(cells: Sequence[dict[str, Any]], attack: str) -> dict[str, Any]:
    (found,) = [c for c in cells if c["cell"]["attack"] == attack]
    return found


def named(*names: str) -> dict[str, Attack]:
    return {n: create("attacks", n) for n in names}


def test_halves_attack_every_clip_once_with_what_other_subjects_taught() -> None:
    data = flow_dataset(clips(5))
    parts = halves(data, None, seed=3)
    assert sorted(c.key for part in parts for c in part.attacked) == sorted(c.key for c in data)
    for part in parts:
        assert not {c.subject for c in part.attacked} & {c.subject for c in part.discovery}
        assert part.discovery
    assert [p.attacked for p in parts] == [p.attacked for p in halves(data, None, seed=3)]


def test_subjects_in_both_sets_and_single_subjects_are_refused() -> None:
    with pytest.raises(UsageError, match="subject s0 of made is in both"):
        halves(flow_dataset(clips(2)), flow_dataset(clips(1)), seed=0)
    with pytest.raises(UsageError, match="one subject"):
        halves(flow_dataset(clips(1)), None, seed=0)


def test_the_causal_choice_finds_the_block_and_random_rarely_does() -> None:
    cells = list(run(setting(named("random", "causal:bootstraps=0", "exhaustive"))))
    causal, random, best = (only(cells, a)["cell"] for a in ("causal:bootstraps=0", "random", "exhaustive"))
    assert causal["n_clean_correct"] == 16, "both emotions are read correctly clean"
    assert causal["by_emotion"]["moved"]["n_success"] == 8
    assert best["by_emotion"]["moved"]["n_success"] == 8
    assert random["n_success"] < causal["n_success"]
    assert causal["queries_max"] == 1
    places = {(r.x, r.y) for r in only(cells, "causal:bootstraps=0")["rows"] if r.emotion == "moved"}
    assert len(places) == 1


def test_exhaustive_bounds_every_attack_clip_by_clip() -> None:
    rng = np.random.default_rng(5)
    blobs = []
    for s in range(4):
        for k in range(4):
            row, column = rng.integers(2, 22, 2)
            block = [(row + i, column + j) for i in range(4) for j in range(4)]
            blobs.append(flow_clip(f"s{s}/m{k}", strained(block, int(rng.integers(120, 255)))))
    for threat in (SKIN, ThreatModel("overlay", area=0.046)):
        attacks = named("random", "centre", "au-sticker", "causal:bootstraps=0", "grey:bootstraps=0", "exhaustive")
        attacks |= {f"region:{a.name}": a for a in create("attacks", "region")}
        cells = list(run(setting(attacks, dataset=flow_dataset(blobs), threats=(threat,))))
        bound = {r.clip: r.success for r in only(cells, "exhaustive")["rows"]}
        assert any(bound.values())
        for cell in cells:
            for row in cell["rows"]:
                assert not row.success or bound[row.clip], (cell["cell"]["attack"], row)


def test_the_map_of_an_exhaustive_attack_is_the_exact_rate_of_a_random_place() -> None:
    cells = list(run(setting(named("exhaustive"))))
    told = cells[0]["map"]
    rates = [p["mean"] for p in told["places"]]
    assert told["n"] == 16
    assert told["random_exact"] == pytest.approx(np.mean(rates))
    # By hand: the places whose 6 x 6 cells cover enough of the block that the sum falls below the threshold.
    from mask.regions import load, sites

    flips = []
    for site in sites(load("mesh"), SKIN, "flow"):
        row, column = round(site.y * 28 - 3), round(site.x * 28 - 3)
        hit = sum(row <= r < row + 6 and column <= c < column + 6 for r, c in BLOCK)
        flips.append(np.mean([250 - s for s in range(4)] * np.array(16 - hit) + 255 < 2000) / 2)
    np.testing.assert_allclose(rates, flips)


@dataclass(frozen=True)
class Cheat(Attack):
    """Proposes whatever it is told to."""

    proposal: Plan = FOREHEAD
    access: ClassVar[Access] = "none"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        return self.proposal


@pytest.mark.parametrize(
    "proposal",
    [
        Plan(Placement(0.5, 0.2, 0.5)),
        Plan(Placement(1.4, 0.2, 0.046)),
        Plan(Placement(0.5, 0.2, 0.046), Kinetics("overlay", (1, 0), 1.2)),
        Plan(Placement(0.31, 0.36, 0.046)),  # on an eye
        Plan(Placement(0.01, 0.2, 0.046)),  # hangs out of the box
        Plan(Placement(float("nan"), 0.2, 0.046)),
    ],
)
def test_a_plan_outside_the_threat_model_never_counts(proposal: Plan) -> None:
    (cell,) = run(setting({"cheat": Cheat(proposal)}))
    assert {r.status for r in cell["rows"]} == {"invalid"}
    assert cell["cell"]["n_success"] == 0
    assert cell["cell"]["n_clean_correct"] == 16


def test_attacks_see_no_label_on_the_clip_and_no_emotion_unless_the_wearer_knows_it() -> None:
    seen: list[tuple[Any, ...]] = []

    @dataclass(frozen=True)
    class Peek(Cheat):
        def plan(self, clip: Clip, scene: Scene) -> Plan:
            seen.append((clip.emotion, clip.action_units, clip.truth, scene.hide))
            return self.proposal

    list(run(setting({"peek": Peek()})))
    assert {s[:2] for s in seen} == {(None, ())}
    assert {s[3] for s in seen} == set(EMOTIONS)
    seen.clear()
    list(run(setting({"peek": Peek()}, threats=(replace(SKIN, wearer_knows_emotion=False),))))
    assert {s[3] for s in seen} == {None}


def test_access_and_budget_are_enforced() -> None:
    @dataclass(frozen=True)
    class Asks(Cheat):
        times: int = 1

        def plan(self, clip: Clip, scene: Scene) -> Plan:
            scene.target.decide([Plan(Placement(0.3 + k / 28, 0.2, 0.046)) for k in range(self.times)])
            return self.proposal

    with pytest.raises(AccessDenied):
        list(run(setting({"asks": Asks()})))

    @dataclass(frozen=True)
    class MayAsk(Asks):
        access: ClassVar[Access] = "decision"

    with pytest.raises(BudgetExhausted):
        list(run(setting({"asks": MayAsk(times=3)}, threats=(replace(SKIN, budget=3),))))
    (cell,) = run(setting({"asks": MayAsk(times=2)}, threats=(replace(SKIN, budget=3),)))
    assert cell["cell"]["queries_max"] == 3


@dataclass
class Refuses(LinearFlow):
    """Refuses every map whose strain was changed."""

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        told = super().predict(clips)
        whole = [int(np.asarray(c.flow)[5, 13, 2]) > 0 for c in clips]
        return replace(told, status=tuple("ok" if w else "refused" for w in whole))


def test_a_refusal_is_never_a_success() -> None:
    over = Cheat(Plan(Placement(14 / 28, 6 / 28, 0.046)))
    (answered,) = run(setting({"over": over}))
    assert answered["cell"]["by_emotion"]["moved"]["n_success"] == 8
    (refused,) = run(setting({"over": over}, recognizers=(Refuses(np.ones((28, 28)), 2000.0),)))
    assert {r.status for r in refused["rows"]} == {"refused"}
    assert refused["cell"]["n_success"] == 0


def test_equal_seeds_give_equal_cells_and_finished_ones_are_not_done_again() -> None:
    attacks = named("random", "causal:bootstraps=0", "exhaustive")
    first, second = list(run(setting(attacks))), list(run(setting(attacks)))
    for a, b in zip(first, second, strict=True):
        assert a["rows"] == b["rows"]
        assert a["key"] == b["key"]
    model = LinearFlow(np.ones((28, 28)), 2000.0)
    kept = {c["key"]: c for c in first}
    assert list(run(setting(attacks, recognizers=(model,)), kept)) == first
    assert model.calls == []
    other = list(run(setting(attacks, seed=1)))
    assert not {c["key"] for c in other} & set(kept)
    assert [r.x for r in other[0]["rows"]] != [r.x for r in first[0]["rows"]]


def test_only_the_attacks_named_are_tried_behind_defences() -> None:
    defenses = {"none": None, "median": create("defenses", "median")}
    cells = list(run(setting(named("random", "centre"), defenses=defenses, defended=("random",))))
    assert [(c["cell"]["defense"], c["cell"]["attack"]) for c in cells] == [
        ("none", "random"),
        ("none", "centre"),
        ("median", "random"),
    ]
