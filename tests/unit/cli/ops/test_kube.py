"""Tests of holdfast.cli.ops.kube."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.kube import Cluster, faults, is_ready, trouble
from tests.unit.cli.ops.fake_kubectl import PODS, FakeCluster, pod


def test_words_name_the_cluster():
    """Each call has namespace, context and kubeconfig, and never relies on what is current."""
    pods = replace(PODS, context="c", kubeconfig="/k")

    assert Cluster(pods).words("get", "pods") == [
        "kubectl", "--kubeconfig=/k", "--context=c", "--namespace=chat", "get", "pods",
    ]  # fmt: skip


def test_admin_token_comes_from_the_secret():
    """It is read when it is needed, and stands in no file."""
    data = {"admin-token": base64.b64encode(b"t0ken\n").decode()}

    assert FakeCluster({"get secret keys": {"data": data}}).admin_token() == "t0ken"
    with pytest.raises(CliError, match="has no key admin-token"):
        FakeCluster({"get secret keys": {"data": {}}}).admin_token()


def test_a_call_that_fails_says_what_to_try():
    """With kubectl's own words and a command line."""
    with pytest.raises(CliError, match="no answer for") as caught:
        FakeCluster({}).all()

    assert caught.value.code is Exit.UNKNOWN
    assert "Try `kubectl --namespace=chat get pods`" in str(caught.value)


def test_a_missing_kubectl_is_bad_usage():
    """Nothing was done."""
    with pytest.raises(CliError, match="there is no") as caught:
        Cluster(replace(PODS, kubectl="/nowhere/kubectl")).run("version")

    assert caught.value.code is Exit.USAGE


def test_faults_name_what_kubectl_could_take_for_an_option():
    """Names come from a file, and must not be options."""
    wrong = replace(PODS, namespace="--all", selector="-x")

    assert len(faults(wrong)) == 2
    assert faults(PODS) == []


def test_trouble_is_what_time_does_not_cure():
    """A pod that waits for an image that is not there, or was refused; not one that starts."""
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    crashed = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"message": "bad"}}}

    assert trouble(pod("a", containerStatuses=[waiting])) == "ImagePullBackOff: not found"
    assert trouble(pod("a", containerStatuses=[crashed])) == "CrashLoopBackOff: bad"
    assert trouble(pod("a", phase="Failed", reason="SysctlForbidden")) == "SysctlForbidden"
    assert trouble(pod("a", containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}])) == ""


def test_a_pod_that_ends_is_not_ready():
    """It still answers, and gets nobody new."""
    assert is_ready(pod("a"))
    assert not is_ready(pod("a", is_ending=True))
