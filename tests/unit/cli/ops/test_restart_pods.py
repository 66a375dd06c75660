"""Tests of holdfast.cli.ops.restart_pods; the whole of it runs in tests/cluster."""

from __future__ import annotations

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.restart_pods import Progress
from tests.unit.cli.ops.fake_kubectl import pod


def test_progress_tells_each_state_once():
    """New pods start and serve, old ones drain; that old ones serve is no news."""
    progress = Progress(frozenset({"a"}), 1)

    assert progress.news([pod("a"), pod("b", is_ready=False)]) == ["b starts."]
    assert progress.news([pod("a"), pod("b")]) == ["b serves."]
    assert progress.news([pod("a", is_ending=True), pod("b")]) == ["a drains."]
    assert progress.news([pod("a", is_ending=True), pod("b")]) == []


def test_progress_ends_when_all_are_new_and_ready():
    """First the new pods are waited for, then the drains of the old ones."""
    progress = Progress(frozenset({"a"}), 1)

    assert progress.missing([pod("a"), pod("b", is_ready=False)]) == "0 of 1 new pods are ready"
    assert progress.missing([pod("a", is_ending=True), pod("b")]) == "1 pods still drain"
    assert progress.missing([pod("b")]) == ""


def test_progress_stops_at_a_pod_that_cannot_start():
    """The old ones go on serving; nothing else is waited for."""
    bad = pod("b", is_ready=False, phase="Failed", reason="SysctlForbidden", message="net.core.somaxconn")
    with pytest.raises(CliError, match=r"b does not start: SysctlForbidden: net\.core\.somaxconn") as caught:
        Progress(frozenset({"a"}), 1).missing([pod("a"), bad])

    assert caught.value.code is Exit.REFUSED
