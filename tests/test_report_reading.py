"""Runs that anybody may have written: refused in a sentence, or read with what is missing said."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
from mask.reports import about, untrusted
from mask.reports.causes import probes
from mask.reports.check import Check
from mask.reports.checks import checks
from mask.reports.clips import read_clips
from mask.reports.compare import comparison
from mask.reports.html import build
from mask.reports.paper import document, read_runs
from mask.reports.reading import read_run

from mask.errors import UnreadableData, UsageError
from mask.results import Row, read_rows, write_rows
from tests.report_files import audited, by_hand, changed, row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(tmp_path_factory)


def check(folder: Path, number: int) -> Check:
    run = read_run(folder)
    found = checks(run, probes(run))
    assert [c.number for c in found] == list(range(1, 26))
    return found[number - 1]


def test_missing_rows_are_told_and_differing_ones_flagged(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "results.json", alone)
    assert "not run: whether the counts follow from the clips; there is no clips.csv" in check(alone, 1).told
    odd = changed(folder, tmp_path, lambda d: d["cells"][1].update(n=35))
    found = check(odd, 1)
    assert found.outcome == "flag"
    assert "1 of 36 cells differ from clips.csv" in found.told
    assert check(folder, 1).outcome == "pass"


def test_a_run_without_clips_is_reported_all_the_same(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", [row(f"s{k}/a", "moved", "moved", "calm") for k in range(6)])
    (run / "clips.csv").unlink()
    build([run], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("there is no clips.csv in the folder") >= 6
    assert "1.000" in html


def test_cut_off_clips_are_flagged_or_refused(folder: Path, tmp_path: Path) -> None:
    cut = changed(folder, tmp_path, lambda _: None)
    lines = (cut / "clips.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (cut / "clips.csv").write_text("".join(lines[:-5]), encoding="utf-8")
    assert "1 of 36 cells differ from clips.csv" in check(cut, 1).told
    (cut / "clips.csv").write_text("".join(lines)[:-60], encoding="utf-8")
    with pytest.raises(UnreadableData, match=r"row \d+ has \d+ of \d+ values; the file is damaged or cut off"):
        read_run(cut)
    (cut / "clips.csv").write_text("".join([*lines, lines[-1]]), encoding="utf-8")
    assert check(cut, 1).outcome == "flag"


def test_a_clip_that_is_there_twice_is_flagged(tmp_path: Path) -> None:
    rows = [row(f"s{k}/a", "moved", "moved", "moved") for k in range(6)]
    run = by_hand(tmp_path / "run", [*rows, rows[0]])
    assert "1 row of clips.csv name a clip twice" in check(run, 1).told


def test_unfinished_and_foreign_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    with pytest.raises(UsageError, match=r"holds no results\.json; expected the folder of a finished audit"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "cells" / "a.json").write_text("{}")
    with pytest.raises(UsageError, match=r"unfinished run \(1 cells are done\); start the same command again"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("mask.results/2", "newer"),
        ("mask.results/0", "older"),
        ("mask.probe/1", "not of schema"),
        (None, "not of schema"),
        (7, "not of schema"),
    ],
)
def test_other_schemas_are_refused_in_a_sentence(folder: Path, tmp_path: Path, schema: object, said: str) -> None:
    with pytest.raises(UnreadableData, match=said):
        read_run(changed(folder, tmp_path, lambda d: d.update(schema=schema)))


def test_results_of_the_first_version_are_still_read(folder: Path, tmp_path: Path) -> None:
    """What was added since has a place to be missing from."""

    def older(data: dict[str, Any]) -> None:
        for name in ("access", "surrogates", "siblings", "facts", "attacks", "defenses", "step"):
            data.pop(name)
        for cell in data["cells"]:
            cell.pop("anytime")
            cell.pop("refilmed")
        for threat in data["threat_models"]:
            for name in ("eps", "slip_mm", "height_mm", "number", "regions"):
                threat.pop(name)

    old = changed(folder, tmp_path, older)
    rows = (old / "clips.csv").read_text(encoding="utf-8").splitlines()
    keep = [i for i, n in enumerate(rows[0].split(",")) if n not in ("first_success", "more", "refilmed", "evidence")]
    few = [",".join(line.split(",")[i] for i in keep) for line in rows if '"' not in line]
    (old / "clips.csv").write_text("\n".join(few) + "\n", encoding="utf-8")
    run = read_run(old)
    assert check(old, 12).outcome == "not run"
    assert check(old, 3).outcome == "not run"
    assert check(old, 25).outcome == "flag"
    assert "discovery" in str(about.threat(run))


def test_what_a_later_version_adds_is_passed_over(folder: Path, tmp_path: Path) -> None:
    def later(data: dict[str, Any]) -> None:
        data["unheard"] = {"of": [1]}
        for cell in data["cells"]:
            cell["unheard"] = 1

    new = changed(folder, tmp_path, later)
    rows = (new / "clips.csv").read_text(encoding="utf-8").splitlines()
    text = "\n".join([rows[0] + ",unheard", *(line + ",1" for line in rows[1:])]) + "\n"
    (new / "clips.csv").write_text(text, encoding="utf-8")
    assert check(new, 1).outcome == "pass"


def test_without_a_threat_model_there_is_no_report(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="names no threat model for its cells"):
        build([changed(folder, tmp_path, lambda d: d.update(threat_models=[]))], tmp_path / "report.html")
    with pytest.raises(UnreadableData, match="names no threat model for the overlay cells"):
        build([changed(folder, tmp_path, lambda d: d["threat_models"].pop(1))], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_no_clip_was_right_and_a_class_of_one(tmp_path: Path) -> None:
    wrong = [row(f"s{k}/a", "moved", "calm", "calm", attack=a) for k in range(6) for a in ("random", "causal")]
    run = by_hand(tmp_path / "wrong", wrong)
    told = " ".join(line for _, line in document(read_runs([run])).chapters[0].sections[0].blocks[0].lines)  # type: ignore[union-attr]
    assert "there was nothing to attack" in told
    assert check(run, 1).outcome == "flag"
    build([run], tmp_path / "wrong.html")
    assert "none to attack" in (tmp_path / "wrong.html").read_text(encoding="utf-8")

    rare = [row(f"s{k}/a", "moved", "moved", "calm") for k in range(6)] + [row("s9/a", "calm", "calm", "moved")]
    run = by_hand(tmp_path / "rare", rare)
    assert "fewer than 5 clips right before for calm" in check(run, 19).told
    build([run], tmp_path / "rare.html")
    assert "too few" in (tmp_path / "rare.html").read_text(encoding="utf-8")


def test_two_runs_about_different_data_are_not_tested_against_each_other(tmp_path: Path) -> None:
    rows = [row(f"s{k}/a", "moved", "moved", "calm", recognizer="linear", attack="random") for k in range(6)]
    other = by_hand(tmp_path / "other", rows)
    more = by_hand(tmp_path / "more", rows, data={"name": "x", "card": {}, "n": 6, "synthetic": True})
    found = {s.title: s for s in comparison(read_runs([other, more])).sections}
    (block,) = found["Do the runs differ?"].blocks
    assert "about different data, so no clip of one is a clip of another" in block.text  # type: ignore[union-attr]


def test_evidence_that_finds_something_in_nothing_is_flagged(folder: Path, tmp_path: Path) -> None:
    def edges(data: dict[str, Any]) -> None:
        data["evidence"][0]["data"]["probe"]["controls"][0].update(draws=20, false_edges=0.5)

    def favourite(data: dict[str, Any]) -> None:
        probe = data["evidence"][0]["data"]["probe"]
        probe["by_emotion"][0]["region"] = probe["regions"][0]
        top = {r: float(r == probe["regions"][0]) for r in probe["regions"]}
        probe["controls"][0].update(draws=20, false_edges=0.0, top=top)

    def surrogate(data: dict[str, Any]) -> None:
        for told in data["evidence"][0]["data"]["effects"].values():
            told.update(flips=1.0)
        for cell in data["cells"]:
            cell.update(n_success=0, asr=0.0, asr_ci95=[0.0, 0.1])

    assert "edges where nothing is there" in check(changed(folder, tmp_path / "a", edges), 24).told
    assert "also first in a null control" in check(changed(folder, tmp_path / "b", favourite), 24).told
    found = check(changed(folder, tmp_path / "c", surrogate), 14)
    assert found.outcome == "flag"
    assert "1.000 of discovery clips on owned models, 0.000 under audit" in found.told


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\x10\0" * 2 + b"\0" * 20).decode()
SVG = base64.b64encode(b"<svg onload='x'>" + b"\0\0\0\1" * 2 + b"<script/></svg>").decode()


@pytest.mark.parametrize(
    "picture",
    [
        "data:image/svg+xml;base64,PHN2Zy8+",
        "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+",
        "x' onerror='alert(1)",
        "http://example.org/x.png",
        "",
        7,
        None,
        PNG,  # 4096 pixels a side
        SVG,
        "A" * (2**20 + 4),
    ],
)
def test_pictures_are_png_or_refused(folder: Path, tmp_path: Path, picture: object) -> None:
    def change(data: dict[str, Any]) -> None:
        data["examples"][0]["flow"][1] = picture

    with pytest.raises(UnreadableData, match=r"examples\[0\]\.flow\[1\] is .*; expected a "):
        read_run(changed(folder, tmp_path, change))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("cells", 2, "asr"), "0.5", r"cells\[2\]\.asr is '0\.5'; expected a number from 0 to 1"),
        (("cells", 2, "asr"), 1.5, r"cells\[2\]\.asr is 1\.5; expected a number from 0 to 1"),
        (("cells", 0, "n_success"), 10**6, r"n_success is 1000000; expected at most"),
        (("cells", 0, "n"), True, r"cells\[0\]\.n is True; expected a count"),
        (("cells", 0, "asr_ci95"), [0.9, 0.1], "expected an interval, its lower end first"),
        (("cells", 0, "by_emotion"), {}, "expected a rate for each of calm, moved"),
        (("cells", 0, "attack"), {"a": 1}, "expected a text"),
        (("cells", 0, "refilmed"), {"plans": 1, "draws": 2, "wrong": 3}, "wrong is 3; expected at most the 2 draws"),
        (("cells",), {}, "cells is {}; expected a list"),
        (("emotions",), [], "expected the names of one or more emotions"),
        (("clean", 0, "confusion"), [[1]], "expected 2 rows of 2 counts"),
        (("clean", 0, "certified"), 2, "expected a number from 0 to 1"),
        (("maps", 0, "places", 0, "x"), 10**400, "x is 1"),
        (("facts",), [{"recognizer": 3}], "expected a text"),
        (("access",), {"random": 3}, "expected a text"),
        (("data",), None, "data is None; expected an object"),
    ],
)
def test_malformed_results_are_refused_in_a_sentence(
    folder: Path, tmp_path: Path, path: tuple[Any, ...], value: object, said: str
) -> None:
    with pytest.raises(UnreadableData, match=said) as told:
        read_run(changed(folder, tmp_path, lambda d: put(d, path, value)))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("probe", "regions"), 5, "expected what mask probe writes"),
        (("probe", "by_emotion", 0, "ranking", 0, "score"), "a", "expected a finite number"),
        (("probe", "graph", "edges"), [{"source": 1}], "expected what mask probe writes"),
        (("probe", "by_emotion", 0, "region"), [1], "cannot be drawn"),
        (("effects", "calm", "effect"), [], "expected a finite number"),
        (("effects", "calm", "by_region"), {"nose": "x"}, "expected a finite number"),
    ],
)
def test_malformed_evidence_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, path: tuple[Any, ...], value: object, said: str
) -> None:
    target = changed(folder, tmp_path, lambda d: put(d["evidence"][0]["data"], path, value))
    with pytest.raises(UnreadableData, match=said):
        build([target], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def put(data: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


NEEDED = ("command", "environment", "data", "subjects", "emotions", "discovery", "recognizers", "threat_models")
NEEDED += ("scheme", "seed", "clean", "cells", "evidence", "maps", "examples", "not_tried")


def test_a_member_that_is_gone_is_named(folder: Path, tmp_path: Path) -> None:
    for name in NEEDED:
        with pytest.raises(UnreadableData, match=f"lacks '{name}'"):
            read_run(changed(folder, tmp_path, lambda d, name=name: d.pop(name)))  # type: ignore[misc]


def test_the_same_cell_twice_and_deep_nesting_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="cells that differ in name"):
        read_run(changed(folder, tmp_path, lambda d: d["cells"].append(d["cells"][0])))
    deep = tmp_path / "deep"
    deep.mkdir()
    (deep / "results.json").write_text("[" * 100_000)
    with pytest.raises(UnreadableData):
        read_run(deep)
    with pytest.raises(UsageError):
        read_run(tmp_path / "absent")


def test_an_earlier_report_survives_a_failure(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    with pytest.raises(UnreadableData):
        build([changed(folder, tmp_path, lambda d: d.update(seed="x"))], path)
    assert path.read_text() == "earlier"


def test_hidden_characters_are_shown() -> None:
    assert untrusted.clean("a\u202eb\ud800c\x00d") == "a\ufffdb\ufffdc\ufffdd"
    assert len(untrusted.clean("x" * 10_000)) == untrusted.LONGEST


def test_columns_hold_what_rows_hold(folder: Path, tmp_path: Path) -> None:
    """The table by columns against the reader by rows, cell by cell."""
    rows, table = read_rows(folder / "clips.csv"), read_clips(folder / "clips.csv")
    assert len(table) == len(rows)
    for name in ("recognizer", "clip", "emotion", "attacked_prediction", "region", "status"):
        column = table[name]
        assert [column.names[c] for c in column.codes] == [getattr(r, name) for r in rows]
    assert table.right.tolist() == [r.clean_correct for r in rows]
    assert table.success.tolist() == [r.success for r in rows]
    x = table["x"].numbers()
    assert all(a == b.x or (a != a and b.x != b.x) for a, b in zip(x, rows, strict=True))
    for (recognizer, defense, kinetics, attack), found in table.rows_of.items():
        told = {
            i
            for i, r in enumerate(rows)
            if (r.recognizer, r.defense, r.kinetics, r.attack) == (recognizer, defense, kinetics, attack)
        }
        assert set(found.tolist()) == told
    stuck: dict[int, set[tuple[Any, ...]]] = {}
    for number, r in zip(table.plan.tolist(), rows, strict=True):
        stuck.setdefault(number, set()).add(
            (r.x, r.y, r.size, r.angle, r.direction, r.art, r.more) if r.x == r.x else ()
        )
    assert all(len(plans) == 1 for plans in stuck.values())
    assert len(stuck) == len({p for plans in stuck.values() for p in plans})


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00", "clip,clip\n"])
def test_other_tables_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "clips.csv").write_text(content)
    with pytest.raises(UnreadableData, match=r"clips\.csv"):
        read_clips(tmp_path / "clips.csv")


def test_names_that_cleaning_makes_equal_become_one(tmp_path: Path) -> None:
    rows = [
        Row("r", "none", "x", "skin", f"c{k}", "s", f"a{mark}", "b", "b", "ok", False, 1)
        for k, mark in enumerate("\x01\x02")
    ]
    write_rows(rows, tmp_path / "clips.csv")
    column = read_clips(tmp_path / "clips.csv")["emotion"]
    assert column.names == ("a\ufffd",)
    assert column.codes.tolist() == [0, 0]
