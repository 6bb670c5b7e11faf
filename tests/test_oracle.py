"""Metered access: every query counted once, budgets exact, access never exceeded, nothing asked twice."""

from __future__ import annotations

import numpy as np
import pytest

from mask.errors import AccessDenied, BudgetExhausted
from mask.oracle import MeteredTarget, Scorer
from mask.plan import Kinetics, Placement, Plan
from tests.models import LinearFlow, flow_clip, strained

CLIP = flow_clip("s1/a", strained([(10, 10), (10, 11), (20, 5)]))


def plans(n: int) -> list[Plan]:
    return [Plan(Placement(3 / 28 + 2 * k / 28, 0.5, 0.046), Kinetics("skin")) for k in range(n)]


@pytest.fixture
def model() -> LinearFlow:
    return LinearFlow(np.ones((28, 28)), 500.0)


def test_each_plan_is_asked_once(model: LinearFlow) -> None:
    scorer = Scorer(model)
    first = scorer.under(CLIP, plans(5))
    again = scorer.under(CLIP, [*plans(5)[::-1], *plans(6)])
    assert sum(model.calls) == 6
    np.testing.assert_array_equal(again.probabilities[:5], first.probabilities[::-1])
    np.testing.assert_array_equal(again.probabilities[5:10], first.probabilities)


def test_chunks_do_not_change_answers(model: LinearFlow) -> None:
    other = flow_clip("s2/b", strained([(3, 3)]))
    pairs = [(c, p) for p in plans(7) for c in (CLIP, other)]
    whole, parts = Scorer(model).under_each(pairs), Scorer(model, chunk=3).under_each(pairs)
    np.testing.assert_array_equal(whole.probabilities, parts.probabilities)


def test_budget_is_exact_and_keeps_the_final_look(model: LinearFlow) -> None:
    target = MeteredTarget(Scorer(model), CLIP, "score", budget=4)
    assert target.remaining == 3
    target.score(plans(2))
    target.decide(plans(2))  # already known: free
    assert (target.queries, target.remaining) == (2, 1)
    with pytest.raises(BudgetExhausted, match="2 more queries about s1/a with 1 left of 4"):
        target.decide(plans(4))
    assert target.queries == 2, "a refused request costs nothing"
    target.decide(plans(3))
    assert target.finish(plans(4)[3]) == 4
    assert target.remaining == 0


def test_a_final_look_at_a_known_plan_is_not_a_new_query(model: LinearFlow) -> None:
    target = MeteredTarget(Scorer(model), CLIP, "decision", budget=None)
    target.decide(plans(3))
    assert target.finish(plans(3)[1]) == 3
    assert target.remaining is None


@pytest.mark.parametrize(
    ("access", "allowed"), [("none", set()), ("decision", {"decide"}), ("score", {"decide", "score"})]
)
def test_access(model: LinearFlow, access: str, allowed: set[str]) -> None:
    target = MeteredTarget(Scorer(model), CLIP, access, budget=None)  # type: ignore[arg-type]
    for call in ("decide", "score"):
        if call in allowed:
            getattr(target, call)(plans(1))
        else:
            with pytest.raises(AccessDenied, match=f"'{access}'"):
                getattr(target, call)(plans(1))
    assert not model.calls or allowed
