"""Reading JSON that anybody may have written: each value is asked for by type, and refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from mask.errors import UnreadableData

LONGEST = 2000
"""Characters of one text; the rest is cut off, and an ellipsis says so."""

_LARGEST = 1e15

# Control characters, lone surrogates, and marks that turn the direction of the text that follows them.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that shows what it holds: hidden characters replaced, cut to `LONGEST`.

    >>> clean("ok" + chr(0x202E) + "ko")
    'ok\ufffdko'
    """
    shown = _HIDDEN.sub("\ufffd", text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


class Node:
    """One value of a JSON document, and where in the document it is.

    Args:
        value: as read.
        place: how an error names it, as ``results.json: cells[3].asr``.
    """

    def __init__(self, value: Any, place: str) -> None:
        self._value = value
        self.place = place

    def __getitem__(self, key: str) -> Node:
        """A member that must be there, which may be null."""
        found = self._object()
        if key not in found:
            raise UnreadableData(f"{self.place} lacks {key!r}; it was not written by this version of mask audit")
        return Node(found[key], f"{self.place}.{key}")

    def __contains__(self, key: str) -> bool:
        return self._object().get(key) is not None

    def get(self, key: str, default: Any) -> Node:
        """A member, or `default` where it is absent or null."""
        value = self._object().get(key)
        return Node(default if value is None else value, f"{self.place}.{key}")

    def items(self) -> Iterator[tuple[str, Node]]:
        """The members of an object, names cleaned."""
        for key, value in self._object().items():
            yield clean(key), Node(value, f"{self.place}[{clean(key)[:40]!r}]")

    def entries(self, most: int = 10_000) -> list[Node]:
        """The entries of a list of at most `most`."""
        if not isinstance(self._value, list):
            self.refuse("a list")
        if len(self._value) > most:
            raise UnreadableData(f"{self.place} has {len(self._value)} entries; expected at most {most}")
        return [Node(v, f"{self.place}[{i}]") for i, v in enumerate(self._value)]

    def text(self) -> str:
        """A text, cleaned."""
        if not isinstance(self._value, str):
            self.refuse("a text")
        return clean(self._value)

    def texts(self, most: int = 10_000) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(v.text() for v in self.entries(most))

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number in [low, high]."""
        value = self._value
        plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
        # A tolerance of rounding: averages of exact shares may end a bit above one.
        if not plain or not low - 1e-9 <= value <= high + 1e-9:
            self.refuse(f"a number from {low:g} to {high:g}" if math.isfinite(low + high) else "a finite number")
        return float(value)

    def number_or_none(self, low: float = -math.inf, high: float = math.inf) -> float | None:
        """A finite number in [low, high], or null."""
        return None if self._value is None else self.number(low, high)

    def share(self) -> float:
        """A number in [0, 1]."""
        return self.number(0, 1)

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self._value, bool):
            self.refuse("true or false")
        return bool(self._value)

    def count(self) -> int:
        """A whole number, zero or more."""
        if isinstance(self._value, bool) or not isinstance(self._value, int) or not 0 <= self._value < 2**53:
            self.refuse("a count")
        return int(self._value)

    def interval(self, low: float = 0, high: float = 1) -> tuple[float, float]:
        """Two numbers in [low, high], the lower one first."""
        pair = self.entries(2)
        if len(pair) != 2:
            self.refuse("two numbers")
        first, last = (v.number(low, high) for v in pair)
        if first > last:
            self.refuse("an interval, its lower end first")
        return first, last

    def interval_or_none(self, low: float = 0, high: float = 1) -> tuple[float, float] | None:
        """An interval, or null."""
        return None if self._value is None else self.interval(low, high)

    def raw(self) -> Any:
        """The value itself, unchecked."""
        return self._value

    def refuse(self, expected: str) -> NoReturn:
        """Raise `UnreadableData`: what this is, and what was expected."""
        given = clean(repr(self._value))
        given = given if len(given) <= 60 else given[:59] + "…"
        raise UnreadableData(f"{self.place} is {given}; expected {expected}")

    def _object(self) -> dict[str, Any]:
        if not isinstance(self._value, dict):
            self.refuse("an object")
        found: dict[str, Any] = self._value
        return found
