"""The audit: every recognizer under every defence, threat model and attack, counted by the core.

Attacks study discovery subjects and are tried on others. With a discovery set of its own all clips are attacked;
without one the subjects are split in two, each half being attacked with what was learnt on the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mask.cell import Cell
from mask.clip import Clip, Dataset
from mask.contracts import Attack, Defense, Evidence, Proposal, Recognizer
from mask.errors import InvalidPlan, UsageError
from mask.evaluate import check_labels
from mask.oracle import Scorer
from mask.owners import Owners, surrogate_cards
from mask.plan import ThreatModel
from mask.refilm import Refilmer
from mask.regions import load, sites
from mask.retrain import recipe_of
from mask.train import held_out

Tick = Callable[[str, int, int], None]
"""Called as (what is being done, items finished since the last call, items in all)."""


Watch = Callable[[Clip, Proposal], None]
"""Called with each clip and the lawful plan an attack came to for it."""


def _no_tick(_what: str, _done: int, _total: int) -> None: ...
def _no_watch(_clip: Clip, _plan: Proposal) -> None: ...


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
        draws: how often a clip of frames is filmed again with a plan that succeeded, under fresh draws of physics.
        refilmed: the attacks whose successes are filmed again, by label; `None` for all.
        retrained: the attacks on whose stickered clips every recognizer is trained again, by label, see `mask.retrain`;
            recognizers without a defence only.
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
    draws: int = 0
    refilmed: tuple[str, ...] | None = None
    retrained: tuple[str, ...] = ()
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
        if setting.retrained and recipe_of(recognizer) is None:
            raise UsageError(
                f"{recognizer.name} is not a network that MASK can train; leave it out, or do not ask to retrain"
            )
    if setting.retrained:
        held_out(setting.dataset, "kfold", setting.seed)
    for name, attack in setting.attacks.items():
        if not any(fits(attack, threat) for threat in setting.threats):
            raise UsageError(f"the attack {name!r} fits none of the kinetics {[t.kinetics for t in setting.threats]}")
    for threat in setting.threats:
        if threat.kinetics != "digital":
            _check_room(setting, threat)


def _check_room(setting: Setting, threat: ThreatModel) -> None:
    """Raise `UsageError` where stickers of a threat model have no place to go, alone or sharing its area."""
    for space in sorted({c.space for c in setting.dataset}):
        for area in {threat.area, threat.area / threat.number}:
            try:
                sites(load(setting.scheme), replace(threat, area=area), space, setting.step)
            except InvalidPlan as error:
                raise UsageError(str(error)) from error


def fits(attack: Attack, threat: ThreatModel) -> bool:
    """Whether an attack is tried under a threat model: stickers move, changed pixels do not."""
    return attack.digital == (threat.kinetics == "digital")


@dataclass
class Shared:
    """What is learnt once for all settings that differ in recognizers, attacks, defences and threat models alone.

    Args:
        trained: surrogates trained on the discovery clips, by half.
        memories: what attacks remember of discovery clips, by half; see `mask.contracts.Discovery.memory`.
        learnt: evidence, by recognizer card, and then by student, threat model and half.
    """

    trained: dict[str, list[Recognizer]] = field(default_factory=dict)
    memories: dict[str, dict[str, Any]] = field(default_factory=dict)
    learnt: dict[str, dict[str, Evidence | None]] = field(default_factory=dict)


def run(
    setting: Setting,
    finished: Mapping[str, Any] | None = None,
    tick: Tick = _no_tick,
    shared: Shared | None = None,
    watch: Watch = _no_watch,
) -> Iterator[dict[str, Any]]:
    """Yield one finished cell at a time: ``{"cell": summary, "rows": [Row], "evidence": [...], "key": text}``.

    Args:
        finished: cells of an interrupted run by key; they are yielded as they are, without being done again.
        tick: told what is being done.
        shared: what other runs have learnt that this one may use; no number depends on it.
        watch: told of every plan, cell by cell.
    """
    check(setting)
    done = finished or {}
    plan = halves(setting.dataset, setting.discovery, setting.seed)
    known = shared or Shared()
    memories = {half.name: known.memories.setdefault(half.name, {}) for half in plan}
    for recognizer in setting.recognizers:
        bare = Scorer(recognizer)
        learnt = known.learnt.setdefault(repr(recognizer.card()), {})
        owned = Owners(setting, recognizer, known.trained, tick)
        for defense_name, defense in setting.defenses.items():
            target = bare if defense is None else Scorer(defense.wrap(recognizer))
            again = Refilmer(target.recognizer, setting.draws, setting.seed) if setting.draws else None
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
                        again if setting.refilmed is None or attack_name in setting.refilmed else None,
                    )
                    yield {"key": key, **cell.run(tick, watch)}


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
        setting.draws,
        setting.refilmed,
        setting.retrained,
        setting.seed,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
