"""The composite of MEGC 2019: its rule, and that the rule gives the published list."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mask import registry
from mask.data import megc2019
from mask.errors import UsageError

from .data_files import casme2, samm, smic

# Negative, positive and surprise clips of each subject of SMIC-HS; their names count from 01.
SMIC = {
    "s01": (3, 2, 1),
    "s02": (0, 1, 5),
    "s03": (22, 11, 6),
    "s04": (10, 4, 5),
    "s05": (1, 0, 1),
    "s06": (2, 0, 2),
    "s08": (9, 4, 0),
    "s09": (0, 1, 3),
    "s11": (3, 3, 1),
    "s12": (0, 8, 1),
    "s13": (0, 10, 0),
    "s14": (3, 2, 5),
    "s15": (1, 1, 2),
    "s18": (2, 0, 5),
    "s19": (0, 1, 1),
    "s20": (14, 3, 5),
}
SPELT = {"ne": "negative", "po": "positive", "sur": "surprise"}


def smic_clips() -> list[tuple[str, str, str]]:
    # Folders as SMIC names them: without the zero that the published list has.
    return [
        (f"s{int(subject[1:])}", SPELT[short], f"s{int(subject[1:])}_{short}_{n:02d}")
        for subject, counts in SMIC.items()
        for short, count in zip(SPELT, counts, strict=True)
        for n in range(1, count + 1)
    ]


def spec(root: Path) -> str:
    return f"megc2019:casme2={root / 'casme2'},samm={root / 'samm'},smic={root / 'smic'}"


def test_the_published_list_is_reproduced(tmp_path: Path, megc: Path) -> None:
    """Labels by their annotated names, in tables that also list what the protocol leaves out."""
    flow = megc / "norm_u_v_os"
    listed = [(p.parts[-4], p.stem.strip().split("_", 1)[1], int(p.parts[-2])) for p in flow.glob("*/u_test/*/*.png")]
    spelt = {0: ("disgust", "repression"), 1: ("happiness", "Happiness"), 2: ("surprise", " Surprise")}
    two = [(s, f, spelt[k][len(f) % 2]) for s, f, k in listed if s.startswith("sub")]
    two += [("sub24", "EP02_07", "disgust"), ("sub10", "EP13_01", "fear"), ("sub17", "EP15_01", "sadness")]
    two += [("sub10", "EP06_01f", "others"), ("sub18", "EP08_01", "others")]
    rows = [(s[3:], f, 5, 6, 7, "4", e) for s, f, e in sorted(two)]
    rows += [("04", "EP12_01f", 5, "/", 7, "4+7", "disgust"), ("05", "EP09_05f", 5, 5, 7, "R2+15", "disgust")]
    casme2(tmp_path / "casme2", rows)

    named = {0: ("Anger", "Contempt", "Disgust", "Fear", "Sadness"), 1: ("Happiness",), 2: ("Surprise",)}
    other = [("025", "025_4_1", "Other"), ("007", "007_4_2", "Others")]
    grey = [(s, f, named[k][len(f) % len(named[k])]) for s, f, k in listed if s.isdigit()] + other
    samm(tmp_path / "samm", [(str(int(s)), f, 5, 6, 7, "4", e, "III") for s, f, e in sorted(grey)])
    smic(tmp_path / "smic", smic_clips())

    dataset = registry.create("datasets", spec(tmp_path))
    assert dataset.name == "megc2019"
    assert dataset.card["list"] == {
        "casme2": {"clips": 145, "subjects": 24, "published": [145, 24], "identical": True},
        "samm": {"clips": 133, "subjects": 28, "published": [133, 28], "identical": True},
        "smic": {"clips": 164, "subjects": 16, "published": [164, 16], "identical": True},
    }
    assert (len(dataset), len(dataset.subjects)) == (442, 68)
    assert Counter(c.emotion for c in dataset) == {"negative": 250, "positive": 109, "surprise": 83}
    assert dataset.emotions == ("negative", "positive", "surprise")
    assert {"sub01", "006", "s01"} <= set(dataset.subjects)
    # The subjects are those that the published weights are named after.
    weights = {p.stem for p in (megc / "STSTNet_Weights").glob("*.pth")}
    assert weights == {s for s in dataset.subjects if not s.startswith("s0") and not s.startswith(("s1", "s2"))}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    rows = [
        ("04", "EP12_01f", 5, "/", 7, "4+7", "disgust"),
        ("05", "EP09_05f", 5, 5, 7, "R2+15", "disgust"),
        ("24", "EP02_07", 5, 6, 7, "4", "disgust"),
        ("17", "EP15_01", 5, 6, 7, "1", "sadness"),
        ("01", "EP03_02", 5, 6, 7, "18", "others"),
        ("01", "EP02_01f", 5, 6, 7, "12", "happiness"),
        ("02", "EP01_11f", 5, 6, 7, "15", "repression"),
    ]
    casme2(tmp_path / "casme2", rows)
    grey = [("6", "006_1_2", 5, 6, 7, "4", "Anger", "III"), ("7", "007_6_1", 5, 6, 7, "12", "Happiness", "I")]
    samm(tmp_path / "samm", grey)
    smic(tmp_path / "smic", [("s1", "negative", "s1_ne_01"), ("s2", "surprise", "s2_sur_01")])
    return tmp_path


def test_the_rule_leaves_out_what_the_protocol_does(three: Path) -> None:
    dataset = registry.create("datasets", spec(three))
    assert [(c.subject, c.emotion) for c in dataset] == [
        *(("sub01", "positive"), ("sub02", "negative")),
        *(("006", "negative"), ("007", "positive")),
        *(("s01", "negative"), ("s02", "surprise")),
    ]


def test_another_list_than_the_published_one_is_not_called_by_its_name(three: Path) -> None:
    dataset = registry.create("datasets", spec(three))
    assert dataset.name == "megc2019 (6 clips, not the published 442)"
    assert not any(part["identical"] for part in dataset.card["list"].values())


def test_the_digest_sees_a_changed_label_and_not_a_changed_order(three: Path) -> None:
    clips = list(registry.create("datasets", spec(three)))
    digest = megc2019.clip_list_digest(clips)
    assert megc2019.clip_list_digest(clips[::-1]) == digest
    from dataclasses import replace

    assert megc2019.clip_list_digest([*clips[1:], replace(clips[0], emotion="negative")]) != digest
    assert (
        megc2019.clip_list_digest([*clips[1:], replace(clips[0], key=clips[0].key.replace("sub01", "SUB1"))]) == digest
    )


def test_a_folder_that_is_not_given_is_asked_for(three: Path) -> None:
    with pytest.raises(UsageError, match="megc2019 needs 'smic'"):
        registry.create("datasets", spec(three).rsplit(",", 1)[0])
