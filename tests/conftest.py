"""Fixtures every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# A shell that starts the suite in the background has it, and all it starts, ignore Ctrl-C, which tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One thread per process: the suite runs in parallel, and torch on two oversubscribed cores is slower than on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

# A test never fails for being slow: the machine may be busy with other things.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared development data; tests that need it are skipped where it is absent."""
    place = Path(os.environ.get("MASK_SHARED_DATA", ROOT.parent / "shared"))
    if not (place / "data").is_dir():
        pytest.skip(f"the shared development data is not at {place} (set MASK_SHARED_DATA to use it)")
    return place


@pytest.fixture(scope="session")
def megc(shared: Path) -> Path:
    """The MEGC2019 flow maps and STSTNet weights."""
    place = shared / "data" / "megc2019"
    if not place.is_dir():
        pytest.skip(f"no MEGC2019 material at {place}")
    return place


@pytest.fixture(scope="session")
def face_video(shared: Path) -> Path:
    """A real video with a real face."""
    place = shared / "media" / "face_pexels.mp4"
    if not place.is_file():
        pytest.skip(f"no face video at {place}")
    return place
