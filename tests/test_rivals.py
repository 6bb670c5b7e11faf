"""The rival attacks: on landscapes whose best plan is known, within their budget and access, and on bad targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from mask.attacks._lattice import Lattice, Point
from mask.attacks._search import Search, commonest, margin
from mask.attacks.patch_attack import Policy

from mask.apply import check
from mask.audit import Setting, run
from mask.clip import Clip
from mask.conformance import check_attack
from mask.contracts import Attack, Discovery, Prediction, Scene, Status, Target
from mask.errors import AccessDenied, BudgetExhausted, InvalidPlan
from mask.oracle import MeteredTarget, Scorer
from mask.plan import Plan, Site, ThreatModel
from mask.regions import load, sites
from mask.registry import create
from mask.surrogate import Owned
from tests.models import LinearFlow, flow_clip, flow_dataset, strained

GUIDED = ("rhde", "sparse-rs", "patch-attack")
BLIND = ("devopatch", "hardbeat")
SEARCHES = (*GUIDED, *BLIND)
OFFLINE = ("saliency", "saliency:evidence=occlusion", "ensemble", "universal")

SKIN = ThreatModel("skin", area=0.046)
OVERLAY = ThreatModel("overlay", area=0.046)
BLOCK = [(r, c) for r in range(4, 8) for c in range(12, 16)]
FLOW = flow_clip("s0/a", strained(BLOCK))
FRAMES = Clip("s0/f", "s0", "moved", "made", frames=np.zeros((2, 8, 8, 3), dtype=np.uint8), apex=1, offset=1)


def places(threat: ThreatModel, clip: Clip = FLOW) -> tuple[Site, ...]:
    return sites(load("mesh"), threat, clip.space)


@dataclass
class Landscape:
    """A target that answers by the plan alone: `height` of a plan is the logit of the emotion to hide."""

    height: Callable[[Plan], float]
    budget: int | None = None
    labels: tuple[str, ...] = ("calm", "moved", "else")
    status: Callable[[int], Status] = lambda _: "ok"
    asked: dict[Any, Plan] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def remaining(self) -> int | None:
        return None if self.budget is None else max(0, self.budget - 1 - len(self.asked))

    def score(self, plans: Sequence[Plan]) -> Prediction:
        self.calls.append("score")
        return self._tell(plans)

    def decide(self, plans: Sequence[Plan]) -> tuple[str | None, ...]:
        self.calls.append("decide")
        return self._tell(plans).names

    def open(self) -> Any:
        raise AccessDenied("not for searches")

    def _tell(self, plans: Sequence[Plan]) -> Prediction:
        new = {p.key: p for p in plans if p.key not in self.asked}
        if self.remaining is not None and len(new) > self.remaining:
            raise BudgetExhausted("over budget")
        start = len(self.asked)
        self.asked.update(new)
        logits = np.zeros((len(plans), len(self.labels)))
        logits[:, self.labels.index("moved")] = [self.height(p) for p in plans]
        told = Prediction.from_logits(self.labels, logits)
        status = tuple(self.status(start + i) if s == "ok" else s for i, s in enumerate(told.status))
        rows = told.probabilities.copy()
        rows[[s != "ok" for s in status]] = np.nan
        return Prediction(self.labels, rows, status)


def plan_with(
    name: str, target: Target, threat: ThreatModel = OVERLAY, clip: Clip = FLOW, seed: int = 0, **scene: Any
) -> Plan:
    attack = create("attacks", name)
    known: dict[str, Any] = {"hide": "moved", "evidence": None}
    made = Scene(threat, places(threat, clip), target, rng=np.random.default_rng(seed), **(known | scene))
    return attack.plan(replace(clip, emotion=None), made)


def bowl(best: Plan, depth: float = 3.0) -> Callable[[Plan], float]:
    """A height that falls towards one plan and is negative, a wrong answer, within a step of it in its own motion."""

    def height(plan: Plan) -> float:
        p, q = plan.placement, best.placement
        away = np.hypot(p.x - q.x, p.y - q.y) * 14
        return float(depth * (away + (plan.kinetics != best.kinetics)) - 1.5)

    return height


def needles(seed: int) -> tuple[Callable[[Plan], float], int]:
    """Such a height about a plan drawn at random, and the number of plans with a wrong answer."""
    rng = np.random.default_rng([seed, 99])
    lattice = Lattice(FLOW, scene_of(OVERLAY), ("heart",))
    height = bowl(lattice.plan(lattice.draw(rng)))
    return height, sum(height(lattice.plan(p)) < 0 for p in lattice)


def scene_of(threat: ThreatModel, clip: Clip = FLOW, target: Any = None, **more: Any) -> Scene:
    known: dict[str, Any] = {"evidence": None, "hide": "moved", "rng": np.random.default_rng(0)}
    return Scene(threat, places(threat, clip), target or Landscape(lambda _: 1.0), **(known | more))


# What every search is held to.


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
def test_a_search_reaches_what_exhaustive_finds_when_its_budget_covers_every_plan(
    name: str, threat: ThreatModel
) -> None:
    lattice = Lattice(FLOW, scene_of(threat), ("heart",))
    points = list(lattice)
    only = lattice.plan(points[len(points) * 2 // 3])
    target = Landscape(lambda p: -1.0 if p.key == only.key else 5.0, budget=len(points) + 1)
    found = plan_with(f"{name}:queries=5000,art=heart", target, threat)
    assert found.key == only.key
    assert "wrongly" in found.evidence


@pytest.mark.parametrize("name", SEARCHES)
def test_more_queries_find_more(name: str) -> None:
    def successes(budget: int) -> int:
        hits = 0
        for seed in range(4):
            height, _ = needles(seed)
            plan = plan_with(f"{name}:queries=1153", Landscape(height, budget=budget), seed=seed)
            hits += height(plan) < 0
        return hits

    few, some, all_of_them = (successes(b) for b in (2, 250, 1153))
    assert few < some <= all_of_them == 4


@pytest.mark.parametrize("name", GUIDED)
def test_scores_guide_a_search_to_the_bottom_sooner_than_chance(name: str) -> None:
    spent, by_chance = [], []
    for seed in range(12):
        height, hits = needles(seed)
        target = Landscape(height, budget=1153)
        plan_with(name, target, seed=seed)
        spent.append(next(i for i, p in enumerate(target.asked.values(), 1) if height(p) < 0))
        by_chance.append(1153 / (hits + 1))  # the mean place of the first hit in a random order
    assert np.mean(spent) < 0.6 * np.mean(by_chance)


@pytest.mark.parametrize("name", [*SEARCHES, *OFFLINE, "random"])
@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
def test_no_attack_beats_exhaustive(name: str, threat: ThreatModel) -> None:
    rng = np.random.default_rng(5)
    clips = []
    for s in range(3):
        for k in range(2):
            row, column = rng.integers(2, 22, 2)
            block = [(row + i, column + j) for i in range(4) for j in range(4)]
            clips.append(flow_clip(f"s{s}/m{k}", strained(block, int(rng.integers(120, 255)))))
    model, twin = (LinearFlow(np.ones((28, 28)), 2000.0, name=n) for n in ("linear", "twin"))
    attacks = {n: create("attacks", n) for n in (name, "exhaustive")}
    cells = run(Setting((model,), flow_dataset(clips), attacks, (threat,), surrogates=(twin,)))
    rival, bound = ({r.clip: r for r in c["rows"]} for c in cells)
    assert any(r.success for r in bound.values())
    for key, row in rival.items():
        assert not row.success or bound[key].success
        if name in SEARCHES:
            assert row.success == bound[key].success, "1000 queries are enough for these"


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
@pytest.mark.parametrize("budget", [1, 2, 3, 10, 60, 150])
def test_the_budget_is_used_to_the_last_query_and_no_further(name: str, threat: ThreatModel, budget: int) -> None:
    target = Landscape(lambda p: 2.0 + p.placement.x, budget=budget)
    plan = plan_with(name, target, threat)
    every = len(list(Lattice(FLOW, scene_of(threat), ("heart",))))
    assert len(target.asked) == min(budget - 1, every)
    if budget == 1:
        assert target.calls == []
        assert plan.key == plan_with("random", target, threat).key, "a guess, the same as that of a random attack"
        assert "no query" in plan.evidence
    elif name in GUIDED:
        assert plan.placement.x == min(p.placement.x for p in target.asked.values()), "the best so far is kept"


@pytest.mark.parametrize("name", SEARCHES)
def test_without_a_budget_a_search_ends_by_itself(name: str) -> None:
    target = Landscape(lambda _: 2.0)
    plan_with(f"{name}:queries=50", target)
    assert len(target.asked) == 49
    with pytest.raises(ValueError, match="queries is 0"):
        plan_with(f"{name}:queries=0", Landscape(lambda _: 2.0))


@pytest.mark.parametrize("name", SEARCHES)
def test_the_first_wrong_answer_ends_the_search(name: str) -> None:
    target = Landscape(lambda _: -1.0, budget=500)
    plan = plan_with(name, target)
    assert len(target.calls) == 1
    assert plan.key in target.asked


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
@pytest.mark.parametrize("clip", [FLOW, FRAMES], ids=["flow", "frames"])
def test_every_plan_asked_about_is_lawful_and_none_twice(name: str, threat: ThreatModel, clip: Clip) -> None:
    target = Landscape(lambda p: 1.0 + abs(p.placement.x - 0.4), budget=100)
    plan_with(name, target, threat, clip)
    asked = list(target.asked.values())
    for plan in asked:
        check(clip, plan, threat)
        assert plan.placement.area == threat.area
    assert len({(p.placement.x, p.placement.y) for p in asked}) > 3
    if clip is FRAMES:
        assert len({p.art for p in asked}) > 1 or name in ("rhde", "devopatch")
        assert any(p.placement.angle for p in asked) == (name == "rhde")
    if threat is OVERLAY:
        assert len({p.kinetics for p in asked}) > 1


@pytest.mark.parametrize("name", ["rhde", "sparse-rs", "patch-attack"])
def test_on_frames_drawing_or_angle_is_searched_too(name: str) -> None:
    best = Lattice(FRAMES, scene_of(OVERLAY, FRAMES), ("star",)).settle(6, 8, 3, 0, "star")
    wanted = Lattice(FRAMES, scene_of(OVERLAY, FRAMES), ("star",)).plan(best)

    def height(plan: Plan) -> float:
        turn = abs(plan.placement.angle - 90) / 45 if name == "rhde" else float(plan.art != "star")
        return bowl(wanted, 1.0)(plan) + turn - 0.1

    plan = plan_with(name, Landscape(height, budget=1000), OVERLAY, FRAMES)
    assert height(plan) < 0


# Access.


@pytest.mark.parametrize("name", BLIND)
def test_label_only_attacks_never_ask_for_a_score(name: str) -> None:
    target = Landscape(lambda _: 2.0, budget=80)
    plan_with(name, target)
    assert set(target.calls) == {"decide"}
    assert create("attacks", name).access == "decision"


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
def test_offline_attacks_never_reach_the_target(name: str, threat: ThreatModel) -> None:
    target = Landscape(lambda _: 2.0)
    twin = Owned([LinearFlow(np.ones((28, 28)), 2000.0)])
    plan = plan_with(name, target, threat, surrogate=twin)
    assert target.calls == []
    check(FLOW, plan, threat)


@dataclass
class Spy(LinearFlow):
    """Notes the clips it is shown."""

    shown: list[str] = field(default_factory=list)

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.shown += [c.key for c in clips]
        return super().predict(clips)


@pytest.mark.parametrize("name", OFFLINE)
def test_the_core_shows_the_target_of_an_offline_attack_each_clip_twice(name: str) -> None:
    spy, twin = (kind(np.ones((28, 28)), 2000.0, name=n) for kind, n in ((Spy, "spy"), (LinearFlow, "twin")))
    clips = [flow_clip(f"s{s}/m", strained(BLOCK, 250 - s)) for s in range(4)]
    attacks = {name: create("attacks", name)}
    (cell,) = run(Setting((spy,), flow_dataset(clips), attacks, (OVERLAY,), surrogates=(twin,)))
    assert sorted(spy.shown) == sorted([c.key for c in clips] * 2), "clean, and the final look"
    assert {r.queries for r in cell["rows"]} == {1}


@pytest.mark.parametrize("name", [*SEARCHES, *OFFLINE])
@pytest.mark.parametrize("budget", [1, 30])
def test_rivals_conform(name: str, budget: int) -> None:
    clips = [flow_clip(f"s{s}/{k}", strained(BLOCK, 240 - 9 * k)) for s in range(3) for k in range(2)]
    attack: Attack = create("attacks", name)
    for threat in (replace(SKIN, budget=budget), replace(OVERLAY, budget=budget, wearer_knows_emotion=False)):
        plans = check_attack(attack, LinearFlow(np.ones((28, 28)), 900.0), clips, threat, places(threat))
        assert len(plans) == 2


@pytest.mark.parametrize("name", SEARCHES)
def test_equal_seeds_give_equal_searches(name: str) -> None:
    orders = []
    for seed in (1, 1, 2):
        target = Landscape(lambda p: 2.0 + p.placement.y, budget=90)
        plan_with(name, target, seed=seed)
        orders.append(list(target.asked))
    assert orders[0] == orders[1] != orders[2]


# Bad targets.


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("status", ["refused", "error", "no_face"])
def test_refusals_are_no_success_and_the_search_goes_on(name: str, status: Status) -> None:
    # Every second answer is missing; what is asked about after the refusals still counts.
    target = Landscape(lambda p: p.placement.x - 0.15, 1153, status=lambda i: status if i % 2 else "ok")
    plan = plan_with(name, target, seed=3)
    order = list(target.asked)
    assert order.index(plan.key) % 2 == 0, "the plan is one that was answered"
    assert plan.placement.x < 0.15
    silent = Landscape(lambda _: -1.0, budget=40, status=lambda _: status)
    plan_with(name, silent)
    assert len(silent.asked) == 39


@pytest.mark.parametrize("name", SEARCHES)
def test_a_target_that_fails_midway_leaves_the_best_so_far(name: str) -> None:
    target = Landscape(lambda p: 2.0 + p.placement.x, 100, status=lambda i: "ok" if i < 50 else "error")
    plan = plan_with(name, target)
    order = list(target.asked)
    assert len(order) == 99
    assert order.index(plan.key) < 50
    if name in GUIDED:
        assert plan.placement.x == min(p.placement.x for p in list(target.asked.values())[:50])


@pytest.mark.parametrize("name", SEARCHES)
def test_a_target_that_stops_answering_ends_the_search(name: str) -> None:
    class Sealed(Landscape):
        def _tell(self, plans: Sequence[Plan]) -> Prediction:
            if len(self.asked) + len(plans) > 30:
                raise BudgetExhausted("no more")
            return super()._tell(plans)

    target = Sealed(lambda p: 2.0 + p.placement.x)
    plan = plan_with(name, target)
    assert len(target.asked) <= 30
    check(FLOW, plan, OVERLAY)


@pytest.mark.parametrize("name", SEARCHES)
def test_logits_that_are_not_numbers_are_no_answer(name: str) -> None:
    target = Landscape(lambda p: float("nan") if p.placement.x < 0.5 else 2.0 + p.placement.y, budget=60)
    assert plan_with(name, target).placement.x >= 0.5
    nothing = Landscape(lambda _: float("nan"), budget=60)
    check(FLOW, plan_with(name, nothing), OVERLAY)
    assert len(nothing.asked) == 59


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("labels", [("moved",), ("moved", "calm")])
@pytest.mark.parametrize("hide", ["moved", None])
def test_one_class_and_two(name: str, labels: tuple[str, ...], hide: str | None) -> None:
    target = Landscape(lambda p: p.placement.x - 0.15, budget=300, labels=labels)
    plan = plan_with(name, target, hide=hide)
    check(FLOW, plan, OVERLAY)
    if len(labels) == 1:
        assert len(target.asked) == 299, "one class is never wrong"
    elif hide:
        assert plan.placement.x < 0.15


@pytest.mark.parametrize("name", SEARCHES)
def test_an_unknown_emotion_is_what_the_target_answers_most(name: str) -> None:
    target = Landscape(lambda p: p.placement.x - 0.15, budget=1153)
    plan = plan_with(name, target, hide=None)
    assert plan.placement.x < 0.15, "'moved' is answered at all other places"


@pytest.mark.parametrize("name", [*SEARCHES, "saliency", "ensemble", "universal"])
def test_no_place_at_all_is_no_plan(name: str) -> None:
    scene = replace(scene_of(OVERLAY), sites=())
    with pytest.raises(InvalidPlan, match="no place at all"):
        create("attacks", name).plan(FLOW, scene)


# The pieces.


def test_margins_by_hand() -> None:
    rows = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [1.0, 0.0, 0.0], [np.nan] * 3])
    told = Prediction(("a", "b", "c"), rows, ("ok", "ok", "ok", "error"))
    np.testing.assert_allclose(margin(told, "a"), [np.log(3.5), np.log(1 / 6), np.log(1e9), np.inf])
    alone = Prediction(("a",), np.ones((2, 1)), ("ok", "refused"))
    np.testing.assert_allclose(margin(alone, "a"), [np.log(1e9), np.inf])
    assert commonest(["a", None, "b", "b", None, None]) == "b"
    assert commonest([None]) is None


def test_the_lattice_holds_every_place_and_motion_once() -> None:
    lattice = Lattice(FLOW, scene_of(OVERLAY), ("heart", "star"))
    plans = [lattice.plan(p) for p in lattice]
    assert len({p.key for p in plans}) == len(plans) == 144 * 8, "drawings play no part on a flow map"
    scene = scene_of(SKIN, FRAMES)
    turning = Lattice(FRAMES, replace(scene, sites=scene.sites[:3]), ("heart",), turning=True)
    held = list(turning)
    assert {(p.column, p.row) for p in held if p.turn == 0} == {(p.column, p.row) for p in held}
    assert 3 < len(held) < 24 * 3, "some angles do not fit some places"
    for point in held:
        check(FRAMES, turning.plan(point), SKIN)


def test_settling_goes_to_the_nearest_place() -> None:
    lattice = Lattice(FLOW, scene_of(OVERLAY), ("heart",))
    assert lattice.settle(3.4, -7, 9, 5, "heart") == Point(3, 0, 1, 0, "heart")
    rng = np.random.default_rng(0)
    around = {lattice.near(Point(5, 5, 2, 0, "heart"), rng, 1) for _ in range(200)}
    assert {(p.column, p.row) for p in around} == {(c, r) for c in (4, 5, 6) for r in (4, 5, 6)}


def test_a_search_never_proposes_twice_and_says_when_nothing_is_left() -> None:
    scene = scene_of(SKIN)
    search = Search(scene, Lattice(FLOW, scene, ("heart",)), "score", 5000)
    (first,) = search.start(1)
    seen = [first]
    while (point := search.fresh(lambda: first)) is not None:
        seen.append(point)
    assert len(seen) == len(set(seen)) == len(scene.sites)
    assert not search.open


def test_the_policy_climbs_its_gradient() -> None:
    """The first step of Adam is the sign of the gradient, here against torch's own."""
    lattice = Lattice(FLOW, scene_of(OVERLAY), ("heart",))
    policy, rng = Policy(lattice, 0.25), np.random.default_rng(4)
    points = [policy.draw(rng) for _ in range(40)]
    rewards = rng.normal(size=40)
    rewards[3] = -np.inf
    policy.learn(points, rewards)
    kept = [i for i in range(40) if i != 3]
    advantage = torch.tensor(rewards[kept] - rewards[kept].mean())
    for k, size in enumerate((lattice.columns, lattice.rows, lattice.motions)):
        logits = torch.zeros(size, dtype=torch.float64, requires_grad=True)
        chosen = torch.tensor([points[i][k] for i in kept])
        (advantage * torch.log_softmax(logits, 0)[chosen]).mean().backward()
        gradient = np.asarray(logits.grad)
        moved = np.log(policy.chances()[k])
        wanted = 0.25 * np.sign(np.where(np.abs(gradient) < 1e-12, 0, gradient))
        np.testing.assert_allclose(moved - moved.mean(), wanted - wanted.mean(), atol=1e-4)


def test_the_policy_goes_where_rewards_are() -> None:
    lattice = Lattice(FLOW, scene_of(OVERLAY), ("heart",))
    policy, rng = Policy(lattice, 0.3), np.random.default_rng(0)
    for _ in range(30):
        points = [policy.draw(rng) for _ in range(20)]
        policy.learn(points, np.array([float(p.column == 2) + float(p.motion == 5) for p in points]))
    assert policy.chances()[0][2] > 0.8
    assert policy.chances()[2][5] > 0.8


# The attacks that never ask.


class Peaked(Owned):
    """A surrogate whose gradient is largest in one cell."""

    def gradient(self, clip: Clip, label: str) -> Any:
        found = np.zeros((28, 28), dtype=np.float32)
        found[20, 9] = 1
        return found


MODEL = LinearFlow(np.ones((28, 28)), 2000.0)


def test_gradient_saliency_covers_the_peak() -> None:
    plan = plan_with("saliency", Landscape(lambda _: 1.0), surrogate=Peaked([MODEL]))
    column, row = plan.placement.x * 28 - 3, plan.placement.y * 28 - 3
    assert column <= 9 < column + 6
    assert row <= 20 < row + 6
    assert not plan.abstained
    motions = {plan_with("saliency", Landscape(abs), seed=s, surrogate=Peaked([MODEL])).kinetics for s in range(30)}
    assert len(motions) > 4, "saliency says nothing about motion"


@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
def test_occlusion_saliency_covers_what_the_answer_hangs_on(threat: ThreatModel) -> None:
    plan = plan_with("saliency:evidence=occlusion", Landscape(lambda _: 1.0), threat, surrogate=Owned([MODEL]))
    column, row = round(plan.placement.x * 28 - 3), round(plan.placement.y * 28 - 3)
    assert all(column <= c < column + 6 and row <= r < row + 6 for r, c in BLOCK)


@pytest.mark.parametrize("name", OFFLINE)
def test_with_nothing_to_go_by_they_draw_and_say_so(name: str) -> None:
    plan = plan_with(name, Landscape(lambda _: 1.0))
    assert plan.abstained
    assert "drawn at random" in plan.evidence
    dumb = Owned([LinearFlow(np.full((28, 28), np.nan), 2000.0)])
    assert plan_with(name, Landscape(lambda _: 1.0), surrogate=dumb, hide=None).abstained


@pytest.mark.parametrize("threat", [SKIN, OVERLAY])
def test_an_ensemble_that_is_the_target_transfers_perfectly(threat: ThreatModel) -> None:
    scorer = Scorer(MODEL)
    target = MeteredTarget(scorer, FLOW, "score", None)
    best = plan_with("exhaustive", target, threat)
    plan = plan_with("ensemble", Landscape(lambda _: 1.0), threat, surrogate=Owned([MODEL]))
    left = scorer.under(FLOW, [best, plan]).of("moved")
    assert left[1] == pytest.approx(left[0])


def test_the_universal_plan_flips_most_discovery_clips() -> None:
    high, low = BLOCK, [(r + 14, c) for r, c in BLOCK]
    clips = tuple(flow_clip(f"s{k}/m", strained(high if k < 5 else low)) for k in range(7))
    discovery = Discovery(clips, (), ("calm", "moved"), SKIN, places(SKIN), Owned([MODEL]), np.random.default_rng(0))
    attack = create("attacks", "universal")
    found = attack.discover(discovery)
    chosen = found.data["chosen"][""]
    assert (chosen["flips"], chosen["clips"]) == (5, 7)
    plans = [plan_with("universal", Landscape(abs), SKIN, evidence=found, hide=h, seed=k) for k, h in enumerate("ab")]
    assert plans[0].key == plans[1].key
    assert attack.discover(replace(discovery, surrogate=None)) is None
    assert attack.discover(replace(discovery, clips=())) is None


def test_one_plan_for_each_emotion_is_used_where_the_emotion_is_known() -> None:
    clips = tuple(flow_clip(f"s{k}/m", strained(BLOCK)) for k in range(3))
    discovery = Discovery(clips, (), ("calm", "moved"), SKIN, places(SKIN), Owned([MODEL]), np.random.default_rng(0))
    attack = create("attacks", "universal:per_emotion=true")
    found = attack.discover(discovery)
    assert set(found.data["chosen"]) == {"", "moved"}
    aside = {**found.data["chosen"], "moved": {**found.data["chosen"][""], "flips": 77}}
    told = replace(found, data={"chosen": aside})
    known, unknown = (
        plan_with("universal:per_emotion=true", Landscape(abs), SKIN, evidence=told, hide=h) for h in ("moved", None)
    )
    assert "flips 77 of" in known.evidence
    assert "flips 3 of" in unknown.evidence


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("labels", [("moved",), ("calm", "moved", "else")])
def test_surrogates_of_one_class_and_of_three(name: str, labels: tuple[str, ...]) -> None:
    class Other(LinearFlow):
        def predict(self, clips: Sequence[Clip]) -> Prediction:
            logits = np.zeros((len(clips), len(labels)))
            logits[:, labels.index("moved")] = MODEL.predict(clips).of("moved")
            return Prediction.from_logits(labels, logits)

    owned = Owned([Other(np.ones((28, 28)), 2000.0, labels=labels)])
    clips = tuple(flow_clip(f"s{k}/m", strained(BLOCK)) for k in range(2))
    discovery = Discovery(clips, (), ("moved",), OVERLAY, places(OVERLAY), owned, np.random.default_rng(0))
    found = create("attacks", name).discover(discovery)
    check(FLOW, plan_with(name, Landscape(abs), evidence=found, surrogate=owned), OVERLAY)


@pytest.mark.parametrize("text", ["rhde:population=3", "rhde:scale=0", "devopatch:crossover=2", "patch-attack:rate=0"])
def test_parameters_that_cannot_work_are_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"population|scale|crossover|rate"):
        create("attacks", text)
