"""From a grid to finished cells: train what is missing, hand out tasks, outlive workers that die."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from mask.errors import MaskError, UsageError
from mask.files import write_json

from .engine import Engine, WorkerLost
from .plan import Address, Plan, Task
from .store import Store
from .work import Bench, Failure, carry_out, train

SCHEMA = "mask.bench/1"
LOCK = "bench.lock"
PATIENCE = 3
"""How often in a row workers may die without a single cell having been finished."""

Tick = Callable[[str, int, int], None]
"""Called as (what is being done, items finished since the last call, items in all)."""


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a grid, by tasks; `number` counts from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``2/8``.

        >>> Shard.parse("2/8")
        Shard(number=2, count=8)
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise UsageError(f"--shard is {text!r}; expected i/N, such as 1/4")
        return cls(int(number), int(count))

    def of(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Its tasks: every `count`-th."""
        return tasks[self.number - 1 :: self.count]


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """Hold an output folder: empty, or one that a bench has filled, and only one at a time.

    Raises:
        UsageError: when it is a file, holds something else, or another bench is at work in it.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out expects a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / LOCK).exists():
        raise UsageError(f"{out} holds something else than a bench; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"another mask bench is at work in {out}; give each shard a folder of its own") from error


def keep_plan(plan: Plan, out: Path) -> None:
    """Write what the grid is, for `mask merge`."""
    write_json({"schema": SCHEMA, **plan.to_json()}, out / "bench.json")


def train_missing(bench: Bench, names: Sequence[str], engine: Engine, tick: Tick) -> None:
    """Train what the grid asks for and is not there, recognizers side by side."""
    for attempt in range(PATIENCE):
        try:
            with closing(engine.run(partial(train, bench), names, _nothing)) as done:
                for _ in done:
                    tick("recognizers trained", 1, len(names))
            return
        except WorkerLost as lost:
            if attempt == PATIENCE - 1:
                raise MaskError(f"{lost}; while {' and '.join(names)} were trained") from lost


def carry_out_all(bench: Bench, tasks: Sequence[Task], engine: Engine, tick: Tick) -> list[Failure]:
    """Carry out every cell that is not there yet; gives up only when nothing moves.

    Raises:
        MaskError: when workers die again and again without a cell being finished, or cells cannot be written.
    """
    progress = _Progress(bench.store, tasks, tick)
    failures: list[Failure] = []
    standing = 0
    while left := _left(tasks, progress.there() | {f.cell.key for f in failures}):
        before = (len(progress.there()), len(failures))
        lost = WorkerLost("finished cells do not appear in the output folder; every worker must see it")
        try:
            with closing(engine.run(partial(carry_out, bench), left, progress)) as done:
                for failed in done:
                    failures += failed
        except WorkerLost as error:
            lost = error
            tasks = _suspects_last(_left(left, progress.there()), engine.workers)
        progress.look()
        standing = standing + 1 if (len(progress.there()), len(failures)) == before else 0
        if standing == PATIENCE:
            raise MaskError(f"{lost}; it worked on {_named([c for t in left for c in t.cells])}") from lost
    return failures


def _suspects_last(left: Sequence[Task], workers: int) -> list[Task]:
    """What a lost worker may have been at, the first that are not done, put last and cell by cell.

    A cell that kills whoever tries it is then left over in the end, and takes no other with it.
    """
    return [*left[workers:], *(replace(t, cells=(c,)) for t in left[:workers] for c in t.cells)]


def _left(tasks: Sequence[Task], done: set[str]) -> list[Task]:
    reduced = (replace(t, cells=tuple(c for c in t.cells if c.key not in done)) for t in tasks)
    return [t for t in reduced if t.cells]


def _named(cells: Sequence[Address]) -> str:
    first, others = cells[0], len(cells) - 1
    more = f", or on one of {others} more" if others else ""
    return f"{first.attack} on {first.recognizer} ({first.dataset}, {first.kinetics}, seed {first.seed}){more}"


class _Progress:
    """Counts the cells that have appeared in the store, a second apart at the least."""

    def __init__(self, store: Store, tasks: Sequence[Task], tick: Tick) -> None:
        self._store, self._tick = store, tick
        self._wanted = {c.key for t in tasks for c in t.cells}
        self._known = self.there()
        self._missing = len(self._wanted) - len(self._known)
        self._next = 0.0

    def there(self) -> set[str]:
        return self._wanted & self._store.keys()

    def __call__(self) -> None:
        if time.monotonic() >= self._next:
            self.look()

    def look(self) -> None:
        now = self.there()
        self._tick("cells", len(now - self._known), self._missing)
        self._known |= now
        self._next = time.monotonic() + 1.0


def _nothing() -> None: ...
