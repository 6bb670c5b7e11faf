"""Workers of a Dask cluster: one on this machine, or any that runs already."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Any

from distributed import Client, KilledWorker, LocalCluster, TimeoutError, WorkerPlugin, wait
from joblib import cpu_count

from mask.errors import MaskError

from .engine import BEAT, Engine, R, T, WorkerLost
from .gpu import pin


def create(workers: int | None, address: str | None) -> DaskEngine:
    """An engine on the cluster at an address, or on one started here with `workers` processes."""
    if address is None:
        return DaskEngine(_local(workers or cpu_count()), workers)
    try:
        return DaskEngine(Client(address, timeout="20s"), workers)
    except (OSError, ValueError) as error:
        raise MaskError(f"there is no Dask scheduler at {address!r} ({error})") from error


def _local(workers: int) -> Client:
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )
    client = Client(cluster)
    client.register_plugin(_Worker(), name="mask-bench")
    return client


class _Worker(WorkerPlugin):
    """What a worker of a cluster of our own is told; others are set up by whoever runs them."""

    def setup(self, worker: Any) -> None:
        # Ctrl-C goes to every process of the terminal; the driver alone answers it, by closing the cluster.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        pin(int(worker.name))


class DaskEngine(Engine):
    """Tasks on a Dask cluster; Dask itself repeats the task of a worker that died, a few times.

    Args:
        client: connected; closed with the engine, and its cluster where it was started with it.
        workers: how many tasks to have carried out at a time; `None` for one on every worker process.
    """

    def __init__(self, client: Any, workers: int | None = None) -> None:
        self._client = client
        self.workers = workers or max(1, len(client.nthreads()))

    def submit(self, work: Callable[[T], R], item: T) -> Any:
        return self._client.submit(work, item, pure=False)

    def wait(self, handles: list[Any]) -> list[Any]:
        try:
            return list(wait(handles, timeout=BEAT, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []

    def result(self, handle: Any) -> Any:
        try:
            return handle.result()
        except KilledWorker as error:
            raise WorkerLost("a Dask worker was killed again and again, perhaps for want of memory") from error

    def cancel(self, handles: list[Any]) -> None:
        self._client.cancel(handles)

    def close(self) -> None:
        cluster = self._client.cluster
        self._client.close()
        if isinstance(cluster, LocalCluster):
            cluster.close()
