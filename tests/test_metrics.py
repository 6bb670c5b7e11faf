"""Scores against scikit-learn, intervals and tests against SciPy, statsmodels-free closed forms and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, mutual_info_score, recall_score

from mask import metrics

NAMES = ["negative", "positive", "surprise"]
labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(labels)
def test_scores_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, told = ([NAMES[p[k]] for p in pairs] for k in (0, 1))
    matrix, unanswered = metrics.confusion(true, told, NAMES)
    np.testing.assert_array_equal(matrix, confusion_matrix(true, told, labels=NAMES))
    assert not unanswered.any()
    found = metrics.scores(matrix)
    present = sorted(set(true) | set(told))
    assert found.uf1 == pytest.approx(f1_score(true, told, labels=present, average="macro", zero_division=0))
    assert found.uar == pytest.approx(recall_score(true, told, labels=sorted(set(true)), average="macro"))
    assert found.accuracy == pytest.approx(accuracy_score(true, told))


def test_published_golden_scores() -> None:
    """CASME II of MEGC2019 with the published STSTNet weights."""
    found = metrics.scores([[77, 11, 0], [10, 21, 1], [1, 0, 24]])
    assert (round(found.uf1, 4), round(found.uar, 4), round(found.accuracy, 4)) == (0.8304, 0.8304, 0.8414)


def test_no_answer_is_a_wrong_answer() -> None:
    matrix, unanswered = metrics.confusion(["a", "a", "b", "b"], ["a", None, "elsewhere", "b"], ["a", "b"])
    assert matrix.tolist() == [[1, 0], [0, 1]]
    assert unanswered.tolist() == [1, 1]
    assert metrics.scores(matrix, unanswered).accuracy == 0.5
    assert metrics.scores(matrix, unanswered).uf1 == pytest.approx(2 / 3)


def test_majority_by_hand() -> None:
    name, base = metrics.majority(["a"] * 6 + ["b"] * 3 + ["c"], ["c", "a", "b"])
    assert name == "a"
    assert base.accuracy == 0.6
    assert base.uar == pytest.approx(1 / 3)
    assert base.uf1 == pytest.approx((2 * 6 / 16) / 3)


@given(st.integers(1, 300), st.data())
def test_wilson_is_the_score_test_inverted(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = metrics.wilson(k, n)
    exact = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((max(0, exact.low), min(1, exact.high)), abs=1e-9)


def test_bootstrap_of_a_mean_agrees_with_the_cluster_formula(rng: np.random.Generator) -> None:
    subjects = [f"s{k // 10}" for k in range(400)]
    values = rng.normal(size=40).repeat(10)  # clips of one subject are all alike
    totals = metrics.per_subject(subjects, np.column_stack([values, np.ones(400)]))
    low, high = metrics.bootstrap(totals, lambda sums: sums[:, 0] / sums[:, 1], rng=rng, repeats=4000)
    error = values[::10].std() / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert metrics.bootstrap([[5.0]], lambda sums: sums[:, 0], rng=rng) == pytest.approx((np.nan, np.nan), nan_ok=True)


def test_mcnemar_by_hand() -> None:
    first = np.array([1] * 9 + [0] * 1 + [1] * 5 + [0] * 5, dtype=bool)
    second = np.array([0] * 9 + [1] * 1 + [1] * 5 + [0] * 5, dtype=bool)
    assert metrics.mcnemar(first, second) == pytest.approx(2 * (1 + 10) / 2**10)
    assert metrics.mcnemar(first, first) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_monotone_and_bounded(p_values: list[float]) -> None:
    adjusted = metrics.holm(p_values)
    assert all(a >= p - 1e-12 for a, p in zip(adjusted, p_values, strict=True))
    assert all(a <= min(1, len(p_values) * p) + 1e-12 for a, p in zip(adjusted, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()


def test_leakage_approaches_mutual_information(rng: np.random.Generator) -> None:
    true = rng.integers(0, 3, 20000)
    told = np.where(rng.random(20000) < 0.6, true, rng.integers(0, 3, 20000))
    matrix = confusion_matrix(true, told)
    assert metrics.leakage_bits(matrix) == pytest.approx(mutual_info_score(true, told) / np.log(2), abs=1e-3)


def test_leakage_of_guessing_is_near_zero_in_small_samples(rng: np.random.Generator) -> None:
    """The plain estimate is biased upwards; the corrected one must not invent leakage."""
    found = [metrics.leakage_bits(confusion_matrix(*rng.integers(0, 3, (2, 60)), labels=range(3))) for _ in range(300)]
    assert np.mean(found) < 0.03


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: metrics.confusion(["a"], [], ["a"]), "1 true and 0 predicted"),
        (lambda: metrics.confusion(["z"], ["a"], ["a"]), "'z'"),
        (lambda: metrics.wilson(3, 2), "3 successes of 2"),
    ],
)
def test_bad_input_is_told(call: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()  # type: ignore[operator]
