"""``mask data check``: what is there, what is missing and why, before anything runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mask.cli.app import app, main
from mask.errors import UnreadableData

from .data_files import casme2, pictures, samm, smic

ROWS = [
    ("01", "EP02_01f", 46, 59, 66, 12, "happiness"),
    ("01", "EP03_02", 1, 5, 9, 18, "others"),
    ("02", "EP11_01", 16, "/", 30, "1+L2", "surprise"),
    ("02", "EP01_11f", 46, 60, 80, 15, "repression"),
    *(("03", f"EP{n:02d}", 1, 2, 3, 4, "disgust") for n in range(4)),
]


def check(*words: str) -> tuple[str, BaseException | None]:
    told = CliRunner().invoke(app, ["data", "check", "--quiet", *words])
    return told.stdout, told.exception


def test_a_whole_set(tmp_path: Path) -> None:
    text, error = check(f"casme2:{casme2(tmp_path, ROWS)}")
    assert error is None
    for line in (
        f"casme2:{tmp_path.name}: 7 clips of 3 subjects, 0 neutral",
        "annotations: CASME2-coding-20140508.xlsx",
        "frames: CASME2_RAW_selected",
        "apex: 6 annotated, 1 midpoint",
        "left out by classes=3: 1 others",
        "sub02           1         0         1",
        "0 skipped",
    ):
        assert line in text


def test_a_half_downloaded_set_is_a_clear_report(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    base = tmp_path / "CASME2_RAW_selected"
    for path in [*(base / "sub03").rglob("*.jpg"), *list((base / "sub02/EP01_11f").iterdir())[:30]]:
        path.unlink()
    for path in sorted((base / "sub03").iterdir()):
        path.rmdir()
    (base / "sub01/EP02_01f/img59.jpg").write_bytes(b"")
    text, error = check(
        f"casme2:{tmp_path}",
    )
    assert text.startswith("6 missing:") is False
    assert "all 1 usable clips" in str(error)
    (base / "sub01/EP02_01f/img59.jpg").write_bytes((base / "sub01/EP02_01f/img58.jpg").read_bytes())
    text, error = check(f"casme2:{tmp_path}")
    assert "casme2/sub03: 4 clips have no folder, such as sub03/EP00" in text
    assert "pictures 46 to 80 are there" in text
    assert isinstance(error, UnreadableData)
    assert "5 clips are missing and 0 cannot be read; the 2 others can be used" in str(error)


def test_a_set_that_cannot_be_used_still_says_all_it_found(tmp_path: Path) -> None:
    text, error = check(f"casme2:{casme2(tmp_path, ROWS, unpack=False)}")
    assert "7 missing" not in text
    assert "casme2/sub03: 4 clips have no folder" in text
    assert "none of the 8 annotated clips of CASME II can be used" in str(error)


def test_as_json(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    told = json.loads(check(f"casme2:{tmp_path}", "--json")[0])
    assert (told["clips"], told["subjects"], told["complete"], told["unreadable"]) == (7, 3, True, [])
    assert told["by_emotion"] == {"positive": 1, "surprise": 1, "negative": 5}
    assert told["card"]["apex"]["midpoint"] == ["casme2/sub02/EP11_01/16"]
    for path in (tmp_path / "CASME2_RAW_selected").rglob("*.jpg"):
        path.unlink()
    broken = json.loads(check(f"casme2:{tmp_path}", "--json")[0])
    assert (broken["clips"], broken["complete"], len(broken["card"]["missing"])) == (0, False, 7)


def test_damage_in_the_middle_is_found_by_decoding(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    folder = tmp_path / "CASME2_RAW_selected/sub01/EP02_01f"
    whole = (folder / "img59.jpg").read_bytes()
    (folder / "img50.jpg").write_bytes(b"")
    assert check(f"casme2:{tmp_path}")[1] is None
    text, error = check(f"casme2:{tmp_path}", "--deep")
    assert "1 unreadable" in text
    assert "img50.jpg is not a readable picture" in text
    assert "0 clips are missing and 1 cannot be read" in str(error)
    (folder / "img59.jpg").write_bytes(whole[:20] + b"\0" * 60 + whole[-2:])
    assert "img59.jpg is not a readable picture" in check(f"casme2:{tmp_path}")[0]


def test_a_composite_reports_each_part(tmp_path: Path) -> None:
    casme2(tmp_path / "casme2", ROWS)
    samm(
        tmp_path / "samm",
        [("6", "006_1_2", 5, 6, 7, "4", "Anger", "III"), ("7", "007_6_1", 5, 6, 7, "12", "Happiness", "I")],
    )
    smic(tmp_path / "smic", [("s1", "negative", "s1_ne_01"), ("s2", "surprise", "s2_sur_01")])
    text, error = check(f"megc2019:casme2={tmp_path / 'casme2'},samm={tmp_path / 'samm'},smic={tmp_path / 'smic'}")
    assert error is None
    assert "samm: annotations: SAMM_Micro_FACS_Codes_v2.xlsx" in text
    assert "smic: clips 2, subjects 2, published [164, 16], identical False" in text


def test_a_folder_of_your_own_with_a_file_that_is_not_there(tmp_path: Path) -> None:
    rows = [
        "file,subject,onset,apex,offset,emotion",
        "a,1,0,1,2,anger",
        "b,2,0,1,2,joy",
        "gone,2,0,1,2,joy",
        "b,2,0,9,2,joy",
    ]
    (tmp_path / "annotations.csv").write_text("\n".join(rows))
    for name in "ab":
        pictures(tmp_path / name, range(3))
    text, error = check(f"folder:{tmp_path}")
    assert "line 4: gone is listed and not there" in text
    assert "1 skipped" in text
    assert "1 clips are missing" in str(error)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["casme2:{empty}"], 1, "CASME2-coding-20140508.xlsx"),
        (["casme2:{empty}/no/such"], 1, "does not exist"),
        (["casme2:{set},classes=9"], 2, "casme2 has 3, 4, 5, 7"),
        (["casme2"], 2, "needs 'path'"),
        (["casme7:{set}"], 2, "there is no dataset 'casme7'"),
        (["casme2:{set}"], 0, ""),
    ],
)
def test_exit_codes_and_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    casme2(tmp_path / "set", ROWS)
    command = [w.format(empty=tmp_path / "empty", set=tmp_path / "set") for w in words]
    monkeypatch.setattr(sys, "argv", ["mask", "data", "check", "--quiet", *command])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert (end.value.code or 0, said in told) == (code, True), told
    assert "Traceback" not in told
    assert len(told.splitlines()) == (1 if code else 0)


def test_a_set_with_one_subject_cannot_be_trained_on_and_says_why(tmp_path: Path) -> None:
    root = casme2(tmp_path / "set", [r for r in ROWS if r[0] == "02"])
    command = ["train", "ststnet:epochs=1", "--data", f"casme2:{root}", "--out", str(tmp_path / "out")]
    error: Any = CliRunner().invoke(app, command).exception
    assert "1 subject; a subject-independent protocol needs two or more" in str(error)


def test_the_help_of_the_command_names_the_option(tmp_path: Path) -> None:
    pictures(tmp_path, [1])
    assert "--deep" in CliRunner().invoke(app, ["data", "check", "--help"]).stdout
