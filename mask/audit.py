"""The audit: every recognizer under every defence, threat model and attack, counted by the core.

Attacks study discovery subjects and are tried on others. With a discovery set of its own all clips are attacked;
without one the subjects are split in two, each half being attacked with what was learnt on the other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mask.apply import check as check_proposal
from mask.clip import Clip, Dataset
from mask.contracts import Attack, Defense, Discovery, Evidence, NoTarget, Proposal, Recognizer, Scene
from mask.digital import Perturbation
from mask.errors import InvalidPlan, UsageError
from mask.evaluate import check_labels
from mask.oracle import MeteredTarget, Scorer
from mask.owners import Owners, surrogate_cards
from mask.plan import Kinetics, Plan, Site, ThreatModel
from mask.regions import load, sites
from mask.results import Row, summarise

Tick = Callable[[str, int, int], None]
"""Called as (what is being done, items finished since the last call, items in all)."""


def _no_tick(_what: str, _done: int, _total: int) -> None: ...


@dataclass(frozen=True)
class Setting:
    """What an audit is about.

    Args:
        recognizers: under audit.
        dataset: whose clips are attacked.
        attacks: by the label results give them.
        threats: one per kinetics.
        defenses: by label; `None` is no defence.
        defended: the attacks tried behind defences, by label; `None` for all.
        discovery: clips attacks may study; `None` to set aside subjects of `dataset`.
        surrogates: recognizers the attacker owns. A `Trainable` is a recipe, trained on the discovery clips in four
            folds; any other answers as it is, and is left out where it is the recognizer under audit.
        siblings: whether the attacker also owns those models of a leave-one-subject-out recognizer that judge
            discovery subjects, see `mask.surrogate.siblings`.
        scheme: the regions that name places.
        step: spacing of the places on frames, in shares of the face box's width; `None` for `mask.regions.sites.STEP`.
        seed: fixes everything random.
    """

    recognizers: tuple[Recognizer, ...]
    dataset: Dataset
    attacks: Mapping[str, Attack]
    threats: tuple[ThreatModel, ...]
    defenses: Mapping[str, Defense | None] = field(default_factory=lambda: {"none": None})
    defended: tuple[str, ...] | None = None
    discovery: Dataset | None = None
    surrogates: tuple[Recognizer, ...] = ()
    siblings: bool = True
    scheme: str = "mesh"
    step: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Half:
    """Clips to attack, and the clips that may be studied for it; their subjects are disjoint."""

    name: str
    attacked: tuple[Clip, ...]
    discovery: tuple[Clip, ...]
    neutral: tuple[Clip, ...]


def halves(dataset: Dataset, discovery: Dataset | None, seed: int) -> list[Half]:
    """How attacked and studied clips are kept apart.

    Raises:
        UsageError: when a discovery set shares subjects with the attacked one, or there are too few subjects to split.
    """
    if discovery is not None:
        shared = sorted({(c.dataset, c.subject) for c in dataset} & {(c.dataset, c.subject) for c in discovery})
        if shared:
            raise UsageError(
                f"subject {shared[0][1]} of {shared[0][0]} is in both --data and --discovery; they must be disjoint"
            )
        return [Half("all", dataset.clips, discovery.clips, discovery.neutral)]
    subjects = dataset.subjects
    if len(subjects) < 2:
        raise UsageError(
            f"{dataset.name} has one subject; name another dataset with --discovery, or give clips of two subjects"
        )
    order = np.random.default_rng(seed).permutation(len(subjects))
    parts = [{subjects[i] for i in order[k::2]} for k in range(2)]
    return [
        Half(
            f"subjects {k + 1} of 2",
            tuple(c for c in dataset if c.subject in parts[k]),
            tuple(c for c in dataset if c.subject in parts[1 - k]),
            tuple(c for c in dataset.neutral if c.subject in parts[1 - k]),
        )
        for k in range(2)
    ]


def check(setting: Setting) -> None:
    """Raise `UsageError` for a setting that cannot be run, before anything is written."""
    halves(setting.dataset, setting.discovery, setting.seed)
    for recognizer in setting.recognizers:
        check_labels(recognizer, setting.dataset)
    for name, attack in setting.attacks.items():
        if not any(fits(attack, threat) for threat in setting.threats):
            raise UsageError(f"the attack {name!r} fits none of the kinetics {[t.kinetics for t in setting.threats]}")


def fits(attack: Attack, threat: ThreatModel) -> bool:
    """Whether an attack is tried under a threat model: stickers move, changed pixels do not."""
    return attack.digital == (threat.kinetics == "digital")


def run(setting: Setting, finished: Mapping[str, Any] | None = None, tick: Tick = _no_tick) -> Iterator[dict[str, Any]]:
    """Yield one finished cell at a time: ``{"cell": summary, "rows": [Row], "evidence": [...], "key": text}``.

    Args:
        finished: cells of an interrupted run by key; they are yielded as they are, without being done again.
    """
    check(setting)
    done = finished or {}
    plan = halves(setting.dataset, setting.discovery, setting.seed)
    memories: dict[str, dict[str, Any]] = {half.name: {} for half in plan}
    trained: dict[str, list[Recognizer]] = {}
    for recognizer in setting.recognizers:
        bare = Scorer(recognizer)
        learnt: dict[str, Evidence | None] = {}
        owned = Owners(setting, recognizer, trained, tick)
        for defense_name, defense in setting.defenses.items():
            target = bare if defense is None else Scorer(defense.wrap(recognizer))
            for threat in setting.threats:
                for attack_name, attack in setting.attacks.items():
                    if defense is not None and setting.defended is not None and attack_name not in setting.defended:
                        continue
                    if not fits(attack, threat):
                        continue
                    key = cell_key(setting, recognizer, defense_name, attack_name, attack, threat)
                    if key in done:
                        yield done[key]
                        continue
                    cell = Cell(
                        setting,
                        plan,
                        recognizer.name,
                        defense_name,
                        attack_name,
                        attack,
                        threat,
                        target,
                        owned,
                        learnt,
                        memories,
                    )
                    yield {"key": key, **cell.run(tick)}


def cell_key(
    setting: Setting, recognizer: Recognizer, defense: str, attack_name: str, attack: Attack, threat: ThreatModel
) -> str:
    """A name for a cell that changes with everything its result depends on."""
    parts = (
        recognizer.card(),
        defense,
        setting.defenses[defense],
        attack_name,
        attack,
        threat,
        setting.dataset.name,
        [c.key for c in setting.dataset],
        None if setting.discovery is None else [c.key for c in setting.discovery],
        surrogate_cards(setting),
        setting.siblings,
        setting.scheme,
        setting.step,
        setting.seed,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Planned:
    """What an attack came to for one clip.

    Args:
        plan: the checked plan, or what is wrong with it.
        queries: spent on the clip, the final look included where there is one.
        first: the number of the first query before the final look that was answered wrongly; only for clips that
            were correct clean, and under plans that the threat model allows.
    """

    clip: Clip
    plan: Proposal | InvalidPlan
    queries: int
    first: int | None = None


@dataclass
class Cell:
    """One recognizer, defence, attack and threat model."""

    setting: Setting
    halves: Sequence[Half]
    recognizer: str
    defense: str
    name: str
    attack: Attack
    threat: ThreatModel
    target: Scorer
    owned: Owners
    learnt: dict[str, Evidence | None]
    memories: Mapping[str, dict[str, Any]]

    def run(self, tick: Tick) -> dict[str, Any]:
        """Discover, plan, carry out and count."""
        started = time.perf_counter()
        label = f"{self.recognizer} {self.threat.kinetics} {self.name}"
        if self.defense != "none":
            label += f" vs {self.defense}"
        plans: list[Planned] = []
        self._map: PlaceMap | None = None
        evidence: list[dict[str, Any]] = []
        total = len(self.setting.dataset)
        for half in self.halves:
            found = self._discover(half, lambda n: tick(f"{label}: discovery", n, total))
            if found is not None and self.attack.student is self.attack and self.defense == "none":
                evidence.append({"attacked": half.name, "summary": found.summary, "data": dict(found.data)})
            for clip in half.attacked:
                plans.append(self._plan(clip, half, found))
                tick(label, 1, total)
        rows = self._count(plans)
        summary = {
            "recognizer": self.recognizer,
            "defense": self.defense,
            "attack": self.name,
            "kinetics": self.threat.kinetics,
            **(
                {"sticker_area": 0.0, "eps": self.threat.eps}
                if self.attack.digital
                else {"sticker_area": self.threat.area}
            ),
            **summarise(
                rows,
                self.setting.dataset.emotions,
                seed=self.setting.seed,
                budget=1 if self.attack.access == "none" else self.threat.budget,
            ),
            "seconds": round(time.perf_counter() - started, 3),
        }
        return {"cell": summary, "rows": rows, "evidence": evidence, "map": self._map and self._map.to_json()}

    def _discover(self, half: Half, progress: Callable[[int], None]) -> Evidence | None:
        """What the attack learns for this half; learnt once, whatever the defence, and shared with its controls."""
        student = self.attack.student
        key = repr((student, self.threat, half.name))
        if key not in self.learnt:
            self.learnt[key] = self._study(student, half, progress)
        return self.learnt[key]

    def _study(self, student: Attack, half: Half, progress: Callable[[int], None]) -> Evidence | None:
        clips = half.discovery
        return student.discover(
            Discovery(
                clips,
                half.neutral,
                self.setting.dataset.emotions,
                self.threat,
                self._sites(clips[0]) if clips else (),
                self.owned.of(half),
                _generator(self.setting.seed, "discovery", half.name),
                progress,
                self.memories[half.name],
            )
        )

    def _plan(self, clip: Clip, half: Half, evidence: Evidence | None) -> Planned:
        """The checked plan and what was spent on it."""
        metered = MeteredTarget(self.target, clip, self.attack.access, self.threat.budget)
        scene = Scene(
            self.threat,
            self._sites(clip),
            NoTarget() if self.attack.access == "none" else metered,
            evidence,
            clip.emotion if self.threat.wearer_knows_emotion else None,
            # Equal seeds for every attack: what two attacks both leave to chance, they leave to the same chance.
            _generator(self.setting.seed, "plan", clip.key),
            self.setting.step,
            self.owned.of(half),
        )
        blind = replace(clip, emotion=None, action_units=(), truth={})
        try:
            plan = self.attack.plan(blind, scene)
            check_proposal(clip, plan, self.threat)
        except InvalidPlan as error:
            return Planned(clip, error, metered.queries)
        first = self._remember(clip, scene.sites, metered)
        return Planned(clip, plan, metered.finish(plan), first)

    def _remember(self, clip: Clip, places: Sequence[Site], metered: MeteredTarget) -> int | None:
        """Put what was asked on the map, and return the number of the first query that was answered wrongly."""
        asked = metered.asked
        if not asked or self.target.clean([clip]).names[0] != clip.emotion:
            return None
        wrong = [n is not None and n != clip.emotion for n in self.target.under(clip, asked).names]
        stickers = [(plan, w) for plan, w in zip(asked, wrong, strict=True) if isinstance(plan, Plan)]
        if stickers:
            if self._map is None:
                self._map = PlaceMap(places, self.threat.motions())
            self._map.add(*zip(*stickers, strict=True))
        if metered.queries > len(asked):
            return None  # What a forward pass answers is nobody's plan, and the number of a query is not known.
        return next((k for k, plan in enumerate(asked, 1) if wrong[k - 1] and self._lawful(clip, plan)), None)

    def _lawful(self, clip: Clip, plan: Proposal) -> bool:
        try:
            check_proposal(clip, plan, self.threat)
        except InvalidPlan:
            return False
        return True

    def _count(self, plans: Sequence[Planned]) -> list[Row]:
        clean = self.target.clean([p.clip for p in plans])
        told = self.target.under_each([(p.clip, p.plan) for p in plans if not isinstance(p.plan, InvalidPlan)])
        answers = iter(zip(told.names, told.status, strict=True))
        rows = []
        for planned, before in zip(plans, clean.names, strict=True):
            after, status = (before, "invalid") if isinstance(planned.plan, InvalidPlan) else next(answers)
            rows.append(self._row(planned, before, after, status))
        return sorted(rows, key=lambda r: r.clip)

    def _row(self, planned: Planned, before: str | None, after: str | None, status: str) -> Row:
        clip, plan = planned.clip, planned.plan
        emotion = str(clip.emotion)
        success = status == "ok" and before == emotion and after is not None and after != emotion
        placed: dict[str, Any] = {}
        if isinstance(plan, InvalidPlan):
            placed = {"evidence": str(plan)}
        elif isinstance(plan, Perturbation):
            placed = {"evidence": plan.evidence}
        else:
            p, k = plan.placement, plan.kinetics
            direction = f"{k.direction[0]:+g},{k.direction[1]:+g}" if any(k.direction) else ""
            placed = {
                "region": p.region,
                "x": p.x,
                "y": p.y,
                "size": p.area,
                "angle": p.angle,
                "direction": direction,
                "art": plan.art,
                "abstained": plan.abstained,
                "evidence": plan.evidence,
            }
        return Row(
            recognizer=self.recognizer,
            defense=self.defense,
            attack=self.name,
            kinetics=self.threat.kinetics,
            clip=clip.key,
            subject=clip.subject,
            emotion=emotion,
            clean_prediction=before or "",
            attacked_prediction=after or "",
            status=status,
            success=success,
            queries=planned.queries,
            first_success=planned.queries if success and planned.first is None else planned.first,
            **placed,
        )

    def _sites(self, clip: Clip) -> tuple[Site, ...]:
        if self.attack.digital:
            return ()
        return sites(load(self.setting.scheme), self.threat, clip.space, self.setting.step)


class PlaceMap:
    """How often each place flipped a clip that was correct clean, over everything an attack asked its target.

    When every place and motion was asked about, the mean over all is the exact success rate of a random placement.
    """

    def __init__(self, places: Sequence[Site], motions: Sequence[Kinetics]) -> None:
        self._places = {(s.x, s.y): i for i, s in enumerate(places)}
        self._motions = {m: i for i, m in enumerate(motions)}
        self._sites = places
        self._asked = np.zeros((len(places), len(motions)), dtype=np.int64)
        self._flips = np.zeros_like(self._asked)

    def add(self, plans: Sequence[Plan], wrong: Sequence[bool]) -> None:
        """Count the answers about one clip."""
        for plan, flip in zip(plans, wrong, strict=True):
            place = self._places.get((plan.placement.x, plan.placement.y))
            if place is not None and plan.kinetics in self._motions:
                self._asked[place, self._motions[plan.kinetics]] += 1
                self._flips[place, self._motions[plan.kinetics]] += flip

    def to_json(self) -> dict[str, Any] | None:
        """The map as plain data, or None when the attack asked nothing."""
        if not self._asked.any():
            return None
        rate = self._flips / np.maximum(self._asked, 1)
        whole = bool(self._asked.min() == self._asked.max())
        return {
            "n": int(self._asked.max()),
            "random_exact": float(rate.mean()) if whole else None,
            "places": [
                {"x": s.x, "y": s.y, "region": s.region, "mean": float(r.mean()), "best_motion": float(r.max())}
                for s, r in zip(self._sites, rate, strict=True)
            ],
        }


def _generator(seed: int, *words: str) -> np.random.Generator:
    """A generator that depends on the seed and the words, not on the order of calls."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()])
