"""Tests of holdfast.cli.ops.pod_target."""

from __future__ import annotations

import json
import subprocess

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.pod_target import PodTarget
from tests.unit.cli.ops.fake_kubectl import FakeCluster, pod

EVICTION = "create --raw=/api/v1/namespaces/chat/pods/p1/eviction"


def test_check_wants_a_pod_that_is_replaced_and_the_right_to_evict():
    """Before anything is done; a bare pod would be gone for good."""
    bare = pod("p1")
    bare["metadata"]["ownerReferences"] = []

    PodTarget("p1", FakeCluster({"get pod p1": pod("p1"), "auth can-i": "yes\n"})).check()
    with pytest.raises(CliError, match="would replace"):
        PodTarget("p1", FakeCluster({"get pod p1": bare})).check()
    with pytest.raises(CliError, match="pods/eviction"):
        PodTarget("p1", FakeCluster({"get pod p1": pod("p1"), "auth can-i": "no\n"})).check()


def test_stop_evicts():
    """An eviction heeds the PodDisruptionBudget."""
    cluster = FakeCluster({EVICTION: "{}"})
    PodTarget("p1", cluster).stop()

    assert json.loads(cluster.inputs[-1])["kind"] == "Eviction"


def test_stop_says_why_an_eviction_is_refused():
    """Nothing has happened to the pod."""
    refused = subprocess.CompletedProcess(
        (), 1, "", "Cannot evict pod as it would violate the pod's disruption budget."
    )
    with pytest.raises(CliError, match="disruption budget") as caught:
        PodTarget("p1", FakeCluster({EVICTION: refused})).stop()

    assert caught.value.code is Exit.REFUSED


def test_is_running_asks_for_the_pod():
    """One that is gone is not there; a cluster that does not answer is an error."""
    assert PodTarget("p1", FakeCluster({"get pod p1": pod("p1")})).is_running()
    assert not PodTarget("p1", FakeCluster({"get pod p1": ""})).is_running()
    with pytest.raises(CliError):
        PodTarget("p1", FakeCluster({})).is_running()


def test_reload_signals_process_1():
    """By Python, which every image has; a shell it need not have."""
    cluster = FakeCluster({"exec p1": ""})
    PodTarget("p1", cluster).reload()

    assert "SIGHUP" in cluster.calls[-1]
    assert PodTarget("p1", cluster).failure() == ""
    PodTarget("p1", cluster).start()
    assert len(cluster.calls) == 1
