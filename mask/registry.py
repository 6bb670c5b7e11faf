"""Names to things: the families' files, and third parties' entry points.

A family member is a file: ``attacks/au_sticker.py`` is the attack ``au-sticker``. Its module offers ``create``, a
callable with explicit keyword parameters. Third parties register a module under the entry-point group
``mask.attacks``, ``mask.defenses``, ``mask.recognizers`` or ``mask.augmentations``. Listing names imports nothing
heavy.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from mask.errors import UsageError

Family = Literal["attacks", "defenses", "recognizers", "datasets", "augmentations"]
FAMILIES: tuple[Family, ...] = ("recognizers", "attacks", "defenses", "datasets", "augmentations")

_HOMES: dict[str, str] = {
    "attacks": "mask.attacks",
    "defenses": "mask.defenses",
    "recognizers": "mask.recognizers",
    "datasets": "mask.data",
    "augmentations": "mask.augment",
}


@dataclass(frozen=True)
class Spec:
    """A parsed name, such as ``ststnet:weights=DIR,flow=tvl1`` or ``megc-flow:DIR``.

    Args:
        name: the part before the first colon.
        path: the one positional value, if any.
        options: the ``key=value`` pairs, values as text, number or bool.
    """

    name: str
    path: str | None
    options: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read a spec.

        >>> Spec.parse("synthetic:subjects=12,seed=0")
        Spec(name='synthetic', path=None, options={'subjects': 12, 'seed': 0})
        >>> Spec.parse("megc-flow:/data/norm_u_v_os").path
        '/data/norm_u_v_os'
        """
        name, _, rest = text.partition(":")
        name = name.strip()
        if not name:
            raise UsageError(f"{text!r} names nothing; expected NAME, NAME:PATH or NAME:key=value,...")
        path: str | None = None
        options: dict[str, Any] = {}
        for item in filter(None, rest.split(",")):
            key, equals, value = item.partition("=")
            if not equals:
                if path is not None or options:
                    raise UsageError(f"{text!r} holds {item!r} where key=value was expected")
                path = item
            elif not key.isidentifier():
                raise UsageError(f"{text!r} holds the key {key!r}, which is not a parameter name")
            elif key in options:
                raise UsageError(f"{text!r} gives {key!r} twice")
            else:
                options[key] = _value(value)
        return cls(name, path, options)


def _value(text: str) -> Any:
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def names(family: Family) -> tuple[str, ...]:
    """Every name of a family, built-in and third-party, sorted."""
    built_in = [_spell(m) for m in _modules(family)]
    return tuple(sorted({*built_in, *(e.name for e in _third_party(family))}))


def describe(family: Family, name: str) -> str:
    """The first line of a member's docstring, read without importing it where its source is at hand."""
    module = _module_name(family, name)
    if module is None:
        return "third party"
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return ""
    doc = ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8")))
    return (doc or "").split("\n", 1)[0]


def create(family: Family, text: str) -> Any:
    """Build a family member from its spec.

    Raises:
        UsageError: for an unknown name or parameter, naming those that exist.
    """
    spec = Spec.parse(text)
    factory = _factory(family, spec.name)
    options = dict(spec.options)
    parameters = inspect.signature(factory).parameters
    if spec.path is not None:
        if "path" not in parameters:
            raise UsageError(f"{spec.name} takes no path, and was given {spec.path!r}; it takes {_list(parameters)}")
        options["path"] = spec.path
    unknown = [k for k in options if k not in parameters]
    if unknown:
        raise UsageError(f"{spec.name} has no parameter {unknown[0]!r}; it takes {_list(parameters)}")
    missing = [k for k, p in parameters.items() if p.default is p.empty and k not in options]
    if missing:
        raise UsageError(f"{spec.name} needs {missing[0]!r}; for example {spec.name}:{missing[0]}=...")
    try:
        return factory(**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{text}: {error}") from error


def _factory(family: Family, name: str) -> Any:
    module = _module_name(family, name)
    if module is not None:
        loaded: Any = importlib.import_module(module)
    else:
        entry = next((e for e in _third_party(family) if e.name == name), None)
        if entry is None:
            known = ", ".join(names(family))
            raise UsageError(f"there is no {family.removesuffix('s')} {name!r}; there are {known}")
        loaded = entry.load()
    return loaded if callable(loaded) else loaded.create


def _third_party(family: Family) -> tuple[EntryPoint, ...]:
    built_in = {_spell(m) for m in _modules(family)}
    found = tuple(entry_points(group=f"mask.{family}"))
    taken = [e.name for e in found]
    for name in taken:
        if name in built_in or taken.count(name) > 1:
            raise UsageError(f"two packages register the {family.removesuffix('s')} {name!r}; uninstall one")
    return found


def _modules(family: Family) -> list[str]:
    home = importlib.import_module(_HOMES[family])
    return [m.name for m in pkgutil.iter_modules(home.__path__) if not m.name.startswith("_")]


def _module_name(family: Family, name: str) -> str | None:
    stem = name.replace("-", "_")
    if name == _spell(stem) and stem in _modules(family):
        return f"{_HOMES[family]}.{stem}"
    return None


def _spell(module: str) -> str:
    return module.replace("_", "-")


def _list(parameters: Any) -> str:
    return ", ".join(parameters) or "no parameters"
