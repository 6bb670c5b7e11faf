"""Several sets as one for cross-database work: CD6ME joins six of them for action units (Varanka et al., 2023).

``cd6me:casme=DIR,casme2=DIR,samm=DIR,fourdme=DIR,mmew=DIR,casme3=DIR``, or any two or more of these. With
``classes=native`` and all six it is the 2,031 clips of the protocol; subjects carry the set's name, since several sets
call different people alike.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from mask.clip import Dataset
from mask.errors import UsageError

from ._composite import join
from ._emotions import Classes

UNITS = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU17")
"""The action units of the protocol."""

CLIPS = {"casme": 189, "casme2": 256, "samm": 159, "4dme": 267, "mmew": 300, "casme3": 860}
"""How many clips of each set the protocol has."""


def create(
    casme: str = "",
    casme2: str = "",
    samm: str = "",
    fourdme: str = "",
    mmew: str = "",
    casme3: str = "",
    classes: int | str = 3,
    apex: str = "midpoint",
    fixes: str = "none",
) -> Dataset:
    """Read several sets from their folders.

    Args:
        casme, casme2, samm, fourdme, mmew, casme3: the folders, two of them at least.
        classes: 3, 4, native or objective.
        apex, fixes: see `mask.data.casme2.create`.

    Raises:
        UnreadableData: when a set's annotations or all of its pictures are missing.
        UsageError: for fewer than two folders, or an option that does not exist.
    """
    roots = {"casme": casme, "casme2": casme2, "samm": samm, "4dme": fourdme, "mmew": mmew, "casme3": casme3}
    given = {name: root for name, root in roots.items() if root != ""}
    if len(given) < 2:
        raise UsageError("cd6me joins two or more sets; give their folders, such as cd6me:casme2=DIR,samm=DIR")
    parts: dict[str, Dataset] = {}
    for name, root in given.items():
        adapter: Any = importlib.import_module(f".{name}", __package__)
        parts[name] = adapter.create(root, classes=classes, apex=apex, fixes=fixes)
    card = {
        "what": "several databases together; CD6ME with all six",
        "list": {n: {"clips": len(d), "protocol": CLIPS[n]} for n, d in parts.items()},
        "units": {u: sum(d.card["action_units"].get(u, 0) for d in parts.values()) for u in UNITS},
    }
    joined = join("cd6me" if len(parts) == len(CLIPS) else f"cd6me ({', '.join(parts)})", parts, card, apart=True)
    return replace(joined, emotions=Classes("cd6me", classes).order(joined.emotions))
