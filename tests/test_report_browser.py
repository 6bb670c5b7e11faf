"""The page in a real browser: it works, complains of nothing, asks for nothing, and nothing hostile runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mask.reports.html import build

from tests.browser import Browser, installed
from tests.report_files import audited, changed
from tests.test_report import spoil

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no Chromium is installed"),
]

AXE = Path(__file__).resolve().parent.parent / "node_modules" / "axe-core" / "axe.min.js"

STRUCTURE = """
(() => {
  const wrong = [];
  const need = (ok, what) => { if (!ok) wrong.push(what); };
  need(document.documentElement.lang === "en", "no language");
  need(document.title.length > 5, "no title");
  need(document.querySelectorAll("h1").length === 1, "not one h1");
  need(document.querySelectorAll("main").length === 1, "not one main");
  const levels = [...document.querySelectorAll("h1,h2,h3,h4")].map((h) => Number(h.tagName[1]));
  levels.forEach((l, i) => need(i === 0 || l <= levels[i - 1] + 1, `h${l} after h${levels[i - 1]}`));
  for (const t of document.querySelectorAll("table")) {
    need(t.caption?.textContent.trim(), "a table without a caption");
    for (const h of t.querySelectorAll("th")) need(h.scope, `a head without a scope: ${h.textContent}`);
    for (const r of t.querySelectorAll("tbody tr")) need(r.querySelector("th"), "a row without a head");
  }
  for (const i of document.querySelectorAll("img")) need(i.alt, "a picture without words");
  for (const s of document.querySelectorAll("svg")) need(s.getAttribute("aria-label"), "a drawing without words");
  for (const i of document.querySelectorAll("input")) need(i.getAttribute("aria-label"), "a field without a name");
  for (const r of document.querySelectorAll("[role=region]")) need(r.tabIndex === 0 && r.ariaLabel, "out of reach");
  for (const a of document.querySelectorAll("nav a")) need(document.getElementById(a.hash.slice(1)), `no ${a.hash}`);
  const regions = [...document.querySelectorAll("[role=region]")].map((r) => r.ariaLabel);
  need(new Set(regions).size === regions.length, "two regions of one name");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  need(new Set(ids).size === ids.length, "an id twice");
  return wrong;
})()
"""

SORTED = """
(() => {
  const table = [...document.querySelectorAll("table")].find((t) => t.caption.textContent === "Every cell");
  const head = [...table.tHead.rows[1].cells].findIndex((c) => c.textContent === "ASR");
  const rates = () => [...table.tBodies].map((b) => [...b.querySelectorAll("tr:not(.group)")]
    .filter((r) => r.cells.length > 5).map((r) => Number(r.cells[head].querySelector("data").value)));
  const button = table.tHead.rows[1].cells[head].querySelector("button");
  button.click();
  const down = rates();
  button.click();
  return [down, rates(), button.parentElement.getAttribute("aria-sort")];
})()
"""

FILTERED = """
(() => {
  const table = [...document.querySelectorAll("table")].find((t) => t.caption.textContent === "Every cell");
  const field = table.parentElement.previousElementSibling;
  field.value = "overlay CAUSAL";
  field.dispatchEvent(new Event("input"));
  const rows = [...table.querySelectorAll("tbody tr:not(.group)")].filter((r) => r.checkVisibility());
  return rows.map((r) => r.cells[0].textContent);
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    build([audited(tmp_path_factory)], path)
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_quiet_and_fits(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.complaints == []
    assert {u.partition(":")[0] for u in browser.requests} <= {"file", "data"}
    assert browser.run("document.documentElement.scrollWidth") <= width, "nothing sticks out sideways"
    assert browser.run(STRUCTURE) == []


def test_tables_can_be_sorted_and_filtered(browser: Browser, page: Path) -> None:
    browser.open(page)
    down, up, said = browser.run(SORTED)
    assert all(rates == sorted(rates, reverse=True) for rates in down)
    assert all(rates == sorted(rates) for rates in up)
    assert said == "ascending"
    left = browser.run(FILTERED)
    assert len(left) == 4, "two recognizers, with a defence and without"
    assert all(name.startswith("causal") for name in left)


def test_it_is_read_without_scripts_and_prints_to_paper(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    words = browser.run("document.body.innerText")
    assert "Verdict and scope" in words
    assert not browser.run("document.querySelectorAll('th button, input').length")
    assert browser.pdf().startswith(b"%PDF-")


def test_nothing_hostile_runs(
    browser: Browser, page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = changed(audited(tmp_path_factory), tmp_path, spoil)
    (target / "clips.csv").unlink()
    path = tmp_path / "<img src=x onerror=document.title=1>.html"
    build([target], path)
    browser.open(path)
    assert browser.complaints == []
    assert {u.partition(":")[0] for u in browser.requests} <= {"file", "data"}
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.querySelectorAll('[onload],[onclick],[onerror]').length") == 0
    assert "<script>alert(1)</script>" in browser.run("document.body.innerText")
    # Should a script find its way in after all, the page forbids it to run.
    slipped = tmp_path / "slipped.html"
    html = page.read_text(encoding="utf-8").replace("</main>", "<script>document.title = 'run'</script></main>")
    slipped.write_text(html, encoding="utf-8")
    browser.open(slipped)
    assert browser.run("document.title") != "run"
    assert any("Content Security Policy" in c for c in browser.complaints)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there; npm install --no-save axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.run("for (const d of document.querySelectorAll('details')) d.open = true")
    browser.run(AXE.read_text(encoding="utf-8") + "; 0")
    told = browser.run(
        "axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 120))]))"
    )
    assert told == []
