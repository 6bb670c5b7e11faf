"""What a report is written as besides a page: rules and exit codes, JUnit, JSON with its schema, tables, PDF."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import jsonschema
import pytest
from mask.reports.breakdown import rate_of
from mask.reports.gate import Rule, judge, parse
from mask.reports.junit import junit
from mask.reports.machine import machine
from mask.reports.paper import document, read_runs
from mask.reports.rates import COLUMNS, rates, write_csv, write_parquet
from mask.reports.reading import read_run

import mask
from mask.cli.report import report
from mask.errors import ThresholdNotMet, UsageError
from mask.results import read_rows
from mask.runs import claim_folder
from tests.report_files import HOSTILE, audited, by_hand, changed, row

SCHEMAS = Path(mask.__file__).parent / "schemas"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(tmp_path_factory)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Ten clips that were right: causal turns six, random two, and two more were wrong before."""
    rows = []
    for attack, turned in (("random", 2), ("causal:flow=dis", 6)):
        for k in range(12):
            before = "moved" if k < 10 else "calm"
            told = "calm" if k < turned else before
            place = {"region": "nose", "x": 0.5, "y": 0.5, "size": 0.046, "angle": 0.0}
            rows.append(row(f"s{k}/a", "moved", before, told, attack=attack, **place))
    return by_hand(tmp_path / "few", rows)


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_results_and_clips_keep_their_published_schemas(folder: Path, few: Path) -> None:
    results, clips = validator("results-1.schema.json"), validator("clips-1.schema.json")
    for run in (folder, few):
        results.validate(json.loads((run / "results.json").read_text(encoding="utf-8")))
        with (run / "clips.csv").open(encoding="utf-8", newline="") as stream:
            for record in csv.DictReader(stream):
                clips.validate(record)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("threat_models"),
        lambda d: d.update(threat_models=[]),
        lambda d: d["cells"][0].update(asr=1.2),
        lambda d: d["cells"][0].update(kinetics="glued"),
        lambda d: d["cells"][0]["by_emotion"]["calm"].pop("n"),
        lambda d: d["clean"][0].update(uf1_ci95=[0.1]),
        lambda d: d["facts"].append({"recognizer": "x"}),
        lambda d: d["access"].update(random="all"),
    ],
)
def test_the_schema_refuses_what_the_reader_would(folder: Path, change: Any) -> None:
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    change(data)
    with pytest.raises(jsonschema.ValidationError):
        validator("results-1.schema.json").validate(data)


def test_json_keeps_its_schema_and_its_numbers(folder: Path) -> None:
    runs = read_runs([folder])
    told = json.loads(json.dumps(machine(document(runs), runs, judge([parse("asr>0.2")], runs)), allow_nan=False))
    validator("report-1.schema.json").validate(told)
    tables = {t["caption"]: t for c in told["chapters"] for s in c["sections"] for t in s["tables"]}
    shown = [r[1] for g in tables["Every cell"]["groups"] for r in g["rows"]]
    cells = [c.rate.value for c in runs[0][1].cells if not c.region and c.possible]
    assert [v for v in shown if isinstance(v, float)] == cells
    assert not re.search("<b>|&lt;", json.dumps(told))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("asr>0.2", Rule("asr>0.2", (), "asr", ">", 0.2)),
        (
            " causal/overlay  asr_low >= 20% ",
            Rule(" causal/overlay  asr_low >= 20% ", ("causal", "overlay"), "asr_low", ">=", 0.2),
        ),
        ("clean_uf1<.5", Rule("clean_uf1<.5", (), "clean_uf1", "<", 0.5)),
        ("flags>0", Rule("flags>0", (), "flags", ">", 0)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert parse(text) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no rule"),
        ("asr", "is no rule"),
        ("asr=0.2", "is no rule"),
        ("asr>0.2; import os", "is no rule"),
        ("__import__('os').system('x')>0", "is no rule"),
        ("asr>1e", "is no number"),
        ("beauty>0.2", "asks for 'beauty'"),
        ("causal flags>0", "is about a whole run"),
    ],
)
def test_other_rules_are_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        parse(text)


def test_rules_are_judged_cell_by_cell(few: Path) -> None:
    runs = read_runs([few])
    told = {j.what.split(", ")[-1]: (j.value, j.broken) for j in judge([parse("asr>0.3")], runs)}
    assert told == {"random": (0.2, False), "causal:flow=dis": (0.6, True)}
    (one,) = judge([parse("causal/skin asr>0.6")], runs)
    assert not one.broken
    assert [j.broken for j in judge([parse("one-shot/none/r error_rate>=0.66")], runs)] == [False, True]
    (clean,) = judge([parse("clean_accuracy<0.9")], runs)
    assert (round(clean.value or 0, 4), clean.broken) == (0.8333, True)
    with pytest.raises(UsageError, match="no cell answers to 'pgd'; there are random, skin, r, none, one-shot"):
        judge([parse("pgd asr>0.2")], runs)


def test_exit_code_is_that_of_a_threshold_not_met(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report([few], None, formats="junit", fail_if=["asr>0.7"])
    assert "asr>0.7: met by 0 of 2" in capsys.readouterr().out
    with pytest.raises(ThresholdNotMet, match=r"not passed: causal asr>0\.5") as told:
        report([few], None, formats="junit,csv", fail_if=["asr>0.7", "causal asr>0.5"])
    assert told.value.exit_code == 100
    assert "r, none, skin, causal:flow=dis: 0.6" in capsys.readouterr().out
    assert {p.name for p in few.iterdir()} == {"results.json", "clips.csv", "report.xml", "report.csv"}


def test_a_rule_that_cannot_be_judged_is_not_passed(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", [row(f"s{k}/a", "moved", "calm", "calm") for k in range(6)])
    with pytest.raises(ThresholdNotMet):
        report([run], tmp_path / "report.xml", fail_if=["asr>0.9"])
    root = fromstring((tmp_path / "report.xml").read_bytes())
    assert [e.get("message") for e in root.iter("error")] == ["asr has no value; the rule could not be judged"]


def test_junit_counts_what_it_holds(few: Path) -> None:
    runs = read_runs([few])
    root = fromstring(junit(runs, judge([parse("asr>0.3")], runs)))
    rules, checklist = root.findall("testsuite")
    assert (rules.get("tests"), rules.get("failures"), rules.get("errors")) == ("2", "1", "0")
    assert [c.get("name") for c in rules if c.find("failure") is not None] == ["r, none, skin, causal:flow=dis"]
    assert checklist.get("tests") == "25"
    assert checklist.get("failures") == "0"
    skipped = [c for c in checklist if c.find("skipped") is not None]
    assert checklist.get("skipped") == str(len(skipped))
    assert all(c.find("skipped") is not None or c.find("system-out") is not None for c in checklist)


def test_hostile_names_are_only_text_in_every_format(few: Path, tmp_path: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["data"]["name"] = HOSTILE
        data["cells"][0]["recognizer"] = "=cmd|' /C calc'!A0"

    run = changed(few, tmp_path, spoil)
    runs = read_runs([run])
    assert fromstring(junit(runs, judge([parse("asr>0.3")], runs))) is not None
    write_csv(runs, tmp_path / "rates.csv")
    with (tmp_path / "rates.csv").open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    assert {r["recognizer"] for r in records} == {"'=cmd|' /C calc'!A0", "r"}
    assert all(r["data"] == HOSTILE.replace("\u202e", "\ufffd") for r in records)


@pytest.mark.parametrize("which", ["folder", "few"])
def test_rates_are_those_of_the_rows(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    rows, told = read_rows(run / "clips.csv"), list(rates([("run", read_run(run))]))
    found = {r[2:8]: r[8:] for r in told}
    assert len(found) == len(told)
    for key, numbers in found.items():
        mine = [
            r
            for r in rows
            if (r.recognizer, r.defense, r.kinetics, r.attack) == key[:4]
            and key[4] in ("", r.emotion)
            and key[5] in ("", r.region)
            and r.clean_correct
        ]
        hits = sum(r.success for r in mine)
        rate = rate_of(hits, len(mine))
        assert numbers[:2] == (len(mine), hits)
        assert numbers[2:] == pytest.approx((rate.value, *(rate.interval if mine else (None, None))))


def test_csv_and_parquet_hold_the_same(few: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    runs = read_runs([few])
    write_csv(runs, tmp_path / "rates.csv")
    write_parquet(runs, tmp_path / "rates.parquet")
    table = parquet.read_table(tmp_path / "rates.parquet")
    assert tuple(table.column_names) == COLUMNS
    with (tmp_path / "rates.csv").open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    assert len(records) == table.num_rows == len(list(rates(runs)))
    for record, told in zip(records, table.to_pylist(), strict=True):
        assert {k: "" if v is None else str(v) for k, v in told.items()} == record


def test_formats_follow_the_name_of_the_file(few: Path, tmp_path: Path) -> None:
    report([few], tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["schema"] == "mask.report/1"
    report([few], tmp_path / "y.html", formats="json,csv")
    assert sorted(p.name for p in tmp_path.glob("y.*")) == ["y.csv", "y.json"]
    with pytest.raises(UsageError, match=r"x\.json exists"):
        report([few], tmp_path / "x.json")
    with pytest.raises(UsageError, match="names no format by its end"):
        report([few], tmp_path / "x.doc")
    with pytest.raises(UsageError, match="there is no format 'word'"):
        report([few], None, formats="word")


def test_nothing_is_written_when_a_run_cannot_be_read(few: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"holds no results\.json"):
        report([tmp_path], tmp_path / "x.html")
    assert not list(tmp_path.glob("x*"))


def test_pdf_says_what_the_page_says(folder: Path, few: Path, tmp_path: Path) -> None:
    pytest.importorskip("reportlab")
    hostile = changed(few, tmp_path, lambda d: d["data"].update(name=HOSTILE))
    for name, run in (("few", few), ("again", few), ("hostile", hostile)):
        report([run], tmp_path / f"{name}.pdf")
    data = (tmp_path / "few.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert data == (tmp_path / "again.pdf").read_bytes()
    titles = [s.title for c in document(read_runs([few])).chapters for s in c.sections]
    bookmarks = [t.decode("latin-1") for t in re.findall(rb"/Title \(([^)]*)\)", data)]
    assert [b for b in bookmarks if b in titles] == titles
    assert len(re.findall(rb"/Type /Page\b", data)) > 4
    for found in (data, (tmp_path / "hostile.pdf").read_bytes()):
        assert not re.search(rb"/JavaScript|/JS\b|/URI|/Launch|/OpenAction", found)


def test_the_runs_of_a_grid_are_found(few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = tmp_path / "grid"
    for name in ("b", "a"):
        shutil.copytree(few, grid / "runs" / name)
    report([grid], None, formats="csv")
    assert capsys.readouterr().out == f"Report: {grid / 'comparison.csv'}\n"
    with (grid / "comparison.csv").open(encoding="utf-8", newline="") as stream:
        assert list(dict.fromkeys(r["run"] for r in csv.DictReader(stream))) == ["a", "b"]


def test_a_run_that_is_made_anew_takes_its_old_reports_away(few: Path) -> None:
    report([few], None, formats="html,json,csv,junit")
    (few / "notes.txt").write_text("mine")
    claim_folder(few, force=True)
    assert [p.name for p in few.iterdir()] == ["notes.txt"]
