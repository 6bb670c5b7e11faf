"""What a person sees while and after a command works: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm


class Progress:
    """One bar at a time on standard error; a new title starts a new bar.

    >>> with Progress(quiet=True) as bar:
    ...     bar("training", 1, 10)
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None
        self._title = ""

    def __call__(self, title: str, done: int, total: int | None) -> None:
        """Report `done` more items of `total` of the job `title`."""
        if self._quiet:
            return
        if self._bar is None or title != self._title:
            self.close()
            self._title = title
            # Into a file goes a line a minute, not five a second.
            often = 0.2 if sys.stderr.isatty() else 60
            self._bar = tqdm(
                total=total, desc=title, file=sys.stderr, leave=False, dynamic_ncols=True, mininterval=often
            )
        self._bar.update(done)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def say(text: str = "") -> None:
    """Print a line of the result."""
    print(text)


def note(text: str) -> None:
    """Print a line that is not the result."""
    print(text, file=sys.stderr)


def print_json(data: Any) -> None:
    """Print the result as JSON."""
    print(json.dumps(data, indent=1, allow_nan=False))


def table(rows: list[list[str]], header: list[str]) -> str:
    """Aligned columns, the first left and the others right."""
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first, *others = (
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])
