"""One cell of an audit: what an attack plans for every clip, carried out and counted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mask.apply import check as check_proposal
from mask.clip import Clip
from mask.contracts import Attack, Discovery, Evidence, NoTarget, Proposal, Scene
from mask.digital import Perturbation
from mask.errors import InvalidPlan
from mask.oracle import MeteredTarget, Scorer
from mask.owners import Owners
from mask.placemap import PlaceMap
from mask.plan import Plan, Site, ThreatModel
from mask.refilm import Refilmer
from mask.regions import load, sites
from mask.results import Row, summarise
from mask.retrain import answers, recipe_of
from mask.train import held_out

if TYPE_CHECKING:
    from mask.audit import Half, Setting, Tick, Watch


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
    again: Refilmer | None = None

    def run(self, tick: Tick, watch: Watch) -> dict[str, Any]:
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
        for planned in plans:
            if not isinstance(planned.plan, InvalidPlan):
                watch(planned.clip, planned.plan)
        rows = self._retrained(self._count(plans), plans, lambda n, of: tick(f"{label}: retraining", n, of))
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
                self._places(clips[0]) if clips else None,
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
            self._places(clip),
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
                self._map = PlaceMap(places, self.threat)
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

    def _retrained(
        self, rows: Sequence[Row], plans: Sequence[Planned], progress: Callable[[int, int], None]
    ) -> list[Row]:
        """The rows, with what the network answers once it has been trained on these stickers, where that is asked."""
        recipe = recipe_of(self.target.recognizer) if self.defense == "none" else None
        if self.name not in self.setting.retrained or recipe is None:
            return list(rows)
        worn = [(p.clip, None if isinstance(p.plan, InvalidPlan) else p.plan) for p in plans]
        folds = len(held_out(self.setting.dataset, "kfold", self.setting.seed))
        told = answers(
            recipe,
            self.setting.dataset,
            worn,
            seed=self.setting.seed,
            progress=lambda n: progress(n, folds * recipe.epochs),
        )
        return [replace(r, retrained_prediction=told.get(r.clip, "")) for r in rows]

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
                "more": ";".join(f"{m.x:.6g} {m.y:.6g} {m.area:.6g} {m.angle:.6g}" for m in plan.more),
                "abstained": plan.abstained,
                "evidence": plan.evidence,
            }
        if success and self.again is not None and isinstance(plan, Plan) and clip.space == "frames":
            placed["refilmed"], placed["refilmed_wrong"] = self.again(clip, plan)
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
        return () if self.attack.digital else self._places(clip)(self.threat.area)

    def _places(self, clip: Clip) -> Callable[[float], tuple[Site, ...]]:
        """The places for one sticker of a given area."""
        scheme, step = load(self.setting.scheme), self.setting.step
        return lambda area: sites(scheme, replace(self.threat, area=area), clip.space, step)


def _generator(seed: int, *words: str) -> np.random.Generator:
    """A generator that depends on the seed and the words, not on the order of calls."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()])
