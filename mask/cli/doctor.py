"""``mask doctor``: every part of the machinery is made to do a little real work, and says how that went."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from mask import registry
from mask.cli.console import print_json, say
from mask.errors import MaskError

PACKAGES = (
    ("torch", "torch"),
    ("torchattacks", "torchattacks"),
    ("causal-learn", "causallearn"),
    ("kornia", "kornia"),
    ("numpy", "numpy"),
    ("opencv-python", "cv2"),
    ("matplotlib", "matplotlib"),
    ("typer", "typer"),
    ("av", "av"),
)


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: of the part.
        works: whether it does what it is for.
        detail: what was found, or why it does not work and what to do.
        seconds: how long the check took.
        needed: whether MASK is broken without it.
    """

    name: str
    works: bool
    detail: str
    seconds: float
    needed: bool = True


def doctor(*, as_json: bool) -> None:
    """Run every check; exit code 1 when something MASK needs does not work."""
    found = list(checks())
    if as_json:
        print_json({"checks": [asdict(c) for c in found], "works": all(c.works for c in found if c.needed)})
    else:
        for check in found:
            mark = "ok  " if check.works else "FAIL" if check.needed else "-   "
            say(f"{mark}  {check.name:<22} {check.detail}  ({check.seconds:.1f} s)")
        broken = [c.name for c in found if c.needed and not c.works]
        say(f"\nNot working: {', '.join(broken)}" if broken else "\nEverything MASK needs works here.")
    if not all(c.works for c in found if c.needed):
        sys.exit(1)


def checks() -> Iterator[Check]:
    """Every check in turn."""
    yield _try("python", _python)
    for package, module in PACKAGES:
        yield _try(package, lambda package=package, module=module: _package(package, module))  # type: ignore[misc]
    for family in registry.FAMILIES:
        yield _try(family, lambda family=family: _family(family))  # type: ignore[misc]
    yield _try("synthetic faces", _synthetic)
    yield _try("face nets", _faces)
    yield _try("optical flow", _flow)
    yield _try("causal search", _causal)
    yield _try("video, H.264", _video)
    yield _try("graphics card", _card, needed=False)


def _try(name: str, work: Callable[[], str], needed: bool = True) -> Check:
    started = time.perf_counter()
    try:
        works, detail = True, work()
    except (MaskError, ImportError, OSError, RuntimeError, ValueError) as error:
        works, detail = False, (str(error) or type(error).__name__).splitlines()[0]
    return Check(name, works, detail, round(time.perf_counter() - started, 3), needed)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _package(package: str, module: str) -> str:
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        raise RuntimeError(f"{package} is not installed; run: pip install mask-mer") from None
    importlib.import_module(module)
    return version


def _family(family: str) -> str:
    names = registry.names(family)  # type: ignore[arg-type]
    return f"{len(names)}: {', '.join(names)}"


def _synthetic() -> str:
    from mask.data.synthetic import create

    clip = create(subjects=1, repeats=1).clips[0]
    height, width = clip.frame(clip.apex).shape[:2]
    return f"{clip.key}, {len(clip.frames or ())} frames of {width} x {height}"


def _faces() -> str:
    from mask.data.synthetic import create
    from mask.faces import find_face
    from mask.geometry import face_box

    clip = create(subjects=1, repeats=1).clips[0]
    points, score = find_face(clip.frame(0))
    truth = clip.points(0)
    if truth is None:
        raise RuntimeError("the synthetic face has no landmarks")
    off = float(np.abs(face_box(points).to_image - face_box(truth).to_image)[:, 2].max())
    return f"found with score {score:.2f}, its box {off:.1f} px from the truth"


def _flow() -> str:
    from mask.flow import METHODS, flow

    rng = np.random.default_rng(0)
    still = (rng.random((9, 9)) * 255).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    moved = np.roll(still, 1, axis=1)
    told = {m: float(np.median(flow(still, moved, method=m)[16:-16, 16:-16, 0])) for m in METHODS}
    wrong = [m for m, u in told.items() if abs(u - 1) > 0.25]
    if wrong:
        raise RuntimeError(f"a shift of 1 px is measured as {told[wrong[0]]:.2f} by {wrong[0]}")
    return "a shift of 1 px is measured as " + ", ".join(f"{u:.2f} ({m})" for m, u in told.items())


def _causal() -> str:
    from mask.causal.discover import discover

    rng = np.random.default_rng(0)
    cause = rng.standard_normal((400, 1))
    data = np.concatenate([cause, cause + rng.standard_normal((400, 1)), rng.standard_normal((400, 1))], axis=1)
    found = ", ".join(map(str, discover(data, ("a", "b", "c")).edges)) or "nothing"
    if found != "a --- b":
        raise RuntimeError(f"between a, b and c, of which only a and b are tied, it finds {found}")
    return f"of three variables, two of them tied, it finds {found}"


def _video() -> str:
    from mask.video import VideoWriter, probe, read_frames

    frames = [np.full((64, 64, 3), 40 * i, np.uint8) for i in range(5)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        with VideoWriter(path, 64, 64, 25) as writer:
            for frame in frames:
                writer.write(frame)
        back = list(read_frames(path))
        worst = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(frames, back, strict=True))
        if worst > 8:
            raise RuntimeError(f"a written frame comes back {worst} grey levels off")
        return f"{probe(path).codec}: 5 frames written and read back within {worst} grey levels"


def _card() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("none; nothing needs one")
    return str(torch.cuda.get_device_name(0))
