"""One look at the target, aimed by causal evidence from other people (this toolbox's own attack).

Two kinds of evidence are gathered on discovery subjects, never on the attacked clips and never from the target:

* interventional: a sticker is put at every place with every motion on the discovery clips, and a surrogate tells how
  much of the emotion's log-odds it takes; the average over clips is the plan's average causal effect;
* observational: causal discovery over regional motion names the regions tied to each emotion, with permuted labels
  and content-free clips as controls, and may abstain.

With a surrogate the plan of largest average effect on the emotion to hide is used. Without one, the largest sticker
goes to the region the probe names, and the plan says so when the probe abstained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import stats

from mask.causal.effects import Effects, candidates, measure
from mask.causal.observe import observe
from mask.causal.result import ProbeResult
from mask.clip import Clip
from mask.contracts import Attack, Discovery, Evidence, Scene
from mask.errors import InvalidPlan
from mask.plan import Plan
from mask.regions import load, region_sites

from ._choose import at, draw_motion, nearest

_ANY = ""  # the key of the plan used when the emotion to hide is not known


@dataclass(frozen=True)
class Causal(Attack):
    """Chooses place and motion from discovery evidence.

    Args:
        evidence: ``effects`` to choose by interventions on the surrogate, ``probe`` to choose by observation alone.
        flow: the optical flow method of the probe, for clips of frames.
        bootstraps: resamplings and null draws of the probe; 0 leaves the probe out when effects decide.
    """

    evidence: Literal["effects", "probe"] = "effects"
    flow: str = "tvl1"
    bootstraps: int = 100
    scheme: str = "mesh"
    art: str = "heart"

    def __post_init__(self) -> None:
        if self.evidence not in ("effects", "probe"):
            raise ValueError(f"evidence is {self.evidence!r}; expected effects or probe")
        if self.evidence == "probe" and self.bootstraps < 20:
            raise ValueError(f"bootstraps is {self.bootstraps}; choosing by the probe needs at least 20")

    def discover(self, discovery: Discovery) -> Evidence:
        """Gather both kinds of evidence; what each says, and how well they agree, goes into the results."""
        data: dict[str, Any] = {"plans": {}, "effects": {}, "agreement": {}}
        found: dict[str, Effects] = {}
        for_effects, for_probe = discovery.rng.spawn(2)
        if self.evidence == "effects" and discovery.surrogate is not None:
            found = measure(discovery, candidates(discovery, self.art))
            data["plans"] = _plans(found)
            data["effects"] = {e: _told(f, for_effects) for e, f in found.items()}
        seen = self._probe(discovery, for_probe)
        if seen is not None:
            data["probe"] = seen.to_json()
            data["agreement"] = {e: _agreement(f, seen) for e, f in found.items()}
        return Evidence(_sentence(data, len(discovery.clips)), data)

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        data: Mapping[str, Any] = {} if scene.evidence is None else scene.evidence.data
        plans = data.get("plans", {})
        chosen = plans.get(scene.hide, plans.get(_ANY))
        if chosen is not None:
            plan = Plan.from_json(chosen)
            return replace(plan, art=self.art)
        return self._by_probe(data, scene, clip.space)

    def _probe(self, discovery: Discovery, rng: np.random.Generator) -> ProbeResult | None:
        if self.bootstraps < 20 or not discovery.clips:
            return None
        key = f"probe {self!r}"
        if key not in discovery.memory:
            discovery.memory[key] = observe(
                discovery.clips,
                discovery.neutral,
                discovery.emotions,
                load(self.scheme),
                rng=rng,
                flow=self.flow,
                bootstraps=self.bootstraps,
                nulls=self.bootstraps,
            )
        result: ProbeResult = discovery.memory[key]
        return result

    def _by_probe(self, data: Mapping[str, Any], scene: Scene, space: Literal["flow", "frames"]) -> Plan:
        carriers = region_sites(load(self.scheme), scene.threat, space, scene.step)
        for finding in _relevant(data.get("probe"), scene.hide):
            for score in finding["ranking"]:
                site = carriers.get(score["region"])
                if site is not None:
                    why = f"the probe ties {score['region']} to {finding['emotion'] or 'emotions'}"
                    if finding["abstained"]:
                        why = f"the probe abstained; its first region is {score['region']}"
                    return replace(at(site, scene, why, art=self.art), abstained=finding["abstained"])
        if not scene.sites:
            raise InvalidPlan("the threat model allows no place at all")
        plan = at(nearest(scene.sites, 0.5, 0.5), scene, "no evidence; the middle of the face", art=self.art)
        return replace(plan, kinetics=draw_motion(scene), abstained=True)


def _plans(found: Mapping[str, Effects]) -> dict[str, Any]:
    """The best plan for each emotion, and for an unknown one, all emotions weighing the same."""
    plans = {}
    for emotion, effects in found.items():
        best = effects.best()
        why = f"largest average effect on {emotion} in {len(effects.subjects)} discovery clips"
        plans[emotion] = replace(effects.plans[best], evidence=why).to_json()
    if found:
        mean = np.mean([f.average for f in found.values()], axis=0)
        any_plan = next(iter(found.values())).plans[int(np.argmax(mean))]
        plans[_ANY] = replace(any_plan, evidence="largest average effect over all emotions").to_json()
    return plans


def _told(effects: Effects, rng: np.random.Generator) -> dict[str, Any]:
    best = effects.best()
    return {
        "clips": len(effects.subjects),
        "plans": len(effects.plans),
        "effect": float(effects.average[best]),
        "effect_ci95": [v if np.isfinite(v) else None for v in effects.interval(best, rng)],
        "flips": float(effects.flips[:, best].mean()),
        "flips_random": float(effects.flips.mean()),
        "region": effects.plans[best].placement.region,
        "by_region": effects.by_region(),
    }


def _agreement(effects: Effects, seen: ProbeResult) -> dict[str, Any]:
    """How well observation predicts intervention: rank correlation over regions, and whether the first agree."""
    measured = effects.by_region()
    ranking = [s for s in seen.of(effects.emotion).ranking if s.region in measured]
    if len(ranking) < 3:
        return {"regions": len(ranking), "spearman": None, "p": None, "top_agrees": None, "chance": None}
    told = stats.spearmanr([s.score for s in ranking], [measured[s.region] for s in ranking])
    strongest = max(measured, key=lambda r: measured[r])
    return {
        "regions": len(ranking),
        "spearman": float(told.statistic) if np.isfinite(told.statistic) else None,
        "p": float(told.pvalue) if np.isfinite(told.pvalue) else None,
        "top_agrees": ranking[0].region == strongest,
        "chance": 1 / len(measured),
    }


def _relevant(probe: Mapping[str, Any] | None, hide: str | None) -> list[Mapping[str, Any]]:
    """The findings to go by, best first: about the emotion to hide, then overall."""
    if not probe:
        return []
    own = [f for f in probe["by_emotion"] if f["emotion"] == hide]
    return [f for f in [*own, probe["overall"]] if f["ranking"]]


def _sentence(data: Mapping[str, Any], clips: int) -> str:
    parts = [
        f"{e}: {d['region']} takes {d['effect']:.2f} of log-odds (flips {d['flips']:.0%} of {d['clips']} discovery "
        f"clips, a random plan {d['flips_random']:.0%})"
        for e, d in data["effects"].items()
    ]
    probe = data.get("probe")
    if probe:
        named = [f"{f['emotion']}: {f['region'] or 'abstains'}" for f in probe["by_emotion"]]
        parts.append(f"the probe names {', '.join(named)}")
    return "; ".join(parts) or f"nothing could be learnt from {clips} discovery clips"


create = Causal
