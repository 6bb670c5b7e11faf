"""What a report computes itself, against cases counted by hand: worst case, leakage, transfer, pairs, the checklist."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask.reports import words
from mask.reports.breakdown import by_region, strata
from mask.reports.causes import probes
from mask.reports.check import Check
from mask.reports.checks import checks
from mask.reports.compare import by_size, paired_tests
from mask.reports.controls import comparisons
from mask.reports.leaderboard import entries
from mask.reports.leakage import leaks
from mask.reports.paper import read_runs
from mask.reports.reading import read_run
from mask.reports.transfer import passages
from mask.reports.verdict import lines
from mask.reports.worst import worst_cases

from mask import metrics
from mask.plan import ThreatModel
from mask.results import Row
from tests.report_files import by_hand, changed, row

NOSE = {"region": "nose", "x": 0.5, "y": 0.5, "size": 0.046, "angle": 0.0}


def turned(attack: str, hits: str, *, before: str = "", **more: Any) -> list[Row]:
    """One row per sign of `hits`: x a clip that is turned, . one that is not; - in `before` is one that was wrong."""
    rows = []
    for k, sign in enumerate(hits):
        right = "moved" if not before or before[k] != "-" else "calm"
        rows.append(row(f"s{k}/a", "moved", right, "calm" if sign == "x" else right, attack=attack, **{**NOSE, **more}))
    return rows


def check(folder: Path, number: int) -> Check:
    run = read_run(folder)
    return checks(run, probes(run))[number - 1]


def test_worst_case_is_taken_clip_by_clip(tmp_path: Path) -> None:
    """Two attacks of .25 each on different clips leave half: the mean of the minimum, not the minimum of the mean."""
    rows = turned("a", "xx......") + turned("b", "..xx....")
    run = by_hand(tmp_path / "run", [*rows, *(row("t/b", "calm", "moved", "calm", attack=a) for a in "ab")])
    (found,) = worst_cases(read_run(run))
    assert (found.attacks, found.clips, found.flips) == (2, 9, (4, 8))
    assert found.clean.accuracy == pytest.approx(8 / 9)
    assert found.scores.accuracy == pytest.approx(4 / 9), "a clip that was wrong clean stays wrong"
    # moved: 4 right of 8, 5 told; calm: none right of 1, 4 told.
    assert found.scores.uf1 == pytest.approx((2 * 4 / (8 + 5) + 0) / 2)


def test_worst_case_never_rises_with_another_attack(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("calm", "moved", "hit")
    clips = [(f"s{k % 5}/{k}", names[rng.integers(3)], names[rng.integers(3)]) for k in range(40)]
    rows = [
        row(clip, true, before, names[rng.integers(3)], attack=f"a{k}")
        for k in range(6)
        for clip, true, before in clips
    ]
    scores = []
    for k in range(1, 7):
        some = [r for r in rows if int(r.attack[1:]) < k]
        (found,) = worst_cases(read_run(by_hand(tmp_path / str(k), some, names)))
        scores.append((found.scores.accuracy, found.scores.uf1))
        told = {r.clip: r.attacked_prediction != r.emotion or not r.clean_correct for r in some}
        for r in some:
            told[r.clip] |= r.attacked_prediction != r.emotion or not r.clean_correct
        assert found.scores.accuracy == pytest.approx(1 - sum(told.values()) / len(clips))
    assert [a for a, _ in scores] == sorted((a for a, _ in scores), reverse=True)


@pytest.mark.parametrize(
    ("noise", "bits"), [(0.0, 1.0), (0.5, 0.0), (0.1, 1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))]
)
def test_leakage_of_a_channel_is_known(noise: float, bits: float) -> None:
    n = 100_000
    wrong = round(n * noise)
    matrix = [[n - wrong, wrong], [wrong, n - wrong]]
    assert metrics.leakage_bits(matrix) == pytest.approx(bits, abs=1e-4)


def test_leakage_interval_covers_and_moves_the_bias_back() -> None:
    """Of 80 studies of 26 subjects each, the interval should miss about four; at eight subjects and no leakage too."""
    rng = np.random.default_rng(1)
    for subjects, channel, least in ((26, [[0.8, 0.2], [0.25, 0.75]], 70), (8, [[0.6, 0.4], [0.6, 0.4]], 70)):
        joint = 0.5 * np.array(channel)
        outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        bits = float((joint * np.log2(joint / outer)).sum())
        covered = 0
        for _ in range(80):
            totals = rng.multinomial(6, joint.ravel(), size=subjects).reshape(subjects, 2, 2)
            low, high = metrics.leakage_interval(totals, rng=rng, repeats=200)
            covered += low - 1e-12 <= bits <= high + 1e-12
        assert covered >= least
    assert all(math.isnan(v) for v in metrics.leakage_interval(totals[:1], rng=rng))


def test_leakage_is_that_of_the_rows(tmp_path: Path) -> None:
    """Answers that are all swapped tell as much as answers that are all right; constant ones tell nothing."""
    rows = []
    for attack, told in (("swap", {"calm": "moved", "moved": "calm"}), ("mute", {"calm": "calm", "moved": "calm"})):
        for k, true in product(range(10), ("calm", "moved")):
            # Whoever is trained on stickers reads through those of one attack.
            again = {"retrained_prediction": true} if attack == "mute" else {}
            rows.append(row(f"s{k}/{true}", true, true, told[true], attack=attack, **again))
    found = leaks(read_run(by_hand(tmp_path / "run", rows)))
    bits = {key[3]: (clean.bits, worn.bits) for key, (clean, worn, _) in found.items()}
    assert bits["swap"] == (1.0, 1.0)
    assert bits["mute"] == (1.0, 0.0)
    retrained = {key[3]: again and again.bits for key, (_, _, again) in found.items()}
    assert retrained == {"swap": None, "mute": 1.0}


def test_transfer_counts_equal_stickers_on_clips_both_read(tmp_path: Path) -> None:
    rows = turned("a", "xxxx....", recognizer="one")
    rows += turned("a", "x.x..x..", recognizer="two", before="..-.....")
    rows += turned("b", "xxxxxxxx", recognizer="one")
    rows += turned("b", "xxxxxxxx", recognizer="two", x=0.7)  # another place, so another sticker
    found = {(p.source, p.target): p for p in passages(read_run(by_hand(tmp_path / "run", rows)))}
    # Clip 2 was wrong clean for two; of clips 0, 1, 3 that fooled one, two is fooled on clip 0.
    there, back = found["one", "two"], found["two", "one"]
    assert (there.tried, there.passed.n, there.passed.hits) == (7, 3, 1)
    assert (there.others.n, there.others.hits) == (4, 1)
    assert (back.passed.n, back.passed.hits) == (2, 1)


def test_controls_are_paired_and_adjusted(tmp_path: Path) -> None:
    rows = turned("random", "x" + "." * 19) + turned("centre", "." * 20)
    rows += turned("grey", "x" * 9 + "." * 11) + turned("causal", "x" * 10 + "." * 10)
    found = {c.control.attack: c for c in comparisons(read_run(by_hand(tmp_path / "run", rows)))}
    p = {"random": 2 / 2**9, "centre": 2 / 2**10, "grey": 1.0}
    adjusted = dict(zip(p, metrics.holm(list(p.values())), strict=True))
    assert {k: c.pair.p for k, c in found.items()} == pytest.approx(p)
    assert {k: c.p_holm for k, c in found.items()} == pytest.approx(adjusted)
    assert {k: c.better for k, c in found.items()} == {"random": True, "centre": True, "grey": False}
    assert found["random"].pair.difference == pytest.approx(9 / 20)
    assert check(tmp_path / "run", 16).outcome == "pass"
    assert check(tmp_path / "run", 17).outcome == "flag"


def test_runs_are_paired_where_clips_match(tmp_path: Path) -> None:
    first = by_hand(tmp_path / "one", turned("a", "x" * 8 + "." * 4))
    rows = [*turned("a", "..........xx"), *turned("b", "............")]
    second = by_hand(tmp_path / "two", rows)
    (found,) = paired_tests([read_run(first), read_run(second)])
    assert found.pair is not None
    assert (found.pair.only_first, found.pair.only_second, found.pair.n) == (8, 2, 12)
    assert found.p_holm == found.pair.p == pytest.approx(metrics.mcnemar([1] * 8 + [0] * 4, [0] * 10 + [1] * 2))
    elsewhere = changed(second, tmp_path, lambda d: d["data"].update(name="elsewhere"))
    (apart,) = paired_tests([read_run(first), read_run(elsewhere)])
    assert apart.pair is None


def test_a_larger_sticker_that_helps_the_recognizer_is_flagged(tmp_path: Path) -> None:
    def sized(name: str, area: float, hits: str) -> Path:
        run = by_hand(tmp_path / name / "run", turned("a", hits))
        return changed(run, tmp_path / name, lambda d: d["cells"][0].update(sticker_area=area))

    small, large = sized("small", 0.02, "x" * 18 + ".."), sized("large", 0.09, "x" + "." * 19)
    section = by_size(read_runs([large, small]))
    assert section is not None
    (found,) = section.blocks[1].groups[0].rows  # type: ignore[union-attr]
    assert found.cells[5].text == "2.0%: 0.900, 9.0%: 0.050"  # type: ignore[union-attr]
    assert found.cells[6].style == "flag"  # type: ignore[union-attr]
    assert by_size(read_runs([large])) is None


def test_breakdown_adds_up(tmp_path: Path) -> None:
    rows = turned("random", "xx....")
    rows += [row(f"t{k}/b", "calm", "calm", "moved", attack="random", **{**NOSE, "region": "chin"}) for k in range(5)]
    run = read_run(by_hand(tmp_path / "run", rows))
    found = {(s.emotion, s.region): (s.hits, s.n) for s in strata(run)}
    assert found == {("moved", "nose"): (2, 6), ("calm", "chin"): (5, 5)}
    source, told = by_region(run, "r", "skin")
    assert source == "random places"
    assert {k: (r.hits, r.n) for k, r in told.items()} == found


def test_leaderboard_takes_runs_about_one_system_together(tmp_path: Path) -> None:
    first = by_hand(tmp_path / "one", turned("a", "xx......"))
    second = by_hand(tmp_path / "two", turned("b", "..xx....", queries=9))
    defended = by_hand(tmp_path / "three", turned("a", "x.......", defense="median"))
    found = entries(read_runs([first, second, defended]))
    assert [(e.subject[2], e.runs) for e in found] == [("median", ("three",)), ("none", ("one", "two"))]
    bare = found[1]
    assert bare.worst is not None
    assert bare.worst.attacks == 2
    assert bare.worst.scores.accuracy == 0.5
    assert bare.shared is not None
    assert bare.shared.scores.accuracy == 0.75, "ranked by the attacks that both rows met"
    assert bare.one_shot is not None
    assert (bare.one_shot.attack, bare.one_shot.rate.value) == ("a", 0.25)
    assert 25 in bare.flags

    other = changed(second, tmp_path / "card", lambda d: d["recognizers"][0].update(sha256="1"))
    assert len(entries(read_runs([first, other]))) == 2, "of other weights"


def grown(folder: Path, tmp_path: Path, **more: Any) -> Path:
    return changed(folder, tmp_path, lambda d: d.update(more))


def test_what_a_recognizer_turned_out_to_be(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", turned("pgd", "x....."), access={"pgd": "gradient"})
    good = grown(run, tmp_path / "a", facts=[{"recognizer": "r", "deterministic": True, "differentiable": True}])
    assert [check(good, k).outcome for k in (3, 4, 6)] == ["pass", "pass", "pass"]
    bad = grown(run, tmp_path / "b", facts=[{"recognizer": "r", "deterministic": False, "differentiable": False}])
    assert [check(bad, k).outcome for k in (3, 4, 6)] == ["flag", "pass", "flag"]
    broken = grown(run, tmp_path / "c", facts=[{"recognizer": "r", "error": "rows do not sum to 1"}])
    assert check(broken, 4).told == "r: rows do not sum to 1"
    assert [check(run, k).outcome for k in (3, 4, 6)] == ["not run"] * 3


def test_few_classes_are_flagged_for_losses_that_need_more(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", turned("x", "x....."), attacks={"x": "Torchattacks(name='APGDT')"})
    assert check(run, 5).outcome == "flag"
    assert check(grown(run, tmp_path, attacks={"x": "Pgd()"}), 5).outcome == "pass"


def test_black_box_that_beats_white_box_is_flagged(tmp_path: Path) -> None:
    def made(name: str, white: str, black: str) -> Path:
        rows = turned("pgd", white, kinetics="digital") + turned("square", black, kinetics="digital")
        return by_hand(tmp_path / name, rows, access={"pgd": "gradient", "square": "score"})

    weak, strong = made("weak", "xx....", "..x..."), made("strong", "xxx...", "..x...")
    assert check(weak, 8).told == "r digital: 1 of 3 clips turned by black box alone"
    assert [check(f, 8).outcome for f in (weak, strong)] == ["flag", "pass"]


def test_one_step_that_beats_many_is_flagged(tmp_path: Path) -> None:
    for name, one, many, outcome in (("a", "xx....", "x.....", "flag"), ("b", "x.....", "xx....", "pass")):
        rows = turned("fgsm", one, kinetics="digital") + turned("pgd", many, kinetics="digital")
        assert check(by_hand(tmp_path / name, rows), 9).outcome == outcome
    assert check(by_hand(tmp_path / "c", turned("fgsm", "x.....")), 9).outcome == "not run"


def test_searches_that_still_rise_are_flagged(tmp_path: Path) -> None:
    late = turned("search", "xx........", queries=100, first_success=90)
    early = turned("search", "xx........", queries=100, first_success=5)
    assert check(by_hand(tmp_path / "late", late), 11).outcome == "flag"
    assert check(by_hand(tmp_path / "early", early), 11).outcome == "pass"
    assert check(by_hand(tmp_path / "once", turned("a", "x.")), 11).outcome == "not run"


def test_a_success_that_was_seen_and_not_returned_is_flagged(tmp_path: Path) -> None:
    lost = turned("search", "x....", queries=10, first_success=3)
    assert check(by_hand(tmp_path / "lost", lost), 12).told.startswith("4 clips had a wrong answer on the way")
    kept = turned("search", "xxxxx", queries=10, first_success=3)
    assert check(by_hand(tmp_path / "kept", kept), 12).outcome == "pass"


def test_an_unbounded_attack_that_fails_is_flagged(tmp_path: Path) -> None:
    free = [ThreatModel("digital", eps=255).to_json()]
    for name, hits, outcome in (("weak", "xx....", "flag"), ("strong", "xxxxxx", "pass")):
        rows = turned("pgd", hits, kinetics="digital")
        assert check(by_hand(tmp_path / name, rows, threat_models=free), 15).outcome == outcome
        assert check(by_hand(tmp_path / f"{name}-bounded", rows), 15).outcome == "not run"


def test_defences_need_an_attack_that_knows_of_them(tmp_path: Path) -> None:
    plain = turned("a", "x.....") + turned("a", "x.....", defense="median")
    assert check(by_hand(tmp_path / "plain", plain), 20).outcome == "flag"
    assert check(by_hand(tmp_path / "none", turned("a", "x.....")), 20).outcome == "not run"
    asked = turned("search", "x.....", defense="median", queries=50)
    assert check(by_hand(tmp_path / "asked", plain + asked), 20).outcome == "pass"


def test_a_certificate_that_promises_too_much_is_flagged(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", turned("a", "xx....", defense="proof"))
    for share, outcome in ((0.6, "pass"), (0.7, "flag")):
        proven = changed(run, tmp_path / outcome, lambda d, s=share: d["clean"][0].update(certified=s))  # type: ignore[misc]
        assert check(proven, 21).outcome == outcome
    assert check(run, 21).outcome == "not run"


def test_successes_that_do_not_survive_are_flagged(tmp_path: Path) -> None:
    for name, wrong, outcome in (("weak", 1, "flag"), ("strong", 4, "pass")):
        rows = [*turned("a", "xx", refilmed=4, refilmed_wrong=wrong), *turned("a", "xxxxxx")[2:]]
        assert check(by_hand(tmp_path / name, rows), 22).outcome == outcome


def test_a_budget_that_was_not_kept_is_flagged(tmp_path: Path) -> None:
    rows = turned("search", "x.....", queries=50)
    tight = [ThreatModel("skin", budget=10).to_json()]
    assert check(by_hand(tmp_path / "over", rows, threat_models=tight), 23).outcome == "flag"
    assert check(by_hand(tmp_path / "free", rows), 23).outcome == "pass"


def test_a_manifest_that_says_everything_passes(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", turned("a", "x....."))
    assert check(run, 25).told == "the run does not say the device or whether torch was deterministic"
    told = {"mask": "0", "python": "3", "packages": {}, "device": "cpu", "deterministic": False}
    assert check(grown(run, tmp_path, environment=told), 25).outcome == "pass"


def test_ten_lines_hold_any_number_of_kinetics(tmp_path: Path) -> None:
    kinds = ("skin", "slip", "raised", "screen", "overlay", "digital")
    rows = [r for k in kinds for a in ("random", "causal") for r in turned(a, "x.....", kinetics=k)]
    run = read_run(by_hand(tmp_path / "run", rows))
    told = lines(run, checks(run, ()))
    assert len(told) == 10
    assert "And 3 more kinds of sticker; see the tables." in [line for _, line in told]
    assert sum(important for important, _ in told) == 4
    assert words.KINETICS["skin"][1:] in told[2][1]
