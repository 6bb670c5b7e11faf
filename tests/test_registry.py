"""Names: specs, listing, and errors that say what exists."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask import registry
from mask.errors import UsageError
from mask.registry import Spec


@pytest.mark.parametrize(
    ("text", "name", "path", "options"),
    [
        ("random", "random", None, {}),
        ("synthetic:subjects=12,seed=0", "synthetic", None, {"subjects": 12, "seed": 0}),
        ("ststnet:weights=/a/b,flow=tvl1", "ststnet", None, {"weights": "/a/b", "flow": "tvl1"}),
        ("megc-flow:/data/maps,part=samm", "megc-flow", "/data/maps", {"part": "samm"}),
        ("folder:C:\\clips", "folder", "C:\\clips", {}),
        ("x:on=true,rate=1e-3", "x", None, {"on": True, "rate": 0.001}),
    ],
)
def test_specs(text: str, name: str, path: str | None, options: dict[str, object]) -> None:
    assert Spec.parse(text) == Spec(name, path, options)


@given(st.text(max_size=30))
def test_any_text_is_a_spec_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        spec = Spec.parse(text)
        assert spec.name in text


@pytest.mark.parametrize(
    ("family", "spec", "words"),
    [
        ("attacks", "nonesuch", ["no attack 'nonesuch'", "exhaustive", "random"]),
        ("attacks", "random:colour=red", ["no parameter 'colour'", "art"]),
        ("attacks", "random:/some/path", ["takes no path"]),
        ("datasets", "megc-flow", ["needs 'path'"]),
        ("recognizers", "ststnet:flow=magic", ["'magic'", "tvl1"]),
        ("defenses", "median:size=4", ["4", "odd"]),
        ("attacks", "", ["names nothing"]),
        ("attacks", "random:art=heart,art=star", ["twice"]),
    ],
)
def test_a_wrong_name_says_what_is_right(family: registry.Family, spec: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        registry.create(family, spec)
    for word in words:
        assert word in str(caught.value)


def test_files_are_names() -> None:
    assert {"random", "centre", "exhaustive", "region", "au-sticker", "causal", "grey"} <= set(
        registry.names("attacks")
    )
    assert {"ststnet", "mmnet"} <= set(registry.names("recognizers"))
    assert {"jpeg", "median"} <= set(registry.names("defenses"))
    assert {"synthetic", "megc-flow", "folder"} <= set(registry.names("datasets"))


def test_every_member_says_what_it_is() -> None:
    for family in registry.FAMILIES:
        for name in registry.names(family):
            assert len(registry.describe(family, name)) > 20, f"{family} {name} has no docstring"


def test_two_packages_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    rival = EntryPoint("random", "somewhere:create", "mask.attacks")
    monkeypatch.setattr(registry, "entry_points", lambda group: (rival,) if group == "mask.attacks" else ())
    with pytest.raises(UsageError, match="two packages register the attack 'random'"):
        registry.names("attacks")
    with pytest.raises(UsageError, match="two packages"):
        registry.create("attacks", "nonesuch")


def test_third_parties_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    theirs = EntryPoint("theirs", "mask.attacks.random", "mask.attacks")
    monkeypatch.setattr(registry, "entry_points", lambda group: (theirs,) if group == "mask.attacks" else ())
    assert "theirs" in registry.names("attacks")
    assert registry.create("attacks", "theirs:art=star").art == "star"
