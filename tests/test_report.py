"""The report: every number is that of the data files, and nothing in them can do more than be read."""

from __future__ import annotations

import base64
import copy
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask.reports import untrusted, words
from mask.reports.checks import checks
from mask.reports.html import _labels, build
from mask.reports.reading import read_run
from mask.reports.verdict import verdict
from numpy.typing import NDArray

from mask.audit import Setting, run
from mask.errors import UnreadableData
from mask.plan import ThreatModel
from mask.registry import create
from mask.results import read_results, write_results, write_rows
from mask.runs import environment
from mask.summary import conclusion, gather
from tests.models import LinearFlow, flow_clip, flow_dataset, strained

BLOCK = [(r, c) for r in range(4, 8) for c in range(12, 16)]
Flow = NDArray[np.uint8]
ATTACKS = (
    "random",
    "centre",
    "region:name=glabella",
    "region:name=upper_lip",
    "grey:bootstraps=20",
    "causal:bootstraps=20",
    "exhaustive",
)


class Page(HTMLParser):
    """What a page holds, as a browser would see it."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes {self.open[-3:]}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.rows and {"td", "th"} & set(self.open) and self.rows[-1]:
            self.rows[-1][-1] += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def moving(flow: Flow, rng: np.random.Generator) -> Flow:
    """The same strain, with motion in it that differs from clip to clip and by region."""
    blocks = rng.integers(-40, 40, (7, 7, 2)).repeat(4, axis=0).repeat(4, axis=1)
    flow[1:27, 1:27, :2] = (100 + blocks)[1:27, 1:27]
    return flow


def audit(out: Path, seed: int = 0) -> Path:
    """A small run made by the real audit, on a recognizer whose right answers are known."""
    rng = np.random.default_rng(seed)
    clips = []
    for s in range(6):
        for k in range(3):
            shift = int(rng.integers(0, 3))
            block = [(r, c + shift) for r, c in BLOCK]
            clips.append(flow_clip(f"s{s}/moved{k}", moving(strained(block, 250 - s), rng)))
            clips.append(flow_clip(f"s{s}/calm{k}", moving(strained(block[: 4 + shift], 250), rng), "calm"))
    setting = Setting(
        recognizers=(LinearFlow(np.ones((28, 28)), 2000.0),),
        dataset=flow_dataset(clips),
        attacks={label: create("attacks", label) for label in ATTACKS},
        threats=(ThreatModel("skin"), ThreatModel("overlay", directions=((1.0, 0.0), (0.0, 1.0)))),
        defenses={"none": None, "median": create("defenses", "median")},
        surrogates=(LinearFlow(np.ones((28, 28)), 2000.0, name="twin"),),
        seed=seed,
    )
    cells = list(run(setting))
    out.mkdir(parents=True)
    write_rows([row for cell in cells for row in cell["rows"]], out / "clips.csv")
    told = {"command": ["mask", "audit", "linear"], "environment": environment()}
    write_results(
        {"schema": "mask.results/1", **told, **gather(setting, cells, show_faces=False)}, out / "results.json"
    )
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audit(tmp_path_factory.mktemp("audit") / "first")


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    return read_results(folder / "results.json")


@pytest.fixture(scope="module")
def html(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    build([folder], path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def changed(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a run whose results.json was tampered with."""
    copied = tmp_path / "changed"
    shutil.copytree(folder, copied, dirs_exist_ok=True)
    data = json.loads((copied / "results.json").read_text(encoding="utf-8"))
    change(data)
    (copied / "results.json").write_text(json.dumps(data), encoding="utf-8")
    return copied


def test_page_is_whole_and_its_elements_close(page: Page) -> None:
    assert page.open == []
    assert page.named("html")[0]["lang"] == "en"
    assert len(page.named("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [a["id"] for _, a in page.tags if "id" in a]
    assert len(names) == len(set(names))
    assert {a["href"][1:] for a in page.named("a")} <= set(names)
    assert {h for tag, a in page.tags if tag == "use" for h in [a["xlink:href"][1:]]} <= set(names)


def test_nothing_is_fetched_and_nothing_runs(html: str, page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    assert not [k for _, a in page.tags for k in a if k.startswith("on")]
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png;base64,")), value[:60]
    assert "url(http" not in html
    assert "@import" not in html
    (policy,) = [a["content"] for a in page.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert len(html) < 3_000_000


def test_every_picture_is_described(page: Page) -> None:
    assert all(len(a["aria-label"]) > 30 and a["role"] == "img" for a in page.named("svg"))
    assert all(a["alt"] for a in page.named("img"))
    assert page.named("svg")
    assert page.named("img")


def test_main_table_says_what_results_say(results: dict[str, Any], page: Page) -> None:
    shown = {}
    group: tuple[str, ...] = ()
    for row in page.rows:
        if len(row) == 1 and "sticker of" in row[0]:
            recognizer, kinetics, defense = row[0].split(",")[0].split(" · ")
            group = (recognizer, defense.removeprefix("behind ").replace("no defence", "none"), kinetics)
        elif len(row) in (2, 13) and group:
            shown[*group, row[0].split("  ")[0].split("\n")[0].split(" upper")[0].strip()] = [
                c.strip() for c in row[1:]
            ]
    assert len(results["cells"]) == len(ATTACKS) * 4
    for cell in results["cells"]:
        label = cell["attack"].removeprefix("region:name=").replace("_", " ")
        told = shown[cell["recognizer"], cell["defense"], cell["kinetics"], label]
        if cell["invalid"] == cell["n"]:
            assert told[0].startswith("not possible")
            continue
        versus = cell["vs_random"] or {}
        wanted = [
            words.number(cell["asr"]),
            words.interval(cell["asr_ci95"]),
            words.interval(cell["asr_ci95_subjects"]),
            str(cell["n_success"]),
            str(cell["n_clean_correct"]),
            words.signed(versus["difference"]) if versus else "–",
            words.p_value(versus["p_holm"]) if versus else "–",
            words.number(cell["error_rate"]),
            words.number(cell["attacked"]["uf1"]),
            words.number(cell["attacked"]["uar"]),
            words.number(cell["queries_mean"], 1),
            str(cell["queries_max"]),
        ]
        assert [t.rstrip(" ▲▼") for t in told] == wanted, (cell["attack"], cell["kinetics"])


def test_numbers_carry_their_full_value(results: dict[str, Any], page: Page) -> None:
    values = {float(a["value"]) for a in page.named("data")}
    assert {c["asr"] for c in results["cells"] if c["asr"] is not None and c["invalid"] < c["n"]} <= values
    assert {c["uf1"] for c in results["clean"]} <= values


def test_conclusion_definitions_and_what_was_not_tried_are_there(results: dict[str, Any], page: Page) -> None:
    for line in [*conclusion(results), *results["not_tried"]]:
        assert " ".join(line.split()) in page.words
    assert "a sticker fixed to the screen (screen): not run" in page.words
    for word in ("Definitions", "majority baseline", "Holm", "How to reproduce", "clips.csv", "mask audit linear"):
        assert word in page.words
    assert "agree in all 28 cells" in page.words


def test_bytes_are_the_same_each_time(folder: Path, html: str, tmp_path: Path) -> None:
    build([folder], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == html.encode()
    assert [p.name for p in tmp_path.iterdir()] == ["again.html"]


def test_runs_are_compared(folder: Path, results: dict[str, Any], tmp_path: Path) -> None:
    other = changed(folder, tmp_path / "other", lambda d: d["cells"][0].update(asr=0.9876))
    build([folder, other], tmp_path / "comparison.html")
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert page.open == []
    names = [a["id"] for _, a in page.tags if "id" in a]
    assert len(names) == len(set(names))
    assert [a["href"] for a in page.named("a")].count("#r2-short") == 1
    assert _labels(["a", "b", "a", ""]) == ["a (1)", "b", "a (3)", "run"]
    assert "The runs say the same about data" in page.words
    first = next(row for row in page.rows if row[0] == "random" and len(row) == 3)
    assert first[1].startswith(words.number(results["cells"][0]["asr"]))
    assert first[2].startswith("0.988")


def test_missing_rows_are_told_and_differing_ones_flagged(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "results.json", alone)
    first = checks(read_run(alone), [])[0]
    assert (first.outcome, first.told) == ("not run", "there is no clips.csv in the folder")

    odd = changed(folder, tmp_path, lambda d: d["cells"][1].update(n=35))
    first = checks(read_run(odd), [])[0]
    assert first.outcome == "flag"
    assert first.told.startswith("1 of 28 cells differ")
    assert checks(read_run(folder), [])[0].outcome == "pass"


def test_null_results_are_called_null(folder: Path, tmp_path: Path) -> None:
    def nothing(data: dict[str, Any]) -> None:
        for cell in data["cells"]:
            cell.update(n_success=0, asr=0.0, vs_random=None)

    def no_better(data: dict[str, Any]) -> None:
        for cell in data["cells"]:
            if cell["vs_random"]:
                cell["vs_random"].update(p_holm=0.06)

    told = verdict(read_run(changed(folder, tmp_path, nothing)))
    assert told == ["Null result: no sticker changed a single correct answer."]
    told = verdict(read_run(changed(folder, tmp_path, no_better)))
    assert len(told) == 2
    assert all("null result, no one-shot placement did better than a random one" in line for line in told)


def test_what_beats_random_is_named(folder: Path, results: dict[str, Any]) -> None:
    better = {
        c["kinetics"]
        for c in results["cells"]
        if c["attack"].startswith("causal") and c["defense"] == "none" and c["vs_random"]["p_holm"] < 0.05
    }
    assert better, "the fixture is meant to hold a placement that works"
    for kinetics, line in zip(("skin", "overlay"), verdict(read_run(folder)), strict=True):
        assert ("more often than a random placement" in line) == (kinetics in better)


HOSTILE = "<script>alert(1)</script>\"' onload=x <img src=http://x/y> $\\frac{1$ javascript:alert(1) ]]> --> \u202e"


def spoiled(value: Any, names: dict[str, str]) -> Any:
    """Every text of a document, keys included where they are names, with something hostile after it."""
    if isinstance(value, dict):
        return {names.get(k, k): spoiled(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [spoiled(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


def test_hostile_names_are_only_text(folder: Path, tmp_path: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        words_in = {"calm", "moved", "linear", "made", "median", "glabella", "forehead", "nose", "centre", "mask"}
        words_in |= {"audit", "torch", "mesh", *data["not_tried"], data["discovery"]}
        words_in |= {e["summary"] for e in data["evidence"]} | {e["clip"] for e in data["examples"]}
        fresh = spoiled(copy.deepcopy(data), {w: w + HOSTILE for w in words_in})
        data.clear()
        data.update(fresh)
        data["environment"]["mask"] = HOSTILE
        data["data"]["card"] = {HOSTILE: [HOSTILE, {HOSTILE: {HOSTILE: {HOSTILE: HOSTILE}}}]}

    target = changed(folder, tmp_path, spoil)
    (target / "clips.csv").unlink()
    renamed = target.rename(tmp_path / "<b onclick=x>'&\"")
    build([renamed], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert "<script" not in html.lower()
    assert "<b onclick" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    test_nothing_is_fetched_and_nothing_runs(html, page)


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
        build([changed(folder, tmp_path, change)], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


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
        (("cells",), {}, "cells is {}; expected a list"),
        (("emotions",), [], "expected the names of one or more emotions"),
        (("clean", 0, "confusion"), [[1]], "expected 2 rows of 2 counts"),
        (("maps", 0, "places", 0, "x"), 10**400, "x is 1"),
        (("evidence", 0, "data", "probe", "regions"), 5, "expected what mask probe writes"),
        (("evidence", 0, "data", "probe", "by_emotion", 0, "ranking", 0, "score"), "a", "expected a finite number"),
        (("evidence", 0, "data", "probe", "graph", "edges"), [{"source": 1}], "expected what mask probe writes"),
        (("evidence", 0, "data", "probe", "by_emotion", 0, "region"), [1], "cannot be drawn"),
        (("evidence", 0, "data", "effects", "calm", "effect"), [], "expected a finite number"),
        (("data",), None, "data is None; expected an object"),
    ],
)
def test_malformed_results_are_refused_in_a_sentence(
    folder: Path, tmp_path: Path, path: tuple[Any, ...], value: object, said: str
) -> None:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    with pytest.raises(UnreadableData, match=said) as told:
        build([changed(folder, tmp_path, change)], tmp_path / "report.html")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "report.html").exists()


NEEDED = (
    "command",
    "environment",
    "data",
    "subjects",
    "emotions",
    "discovery",
    "recognizers",
    "threat_models",
    "scheme",
)
NEEDED += ("seed", "clean", "cells", "evidence", "maps", "examples", "not_tried")


def test_a_member_that_is_gone_is_named(folder: Path, tmp_path: Path) -> None:
    for name in NEEDED:
        with pytest.raises(UnreadableData, match=f"lacks '{name}'"):
            build([changed(folder, tmp_path, lambda d, name=name: d.pop(name))], tmp_path / "report.html")  # type: ignore[misc]


def test_the_same_cell_twice_and_deep_nesting_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="cells that differ in name"):
        build([changed(folder, tmp_path, lambda d: d["cells"].append(d["cells"][0]))], tmp_path / "report.html")
    deep = tmp_path / "deep"
    deep.mkdir()
    (deep / "results.json").write_text("[" * 100_000)
    with pytest.raises(UnreadableData):
        build([deep], tmp_path / "report.html")
    with pytest.raises(UnreadableData):
        build([tmp_path / "absent"], tmp_path / "report.html")


def test_an_earlier_report_survives_a_failure(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    with pytest.raises(UnreadableData):
        build([changed(folder, tmp_path, lambda d: d.update(seed="x"))], path)
    assert path.read_text() == "earlier"


def test_hidden_characters_are_shown() -> None:
    assert untrusted.clean("a\u202eb\ud800c\x00d") == "a\ufffdb\ufffdc\ufffdd"
    assert len(untrusted.clean("x" * 10_000)) == untrusted.LONGEST


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (-0.5, "−0.500"), (None, "–"), (1.0, "1.000")]
)
def test_numbers_are_written_one_way(value: float | None, text: str) -> None:
    assert words.number(value) == text
