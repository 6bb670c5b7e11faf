"""Every example in a docstring, run by the module's installed name."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest


def modules() -> Iterator[str]:
    """Every module of the package and its families, one folder after the other."""
    for name in ("mask", "mask.attacks", "mask.defenses", "mask.recognizers", "mask.reports"):
        folder = Path(str(importlib.import_module(name).__file__)).parent
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if parts[-1] not in ("__init__", "__main__"):
                yield ".".join((name, *parts))


def test_the_walk_finds_every_family() -> None:
    names = set(modules())
    assert {"mask.attacks.random", "mask.defenses.jpeg", "mask.recognizers.mmnet", "mask.reports.html"} <= names
    assert {"mask.metrics", "mask.data.synthetic.film", "mask.cli.app"} <= names


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name: str) -> None:
    told = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert told.failed == 0
