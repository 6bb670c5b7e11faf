"""From a grid to its cells: where each stands, the hash of all that determines it, and who shares work with whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mask.audit import Setting, cell_key, check, fits
from mask.contracts import Attack, Recognizer
from mask.errors import UsageError
from mask.plan import ThreatModel
from mask.summary import about

from .address import code, digest
from .grid import MAX_CELLS, Data
from .things import Studied, Things


@dataclass(frozen=True)
class Address:
    """One cell: where it stands in the grid, by the labels results give, and `key`, which its numbers belong to.

    Args:
        key: the hash of everything that determines the result. Labels are not a part of it.
        run: the folder of results it belongs to: one dataset, size and seed.
        area: share of the face box; `None` where pixels are changed.
        eps: in 1/255; `None` for stickers.
    """

    key: str
    run: str
    recognizer: str
    dataset: str
    attack: str
    defense: str
    kinetics: str
    area: float | None
    eps: int | None
    seed: int


@dataclass(frozen=True)
class Task:
    """Cells to be carried out one after the other by one worker, for they share what their attacks learn.

    Args:
        recognizer: its spec.
        fingerprint: of the data, so that it need not be read again.
    """

    recognizer: str
    data: Data
    fingerprint: str
    threat: ThreatModel
    seed: int
    cells: tuple[Address, ...]


@dataclass(frozen=True)
class Plan:
    """All cells of a grid in the order of its tables, the tasks they are carried out in, and what each run is about."""

    cells: tuple[Address, ...]
    tasks: tuple[Task, ...]
    runs: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """What `mask merge` needs to know: cells and runs. Two grids are alike when this is."""
        return {"cells": [asdict(c) for c in self.cells], "runs": dict(self.runs)}


def make_plan(things: Things) -> Plan:
    """Lay out a grid; loads every recognizer once, one at a time, and reads all data.

    The cells of a recognizer that is still to be trained have keys that nothing is ever kept under: of no weights.

    Raises:
        UsageError: for a name that does not exist, a recognizer that cannot answer a dataset's labels, too few subjects
            to split, or no cell at all.
    """
    grid = things.grid
    studied = _distinct({d: things.studied(d) for d in grid.datasets})
    size = len(grid.recognizers) * len(studied) * len(grid.seeds) * len(grid.threats())
    if size * len(things.attacks) * len(things.defenses) > MAX_CELLS:
        raise UsageError(f"the grid has more than {MAX_CELLS:,} cells; split it")
    tasks: list[Task] = []
    cards = {}
    for named in grid.recognizers:
        spec = things.spec(named)
        recognizer = things.preview(named)
        cards[named.name] = {**recognizer.card(), "name": named.name, "kind": recognizer.name}
        for data, found in studied.items():
            for seed in grid.seeds:
                check(things.setting((recognizer,), found, {}, {}, (), seed))
                for threat in grid.threats():
                    tasks += [
                        Task(spec, data, found.fingerprint, threat, seed, cells)
                        for cells in _groups(things, recognizer, named.name, found, threat, seed)
                    ]
    if not tasks:
        raise UsageError("the grid has no cell: none of its attacks fits any of its kinetics")
    names = [r.name for r in grid.recognizers]
    # What takes long goes first, so that the last worker is not waited for; but a model at a time.
    handed_out = sorted(tasks, key=lambda t: (names.index(t.cells[0].recognizer), _is_light(things, t)))
    return Plan(_in_order(things, studied, tasks), tuple(handed_out), _runs(things, studied, tasks, cards))


def _is_light(things: Things, task: Task) -> bool:
    """Whether its attacks neither ask the target nor learn anything beforehand."""
    chosen = [things.attacks[c.attack] for c in task.cells]
    return all(a.access == "none" and type(a.student).discover is Attack.discover for a in chosen)


def _distinct(studied: Mapping[Data, Studied]) -> Mapping[Data, Studied]:
    names = [_plain(s.name) for s in studied.values()]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise UsageError(
            f'two datasets are called {twice[0]!r}; give each a name, as in {{ name = "first", data = "..." }}'
        )
    return studied


def _groups(
    things: Things, recognizer: Recognizer, name: str, studied: Studied, threat: ThreatModel, seed: int
) -> Iterator[tuple[Address, ...]]:
    """The cells of one recognizer, dataset, threat model and seed; together where their attacks learn the same."""
    by_student: dict[str, list[tuple[str, Attack]]] = {}
    for label, attack in things.attacks.items():
        if fits(attack, threat):
            by_student.setdefault(repr(attack.student), []).append((label, attack))
    digital = threat.kinetics == "digital"
    area, eps = (None, threat.eps) if digital else (threat.area, None)
    run = run_name(studied.name, area, eps, seed)
    setting = things.setting((recognizer,), studied, things.attacks, things.defenses, (threat,), seed)
    for group in by_student.values():
        yield tuple(
            Address(
                cell_address(things, setting, studied.fingerprint, defense, label),
                run,
                *(name, studied.name, label, defense),
                *(threat.kinetics, area, eps, seed),
            )
            for label, attack in group
            for defense in things.defenses
        )


def cell_address(things: Things, setting: Setting, fingerprint: str, defense: str, attack: str) -> str:
    """The key of a cell: the hash of its parameters, data, weights and code.

    Args:
        setting: of one recognizer and one threat model.
        fingerprint: of the data.
        defense, attack: by label.
    """
    (recognizer,), (threat,) = setting.recognizers, setting.threats
    chosen = setting.attacks[attack]
    parameters = cell_key(setting, recognizer, defense, attack, chosen, threat)
    return digest(parameters, fingerprint, code(), things.foreign(recognizer, chosen, setting.defenses[defense]))[:32]


def run_name(dataset: str, area: float | None, eps: int | None, seed: int) -> str:
    """The name of the folder that holds one dataset, size and seed: letters, digits, and ``. _ = -``."""
    what = f"area={area!r}" if area is not None else f"eps={eps}"
    return f"{_plain(dataset)}_{what}_seed={seed}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", name).strip("-.")[:80] or "data"


def _in_order(things: Things, studied: Mapping[Data, Studied], tasks: Sequence[Task]) -> tuple[Address, ...]:
    """Run by run, as the grid lists them; within a run as an audit goes."""
    grid = things.grid
    axes: list[tuple[str, dict[Any, int]]] = [
        (axis, {v: i for i, v in enumerate(values)})
        for axis, values in (
            ("dataset", [s.name for s in studied.values()]),
            ("area", [*grid.sizes, None]),
            ("eps", [None, *grid.eps]),
            ("seed", grid.seeds),
            ("recognizer", [r.name for r in grid.recognizers]),
            ("defense", list(things.defenses)),
            ("kinetics", [*grid.kinetics, "digital"]),
            ("attack", list(things.attacks)),
        )
    ]
    cells = [c for t in tasks for c in t.cells]
    return tuple(sorted(cells, key=lambda c: [places[getattr(c, axis)] for axis, places in axes]))


def _runs(
    things: Things, studied: Mapping[Data, Studied], tasks: Sequence[Task], cards: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What ``results.json`` says about each run besides its cells."""
    tasks_of: dict[str, dict[ThreatModel, Task]] = {}
    for task in tasks:
        tasks_of.setdefault(task.cells[0].run, {}).setdefault(task.threat, task)
    found = {}
    for run, of in tasks_of.items():
        one = next(iter(of.values()))
        some = {label: a for label, a in things.attacks.items() if any(fits(a, t) for t in of)}
        # Of the recognizers only the cards are told, and those are at hand without loading them again.
        told = about(things.setting((), studied[one.data], some, things.defenses, tuple(of), one.seed))
        found[run] = {**told, "recognizers": list(cards.values())}
    return found
