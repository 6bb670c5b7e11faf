"""One GPU for each worker, chosen before anything touches it."""

from __future__ import annotations

import os
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


def visible() -> list[str]:
    """The GPUs this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; none where there are none."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in (part.strip() for part in given.split(",")) if name]
    return [str(i) for i in range(len(list(_DRIVER.iterdir())))] if _DRIVER.is_dir() else []


def pin(worker: int) -> None:
    """Let this process see one GPU alone: the `worker`-th of those there are, in turns.

    CUDA looks at its environment once, when it is first used; called later than that, this does nothing.
    """
    found = visible()
    if found:
        os.environ["CUDA_VISIBLE_DEVICES"] = found[worker % len(found)]
