"""Workers of a Ray cluster: one on this machine, or any that runs already."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any

# Nothing leaves the machine: Ray reports its use to its makers unless told not to, before it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from joblib import cpu_count
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

from mask.errors import MaskError, UsageError

from .engine import BEAT, THREADS, Engine, R, T, WorkerLost

RETRIES = 3
"""How often Ray starts a worker that died anew, and its task with it."""


def create(workers: int | None, address: str | None) -> RayEngine:
    """An engine on the cluster at an address, or on one started here with `workers` processes."""
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    quiet["runtime_env"] = {"env_vars": THREADS}
    ending = signal.getsignal(signal.SIGTERM)
    if address is None:
        # "local": without it Ray looks for a cluster that somebody else has on this machine.
        ray.init(address="local", num_cpus=workers or cpu_count(), include_dashboard=False, **quiet)
    else:
        try:
            _reach(address)
            ray.init(address=address, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise MaskError(f"there is no Ray cluster at {address!r} ({error})") from error
    # Ray takes SIGTERM for itself, and would end the command with a dump of its stack.
    signal.signal(signal.SIGTERM, ending)
    there = ray.cluster_resources()
    cores = int(there.get("CPU", 0))
    if (workers or 1) > cores:
        ray.shutdown()
        raise UsageError(f"--workers is {workers or 1}, and the Ray cluster has {cores} cores")
    return RayEngine(workers or cores, there.get("GPU", 0.0))


def _reach(address: str) -> None:
    """Raise `OSError` where nobody answers; Ray itself would go on asking for minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


class _Worker:
    """A process that stays, so that it loads a model once."""

    def do(self, work: Callable[[T], R], item: T) -> R:
        return work(item)


class RayEngine(Engine):
    """Tasks on a Ray cluster; Ray itself starts a worker that died anew, with its task.

    Args:
        workers: how many processes to hold.
        gpus: how many the cluster has; each process is given one, or its share of one.
    """

    def __init__(self, workers: int, gpus: float) -> None:
        self.workers = workers
        share = 1.0 if gpus >= workers else gpus / workers
        options = {"num_cpus": 1, "num_gpus": share, "max_restarts": RETRIES, "max_task_retries": RETRIES}
        self._kind = ray.remote(_Worker).options(**options)
        self._busy: dict[Any, list[Any]] = {}
        self._given_up: list[Any] = []

    def submit(self, work: Callable[[T], R], item: T) -> Any:
        while self._given_up:
            ray.kill(self._given_up.pop())
        if not self._busy:
            self._busy = {self._kind.remote(): [] for _ in range(self.workers)}
        worker = min(self._busy, key=lambda w: len(self._busy[w]))
        handle = worker.do.remote(work, item).future()
        self._busy[worker].append(handle)
        return handle

    def wait(self, handles: list[Any]) -> list[Any]:
        # Not by `ray.wait`, in which a signal ends the process before it can clean up.
        done = wait(handles, BEAT, FIRST_COMPLETED).done
        for waiting in self._busy.values():
            waiting[:] = [h for h in waiting if h not in done]
        return list(done)

    def result(self, handle: Any) -> Any:
        try:
            return handle.result()
        except (RayActorError, WorkerCrashedError, OutOfMemoryError) as error:
            raise WorkerLost("a Ray worker was killed again and again, perhaps for want of memory") from error
        except RayTaskError as error:
            raise error.cause from None

    def cancel(self, handles: list[Any]) -> None:
        # Only when there is more to do are they killed one by one, which Ray remarks upon; `close` ends all of them.
        self._given_up += self._busy
        self._busy = {}

    def close(self) -> None:
        ray.shutdown()
