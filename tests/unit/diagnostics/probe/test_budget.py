"""Tests of holdfast.diagnostics.probe.budget."""

from __future__ import annotations

from itertools import pairwise

from holdfast.codes_stages import STAGES
from holdfast.diagnostics.probe.budget import DEFAULT_SECONDS, Budget


def test_every_stage_ends_within_the_whole() -> None:
    """In their order, and before the ten seconds that a probe may take."""
    budget = Budget(100.0, DEFAULT_SECONDS)
    ends = [budget.end_of(stage) for stage in STAGES]

    assert all(first <= second for first, second in pairwise(ends))
    assert ends[0] > 100.0
    assert ends[-1] < 100.0 + DEFAULT_SECONDS < 110.0


def test_stages_that_wait_for_an_answer_have_a_share_of_their_own() -> None:
    """However slow those before them were."""
    budget = Budget(0.0, 10.0)
    walked = ["dns", "tcp", "tls", "upgrade", "token", "connect", "subscribe", "message", "close"]
    ends = [0.0, *(budget.end_of(stage) for stage in STAGES if stage in walked)]

    assert all(second - first >= 0.2 for first, second in pairwise(ends))


def test_idle_time_comes_on_top() -> None:
    """What follows it has its share still."""
    budget = Budget(0.0, 10.0)
    before = budget.end_of("close")
    budget.add_idle(60.0)

    assert budget.end_of("close") == before + 60.0


def test_aftermath_ends_with_the_whole() -> None:
    """And has a moment only, however early the failure was."""
    budget = Budget(0.0, 10.0)

    assert budget.end_of_aftermath(1.0) == 3.5
    assert budget.end_of_aftermath(9.5) == 10.0
