"""``mask list``."""

from __future__ import annotations

from mask import registry
from mask.cli.console import say
from mask.errors import UsageError


def show(family: str) -> None:
    """Print the names of one family, or of all, with a line about each."""
    from mask.regions import SCHEMES
    from mask.regions import load as load_scheme
    from mask.sticker import art

    groups: dict[str, list[tuple[str, str]]] = {
        f: [(n, registry.describe(f, n)) for n in registry.names(f)] for f in registry.FAMILIES
    }
    groups["stickers"] = [(n, "") for n in art.names()]
    groups["regions"] = [(name, ", ".join(load_scheme(name).names)) for name in SCHEMES]
    if family and family not in groups:
        raise UsageError(f"there is no family {family!r}; there are {', '.join(groups)}")
    for name, members in groups.items():
        if family in ("", name):
            say(f"{name}:")
            for member, line in members:
                say(f"  {member:<14} {line}".rstrip())
