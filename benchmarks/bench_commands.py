"""The documented commands as a person runs them: wall time, CPU time and the memory of the largest process.

Each is started anew, with the time Python and torch take to start; the limits are those the project sets itself on two
cores. What needs the MEGC2019 material is left out, and said so, where that is absent (MASK_SHARED_DATA).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Row = dict[str, Any]

RUN = """
import resource, sys
from mask.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def run() -> list[Row]:
    """Measure every command; one row each."""
    shared = Path(os.environ.get("MASK_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared"))
    megc = shared / "data" / "megc2019"
    target, data = f"ststnet:weights={megc / 'STSTNet_Weights'}", f"megc-flow:{megc / 'norm_u_v_os'}"
    with tempfile.TemporaryDirectory() as place:
        rows = [_row("mask --help", 0.3, ["--help"])]
        if megc.is_dir():
            attacks = "random,centre,au-sticker,causal,exhaustive"
            audit = ["audit", target, "--data", data, "--attacks", attacks, "--out", f"{place}/audit"]
            rows.append(_row("mask evaluate, 278 flow maps", 20, ["evaluate", target, "--data", data, "--json"]))
            rows.append(_row(f"mask audit, 278 flow maps, {attacks}, skin and overlay", 180, audit))
        else:
            print(f"left out: evaluate and audit on MEGC2019; there is no {megc}", file=sys.stderr)
        rows.append(_row("mask demo", 180, ["demo", "--out", f"{place}/demo"]))
    return rows


def _row(what: str, limit: float, words: list[str]) -> Row:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"mask {' '.join(words)}: {done.stderr[-400:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(done.stderr.split()[-1]) / 1e3
    return {"what": what, "wall_s": wall, "limit_s": limit, "cpu_s": cpu, "peak_mb": round(peak)}


if __name__ == "__main__":
    for line in run():
        print(line)
