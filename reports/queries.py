"""Success against the number of queries."""

from __future__ import annotations

from .curves import by_queries
from .document import RATE, Figure, Row, Section, Table, Text, named, numbered, rate, table, whole
from .model import Run
from .success import behind

_CAPTION = (
    "Share of the clips right before that were answered wrongly by the time an attack had asked so often, with Wilson "
    "intervals: one run of each, read off at every budget. A grey dash at one query is an attack that never asks "
    "before its only look. Points are set a little apart."
)


def queries(run: Run) -> Section:
    """Query curves and the numbers behind them."""
    found = by_queries(run)
    if not found:
        why = "No attack asked the recognizer more than once, so there is no curve: not run."
        return Section("queries", "By number of queries", (Text(why),))
    return Section("queries", "By number of queries", (Figure(tuple(found), _CAPTION, _table(run)),))


def _table(run: Run) -> Table:
    rows = [
        Row((c.attack, c.recognizer, c.kinetics, behind(c.defense), whole(asked), *rate(found)))
        for c in run.cells
        if not c.region
        for asked, found in c.anytime
    ]
    heads = named("attack", "recognizer", "kinetics", "defence")
    return table("Success after so many queries", (*heads, *numbered("queries"), *RATE), rows)
