"""How numbers and names are put into words, the same in tables, captions and descriptions of figures."""

from __future__ import annotations

from .model import Interval, Rate

KINETICS = {
    "skin": "a real sticker that rides on the skin",
    "slip": "a loosely attached sticker that stays behind the skin or sags",
    "raised": "a sticker that stands off the skin and shifts when the head turns",
    "overlay": "an animated overlay whose motion is chosen",
    "screen": "a sticker fixed to the screen",
    "digital": "no sticker: pixels changed in the file, by someone who holds the recognizer (white box)",
}

NONE = "–"


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed count of decimals and a true minus sign, or a dash.

    >>> number(-0.0714), number(None)
    ('−0.071', '–')
    """
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def signed(value: float) -> str:
    """A difference, with its sign."""
    return ("+" if float(f"{value:.3f}") > 0 else "") + number(value)


def interval(pair: Interval | None, digits: int = 3) -> str:
    """An interval in brackets, or a dash."""
    return NONE if pair is None else f"[{pair[0]:.{digits}f}, {pair[1]:.{digits}f}]"


def p_value(p: float) -> str:
    """A p-value to two significant digits.

    >>> p_value(0.0123), p_value(1e-9), p_value(1.0)
    ('0.012', '<0.001', '1')
    """
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def count(n: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> count(1, "clip"), count(2, "clip")
    ('1 clip', '2 clips')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(parts: list[str] | tuple[str, ...], last: str = "and") -> str:
    """Parts as a person lists them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def region(name: str) -> str:
    """A region's name with spaces."""
    return name.replace("_", " ")


def share(rate: Rate) -> str:
    """Hits of tries."""
    return f"{rate.hits}/{rate.n}"
