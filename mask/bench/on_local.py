"""Worker processes on this machine, by joblib's loky."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from functools import cache
from pathlib import Path
from typing import Any

from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .engine import BEAT, THREADS, Engine, R, T, WorkerLost
from .gpu import pin


def create(workers: int | None, _address: str | None) -> LocalEngine:
    """An engine of as many processes as cores, or as asked for."""
    return LocalEngine(workers or cpu_count())


class LocalEngine(Engine):
    """Processes that start once and stay for every task, and for the next engine of this process.

    Args:
        workers: how many.
    """

    children = True

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def submit(self, work: Callable[[T], R], item: T) -> Any:
        return self._pool().submit(work, item)

    def wait(self, handles: list[Any]) -> list[Any]:
        return list(wait(handles, BEAT, FIRST_COMPLETED).done)

    def result(self, handle: Any) -> Any:
        try:
            return handle.result()
        except TerminatedWorkerError as error:
            raise WorkerLost("a worker process was killed, perhaps for want of memory") from error

    def cancel(self, handles: list[Any]) -> None:
        self._pool().shutdown(wait=True, kill_workers=True)

    def close(self) -> None:
        return  # Idle processes end with this one.

    def _pool(self) -> Any:
        return get_reusable_executor(self.workers, timeout=600, env=THREADS, initializer=_start, initargs=(_seats(),))


@cache
def _seats() -> Path:
    """A folder in which each worker of this process takes a number."""
    folder = Path(tempfile.mkdtemp(prefix="mask-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(seats: Path) -> None:
    # Ctrl-C goes to every process of the terminal; the driver alone answers it, by stopping its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = 0
    while not _taken(seats / str(number)):
        number += 1
    pin(number)


def _taken(seat: Path) -> bool:
    try:
        os.close(os.open(seat, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
