"""``python -m benchmarks [NAME...]``: measure, print the tables, and keep them in BENCHMARKS.md.

With names (``flow``, ``video``, ...) only those tables are measured and printed, and BENCHMARKS.md stays as it is.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TABLES = (
    "commands",
    "protect",
    "video",
    "faces",
    "flow",
    "sticker",
    "causal",
    "synthetic",
    "probe_truth",
    "attacks",
    "one_shot",
)
KEPT = Path(__file__).resolve().parents[1] / "BENCHMARKS.md"


def main(names: list[str]) -> None:
    unknown = [n for n in names if n not in TABLES]
    if unknown:
        sys.exit(f"there is no table {unknown[0]!r}; there are {', '.join(TABLES)}")
    parts = []
    for name in names or TABLES:
        print(f"measuring {name} ...", file=sys.stderr)
        module = importlib.import_module(f"benchmarks.bench_{name}")
        parts.append(f"## {name.replace('_', ' ')}\n\n{(module.__doc__ or '').strip()}\n\n{table(module.run())}\n")
        print(parts[-1])
        if not names:
            KEPT.write_text("\n".join([_head(), *parts]), encoding="utf-8")


def table(rows: list[Row]) -> str:
    """Rows as a Markdown table; a column for every key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(c)) for c in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value).replace("|", "\\|")


def _head() -> str:
    packages = ("torch", "opencv-python", "kornia", "numpy", "scikit-image", "causal-learn", "av")
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in packages)
    return (
        "# Speed and memory\n\n"
        "Measured by `make bench`, which writes this file. A ratio above 1 says how many times faster MASK is than the "
        "peer\nin the same run.\n\n"
        f"{date.today().isoformat()}; {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}.\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
