"""Tests of holdfast.diagnostics.probe.verdict."""

from __future__ import annotations

import pytest

from holdfast.codes import CODES
from holdfast.diagnostics.probe.verdict import FailedError, verdict


def test_verdict_says_what_the_cause_means_and_what_came() -> None:
    """Stage, fix and exit code are the table's unless said otherwise."""
    found = verdict("tcp_refused", "192.0.2.1:443: refused.")

    assert found.cause == f"{CODES['tcp_refused'].meaning} 192.0.2.1:443: refused."
    assert (found.stage, found.fix, found.exit_code) == ("tcp", CODES["tcp_refused"].remedy, 11)
    assert verdict("connection_cut", stage="connect", fix="Do.").exit_code == 17


def test_verdict_of_no_cause_is_a_mistake() -> None:
    """Only slugs of the table."""
    with pytest.raises(KeyError):
        verdict("nonsense")


def test_failure_may_wait_for_what_the_gateway_saw() -> None:
    """With a verdict, or with a function that makes one."""
    found = verdict("upgrade_cut")

    assert FailedError(found).judge({}) is found
    assert FailedError(lambda seen: verdict(str(seen["slug"]))).judge({"slug": "draining"}).slug == "draining"
