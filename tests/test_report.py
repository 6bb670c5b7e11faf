"""The page: every number is that of the data files, every figure is described, and nothing in it can do harm."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from mask.reports import words
from mask.reports.html import build
from mask.reports.paper import _apart, _labels
from mask.reports.reading import read_run
from mask.reports.verdict import lines, verdict

from mask.results import read_results
from tests.report_files import ATTACKS, HOSTILE, audited, by_hand, changed, row


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
        if "script" not in self.open:
            self.text.append(data)
        if self.rows and {"td", "th"} & set(self.open) and self.rows[-1]:
            self.rows[-1][-1] += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(tmp_path_factory)


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


def check_harmless(html: str, page: Page) -> None:
    """Nothing is fetched, and nothing runs but the page's own script, named by its hash."""
    tags = [tag for tag, _ in page.tags]
    assert not set(tags) & {"iframe", "object", "embed", "link", "form", "base"}
    assert tags.count("script") == 1
    assert not [k for _, a in page.tags for k in a if k.startswith("on")]
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png;base64,")), value[:60]
    assert "url(http" not in html
    assert "@import" not in html
    (policy,) = [a["content"] for a in page.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy)
    assert len(html) < 3_000_000


def test_nothing_is_fetched_and_only_its_own_script_runs(html: str, page: Page) -> None:
    check_harmless(html, page)


def test_every_picture_is_described_and_has_its_numbers(page: Page) -> None:
    assert all(len(a["aria-label"]) > 30 and a["role"] == "img" for a in page.named("svg"))
    assert all(a["alt"] for a in page.named("img"))
    assert page.named("svg")
    assert page.named("img")
    figures = [a for a in page.named("figure") if a.get("class", "").startswith("wide of-")]
    numbered = re.findall(r"Figure (\d+) in words and numbers", page.words)
    assert [int(n) for n in numbered] == list(range(1, len(figures) + 1))


SECTIONS = (
    "Verdict and scope", "System under test", "Threat model", "Data and split", "Before any sticker",
    "What stickers do", "Worst case, clip by clip", "By emotion", "By place", "Controls side by side",
    "Causal evidence", "By number of queries", "Transfer between recognizers", "Behind defences", "Leakage",
    "Before and after", "Reasons to doubt", "Limitations and what was not tried",
    "Worksheet: EU AI Act and NIST AI RMF", "Definitions", "How to reproduce",
)  # fmt: skip


def test_every_section_is_there_in_order(html: str) -> None:
    assert tuple(re.findall(r"<h2 id=[^>]*>([^<]*)</h2>", html)) == SECTIONS


def test_main_table_says_what_results_say(results: dict[str, Any], page: Page) -> None:
    shown = {}
    group: tuple[str, ...] = ()
    for line in page.rows:
        if len(line) == 1 and "sticker of" in line[0]:
            recognizer, kinetics, defense = line[0].split(",")[0].split(" · ")
            group = (recognizer, defense.removeprefix("behind ").replace("no defence", "none"), kinetics)
        elif len(line) in (2, 13) and group:
            shown[*group, line[0].split(",")[0].removesuffix(" (upper bound)")] = [c.strip() for c in line[1:]]
    assert len(results["cells"]) == len(ATTACKS) * 4 + 8
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


def test_scope_definitions_and_what_was_not_tried_are_there(results: dict[str, Any], page: Page) -> None:
    for line in results["not_tried"]:
        assert " ".join(line.split()) in page.words
    assert "a sticker fixed to the screen (screen): not run" in page.words
    for word in ("majority baseline", "Holm", "clips.csv", "mask audit linear", "Not legal advice", "SHA-256"):
        assert word in page.words
    assert "agree with clips.csv in all 36 cells" in page.words


def test_verdict_and_scope_take_ten_lines_at_most(html: str) -> None:
    box = html[html.index('<div class="short">') : html.index("</div>", html.index('<div class="short">'))]
    assert 5 <= box.count("<p") <= 10


def few(out: Path, **more: Any) -> Path:
    """Two attacks on eight clips of four subjects: random turns one of them, causal five."""
    rows = []
    for attack, turned in (("random", 1), ("causal", 5)):
        for k in range(8):
            emotion, other = ("moved", "calm") if k % 2 else ("calm", "moved")
            place = {"region": "nose", "x": 0.5, "y": 0.5, "size": 0.046, "angle": 0.0}
            told = other if k < turned else emotion
            rows.append(row(f"s{k // 2}/{k}", emotion, emotion, told, attack=attack, **place))
    return by_hand(out, rows, **more)


def test_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    folder = few(tmp_path / "run")
    pages = tmp_path / "pages"
    pages.mkdir()
    for name in ("once.html", "again.html"):
        build([folder], pages / name)
    assert (pages / "once.html").read_bytes() == (pages / "again.html").read_bytes()
    assert sorted(p.name for p in pages.iterdir()) == ["again.html", "once.html"]


def test_runs_are_compared(tmp_path: Path) -> None:
    first = few(tmp_path / "one" / "run")
    other = changed(first, tmp_path / "other", lambda d: d["cells"][1].update(asr=0.9876))
    build([first, other], tmp_path / "comparison.html")
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert page.open == []
    names = [a["id"] for _, a in page.tags if "id" in a]
    assert len(names) == len(set(names))
    assert [a["href"] for a in page.named("a")].count("#r2-short") == 1
    assert _apart(["grid_of_faces_area=0.1", "grid_of_faces_area=0.2"]) == ["area=0.1", "area=0.2"]
    assert _apart(["a_1", "a_2"]) == ["a_1", "a_2"]
    assert _labels(["a", "b", "a", ""]) == ["a (1)", "b", "a (3)", "run"]
    assert "The runs say the same about data" in page.words
    line = next(r for r in page.rows if r[0] == "causal" and len(r) == 3)
    assert line[1].startswith("0.625")
    assert line[2].startswith("0.988")


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
    assert all("null result: no one-shot placement did better than a random one" in line for line in told)


def test_what_beats_random_is_named(folder: Path, results: dict[str, Any]) -> None:
    better = {
        (c["recognizer"], c["kinetics"])
        for c in results["cells"]
        if c["attack"].startswith("causal") and c["defense"] == "none" and c["vs_random"]["p_holm"] < 0.05
    }
    assert better, "the fixture is meant to hold a placement that works"
    told = dict(zip(("skin", "overlay"), verdict(read_run(folder)), strict=True))
    for recognizer, kinetics in better:
        assert f"fooled {recognizer} more often than a random place" in told[kinetics]


def test_what_a_learner_reads_is_part_of_the_verdict(tmp_path: Path) -> None:
    folder = few(tmp_path / "run")
    assert not any("Trained again" in told for _, told in lines(read_run(folder), []))

    def learnt(data: dict[str, Any]) -> None:
        for cell, bits in zip(data["cells"], (0.25, 0.75), strict=True):
            cell["retrained"] = {"n": 8, "leakage_bits": bits}

    (told,) = [t for _, t in lines(read_run(changed(folder, tmp_path, learnt)), []) if "Trained again" in t]
    assert "at most 0.75 bits of the emotion (causal, " in told
    assert "without a sticker it reads" in told


def spoiled(value: Any, names: dict[str, str]) -> Any:
    """Every text of a document, keys included where they are names, with something hostile after it."""
    if isinstance(value, dict):
        return {names.get(k, k): spoiled(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [spoiled(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


def spoil(data: dict[str, Any]) -> None:
    """Put something hostile into everything that is a name or a sentence."""
    words_in = {"calm", "moved", "linear", "other", "made", "median", "glabella", "forehead", "nose", "centre", "mask"}
    words_in |= {"audit", "torch", "mesh", *data["not_tried"], data["discovery"], *data["attacks"].values()}
    words_in |= {e["summary"] for e in data["evidence"]} | {e["clip"] for e in data["examples"]}
    fresh = spoiled(copy.deepcopy(data), {w: w + HOSTILE for w in words_in})
    data.clear()
    data.update(fresh)
    data["environment"]["mask"] = HOSTILE
    data["data"]["card"] = {HOSTILE: [HOSTILE, {HOSTILE: {HOSTILE: {HOSTILE: HOSTILE}}}]}
    data["facts"][0] = {"recognizer": HOSTILE, "error": HOSTILE}
    data["recognizers"][0]["sha256"] = {HOSTILE: HOSTILE}


def test_hostile_names_are_only_text(folder: Path, tmp_path: Path) -> None:
    target = changed(folder, tmp_path, spoil)
    table = (target / "clips.csv").read_text(encoding="utf-8")
    quoted = '"' + ("moved" + HOSTILE).replace('"', '""') + '"'
    (target / "clips.csv").write_text(re.sub(r"(?<=,)moved(?=,)", lambda _: quoted, table), encoding="utf-8")
    renamed = target.rename(tmp_path / "<b onclick=x>'&\"")
    build([renamed], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert html.lower().count("<script") == 1
    assert "<b onclick" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    check_harmless(html, page)


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (-0.5, "−0.500"), (None, "–"), (1.0, "1.000")]
)
def test_numbers_are_written_one_way(value: float | None, text: str) -> None:
    assert words.number(value) == text
