"""The probe: what it finds when something is there, and that it keeps quiet when nothing is."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mask.causal.bootstrap import bootstrap
from mask.causal.nulls import control, correlated_noise, neutral_clips, permuted_labels, shuffled_time_edges
from mask.causal.plot import figure
from mask.causal.probe import probe, steps
from mask.causal.result import ProbeResult
from mask.causal.score import scores
from mask.causal.table import Table, build

Array = np.ndarray
REGIONS = tuple(f"r{i}" for i in range(8))
EMOTIONS = ("joy", "fear", "calm")
FEW = {"bootstraps": 40, "nulls": 39, "method": "fast-pc"}


def clips(seed: int, effect: float, count: int = 96, regions: int = 8) -> tuple[Array, list[str], list[str]]:
    """Twelve subjects of their own level; neighbouring regions move together; joy adds to region 2, fear to 5."""
    rng = np.random.default_rng(seed)
    subjects = np.arange(count) % 12
    labels = np.concatenate([rng.permutation(np.arange(12) % 3) for _ in range(count // 12)]).reshape(-1, 12)
    labels = rng.permuted(labels, axis=0).reshape(-1)
    apart = abs(np.subtract.outer(np.arange(regions), np.arange(regions)))
    motion = rng.multivariate_normal(np.zeros(regions), 0.6**apart, count)
    motion += 2 * rng.standard_normal((12, regions))[subjects]
    motion[labels == 0, 2] += effect
    motion[labels == 1, 5 % regions] += effect
    return motion, [EMOTIONS[k] for k in labels], [f"s{i}" for i in subjects]


def table_of(seed: int, effect: float, **options: int) -> Table:
    motion, labels, subjects = clips(seed, effect, **options)
    names = [f"r{i}" for i in range(motion.shape[1])]
    return build(motion, labels, subjects, names, EMOTIONS, None, 3)


def run(seed: int, effect: float, **options: object) -> ProbeResult:
    motion, labels, subjects = clips(seed, effect)
    return probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(seed), **{**FEW, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> ProbeResult:
    motion, labels, subjects = clips(0, 1.5)
    vectors = np.stack([0 * motion, -motion], axis=-1)
    return probe(
        motion, labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(0), vectors=vectors,
        bootstraps=60, nulls=59,
    )  # fmt: skip


def test_planted_regions_are_named_with_their_evidence(found: ProbeResult) -> None:
    assert (found.of("joy").region, found.of("fear").region) == ("r2", "r5")
    best = found.of("joy").ranking[0]
    assert best.score == pytest.approx((best.tie + best.direct) / 2)
    assert best.frequency > 0.9
    assert best.frequency_ci95[0] < best.frequency <= best.frequency_ci95[1] + 1e-9
    assert best.p_null == pytest.approx(1 / 60)
    assert best.effect > 1
    assert best.direction == "further up"
    assert "r2 moves further up" in found.of("joy").reason
    assert found.overall.region in ("r2", "r5")
    assert [str(e) for e in found.graph.edges if e.target == "fear"] == ["r5 --> fear"]
    assert found.rows == 96
    assert found.subjects == 12
    assert found.samples == 96 - 11
    assert not found.flags


def test_what_did_not_run_is_said(found: ProbeResult) -> None:
    said = {c.name: (c.draws, c.why_not) for c in found.controls}
    assert said["neutral clips"] == (0, "none was given")
    assert said["shuffled time"] == (0, "rows are clips and have no order in time")
    assert said["permuted labels"] == (59, "")
    assert said["noise as correlated as the clips"] == (59, "")


def test_fear_is_not_mistaken_for_its_subjects() -> None:
    """A region that differs between subjects, who differ in what they show, is tied to nothing within a subject."""
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(12), 8)
    labels = np.where(rng.random(96) < np.repeat(np.linspace(0.1, 0.9, 12), 8), 0, 1)
    motion = rng.standard_normal((96, 8))
    motion[:, 3] += subjects
    names = [EMOTIONS[k] for k in labels]
    blind = probe(motion, names, None, REGIONS, EMOTIONS[:2], rng=rng, **FEW)  # type: ignore[arg-type]
    seeing = probe(motion, names, subjects.astype(str), REGIONS, EMOTIONS[:2], rng=rng, **FEW)  # type: ignore[arg-type]
    assert blind.of("joy").region == "r3"
    assert seeing.abstained


def test_on_noise_it_abstains() -> None:
    """Ten runs at level .05: the odds of three or more speaking are one in ninety. (The seeds are fixed.)"""
    assert sum(not run(seed, 0.0, bootstraps=20).abstained for seed in range(10)) <= 2


def test_abstaining_is_explained() -> None:
    result = run(3, 0.0)
    assert result.abstained
    for finding in result.by_emotion:
        assert finding.region is None
        assert "permuted labels" in finding.reason or "disagree" in finding.reason
        assert len(finding.ranking) == 8


def test_p_values_are_uniform_on_noise() -> None:
    values = []
    for seed in range(60):
        table = table_of(seed, 0.0, count=48, regions=4)
        null = control("", permuted_labels(table), 19, np.random.default_rng(seed), 0.05)
        values.append(float(null.p_values(scores(table, 0.05).score).min()))
    assert stats.kstest(np.array(values) - np.random.default_rng(0).uniform(0, 0.05, 60), "uniform").pvalue > 0.01


def test_relabelling_columns_relabels_the_answer() -> None:
    table = table_of(4, 1.0)
    order = np.random.default_rng(0).permutation(8)
    turned = replace(
        table, motion=table.motion[:, order] * np.linspace(-3, 3, 8), regions=tuple(np.array(REGIONS)[order])
    )
    np.testing.assert_allclose(scores(turned, 0.05).score, scores(table, 0.05).score[order], rtol=1e-6)


def test_permuting_keeps_subjects_and_their_mix() -> None:
    table = table_of(5, 0.0)
    moved = table.shuffled(np.random.default_rng(0))
    assert (moved.labels != table.labels).any()
    for subject in range(12):
        mine = table.subjects == subject
        assert sorted(moved.labels[mine]) == sorted(table.labels[mine])


def test_two_that_say_the_same_are_both_candidates() -> None:
    """Left and right that rise together: PC lets each explain the other away, the probe still speaks."""
    motion, labels, subjects = clips(6, 0.0, count=144)
    rng = np.random.default_rng(6)
    lift = 1.4 * (np.array(labels) == "joy") + 0.8 * rng.standard_normal(144)
    motion[:, 1] = lift + 0.25 * rng.standard_normal(144)
    motion[:, 6] = lift + 0.25 * rng.standard_normal(144)
    finding = probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=rng, **FEW).of("joy")  # type: ignore[arg-type]
    assert finding.region in ("r1", "r6")
    assert set(finding.candidates) == {"r1", "r6"}


def test_bootstrap_is_the_search_on_resampled_subjects() -> None:
    """The weighted covariance against rows really repeated."""
    table = table_of(7, 0.8)
    tally = bootstrap(table, 25, np.random.default_rng(0), method="fast-pc")
    again = bootstrap(table, 25, np.random.default_rng(0), method="pc")
    assert np.array_equal(tally.ties, again.ties)
    assert tally.unit == "subjects"
    rng, ties = np.random.default_rng(0), np.zeros((8, 3), int)
    for _ in range(25):
        rows = np.concatenate([np.flatnonzero(table.subjects == s) for s in rng.integers(12, size=12)])
        ties += scores(replace(table, motion=table.motion[rows], labels=table.labels[rows],
                               subjects=np.repeat(np.arange(12), 8)), 0.05).adjacent  # fmt: skip
    assert np.array_equal(tally.ties, ties)
    assert (tally.arrows + tally.arrows.T <= tally.adjacent).all()
    assert (tally.top.sum(axis=0) == 25).all()


def test_rows_are_resampled_where_subjects_are_unknown() -> None:
    motion, labels, _ = clips(7, 0.8)
    table = build(motion + 5.0, labels, None, REGIONS, EMOTIONS, None, 3)
    tally = bootstrap(table, 25, np.random.default_rng(0))
    rng, ties = np.random.default_rng(0), np.zeros((8, 3), int)
    for _ in range(25):
        rows = rng.integers(96, size=96)
        again = build(motion[rows], [labels[i] for i in rows], None, REGIONS, EMOTIONS, None, 3)
        ties += scores(again, 0.05).adjacent
    assert np.array_equal(tally.ties, ties)
    assert tally.unit == "rows"


def test_arrows_between_regions_point_the_right_way() -> None:
    rng = np.random.default_rng(0)
    motion = rng.standard_normal((400, 3))
    motion[:, 1] += motion[:, 0] + motion[:, 2]
    labels = rng.choice(["joy", "fear"], 400).tolist()
    tally = bootstrap(build(motion, labels, None, REGIONS[:3], EMOTIONS, None, 3), 20, rng)
    assert tally.arrows[0, 1] > 15
    assert tally.arrows[2, 1] > 15
    assert tally.arrows[1].sum() < 5


@pytest.mark.parametrize("method", ["fci", "ges", "boss", "lingam"])
def test_other_searches_count_their_own_edges(method: str) -> None:
    result = run(8, 1.5, method=method, bootstraps=2)
    assert result.of("joy").ranking[0].frequency == 1.0
    assert result.graph.adjacent("r2", "joy")
    assert result.pairs


def test_neutral_clips_and_callers_noise_are_controls() -> None:
    motion, labels, subjects = clips(9, 1.5)
    neutral = np.random.default_rng(9).standard_normal((40, 8))
    neutral[3, 2] = np.nan
    seen: list[int] = []
    result = probe(
        motion, labels, subjects, REGIONS, EMOTIONS, neutral, rng=np.random.default_rng(9), progress=seen.append,
        controls={"mask geometry": lambda rng: rng.standard_normal((96, 8))}, **FEW,
    )  # type: ignore[arg-type]  # fmt: skip
    shown = {c.name: c for c in result.controls}
    for name in ("neutral clips", "mask geometry"):
        assert shown[name].draws == 39
        assert 0 <= shown[name].false_edges < 0.1
        assert shown[name].highest < result.of("joy").ranking[0].score
        assert sum(shown[name].top.values()) == pytest.approx(1)
    assert sum(seen) == steps(40, 39, controls=1)


def test_a_region_that_also_wins_on_noise_is_flagged() -> None:
    """Noise under masks that leave only r2 free: the rest copy one another, r2 alone can be tied to anything."""
    motion, labels, subjects = clips(10, 1.5)

    def biased(rng: np.random.Generator) -> Array:
        out = np.repeat(rng.standard_normal((96, 1)), 8, axis=1) + 0.01 * rng.standard_normal((96, 8))
        out[:, 2] = 3 * (np.array(labels) == "joy") + rng.standard_normal(96)
        return out

    result = probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(0),
                   controls={"mask geometry": biased}, **FEW)  # type: ignore[arg-type]  # fmt: skip
    assert any("r2, named for joy, also has the highest score in 100%" in flag for flag in result.flags)
    assert any("no higher than mask geometry" in flag for flag in result.flags)


def test_nulls_have_no_content() -> None:
    """Under every built-in control the tie planted in the clips is gone."""
    table, rng = table_of(11, 2.0), np.random.default_rng(0)
    real = scores(table, 0.05).score.max()
    for make in (permuted_labels(table), correlated_noise(table), neutral_clips(table, rng.standard_normal((200, 8)))):
        null = control("", make, 30, rng, 0.05)
        assert null.strongest.max() < 0.7 * real
        assert null.false_edges < 0.08
        assert null.top.sum() == 30


def test_correlated_noise_is_as_correlated() -> None:
    table = table_of(12, 0.0, count=960)
    drawn = correlated_noise(table)(np.random.default_rng(0))
    np.testing.assert_allclose(np.corrcoef(drawn.motion.T), np.corrcoef(table.motion.T), atol=0.12)


def test_frames_share_their_clips_label_and_are_worth_less() -> None:
    rng = np.random.default_rng(13)
    motion, labels, subjects = clips(13, 1.5)
    frames = np.repeat(motion, 6, axis=0) + 0.3 * rng.standard_normal((576, 8))
    names = [f"c{i}" for i in range(96)]
    result = probe(
        frames, np.repeat(labels, 6), np.repeat(subjects, 6), REGIONS, EMOTIONS, clips=np.repeat(names, 6),
        rng=rng, **FEW,
    )  # type: ignore[arg-type]  # fmt: skip
    assert result.of("joy").region == "r2"
    assert (result.rows, result.clips) == (576, 96)
    assert 80 < result.samples < 130
    assert {c.name: c.draws for c in result.controls}["shuffled time"] == 39
    alone = build(rng.standard_normal((576, 8)), np.repeat(labels, 6).tolist(), None, REGIONS, EMOTIONS,
                  np.repeat(names, 6).tolist(), 3)  # fmt: skip
    assert alone.samples > 500


def test_shuffled_time_breaks_what_moves_together() -> None:
    table = table_of(14, 0.0, count=480)
    timed = replace(table, clips=np.repeat(np.arange(12), 40))
    together = float(np.mean(np.abs(np.corrcoef(timed.motion.T)) > 0.3)) - 1 / 8
    assert together > 0.1
    assert shuffled_time_edges(timed, 5, np.random.default_rng(0), 0.05) < 0.1


def test_json_round_trip_and_damage(found: ProbeResult) -> None:
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["schema"] == "mask.probe/1"
    assert ProbeResult.from_json({"command": "mask probe", **json.loads(text)}) == found
    short = json.loads(text)
    del short["by_emotion"][0]["ranking"][0]["score"]
    for damaged in ({}, {"schema": "mask.probe/2"}, {"schema": "mask.probe/1"}, short, [1]):
        with pytest.raises(ValueError, match="probe result"):
            ProbeResult.from_json(damaged)


def test_the_same_seed_gives_the_same_result_and_leaves_the_global_one_alone() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert run(15, 1.0) == run(15, 1.0)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_too_few_rows_abstain_and_say_so(rows: int) -> None:
    motion, labels, subjects = (part[:rows] for part in clips(16, 2.0))
    result = probe(motion.reshape(rows, 8), labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(0), **FEW)  # type: ignore[arg-type]
    assert result.abstained
    assert "independent rows" in result.of("joy").reason
    assert ProbeResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    figure(result)


def test_one_emotion_per_subject_abstains_and_says_so() -> None:
    motion, _, subjects = clips(17, 0.0)
    labels = ["joy" if int(s[1:]) % 2 else "fear" for s in subjects]
    result = probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(0), **FEW)  # type: ignore[arg-type]
    assert "never seen beside another" in result.of("joy").reason
    assert "no row shows calm" in result.of("calm").reason
    assert result.abstained


def test_still_and_copied_regions_are_left_out_and_named() -> None:
    motion, labels, subjects = clips(18, 1.5)
    motion[:, 0] = 4.0
    motion[:, 7] = 2 * motion[:, 6]
    motion[5, 1] = np.nan
    result = probe(motion, labels, subjects, REGIONS, EMOTIONS, rng=np.random.default_rng(0), **FEW)  # type: ignore[arg-type]
    assert {n.kind: n.what for n in result.notes} == {"rows": (), "constant": ("r0",), "duplicate": ("r7",)}
    assert result.rows == 95
    assert result.of("joy").region == "r2"
    assert len(result.of("joy").ranking) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["joy"] * 95}, "95 labels for 96 rows"),
        ({"labels": ["rage"] * 96}, "'rage' is not among"),
        ({"region_names": REGIONS[:7]}, "one column per region"),
        ({"emotions": ("joy", "fear", "calm", "joy")}, "must differ"),
        ({"vectors": np.zeros((96, 8))}, "vectors have shape"),
        ({"neutral_motion": np.zeros((30, 7))}, "neutral motion has shape"),
        ({"controls": {"odd": lambda rng: np.zeros((3, 3))}}, "a control drew"),
        ({"clips": ["c"] * 96}, "share one label"),
        ({"nulls": 18}, "cannot decide at level 0.05"),
        ({"level": 0.0}, "level is 0.0"),
        ({"alpha": 2.0}, "alpha is 2.0"),
        ({"method": "magic"}, "no discovery method"),
        ({"method": "cdnod"}, "compares two datasets"),
    ],
)
def test_bad_input_is_told(change: dict[str, object], message: str) -> None:
    motion, labels, subjects = clips(19, 1.0)
    given = {
        "motion": motion, "labels": labels, "subjects": subjects, "region_names": REGIONS, "emotions": EMOTIONS,
        "rng": np.random.default_rng(0), **FEW, **change,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        probe(**given)  # type: ignore[arg-type]


def test_figure_shows_every_emotion_and_takes_names_as_they_are(found: ProbeResult) -> None:
    drawn = figure(found.to_json())
    texts = " ".join(t.get_text() for axes in drawn.axes for t in axes.texts)
    assert all(e in texts for e in EMOTIONS)
    assert "joy: r2" in texts
    odd = json.loads(json.dumps(found.to_json()).replace('"joy"', '"$\\\\frac$"'))
    figure(odd).savefig(io.BytesIO())
