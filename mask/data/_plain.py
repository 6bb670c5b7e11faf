"""Reading a set whose annotation table has one row per clip and the usual columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mask.clip import Dataset

from ._annotations import COLUMNS, find_annotations, record
from ._build import Source, build
from ._fixes import correct
from ._tree import Place, Tree

REQUIRED = ("subject", "file", "onset", "apex", "offset", "emotion")


def read_plain(
    source: Source,
    path: str,
    *places: Callable[[str, str, str], Place],
    form: str,
    named: str,
    classes: int | str,
    apex: str,
    fixes: str,
    frames: str,
    table: str,
    required: tuple[str, ...] = REQUIRED,
) -> Dataset:
    """Read one set; see `mask.data.casme2.create` for the options and `record` for `form` and `places`."""
    tree = Tree(Path(str(path)), source.title)
    what = f"the table of {source.title}"
    found = find_annotations(tree, what, COLUMNS, required, named=named, table=str(table))
    records, skipped = found.records(lambda row: record(row, form, *places))
    card = found.card() | {"fixes": correct(source.name, records, fixes)}
    return build(source, tree, records, classes=classes, apex=apex, frames=str(frames), card=card, skipped=skipped)
