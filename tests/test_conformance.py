"""Every member of every family keeps its contract, and the checks notice those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from mask import registry
from mask.clip import Clip
from mask.conformance import NotConforming, check_attack, check_defense, check_recognizer
from mask.contracts import Access, Attack, Prediction, Scene
from mask.data.synthetic import create
from mask.plan import Placement, Plan, ThreatModel
from mask.regions import load, sites
from tests.models import LinearFlow, flow_clip, strained

MODEL = LinearFlow(np.ones((28, 28)), 2000.0)
FLOWS = [
    flow_clip(f"s{s}/{k}", strained([(4 + r, 10 + s + c) for r in range(4) for c in range(4)], 240 - 9 * k))
    for s in range(3)
    for k in range(2)
]
SKIN = ThreatModel("skin", area=0.046)
OVERLAY = ThreatModel("overlay", area=0.046)
FRAMES = create(subjects=2, repeats=1, size=96).clips[::3]
SEARCHES = {"exhaustive", "rhde", "sparse-rs", "patch-attack", "devopatch", "hardbeat", "eot-patch", "rp2"}
QUICK = {"causal": "causal:bootstraps=0", "grey": "grey:bootstraps=0"}


ELSEWHERE = {"fgsm", "pgd", "torchattacks", "flicker", "temporal-sparse", "landmark"}
"""Attacks that need gradients or frames; tests/test_digital.py checks them."""


def members(family: Any) -> list[str]:
    return [n for n in registry.names(family) if not (family == "attacks" and n in ELSEWHERE)]


@pytest.mark.parametrize(
    "threat", [SKIN, OVERLAY, replace(SKIN, budget=1), replace(OVERLAY, wearer_knows_emotion=False)]
)
@pytest.mark.parametrize("name", members("attacks"))
def test_attacks(name: str, threat: ThreatModel) -> None:
    made = registry.create("attacks", QUICK.get(name, name))
    for attack in made[:3] if isinstance(made, tuple) else (made,):
        plans = check_attack(attack, MODEL, FLOWS, threat, sites(load("mesh"), threat, "flow"))
        assert len(plans) == 2
        if name not in SEARCHES:
            assert attack.access == "none", "one-shot: the only look is the core's"


@pytest.mark.parametrize("name", members("defenses"))
def test_defences(name: str) -> None:
    facts = check_defense(registry.create("defenses", name), MODEL, FLOWS)
    assert facts.deterministic


@pytest.mark.parametrize("spec", ["ststnet:flow=farneback,size=56", "ststnet:size=56", "mmnet:size=64,width=0.1"])
def test_recognizers(spec: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        recognizer = registry.create("recognizers", spec)
    facts = check_recognizer(recognizer, FRAMES)
    assert facts.deterministic
    assert facts.differentiable, "gradients reach the pixels, through flow and stretch too"
    assert facts.batch_difference < 1e-4


def test_a_trained_recognizer_of_flow_conforms_on_maps() -> None:
    assert check_recognizer(registry.create("recognizers", "ststnet"), FLOWS).deterministic


class Forgetful(LinearFlow):
    def predict(self, clips: Sequence[Clip]) -> Prediction:
        told = super().predict(clips)
        return replace(told, probabilities=np.roll(told.probabilities, 1, axis=0))


class Loud(LinearFlow):
    def predict(self, clips: Sequence[Clip]) -> Prediction:
        np.random.seed(0)  # noqa: NPY002
        return super().predict(clips)


@pytest.mark.parametrize(("kind", "said"), [(Forgetful, "order of the clips"), (Loud, "global random state")])
def test_recognizers_that_do_not_conform(kind: type[LinearFlow], said: str) -> None:
    varied = [*FLOWS[:2], flow_clip("s9/calm", strained([(3, 3)]), "calm")]
    with pytest.raises(NotConforming, match=said):
        check_recognizer(kind(np.ones((28, 28)), 2000.0), varied)


@dataclass(frozen=True)
class TooLarge(Attack):
    area: float = 0.2

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        return Plan(Placement(0.5, 0.2, self.area))


@dataclass(frozen=True)
class Unsteady(Attack):
    access: ClassVar[Access] = "none"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        site = scene.sites[int(np.random.default_rng().integers(len(scene.sites)))]
        return Plan(Placement(site.x, site.y, 0.046))


@dataclass(frozen=True)
class Greedy(Attack):
    access: ClassVar[Access] = "decision"

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        plans = [Plan(Placement(s.x, s.y, 0.046)) for s in scene.sites]
        scene.target.decide(plans)
        return plans[0]


@pytest.mark.parametrize(
    ("attack", "said"),
    [(TooLarge(), "leaves its threat model"), (Unsteady(), "equal seeds"), (Greedy(), "more than it may")],
)
def test_attacks_that_do_not_conform(attack: Attack, said: str) -> None:
    threat = replace(SKIN, budget=4)
    with pytest.raises(NotConforming, match=said):
        check_attack(attack, MODEL, FLOWS, threat, sites(load("mesh"), threat, "flow"))


def test_an_attack_that_can_be_changed_does_not_conform() -> None:
    @dataclass
    class Soft(Attack):
        area: float = 0.046

        def plan(self, clip: Clip, scene: Scene) -> Plan:
            return Plan(Placement(0.5, 0.2, self.area))

    with pytest.raises(NotConforming, match="frozen"):
        check_attack(Soft(), MODEL, FLOWS, SKIN, sites(load("mesh"), SKIN, "flow"))
