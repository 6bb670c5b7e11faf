"""Action units as coders write them, objective classes, and the label sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask.data._emotions import CHOICES, Classes, spell
from mask.data._units import OBJECTIVE, ActionUnit, moving, objective_class, parse_units, roman
from mask.errors import UsageError

U = ActionUnit


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4", [U(4)]),
        ("4.0", [U(4)]),
        ("4+L10", [U(4), U(10, "L")]),
        ("AU12", [U(12)]),
        ("12L", [U(12, "L")]),
        ("4R+7", [U(4, "R"), U(7)]),
        ("R14A", [U(14, "R", "A")]),
        ("10A/B", [U(10, "", "AB", uncertain=True)]),
        ("7B", [U(7, "", "B")]),
        ("R12 or L14", [U(12, "R", uncertain=True), U(14, "L", uncertain=True)]),
        ("ref(7B)+43", [U(7, "", "B", uncertain=True), U(43)]),
        ("AUR2+12(k)+45", [U(2, "R"), U(12, static=True), U(45)]),
        ("T28+14", [U(28, "T"), U(14)]),
        ("1,2;5&7", [U(1), U(2), U(5), U(7)]),
        ("4?", [U(4, uncertain=True)]),
        ("4+4+L4", [U(4), U(4, "L")]),
        ("", []),
        ("0", []),
        ("/", []),
    ],
)
def test_coders_spellings(text: str, units: list[ActionUnit]) -> None:
    assert parse_units(text) == (tuple(units), "")


@pytest.mark.parametrize("text", ["?", "raises brow", "4+brow", "4444", "AU", "L+R"])
def test_what_is_not_understood_is_said(text: str) -> None:
    units, strange = parse_units(text)
    assert strange
    assert all(u.number == 4 for u in units)


def test_a_static_unit_does_not_move() -> None:
    assert moving(parse_units("AU4(k)+L7")[0]) == ("L7",)


@given(
    st.lists(
        st.builds(
            ActionUnit,
            st.integers(1, 99),
            st.sampled_from(["", "L", "R", "T", "B"]),
            st.sampled_from(["", "A", "B", "C", "D", "E"]),
            st.booleans(),
        ),
        unique=True,
        max_size=6,
    )
)
def test_written_and_read_again_units_are_the_same(units: list[ActionUnit]) -> None:
    assert parse_units("+".join(map(str, units))) == (tuple(units), "")


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    units, _ = parse_units(text)
    assert objective_class(units) in ("", *OBJECTIVE)


@pytest.mark.parametrize(
    ("units", "name"),
    [
        *(("6", "I"), ("R12", "I"), ("7+12+6", "I")),
        *(("1+L2", "II"), ("5", "II"), ("25+26", "II")),
        *(("4", "III"), ("4+7", "III"), ("17+24", "III")),
        *(("4+L10", "IV"), ("4+9+17", "IV"), ("4+5+10", "IV")),
        *(("1", "V"), ("15+17", "V"), ("1+4", "V")),
        *(("20", "VI"), ("1+2+4", "VI")),
        *(("4(k)+12", "I"), ("12(k)", "")),
        *(("14", "VII"), ("4+5+7+9+10", "VII"), ("", "")),
    ],
)
def test_objective_classes(units: str, name: str) -> None:
    assert objective_class(parse_units(units)[0]) == name


def test_objective_classes_as_annotated() -> None:
    assert [roman(t) for t in ("3", "III", "class iii", " 7 ", "8", "", "x")] == [
        "III",
        "III",
        "III",
        "VII",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("dataset", "choice", "annotated", "label"),
    [
        ("casme2", 3, "Repression", "negative"),
        ("casme2", 3, "sadness", "negative"),
        ("casme2", 3, "happiness", "positive"),
        ("casme2", 3, "others", None),
        ("casme2", 4, "repression", "others"),
        ("casme2", 5, "repression", "repression"),
        ("casme2", 5, "fear", None),
        ("casme2", "native", "fear", "fear"),
        ("samm", 5, "Other", "others"),
        ("samm", 5, "Disgust", None),
        ("samm", 7, "Other", None),
        ("casme3", 7, "happy", "happiness"),
        ("casme3", 7, "Sad", "sadness"),
        ("casme", 3, "tense", None),
        ("4dme", 3, "Negative+Repression", "negative"),
        ("4dme", 3, "Surprise+Positive", None),
        ("4dme", "native", "Surprise+Positive", "positive+surprise"),
        ("dfme", 7, "Contempt", "contempt"),
        ("mmew", 6, "others", None),
    ],
)
def test_label_sets(dataset: str, choice: int | str, annotated: str, label: str | None) -> None:
    assert Classes(dataset, choice).label(spell(annotated), "") == label


def test_objective_labels_are_the_five_of_the_challenge() -> None:
    five = Classes("casme2", "objective")
    assert [five.label((), c) for c in ("I", "V", "VI", "VII", "")] == ["I", "V", None, None, None]
    assert five.order(["III", "I"]) == ("I", "III")


def test_labels_come_in_the_order_of_their_set() -> None:
    assert Classes("samm", 3).order(["surprise", "negative", "positive", "negative"]) == (
        *("negative", "positive", "surprise"),
    )
    assert Classes("casme2", 5).order(["others", "disgust", "happiness"]) == ("happiness", "disgust", "others")
    assert Classes("4dme", "native").order(["surprise", "negative", "odd"]) == ("negative", "surprise", "odd")


@pytest.mark.parametrize(("dataset", "choice"), [("smic", 5), ("casme2", 6), ("samm", "nine"), ("dfme", 0)])
def test_another_label_set_says_which_there_are(dataset: str, choice: int | str) -> None:
    with pytest.raises(UsageError, match=f"{dataset} has 3, 4, .*native, objective"):
        Classes(dataset, choice)


def test_every_named_label_set_has_as_many_labels_as_its_name_says() -> None:
    for sets in CHOICES.values():
        for name, labels in sets.items():
            assert len(set(labels)) == len(labels)
            assert name == "native" or int(name) == len(labels)
