"""The grid file: what is crossed with what, read from TOML and checked word by word before anything runs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mask.errors import UsageError
from mask.plan import MOTIONS, ThreatModel
from mask.regions import load
from mask.train import PROTOCOLS

MAX_BYTES = 1 << 20
MAX_CELLS = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True)
class Named:
    """A recognizer: a spec, and what results call it."""

    name: str
    spec: str


@dataclass(frozen=True)
class Data:
    """A dataset: a spec, what results call it (empty for its own name), and what attacks may study beside it."""

    spec: str
    name: str = ""
    discovery: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A recognizer to train before the grid runs."""

    recognizer: str
    data: str
    protocol: str = "kfold"
    seed: int = 0


@dataclass(frozen=True)
class Grid:
    """What is crossed with what; every list is an axis.

    Args:
        recognizers: under test.
        datasets: whose clips are attacked.
        attacks: specs; one that stands for several is spelt out.
        defenses: specs; ``none`` is no defence.
        kinetics: how stickers move; attacks that change pixels are tried under ``digital`` whatever is listed.
        sizes: shares of the face box that a sticker may cover.
        eps: by how much a pixel may change, in 1/255; only for attacks that change pixels.
        seeds: each fixes everything random in its cells.
        threat: the other fields of `mask.plan.ThreatModel`, for every cell.
        surrogates: what the attacker owns: ``siblings`` (the other models of a recognizer of folds), recognizers.
        scheme, step, draws: as in `mask.audit.Setting`.
        retrain: the attacks on whose stickered clips recognizers are trained again, as listed in `attacks`.
        train: recognizers to train first, by the name under which `recognizers` lists them.
    """

    recognizers: tuple[Named, ...]
    datasets: tuple[Data, ...]
    attacks: tuple[str, ...]
    defenses: tuple[str, ...] = ("none",)
    kinetics: tuple[str, ...] = ("skin",)
    sizes: tuple[float, ...] = (0.046,)
    eps: tuple[int, ...] = (8,)
    seeds: tuple[int, ...] = (0,)
    threat: Mapping[str, Any] = field(default_factory=dict)
    surrogates: tuple[str, ...] = ("siblings",)
    scheme: str = "mesh"
    step: float | None = None
    draws: int = 0
    retrain: tuple[str, ...] = ()
    train: Mapping[str, Recipe] = field(default_factory=dict)

    def threats(self) -> list[ThreatModel]:
        """One threat model per way of moving and size, then one per `eps` for changed pixels."""
        stickers = [ThreatModel(k, area=s, **self.threat) for s in self.sizes for k in self.kinetics]  # type: ignore[arg-type]
        return stickers + [ThreatModel("digital", eps=e, **self.threat) for e in self.eps]


def read_grid(path: Path) -> Grid:
    """Read a grid file.

    Raises:
        UsageError: when it is no TOML, lacks an axis, or holds a key or value that means nothing here.
    """
    table = _Table(_parse(path), path.name)
    table.allow(Grid)
    try:
        grid = Grid(
            recognizers=table.axis("recognizers", _recognizer),
            datasets=table.axis("datasets", _data),
            attacks=table.axis("attacks", _text),
            defenses=table.axis("defenses", _text, Grid.defenses),
            kinetics=table.axis("kinetics", _motion, Grid.kinetics),
            sizes=table.axis("sizes", _number, Grid.sizes),
            eps=table.axis("eps", _whole, Grid.eps),
            seeds=table.axis("seeds", _whole, Grid.seeds),
            threat=_threat(table.inner("threat")),
            surrogates=table.axis("surrogates", _text, Grid.surrogates),
            scheme=table.one("scheme", _text, Grid.scheme),
            step=table.one("step", _number, Grid.step),
            draws=table.one("draws", _whole, Grid.draws),
            retrain=table.axis("retrain", _text) if "retrain" in table.values else (),
            train={name: _recipe(table.inner("train").inner(name)) for name in table.inner("train").values},
        )
        grid.threats()
    except ValueError as error:
        raise UsageError(f"{path.name}: {error}") from error
    _check_names(grid, path.name)
    return grid


def _parse(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES >> 20} MiB; expected a grid in TOML")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}; expected a grid in TOML, see docs/bench.md") from error
    except (IsADirectoryError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error


class _Table:
    """A TOML table, with where it stands in the file for messages."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise UsageError(f"{where} is {values!r}; expected a table")
        self.values, self.where = values, where

    def allow(self, kind: type[Any], but: Sequence[str] = ()) -> None:
        """Refuse keys that are no fields of a dataclass."""
        known = [f.name for f in fields(kind) if f.name not in but]
        unknown = [k for k in self.values if k not in known]
        if unknown:
            raise UsageError(f"{self.where} holds {unknown[0]!r}; it may hold {', '.join(known)}")

    def inner(self, key: str) -> _Table:
        return _Table(self.values.get(key, {}), f"{self.where}, {key}")

    def one(self, key: str, read: Callable[[Any], T], default: Any = None) -> T:
        if key not in self.values:
            return default  # type: ignore[no-any-return]
        try:
            return read(self.values[key])
        except ValueError as error:
            raise UsageError(f"{self.where}: {key} is {self.values[key]!r}; expected {error}") from error

    def need(self, key: str) -> None:
        if key not in self.values:
            raise UsageError(f"{self.where} lacks {key!r}; see docs/bench.md")

    def axis(self, key: str, read: Callable[[Any], T], default: tuple[T, ...] = ()) -> tuple[T, ...]:
        if not default:
            self.need(key)
        given = self.values.get(key, default)
        if not isinstance(given, list | tuple) or not given:
            raise UsageError(f"{self.where}: {key} is {given!r}; expected a list of at least one")
        found: list[T] = []
        for item in given:
            try:
                value = read(item)
            except ValueError as error:
                raise UsageError(f"{self.where}: {key} holds {item!r}; expected {error}") from error
            if value in found:
                raise UsageError(f"{self.where}: {key} lists {item!r} twice")
            found.append(value)
        return tuple(found)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value.strip()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def _motion(value: Any) -> str:
    if value == "digital":
        raise ValueError("how a sticker moves; attacks that change pixels are always tried as digital")
    if value not in MOTIONS:
        raise ValueError(f"one of {', '.join(MOTIONS)}")
    return str(value)


def _recognizer(value: Any) -> Named:
    if isinstance(value, str):
        spec = _text(value)
        return Named(spec.partition(":")[0], spec)
    if not isinstance(value, dict) or set(value) != {"name", "recognizer"}:
        raise ValueError('a spec, or { name = "...", recognizer = "..." }')
    return Named(_text(value["name"]), _text(value["recognizer"]))


def _data(value: Any) -> Data:
    if isinstance(value, str):
        return Data(_text(value))
    if not isinstance(value, dict) or not {"data"} <= set(value) <= {"data", "name", "discovery"}:
        raise ValueError('a spec, or { data = "...", name = "...", discovery = "..." }')
    discovery = _text(value["discovery"]) if "discovery" in value else None
    return Data(_text(value["data"]), _text(value["name"]) if "name" in value else "", discovery)


def _recipe(table: _Table) -> Recipe:
    table.allow(Recipe)
    table.need("recognizer")
    table.need("data")
    recipe = Recipe(
        table.one("recognizer", _text),
        table.one("data", _text),
        table.one("protocol", _text, Recipe.protocol),
        table.one("seed", _whole, Recipe.seed),
    )
    if recipe.protocol not in PROTOCOLS:
        raise UsageError(f"{table.where}: protocol is {recipe.protocol!r}; expected one of {', '.join(PROTOCOLS)}")
    return recipe


def _threat(table: _Table) -> dict[str, Any]:
    table.allow(ThreatModel, but=("kinetics", "area", "eps"))
    plain = ThreatModel()
    found = {key: table.one(key, lambda v, key=key: _like(getattr(plain, key), v)) for key in table.values}  # type: ignore[misc]
    unknown = [r for r in found.get("regions", ()) if r not in load("mesh").names]
    if unknown:
        raise UsageError(f"{table.where}: there is no region {unknown[0]!r}; see 'mask list regions'")
    try:
        ThreatModel(**found)
    except ValueError as error:
        raise UsageError(f"{table.where}: {error}") from error
    return found


def _like(default: Any, value: Any) -> Any:
    """A value of the kind of a default: `ThreatModel` compares numbers and trusts their types."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value
    if isinstance(default, float):
        return _number(value)
    if isinstance(default, tuple):
        return _listed(value, default)
    return _whole(value)


def _listed(value: Any, default: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError("a list")
    if not (default and isinstance(default[0], tuple)):
        return tuple(_text(v) for v in value)
    if not all(isinstance(v, list) and len(v) == len(default[0]) for v in value):
        raise ValueError(f"a list such as {[list(v) for v in default[:2]]}")
    return tuple(tuple(_number(n) for n in v) for v in value)


def _check_names(grid: Grid, where: str) -> None:
    names = [r.name for r in grid.recognizers]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise UsageError(
            f"{where}: two recognizers are called {twice[0]!r}; give each a name, "
            f'as in {{ name = "first", recognizer = "{twice[0]}:..." }}'
        )
    missing = [n for n in grid.retrain if n not in grid.attacks]
    if missing:
        raise UsageError(f"{where} retrains on {missing[0]!r}, which attacks does not list")
    unused = [n for n in grid.train if n not in {r.spec for r in grid.recognizers}]
    if unused:
        raise UsageError(f"{where} trains {unused[0]!r}, which recognizers does not list")
