"""From the names people write to attacks, defences and surrogates, each under the label that results give it."""

from __future__ import annotations

from collections.abc import Sequence

from mask import registry
from mask.contracts import Attack, Defense, Recognizer
from mask.errors import UsageError


def attacks(specs: Sequence[str]) -> dict[str, Attack]:
    """Attacks by label; a name that stands for several is spelt out, ``region`` as ``region:name=chin`` and so on.

    Raises:
        UsageError: for an unknown name or parameter, an attack listed twice, or none at all.
    """
    found: dict[str, Attack] = {}
    for spec in specs:
        made = registry.create("attacks", spec)
        for attack in made if isinstance(made, tuple) else (made,):
            label = f"{spec}:name={attack.name}" if isinstance(made, tuple) else spec
            if label in found:
                raise UsageError(f"the attack {label!r} is listed twice")
            found[label] = attack
    if not found:
        raise UsageError("no attack was named; see 'mask list attacks'")
    return found


def defenses(specs: Sequence[str]) -> dict[str, Defense | None]:
    """Defences by label; ``none`` is no defence.

    Raises:
        UsageError: for an unknown name or parameter.
    """
    return {spec: None if spec == "none" else registry.create("defenses", spec) for spec in specs}


def surrogates(specs: Sequence[str]) -> tuple[tuple[Recognizer, ...], bool]:
    """What the attacker owns: recognizers, and whether the siblings of the one under audit (``siblings``) as well.

    Raises:
        UsageError: for an unknown name or parameter.
    """
    named = tuple(registry.create("recognizers", s) for s in specs if s not in ("siblings", "none"))
    return named, "siblings" in specs
