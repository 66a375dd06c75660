"""Retries are a share of the calls."""

import pytest

from holdfast.resilience.retry_budget import RetryBudget


def test_budget_gives_a_share_of_the_calls() -> None:
    """A tenth of a hundred calls, and what the quiet time before saved."""
    budget = RetryBudget(0.1)
    taken = 0
    for _ in range(1000):
        budget.on_call()
        taken += budget.take()

    assert 100 <= taken <= 110


def test_budget_saves_up_to_ten() -> None:
    """A long quiet time does not make a storm of retries."""
    budget = RetryBudget(1)
    for _ in range(1000):
        budget.on_call()

    assert sum(budget.take() for _ in range(100)) == 10


def test_budget_of_nothing_gives_nothing() -> None:
    """0 switches retries off."""
    budget = RetryBudget(0)
    budget.on_call()

    assert not budget.take()


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_budget_refuses_a_ratio_beyond_all(ratio: float) -> None:
    """A share is between nothing and everything."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        RetryBudget(ratio)
