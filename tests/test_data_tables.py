"""Annotation tables: every format, as text, by their header, bounded."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask.data import _table
from mask.data._table import read_sheets, tidy
from mask.errors import UnreadableData

from .data_files import xls, xlsx

COLUMNS = {"subject": ("Subject", "sub_ID"), "onset": ("Onset Frame", "OnsetF"), "emotion": ("Emotion",)}
ROWS = [("Subject", "Onset Frame", "Emotion"), ("006", 5562, "Anger "), (7, 12.0, "happy")]


@pytest.mark.parametrize("suffix", ["xlsx", "xls", "csv", "tab.txt", "blank.txt"])
def test_every_format_gives_the_same_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"codes.{suffix}"
    if suffix == "xlsx":
        xlsx(path, codes=ROWS)
    elif suffix == "xls":
        xls(path, ROWS)
    else:
        mark = {"csv": ",", "tab.txt": "\t", "blank.txt": "  "}[suffix]
        rows = [[tidy(v).replace(" ", "") if suffix == "blank.txt" else str(v) for v in row] for row in ROWS]
        path.write_text("\n".join(mark.join(map(str, row)) for row in rows), encoding="utf-8-sig")
    (sheet,) = read_sheets(path)
    rows = sheet.below({**COLUMNS, "onset": ("OnsetFrame",)}, ("subject", "onset", "emotion"))
    assert rows is not None
    assert [(r["subject"], r["onset"].removesuffix(".0"), r["emotion"]) for r in rows] == [
        ("006", "5562", "Anger"),
        ("7", "12", "happy"),
    ]
    assert [r.line for r in rows] == [2, 3]


def test_a_header_may_stand_below_a_text_and_under_other_names(tmp_path: Path) -> None:
    path = xlsx(
        tmp_path / "a.xlsx", notes=[["see", "the", "paper"]], MICRO_ONLY=[["SAMM"], [], ["sub_ID'", "", "onset_f"]]
    )
    assert [s.below(COLUMNS, ("subject", "onset")) for s in read_sheets(path)] == [None, []]


def test_what_is_not_there_is_empty_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", a=[["Subject", "Onset Frame"], [None, None], ["1", None], ["2", 3]])
    rows = read_sheets(path)[0].below(COLUMNS, ("subject", "onset"))
    assert rows is not None
    assert [(r.line, r["subject"], r["onset"], r["emotion"]) for r in rows] == [(3, "1", "", ""), (4, "2", "3", "")]


def test_a_table_of_a_chinese_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes("Subject,Emotion,备注\n1,４+７，9,面部".encode("gb18030"))
    (sheet,) = read_sheets(tmp_path / "c.csv")
    assert sheet.rows[1] == ("1", "4+7,9", "面部")


@given(st.text(max_size=40) | st.integers() | st.floats() | st.none() | st.booleans() | st.datetimes())
def test_tidying_twice_changes_nothing(value: object) -> None:
    once = tidy(value)
    assert tidy(once) == once
    assert once == once.strip(" \t\r\n")


def test_whole_numbers_lose_their_point_and_dates_become_text() -> None:
    assert [tidy(v) for v in (12.0, 12.5, 0, None, float("nan"))] == ["12", "12.5", "0", "", "nan"]
    assert tidy(datetime(2012, 10, 9)) == "2012-10-09T00:00:00"


def test_a_formula_is_not_evaluated(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "f.xlsx", a=[["Subject"], ["=1+1"], ['=HYPERLINK("http://x")']])
    assert [row[0] for row in read_sheets(path)[0].rows] == ["Subject", "", ""]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 3_000_000)
    monkeypatch.setattr(_table, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(UnreadableData, match="unpacks to 2 MB; at most 1"):
        read_sheets(path)


def test_entities_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    grow = "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in zip("abcdefg", "bcdefgh", strict=True))
    book = f'<!DOCTYPE w [<!ENTITY a "{"x" * 1000}">{grow}]>'
    row = "<sheetData><row r='1'><c r='A1' t='str'><v>&h;</v></c></row>"
    whole = xlsx(tmp_path / "whole.xlsx", a=[["Subject"], ["1"]])
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "grown.xlsx", "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                text = text.replace("<worksheet", f"{book}<worksheet", 1).replace("<sheetData>", row)
            new.writestr(name, text)
    with pytest.raises(UnreadableData, match="not a readable table"):
        read_sheets(tmp_path / "grown.xlsx")


def test_a_table_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = xlsx(tmp_path / "a.xlsx", a=[["Subject", "x", "y"]] + [["1", "x" * 90, "z"]] * 30)
    monkeypatch.setattr(_table, "MAX_ROWS", 10)
    monkeypatch.setattr(_table, "MAX_COLUMNS", 2)
    monkeypatch.setattr(_table, "MAX_TEXT", 20)
    (sheet,) = read_sheets(path)
    assert (len(sheet.rows), len(sheet.rows[0]), len(sheet.rows[1][1])) == (10, 2, 20)
    monkeypatch.setattr(_table, "MAX_BYTES", 100)
    with pytest.raises(UnreadableData, match="annotation table of at most"):
        read_sheets(path)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.xlsx", b""),
        ("a.xlsx", b"PK\x03\x04 and nothing more"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0 an old file with a new name"),
        ("a.xls", b""),
        ("a.xls", b"not a table at all"),
        ("a.xls", b"\x09\x00\x04\x00\x02\x00\x10\x00\x03\x00\xff\xff"),
        ("a.csv", b"Subject\0,Onset\n"),
        ("a.csv", b"\xff\xfe\xfa\x80\x80"),
    ],
)
def test_a_damaged_table_is_one_sentence(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UnreadableData, match=r"readable table|binary data") as caught:
        read_sheets(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_an_error_for_people(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for suffix in ("xlsx", "xls", "csv", "txt"):
        path = folder / f"a.{suffix}"
        path.write_bytes(raw)
        try:
            for sheet in read_sheets(path):
                sheet.below(COLUMNS, ("subject",))
        except UnreadableData:
            pass
