"""Counting: success by the core's rule, the literature's rule beside it, and files that read back as written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask.errors import UnreadableData
from mask.results import Row, compare, read_results, read_rows, summarise, write_results, write_rows

EMOTIONS = ("calm", "moved")


def row(
    clip: str, emotion: str, before: str, after: str, *, status: str = "ok", attack: str = "x", **more: object
) -> Row:
    success = status == "ok" and before == emotion and after not in ("", emotion)
    return Row("r", "none", attack, "skin", clip, clip[:2], emotion, before, after, status, success, 1, **more)  # type: ignore[arg-type]


def test_asr_counts_only_clips_that_were_right() -> None:
    rows = [
        row("s1a", "moved", "moved", "calm"),  # success
        row("s1b", "moved", "moved", "moved"),  # resisted
        row("s2a", "moved", "calm", "calm"),  # wrong before: no success, but an error for the literature's count
        row("s2b", "calm", "calm", "", status="no_face"),  # no answer: never a success
        row("s2c", "calm", "calm", "moved"),  # success
    ]
    told = summarise(rows, EMOTIONS)
    assert (told["n"], told["n_clean_correct"], told["n_success"]) == (5, 4, 2)
    assert told["asr"] == 0.5
    assert told["error_rate"] == 0.8
    assert told["by_emotion"]["moved"]["n"] == 2
    assert told["by_emotion"]["moved"]["asr"] == 0.5
    assert told["unanswered"] == 1
    assert told["clean"]["accuracy"] == 0.8
    assert told["attacked"]["accuracy"] == 0.2


def test_nothing_right_is_no_rate() -> None:
    told = summarise([row("s1a", "moved", "calm", "calm")], EMOTIONS)
    assert told["asr"] is None
    assert told["asr_ci95"] == [0.0, 1.0]
    assert summarise([], EMOTIONS)["error_rate"] is None


def test_comparison_pairs_clips() -> None:
    ours = [row(f"s{k}a", "moved", "moved", "calm" if k < 9 else "moved", attack="causal") for k in range(12)]
    base = [row(f"s{k}a", "moved", "moved", "calm" if k == 11 else "moved", attack="random") for k in range(12)]
    told = compare({"random": base, "causal": ours})
    assert set(told) == {"causal"}
    assert told["causal"]["difference"] == pytest.approx(8 / 12)
    assert told["causal"]["p"] == pytest.approx(2 * (1 + 10) / 2**10)
    assert compare({"causal": ours}) == {}


text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@given(st.lists(st.tuples(text, text, st.floats(0, 1), st.booleans()), max_size=6))
def test_rows_read_back(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, float, bool]]) -> None:
    path = tmp_path_factory.mktemp("rows") / "clips.csv"
    rows = [row(f"s{k}", a, b, a, region=b, x=round(x, 6), abstained=f) for k, (a, b, x, f) in enumerate(cells)]
    write_rows(rows, path)
    found = read_rows(path)
    assert [(r.emotion, r.region, r.x, r.abstained) for r in found] == [
        (r.emotion, r.region, r.x, r.abstained) for r in rows
    ]
    assert all(math.isnan(r.angle) for r in found)


def test_results_have_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results({"schema": "mask.results/1", "value": float("nan"), "list": [float("inf"), 1.0]}, path)
    assert read_results(path)["value"] is None
    assert json.loads(path.read_text())["list"] == [None, 1.0]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "other/9"}', "\x00\xff"])
def test_other_files_are_told_apart(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UnreadableData, match=r"results\.json"):
        read_results(path)
    with pytest.raises(UnreadableData):
        read_rows(path)
