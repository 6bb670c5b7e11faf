"""``python -m benchmarks [--keep] [NAME...]``: measure, and print the tables.

Without names all are measured, and BENCHMARKS.md is written anew. With names (``flow``, ``video``, ...) only those are,
and BENCHMARKS.md stays as it is, or, with ``--keep``, has these tables replaced.
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
    "flow_agreement",
    "sticker",
    "causal",
    "synthetic",
    "data",
    "probe_truth",
    "attacks",
    "one_shot",
    "rivals",
    "skin",
    "skin_attacks",
    "training",
    "augment",
    "augment_motion",
    "recognizers_synthetic",
    "spot",
    "recognizers",
    "recognizers_attacked",
    "bench",
    "report",
)
KEPT = Path(__file__).resolve().parents[1] / "BENCHMARKS.md"
HEAD = """# Speed, memory and success

Measured by `python -m benchmarks`: `make bench` measures all, and `python -m benchmarks --keep NAME...` some. A ratio
above 1 says how many times faster MASK is than the peer in the same run. Each table says when and on what it was
measured; the two cores are of a shared virtual machine, whose speed changes by a third between runs.
"""


def main(arguments: list[str]) -> None:
    names = [a for a in arguments if a != "--keep"]
    unknown = [n for n in names if n not in TABLES]
    if unknown:
        sys.exit(f"there is no table {unknown[0]!r}; there are {', '.join(TABLES)}")
    kept = _kept() if names else {}
    for name in names or TABLES:
        print(f"measuring {name} ...", file=sys.stderr)
        module = importlib.import_module(f"benchmarks.bench_{name}")
        kept[name] = f"{(module.__doc__ or '').strip()}\n\n{table(module.run())}\n\n{_made()}\n"
        print(f"## {_title(name)}\n\n{kept[name]}")
        if not names or "--keep" in arguments:
            parts = [f"## {_title(n)}\n\n{kept[n]}" for n in TABLES if n in kept]
            KEPT.write_text("\n".join([HEAD, *parts]), encoding="utf-8")


def _title(name: str) -> str:
    return name.replace("_", " ")


def _kept() -> dict[str, str]:
    """The tables that BENCHMARKS.md holds, by name."""
    if not KEPT.is_file():
        return {}
    parts = KEPT.read_text(encoding="utf-8").split("\n## ")[1:]
    titled = (part.split("\n\n", 1) for part in parts)
    return {title.replace(" ", "_"): f"{text.strip()}\n" for title, text in titled}


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


def _made() -> str:
    """When and on what a table was measured."""
    packages = ("torch", "opencv-python", "kornia", "numpy", "scikit-image", "causal-learn", "av")
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in packages)
    return (
        f"{date.today().isoformat()}; {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
