"""One look at the target, aimed by three sources of evidence in one ranking (this toolbox's own attack).

Every allowed place and motion gets a score in log-odds taken from the emotion to hide, the mean of what is known from

* intervention: do(sticker here, moving so) on discovery clips, as surrogates read them; the average causal effect;
* the clip itself: the same on the clip to be attacked, as surrogates read it, offline, for the best of the others;
* observation: causal discovery over regional motion (`mask.causal`), as far as its ranking of regions predicted the
  interventions on the discovery clips; where it did not, it decides nothing.

Where several stickers may be worn, they share the area, the effects are those of one of them, and they are put on the
clip one after the other, each scored beside those before it. Surrogates are what the attacker owns and never the
target. Without any, the largest sticker goes to the region the probe names, and the plan says so when it abstained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mask.causal.agree import agreement, calibrate
from mask.causal.effects import Effects, candidates, effects_on, imaginable, measure, worth
from mask.causal.observe import observe
from mask.causal.result import ProbeResult
from mask.causal.saliency import saliency_by_region
from mask.clip import Clip
from mask.contracts import Attack, Discovery, Evidence, Scene, Surrogate
from mask.errors import InvalidPlan
from mask.plan import Motion, Plan
from mask.regions import load, region_sites

from ._choose import at, draw_motion, nearest
from ._compose import compose, share

SOURCES = ("observation", "intervention", "clip")
_SHORTLIST = 32
"""Plans tried on the clip itself, for each sticker allowed, when the other sources have an opinion."""


@dataclass(frozen=True)
class Causal(Attack):
    """Chooses place and motion from evidence.

    Args:
        use: the sources to go by, joined by ``+``, of observation, intervention and clip.
        hide: ``given`` to hide the emotion the wearer names, where the threat model lets them know it; ``predicted``
            to hide what the surrogates read in the clip.
        flow: the optical flow method of the probe, for clips of frames.
        bootstraps: resamplings and null draws of the probe; 0 leaves observation out.
        art: what the sticker shows; of several drawings, joined by ``+``, one is chosen with the place.
        imagine: try stickers on the flow map the surrogates read, where they read one and the drawing is one that
            flow methods follow, not on rendered frames.
    """

    use: str = "observation+intervention+clip"
    hide: Literal["given", "predicted"] = "given"
    flow: str = "tvl1"
    bootstraps: int = 100
    scheme: str = "mesh"
    art: str = "heart"
    imagine: bool = True

    def __post_init__(self) -> None:
        if not set(self.use.split("+")) <= set(SOURCES):
            raise ValueError(f"use is {self.use!r}; expected some of {', '.join(SOURCES)}, joined by +")
        if self.hide not in ("given", "predicted"):
            raise ValueError(f"hide is {self.hide!r}; expected given or predicted")
        if self.use == "observation" and self.bootstraps < 20:
            raise ValueError(f"bootstraps is {self.bootstraps}; choosing by observation needs at least 20")

    def discover(self, discovery: Discovery) -> Evidence:
        """Gather the evidence; what each source says, and how well they agree, goes into the results."""
        data: dict[str, Any] = {"average": {}, "effects": {}, "observed": {}, "agreement": {}}
        found: dict[str, Effects] = {}
        for_effects, for_probe = discovery.rng.spawn(2)
        surrogate = discovery.surrogate
        if surrogate is not None and self._uses("intervention"):
            plans = self._candidates(discovery)
            found = measure(discovery, plans, imagine=self._imagines(discovery.threat.kinetics))
            data["average"] = {e: f.worth.round(5).tolist() for e, f in found.items()}
            data["effects"] = {e: _told(f, for_effects) for e, f in found.items()}
            for emotion, effects in found.items():
                bright = saliency_by_region(discovery, emotion)
                data["agreement"][emotion] = {"saliency": agreement(bright, effects.by_region())}
        seen = self._probe(discovery, for_probe)
        if seen is not None:
            data["probe"] = seen.to_json()
            for emotion, effects in found.items():
                scores = {s.region: s.score for s in seen.of(emotion).ranking}
                data["agreement"][emotion] |= agreement(scores, effects.by_region())
                data["observed"][emotion] = calibrate(scores, effects.by_region())
        return Evidence(_sentence(data, len(discovery.clips)), data)

    def plan(self, clip: Clip, scene: Scene) -> Plan:
        data: Mapping[str, Any] = {} if scene.evidence is None else scene.evidence.data
        seen = self._seen(clip, scene)
        emotion, how = self._emotion(seen, scene)
        plans = self._candidates(scene)
        if not plans:
            raise InvalidPlan("the threat model allows no place at all")
        known = _known(data, emotion, plans)
        own = scene.surrogate if self._uses("clip") else None
        if not known and (own is None or emotion is None):
            return self._by_probe(data, scene, clip.space)
        lead: dict[str, float] = {}

        def judge(options: Sequence[Plan]) -> NDArray[np.float64]:
            rows = [index[p.placements[-1], p.kinetics, p.art] for p in options]
            parts = {name: part[rows] for name, part in known.items()}
            if own is not None and emotion is not None:
                _add_clip(parts, own, seen, options, emotion, _SHORTLIST * scene.threat.number)
            if not parts:
                return np.zeros(len(options))
            total = np.mean(list(parts.values()), axis=0)
            best = int(np.argmax(total))
            for name, part in parts.items():
                lead[name] = lead.get(name, 0.0) + float(part[best] - _mean(part))
            return -np.asarray(total)

        index = {(p.placement, p.kinetics, p.art): i for i, p in enumerate(plans)}
        best = compose(clip, scene, plans, judge)
        if not lead:
            return self._by_probe(data, scene, clip.space)
        return replace(best, evidence=_why(lead, emotion, how))

    def _candidates(self, scene: Scene | Discovery) -> tuple[Plan, ...]:
        """Every place and motion of one sticker."""
        area, sites = share(scene)
        return candidates(replace(scene.threat, area=area), sites, self.art)

    def _uses(self, source: str) -> bool:
        return source in self.use.split("+")

    def _imagines(self, kinetics: Motion) -> bool:
        return self.imagine and imaginable(kinetics, self.art)

    def _seen(self, clip: Clip, scene: Scene) -> Clip:
        if scene.surrogate is None or not self._imagines(scene.threat.kinetics):
            return clip
        return scene.surrogate.imagine(clip)

    def _emotion(self, seen: Clip, scene: Scene) -> tuple[str | None, str]:
        """The emotion to hide, and where it is known from."""
        if scene.hide is not None and self.hide == "given":
            return scene.hide, "given"
        if scene.surrogate is None:
            return None, "unknown"
        return scene.surrogate(seen, ()).names[0], "predicted"

    def _probe(self, discovery: Discovery, rng: np.random.Generator) -> ProbeResult | None:
        if self.bootstraps < 20 or not discovery.clips or not self._uses("observation"):
            return None
        key = f"probe {self.flow} {self.bootstraps} {self.scheme}"
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
        plan = at(nearest(scene.sites, 0.5, 0.5), scene, "no evidence; the middle of the face", art=self.art)
        return replace(plan, kinetics=draw_motion(scene), abstained=True)


def _known(data: Mapping[str, Any], emotion: str | None, plans: tuple[Plan, ...]) -> dict[str, NDArray[np.float64]]:
    """What discovery says about each plan, by source, ``float64 (P,)`` in log-odds."""
    parts = {}
    averages = data.get("average", {})
    chosen = [averages[emotion]] if emotion in averages else list(averages.values())
    if chosen and len(chosen[0]) == len(plans):
        parts["intervention"] = np.mean(chosen, axis=0)
        # Observation is worth something only in the units that interventions gave it.
        observed = data.get("observed", {}).get(emotion, {})
        worth = np.array([observed.get(p.placement.region, 0.0) for p in plans])
        if worth.any():
            parts["observation"] = worth
    return parts


def _add_clip(
    parts: dict[str, NDArray[np.float64]],
    surrogate: Surrogate,
    seen: Clip,
    plans: Sequence[Plan],
    emotion: str,
    most: int,
) -> None:
    """Try the `most` most promising plans, or all where nothing is known of them, on the clip itself."""
    order = np.arange(len(plans))
    if parts:
        order = np.argsort(-np.mean(list(parts.values()), axis=0), kind="stable")[:most]
    clean = surrogate(seen, ())
    if emotion not in clean.labels or clean.status[0] != "ok":
        return
    effect = np.full(len(plans), -np.inf)
    effect[order] = worth(*effects_on(surrogate, seen, [plans[int(i)] for i in order], emotion))
    parts["clip"] = effect


def _mean(part: NDArray[np.float64]) -> float:
    return float(part[np.isfinite(part)].mean())


def _why(lead: Mapping[str, float], emotion: str | None, how: str) -> str:
    """Which evidence chose the plan: how far it stands above the average plan by each source, in log-odds."""
    first = max(lead, key=lambda name: lead[name])
    told = ", ".join(f"{name} {value:+.2f}" for name, value in lead.items())
    return f"hides {emotion or 'any emotion'} ({how}); chosen most by {first}: {told} above the average plan"


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
