"""Where tasks are carried out: worker processes here, a Dask cluster, or a Ray cluster. Scheduling is theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from functools import partial
from importlib import import_module
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

from mask.errors import MaskError, UsageError

BEAT = 0.5
"""Seconds between two calls of `beat`, at most."""

THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM", "NUMEXPR")}
"""One thread per worker: the cores are taken, and the last bit of a sum depends on how many threads share it."""

NAMES = ("local", "dask", "ray")

T = TypeVar("T")
R = TypeVar("R")


class WorkerLost(MaskError):
    """A worker died while it worked: killed, out of memory, or gone with its machine."""


class Engine(ABC):
    """Somewhere to carry out tasks; a context manager.

    Attributes:
        workers: how many tasks are carried out at a time.
        children: whether workers are child processes of this one.
    """

    workers: int
    children: bool = False

    def run(self, work: Callable[[T], R], items: Iterable[T], beat: Callable[[], None]) -> Generator[R, None, None]:
        """Yield ``work(item)`` for every item, in the order in which they are done.

        Args:
            work: a module-level function, or a `functools.partial` of one.
            items: what to carry out; handed out in order.
            beat: called every `BEAT` seconds, or more often, while something is under way.

        Raises:
            WorkerLost: when a worker died; items may then have been carried out without having been yielded.
        """
        left, waiting = iter(items), list[Any]()
        try:
            while True:
                # One task in hand and one at the door for each worker: none waits for the driver.
                waiting += [self.submit(work, item) for item in islice(left, 2 * self.workers - len(waiting))]
                if not waiting:
                    return
                done = self.wait(waiting)
                waiting = [handle for handle in waiting if handle not in done]
                beat()
                yield from (self.result(handle) for handle in done)
        finally:
            if waiting:
                self.cancel(waiting)

    @abstractmethod
    def submit(self, work: Callable[[T], R], item: T) -> Any:
        """Have ``work(item)`` carried out; returns a handle of it."""

    @abstractmethod
    def wait(self, handles: list[Any]) -> list[Any]:
        """Those that are done, as soon as there is one; none after `BEAT` seconds."""

    @abstractmethod
    def result(self, handle: Any) -> Any:
        """What came of a handle that is done; raises what the work raised, or `WorkerLost`."""

    @abstractmethod
    def cancel(self, handles: list[Any]) -> None:
        """Stop what is under way."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def maker(name: str, workers: int | None, address: str | None) -> Callable[[], Engine]:
    """What starts an engine.

    Args:
        name: one of `NAMES`.
        workers: how many; `None` for as many as there are cores.
        address: of a running cluster; `None` to start one on this machine.

    Raises:
        UsageError: for an unknown name, an address where there is no cluster, or a package that is not installed.
    """
    if name not in NAMES:
        raise UsageError(f"--engine is {name!r}; expected one of {', '.join(NAMES)}")
    if name == "local" and address is not None:
        raise UsageError("--address is for --engine dask or ray")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; expected 1 or more")
    try:
        found: Any = import_module(f"mask.bench.on_{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("dask", "distributed", "ray"):
            raise UsageError(
                f"--engine {name} needs a package that is not installed: pip install 'mask-mer[{name}]'"
            ) from error
        raise
    return partial(found.create, workers, address)
