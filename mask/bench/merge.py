"""Shards of one grid into one folder; neither data nor weights are needed for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mask.errors import UnreadableData, UsageError

from .drive import SCHEMA, claim, keep_plan
from .plan import Address, Plan
from .store import Store
from .tables import write_tables

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Args:
        missing: cells that no shard holds undamaged.
        damaged: files that are not what was written there.
    """

    plan: Plan
    missing: tuple[Address, ...]
    damaged: tuple[Path, ...]


def merge(shards: Sequence[Path], out: Path) -> Merged:
    """Gather the cells of shards and write the tables, as if one run had done it all.

    Args:
        shards: folders that `mask bench` filled from one grid.
        out: another folder, or one of them.

    Raises:
        UsageError: when a folder holds no bench, or two were run from different grids, data, weights or code.
        UnreadableData: when a folder's ``bench.json`` is damaged.
    """
    plans = [_read_plan(shard) for shard in shards]
    for shard, plan in zip(shards[1:], plans[1:], strict=True):
        _compare(plans[0], shards[0], plan, shard)
    plan, damaged = plans[0], list[Path]()
    with claim(out):
        keep_plan(plan, out)
        store = Store(out / "cells")
        damaged += [store.path(k) for k in store.damaged(c.key for c in plan.cells)]
        for shard in shards:
            damaged += store.take(Store(shard / "cells"), {c.key for c in plan.cells})
        missing = write_tables(plan, store, out)
    return Merged(plan, tuple(missing), tuple(damaged))


def _read_plan(folder: Path) -> Plan:
    path = folder / "bench.json"
    if not path.is_file():
        raise UsageError(f"{folder} holds no bench.json; expected a folder that 'mask bench' filled")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] != SCHEMA:
            raise ValueError(f"its schema is {raw['schema']!r}, not {SCHEMA}")
        cells = tuple(_address(c) for c in raw["cells"])
        if not {c.run for c in cells} <= set(raw["runs"]):
            raise ValueError("a cell belongs to a run that is not described")
        return Plan(cells, (), raw["runs"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableData(f"{path} is not what 'mask bench' wrote ({error})") from error


def _address(raw: Mapping[str, Any]) -> Address:
    found = Address(**raw)
    # Both become names of files.
    if not (_NAME.fullmatch(found.run) and _KEY.fullmatch(found.key)):
        raise ValueError(f"{found.run!r} with key {found.key!r} is no cell")
    return found


def _compare(first: Plan, where: Path, other: Plan, there: Path) -> None:
    if first.to_json() == other.to_json():
        return
    ours, theirs = ({_place(c): c.key for c in plan.cells} for plan in (first, other))
    odd = next((p for p in (*ours, *theirs) if p not in ours or p not in theirs), None)
    if odd is not None:
        raise UsageError(f"{where} and {there} were run from different grids: only one has {' '.join(odd)}")
    odd = next((p for p in ours if ours[p] != theirs[p]), None)
    raise UsageError(
        f"{where} and {there} were run with different weights, data or code"
        + (f", for example in {' '.join(odd)}; train once, and give every shard the same weights" if odd else "")
    )


def _place(cell: Address) -> tuple[str, ...]:
    return (cell.run, cell.recognizer, cell.defense, cell.kinetics, cell.attack)
