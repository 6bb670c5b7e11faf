"""What a worker does: train a recognizer, or carry out the cells of a task, each written as soon as it is done."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch

from mask.audit import Setting, Shared, run
from mask.errors import MaskError
from mask.train import PROTOCOLS
from mask.train import train as fit

from .address import code
from .grid import Data, Grid
from .plan import Address, Task, cell_address
from .store import Store
from .things import Things


@dataclass(frozen=True)
class Bench:
    """What every worker of a run is told once.

    Args:
        grid: its names are looked up anew on every worker.
        out: the folder of the run.
        cwd: the folder that relative paths of the grid start from.
        code: of the driver; a worker that has other code refuses to work.
        parent: the process id of the driver where the workers are its children, else `None`. A worker whose parent
            has gone stops before the next cell.
    """

    grid: Grid
    out: Path
    cwd: Path
    code: str
    parent: int | None = None

    @property
    def store(self) -> Store:
        """Where finished cells go."""
        return Store(self.out / "cells")

    @property
    def models(self) -> Path:
        """Where the recognizers that the grid trains are kept."""
        return self.out / "models"


@dataclass(frozen=True)
class Failure:
    """A cell that could not be carried out."""

    cell: Address
    reason: str


class Unwritable(MaskError):
    """A finished cell could not be kept, and neither could any other."""


class _Memory:
    """What a worker process keeps from task to task: loaded members, and what is learnt once."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.things = Things(bench.grid, bench.models)
        self._shared: dict[tuple[Any, ...], Shared] = {}

    def shared(self, task: Task) -> Shared:
        """What the cells of a task have in common, some of it with every other task on the same dataset and seed."""
        return replace(self._shared.setdefault((task.data, task.seed), Shared()), learnt={})


_memory: _Memory | None = None
_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def _at_work(bench: Bench) -> Iterator[_Memory]:
    """This process, ready for a run: in its folder, with one thread, and with what it remembers of the same run.

    One thread whatever the number of workers: a sum over two threads is not the same number to the last bit.
    """
    global _memory
    with _one_at_a_time, contextlib.chdir(bench.cwd):
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        if bench.code != code():
            raise MaskError("a worker runs another version of MASK, or of torch or numpy, than the one that planned")
        if _memory is None or _memory.bench != bench:
            _memory = _Memory(bench)
        yield _memory


def train(bench: Bench, name: str) -> None:
    """Train what a recipe of the grid names; goes on where an interrupted training stopped."""
    with _at_work(bench) as memory:
        recipe, things = bench.grid.train[name], memory.things
        protocol = next(p for p in PROTOCOLS if p == recipe.protocol)
        dataset = things.studied(Data(recipe.data)).dataset
        fit(things.untrained(name), dataset, protocol=protocol, seed=recipe.seed, out=things.folder(name))


def carry_out(bench: Bench, task: Task) -> list[Failure]:
    """Carry out those cells of a task that are not there yet; a cell that fails does not stop the others."""
    with _at_work(bench) as memory:
        missing = [c for c in task.cells if not bench.store.path(c.key).exists()]
        shared = memory.shared(task)
        return [
            f for group in _alike(memory.things, missing) for f in _carry_out(bench, memory.things, task, group, shared)
        ]


def _alike(things: Things, cells: Sequence[Address]) -> list[list[Address]]:
    """Cells by attack. An attack that asks the target is tried behind each defence on its own.

    What the attacker's own models answer is remembered within a group. An attack without access asks them the same
    behind every defence, so that it makes no difference who asked first; another's questions follow from the answers
    it gets, and a network's answer to the same question differs in the last bit with what is asked beside it.
    """
    groups: dict[tuple[str, str], list[Address]] = {}
    for cell in cells:
        blind = things.attacks[cell.attack].access == "none"
        groups.setdefault((cell.attack, "" if blind else cell.defense), []).append(cell)
    return list(groups.values())


def _carry_out(bench: Bench, things: Things, task: Task, cells: Sequence[Address], shared: Shared) -> list[Failure]:
    left = list(cells)
    failures: list[Failure] = []
    while left:
        try:
            for found in run(_setting(things, task, left), shared=shared):
                _keep(bench, left[0].key, found)
                left.pop(0)
            break
        except Unwritable:
            raise
        except MaskError as error:
            failures.append(Failure(left.pop(0), str(error)))
        except Exception as error:
            failures.append(Failure(left.pop(0), f"{type(error).__name__}: {error}"))
    return failures


def _setting(things: Things, task: Task, cells: Sequence[Address]) -> Setting:
    """The audit of some cells of one attack, once it is certain that it is what was planned."""
    attack = cells[0].attack
    setting = things.setting(
        (things.recognizer(task.recognizer),),
        things.studied(task.data),
        {attack: things.attacks[attack]},
        {c.defense: things.defenses[c.defense] for c in cells},
        (task.threat,),
        task.seed,
    )
    for cell in cells:
        if cell_address(things, setting, task.fingerprint, cell.defense, attack) != cell.key:
            raise MaskError("weights or parameters are not those that were planned; they changed, or differ here")
    return setting


def _keep(bench: Bench, key: str, found: Mapping[str, Any]) -> None:
    try:
        bench.store.write(key, found)
    except OSError as error:
        raise Unwritable(f"a finished cell cannot be written to {bench.store.folder}: {error.strerror}") from error
    if bench.parent is not None and os.getppid() != bench.parent:
        os._exit(1)
