"""Facial action units as coders write them, and the objective classes made of them.

``4+L10``, ``R12 or L14``, ``ref(7B)+43``, ``10A/B``, ``AUR2+12(k)``, ``12L``, ``?``: every dataset has its spelling.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["", "L", "R", "T", "B"]

OBJECTIVE = ("I", "II", "III", "IV", "V", "VI", "VII")
"""The objective classes; the field's challenges use the first five."""

# A. K. Davison, W. Merghani, M. H. Yap, "Objective Classes for Micro-Facial Expression Recognition", Journal of Imaging
# 4(10), 2018. Everything else is class VII. The paper prints 4+40 and 4+5+40 in class IV, and neither CASME II nor SAMM
# codes a unit 40; read as 4+10 and 4+5+10, class IV of CASME II has 24 clips of the 26 in its file of objective
# classes, and every other class comes as near. Both spellings count.
_CLASSES: Mapping[str, str] = {
    "I": "6, 12, 6+12, 6+7+12, 7+12",
    "II": "1+2, 5, 25, 1+2+25, 25+26, 5+24",
    "III": "23, 4, 4+7, 4+5, 4+5+7, 17+24, 4+6+7, 4+38",
    "IV": "10, 9, 4+9, 4+10, 4+5+10, 4+40, 4+5+40, 4+7+9, 4+9+17, 4+7+10, 4+5+7+9, 7+10",
    "V": "1, 15, 1+4, 6+15, 15+17",
    "VI": "1+2+4, 20",
}
_OF_UNITS = {
    frozenset(map(int, combination.split("+"))): name
    for name, combinations in _CLASSES.items()
    for combination in combinations.split(",")
}

_UNIT = re.compile(
    r"(?P<ref>ref)? \(? (?:AU|U)? (?P<before>[LRTB])? (?:AU)? (?P<number>\d{1,2}) (?P<after>[LR](?![a-z]))?"
    r"(?P<from>[A-E])? (?:/(?P<to>[A-E]))? \)? (?P<mark>\?|\(\?\))? (?P<static>\(k\)?)? (?P<late>\?)?",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class ActionUnit:
    """One action unit of one clip.

    Args:
        number: of the Facial Action Coding System.
        side: ``L`` or ``R`` as coded, ``T`` or ``B`` for the top or bottom lip, empty for both sides.
        intensity: ``A`` (trace) to ``E`` (maximum), two letters such as ``AB`` where the coder was between them, empty
            where it was not coded.
        uncertain: the coder doubted it, or gave it as one of several possibilities.
        static: it is on the face all the time and does not move.
    """

    number: int
    side: Side = ""
    intensity: str = ""
    uncertain: bool = False
    static: bool = False

    def __str__(self) -> str:
        return f"{self.side or 'AU'}{self.number}{self.intensity}{'?' if self.uncertain else ''}"


def parse_units(text: str) -> tuple[tuple[ActionUnit, ...], str]:
    """Read a coder's text.

    Args:
        text: such as ``4+L10`` or ``R12 or L14``; empty, ``0`` or ``none`` when nothing was coded.

    Returns:
        The units in the order of the text, each once, and what was not understood (empty when all was).

    >>> [str(u) for u in parse_units("ref(7B) + AUL10 or 12R+9(k)")[0]]
    ['AU7B?', 'L10?', 'R12?', 'AU9']
    """
    found: dict[ActionUnit, None] = {}
    strange: list[str] = []
    if text.strip().casefold() in ("", "0", "none", "nan", "n/a", "/", "-"):
        return (), ""
    for part in re.split(r"[+,;&、]|\band\b", text, flags=re.IGNORECASE):
        choices = [c.strip() for c in re.split(r"\bor\b", part, flags=re.IGNORECASE)]
        for choice in choices:
            # A lone unit may come out of a spreadsheet as a number with a decimal point.
            match = _UNIT.fullmatch(re.sub(r"\s+", "", choice.removesuffix(".0")))
            if match is None:
                strange += [choice] if choice else []
            else:
                found.setdefault(_unit(match, len(choices) > 1))
    return tuple(found), ", ".join(strange)


def _unit(match: re.Match[str], choice: bool) -> ActionUnit:
    part = {k: (v or "").upper() for k, v in match.groupdict().items()}
    side: Side = part["before"] or part["after"]  # type: ignore[assignment]
    doubt = choice or bool(part["ref"] or part["mark"] or part["late"] or part["to"])
    intensity = part["from"] + part["to"]
    return ActionUnit(int(part["number"]), side, intensity, doubt, bool(part["static"]))


def moving(units: Iterable[ActionUnit]) -> tuple[str, ...]:
    """The units that move, as a clip names them."""
    return tuple(str(u) for u in units if not u.static)


def objective_class(units: Collection[ActionUnit]) -> str:
    """The objective class of a set of units, ``I`` to ``VII``, sides and intensities left out; empty without units.

    >>> objective_class(parse_units("4+L10")[0]), objective_class(parse_units("6+R14")[0])
    ('IV', 'VII')
    """
    numbers = frozenset(u.number for u in units if not u.static)
    return _OF_UNITS.get(numbers, "VII") if numbers else ""


def roman(text: str) -> str:
    """An objective class as annotated, ``3``, ``III`` or ``Class III``, as a Roman number; empty for anything else."""
    word = text.strip().upper().removeprefix("CLASS").strip()
    if word.isdigit() and 1 <= int(word) <= len(OBJECTIVE):
        return OBJECTIVE[int(word) - 1]
    return word if word in OBJECTIVE else ""
