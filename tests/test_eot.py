"""White-box patches: they find an optimum that is known, within their budget, and say so where they cannot work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mask import registry
from mask.audit import Setting, run
from mask.clip import Clip, Dataset
from mask.conformance import check_attack
from mask.contracts import Attack, Scene
from mask.data.synthetic import create
from mask.errors import UsageError
from mask.oracle import MeteredTarget, Scorer
from mask.plan import Plan, Site, ThreatModel
from mask.regions import load, sites
from mask.sticker.art import load as load_art
from mask.sticker.physics import PRINTABLE, to_gamut
from mask.torch_recognizer import TorchRecognizer
from tests.models import LinearFlow, flow_clip, strained

LABELS = ("calm", "moved")
THREAT = ThreatModel("skin", area=0.03)
PLACES = sites(load("mesh"), THREAT, "frames", 1 / 6)
TARGET = min(PLACES, key=lambda s: (s.x - 0.8) ** 2 + (s.y - 0.55) ** 2)
CLIP = replace(create(subjects=2, repeats=1, size=96).clips[0], emotion="moved")
SMALL = "tiles=4,steps=16,draws=2,variation=0,print_score=0"


class BlueSpot(nn.Module):
    """``moved`` unless the crop is blue around one place: the best sticker is as blue as can be, there."""

    def __init__(self, at: Site, size: int, threshold: float = 0.3) -> None:
        super().__init__()
        y, x = torch.meshgrid(*[(torch.arange(size) + 0.5) / size] * 2, indexing="ij")
        self.register_buffer("weights", torch.exp(-(((x - at.x) / 0.15) ** 2 + ((y - at.y) / 0.12) ** 2) / 2))
        self.weights: Tensor = self.weights / self.weights.sum()
        self.threshold = threshold

    def forward(self, video: Tensor) -> Tensor:
        red, green, blue = ((video[:, c, 0] * self.weights).sum(dim=(1, 2)) for c in range(3))
        score = 20 * (self.threshold - (blue - 0.5 * red - 0.5 * green))
        return torch.stack([torch.zeros_like(score), score], dim=1)


class Blind(TorchRecognizer):
    """A network without a gradient."""

    logits = None  # type: ignore[assignment]

    def answer(self, given: Tensor) -> Tensor:
        result: Tensor = self.module(given)
        return result


def model(threshold: float = 0.3, at: Site = TARGET) -> TorchRecognizer:
    return TorchRecognizer("blue", LABELS, BlueSpot(at, 48, threshold), size=48)


def planned(
    attack: Attack, budget: int | None = None, target: TorchRecognizer | None = None
) -> tuple[Plan, MeteredTarget]:
    metered = MeteredTarget(Scorer(target or model()), CLIP, attack.access, budget)
    scene = Scene(replace(THREAT, budget=budget), PLACES, metered, None, "moved", np.random.default_rng(2), 1 / 6)
    plan = attack.plan(replace(CLIP, emotion=None, truth={}), scene)
    assert isinstance(plan, Plan)
    return plan, metered


def blueness(colour: Tensor) -> float:
    red, green, blue = colour.tolist()
    return float(blue - 0.5 * red - 0.5 * green)


def colour(plan: Plan) -> np.ndarray:
    picture = load_art(plan.art, 64)
    return np.asarray(picture[:3].mean(axis=(1, 2)) / picture[3].mean())


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
def test_the_known_optimum_is_found(name: str) -> None:
    """The bluest content that can be printed, where it is looked for; the core's own rendering agrees."""
    attack = registry.create("attacks", f"{name}:{SMALL}" + (",every=2" if name == "eot-patch" else ""))
    plan, metered = planned(attack)
    # What is printed is seen: of all printable colours, cyan ink is best.
    shown = to_gamut(torch.tensor(colour(plan))[:, None])[:, 0]
    assert blueness(shown) > 0.5 * max(blueness(c) for c in PRINTABLE)
    away = [
        np.hypot(plan.placement.x - TARGET.x, plan.placement.y - TARGET.y),
        *(np.hypot(s.x - TARGET.x, s.y - TARGET.y) for s in PLACES),
    ]
    assert away[0] <= sorted(away[1:])[2], "one of the places nearest the best"
    scorer = Scorer(model())
    heart = replace(plan, art="heart")
    blue_odds, heart_odds = scorer.under(CLIP, [plan, heart]).of("moved")
    assert blue_odds < heart_odds
    assert plan.placement.area == THREAT.area
    assert metered.queries > 20


def test_rp2_finds_the_region_before_any_content() -> None:
    for at in (PLACES[0], PLACES[-1], TARGET):
        attack = registry.create("attacks", "rp2:search=6,steps=1,draws=1,tiles=4")
        plan, _ = planned(attack, target=model(at=at))
        apart = sorted(np.hypot(s.x - at.x, s.y - at.y) for s in PLACES)
        assert np.hypot(plan.placement.x - at.x, plan.placement.y - at.y) <= apart[2]


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
def test_the_natural_style_keeps_it_a_heart(name: str) -> None:
    attack = registry.create("attacks", f"{name}:{SMALL},style=natural" + (",every=2" if name == "eot-patch" else ""))
    plan, _ = planned(attack)
    assert plan.art.startswith("heart:tiles:4:")
    np.testing.assert_allclose(load_art(plan.art, 64)[3], load_art("heart", 64)[3], atol=1e-6)
    blue_odds, heart_odds = Scorer(model()).under(CLIP, [plan, replace(plan, art="heart")]).of("moved")
    assert blue_odds < heart_odds
    with pytest.raises(UsageError, match="expected free or natural"):
        registry.create("attacks", f"{name}:style=pretty")


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
@pytest.mark.parametrize("budget", [1, 3, 10, 30])
def test_budgets_are_kept(name: str, budget: int) -> None:
    plan, metered = planned(registry.create("attacks", f"{name}:{SMALL}"), budget)
    assert metered.finish(plan) <= budget
    assert plan.art.startswith("tiles:4:") or plan.abstained


def test_what_smooths_and_what_prints_is_weighed() -> None:
    from mask.sticker.physics import nps, total_variation

    def scores(options: str) -> tuple[float, float]:
        plan, _ = planned(registry.create("attacks", f"eot-patch:tiles=4,steps=16,draws=1,every=0,{options}"))
        picture = torch.from_numpy(load_art(plan.art, 64).copy())
        return float(total_variation(picture[:, 12:52, 12:52])), float(nps(picture))

    free = scores("variation=0,print_score=0")
    assert scores("variation=50,print_score=0")[0] < 0.6 * free[0]
    assert scores("variation=0,print_score=50")[1] < 0.6 * free[1]


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
def test_without_a_gradient_it_says_so(name: str) -> None:
    blind = Blind("blind", LABELS, BlueSpot(TARGET, 48), size=48)
    plan, _ = planned(registry.create("attacks", f"{name}:{SMALL}"), target=blind)
    assert plan.abstained
    assert "no gradient" in plan.evidence


class FlowModel(LinearFlow):
    """`LinearFlow` with its gradient."""

    def flow_logits(self, maps: Tensor) -> Tensor:
        score = (maps[:, 2] * 255 * torch.from_numpy(self.weights).float()).sum(dim=(1, 2)) - self.threshold
        return torch.stack([-score, score], dim=1) / 50


def weighted(seed: int = 0) -> FlowModel:
    return FlowModel(np.random.default_rng(seed).random((28, 28)), 0.0)


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
def test_on_a_flow_map_it_finds_the_best_place_of_a_linear_recognizer(name: str) -> None:
    """For it the first order is exact: the place that covers the most weighted strain."""
    rng = np.random.default_rng(5)
    spots = [(int(r), int(c)) for r, c in rng.integers(2, 26, (40, 2))]
    clip = flow_clip("s0/a", strained(spots))
    threat = ThreatModel("overlay", area=0.046, directions=((1.0, 0.0),))
    places = sites(load("mesh"), threat, "flow")
    target = weighted()
    metered = MeteredTarget(Scorer(target), clip, "gradient", None)
    scene = Scene(threat, places, metered, None, "moved", np.random.default_rng(0))
    plan = registry.create("attacks", f"{name}:looks=1").plan(clip, scene)
    best = registry.create("attacks", "exhaustive").plan(
        clip, replace(scene, target=MeteredTarget(Scorer(target), clip, "score", None))
    )
    told = Scorer(target).under(clip, [plan, best]).of("moved")
    assert told[0] == pytest.approx(told[1], abs=1e-9)
    assert "no content" in plan.evidence
    assert metered.queries == 1


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
@pytest.mark.parametrize("budget", [1, 2, 5, None])
def test_they_keep_their_contract_on_flow(name: str, budget: int | None) -> None:
    clips = [flow_clip(f"s{s}/a", strained([(4 + r, 10 + s) for r in range(4)], 240)) for s in range(2)]
    for kinetics in ("skin", "overlay", "slip", "raised"):
        threat = ThreatModel(kinetics, budget=budget)  # type: ignore[arg-type]
        check_attack(registry.create("attacks", name), weighted(), clips, threat, sites(load("mesh"), threat, "flow"))


@pytest.mark.parametrize("name", ["eot-patch", "rp2"])
def test_they_keep_their_contract_on_frames(name: str) -> None:
    clips = [replace(c, emotion="moved") for c in create(subjects=2, repeats=1, size=96).clips[::4]]
    check_attack(registry.create("attacks", f"{name}:tiles=4,steps=3,draws=1"), model(), clips, THREAT, PLACES)


@pytest.mark.parametrize("options", ["tiles=1", "tiles=17", "steps=0", "draws=0", "rate=0", "variation=-1"])
def test_impossible_options_are_told(options: str) -> None:
    from mask.errors import UsageError

    for name in ("eot-patch", "rp2"):
        with pytest.raises(UsageError, match=r"expected|must be"):
            registry.create("attacks", f"{name}:{options}")


def test_real_kinetics_and_tiles_go_through_an_audit() -> None:
    clips: Sequence[Clip] = [replace(c, emotion="moved") for c in create(subjects=2, repeats=1, size=96).clips[::4]]
    data = Dataset("made", tuple(clips), LABELS)
    attacks = {n: registry.create("attacks", n) for n in ("random", "eot-patch:tiles=4,steps=2,draws=1")}
    threats = tuple(ThreatModel(k, area=0.03) for k in ("slip", "raised"))
    cells = list(run(Setting((model(),), data, attacks, threats, step=1 / 6, siblings=False)))
    assert [c["cell"]["kinetics"] for c in cells] == ["slip", "slip", "raised", "raised"]
    for row in (row for c in cells for row in c["rows"]):
        assert row.status == "ok"
        assert row.art == "heart" or row.art.startswith("tiles:4:")
