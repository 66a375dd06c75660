from __future__ import annotations

import pytest

from holdfast.verify.controls import controls_of
from holdfast.verify.judge import judge
from tests.unit.verify.rendered import facts_of


@pytest.fixture
def pod(production, facts):
    """Return facts of a pod: no systemd, a gateway that no unit started, the kernel's own keys, some out of sight."""
    facts["host"] |= {"systemd": False, "container": "pod"}
    facts["instances"][0] |= {"unit": "", "properties": {}, "declared": {}}
    facts["sysctl_files"] = {}
    facts["modules"], facts["module_files"] = {"nf_conntrack": "loaded"}, {}
    facts["sysctls"] |= {
        "net.ipv4.tcp_mem": None, "net.core.netdev_max_backlog": None, "net.core.somaxconn": "4096",
        "net.ipv4.tcp_notsent_lowat": "4294967295", "net.ipv4.tcp_max_tw_buckets": "8192",
    }  # fmt: skip
    facts["instances"][0]["listeners"][0]["backlog"] = 4096
    return facts


@pytest.fixture
def found(production, pod):
    """Return results by control for the facts as they are by then."""

    def find():
        roles = frozenset({"gateway"})
        return {one.id: one for one in judge(controls_of(production, pod, roles), pod)}

    return find


def test_pod_with_what_its_cluster_allows_has_neither_drift_nor_anything_unknown(found):
    """Units, and what a pod cannot have, do not apply; the rest is as it should be."""
    results = found()

    assert {one.status for one in results.values()} == {"ok", "not_applicable"}
    for control, said in {
        "hf-unit-001": "no such thing in a pod; resources.limits.memory",
        "hf-tcp-002": "the node's, and not to be seen in a pod",
        "hf-accept-001": "4096, the kernel's own; only where the kubelet allows it",
        "hf-accept-003": "4096, all that net.core.somaxconn grants here",
        "hf-tcp-001": "the gateway sets TCP_NOTSENT_LOWAT",
        "hf-port-004": "8192, the kernel's own",
    }.items():
        assert results[control].status == "not_applicable"
        assert said in results[control].actual


@pytest.mark.parametrize(
    ("control", "key", "value", "fix"),
    [
        ("hf-accept-001", "net.core.somaxconn", "128", "securityContext.sysctls: [{name: net.core.somaxconn"),
        ("hf-dead-005", "net.ipv4.tcp_fin_timeout", "60", "securityContext.sysctls: [{name: net.ipv4.tcp_fin_timeout"),
        ("hf-fd-001", "fs.nr_open", "1024", "on the node: sysctl -w fs.nr_open="),
    ],
)
def test_what_a_pod_can_have_and_has_not_is_drift(found, pod, control, key, value, fix):
    """A value that somebody set, one that every cluster allows, and the node's own where it can be read."""
    pod["sysctls"][key] = value

    result = found()[control]

    assert (result.status, result.expected.split()[-1] != value) == ("drift", True)
    assert fix in result.fix
    assert result.where == ("the node's kernel" if key.startswith("fs.") else "the running kernel")


def test_limit_of_the_runtime_is_drift(found, pod):
    """A container runtime that allows too few descriptors is what a pod can be wrong in."""
    pod["instances"][0]["descriptors"]["soft"] = 1024

    result = found()["hf-fd-004"]

    assert (result.status, result.where) == ("drift", "the gateway, process 71")
    assert "the container runtime" in result.fix


def test_gateway_that_is_out_of_sight_stays_unknown(found, pod):
    """What a pod has and nobody could look at is not taken for what it does not have."""
    pod["instances"].clear()

    results = found()

    assert {results[one].status for one in ("hf-fd-004", "hf-accept-003")} == {"unknown"}


def test_node_need_not_be_a_gateway_host(production, pod):
    """How many pods it has room for is not asked: one of two cores is judged like another."""
    pod["host"] |= {"memory_bytes": 2 * 1024**3, "cores": 2}

    assert controls_of(production, pod, frozenset({"gateway"}))


def test_host_without_systemd_has_no_units(production, tmp_path):
    """A machine that something else started is held against all but those."""
    facts = facts_of(production, tmp_path)
    facts["host"]["systemd"] = False
    facts["instances"][0]["unit"] = ""

    results = judge(controls_of(production, facts, frozenset({"gateway"})), facts)

    assert {one.id[:7] for one in results if one.status != "ok"} == {"hf-unit", "hf-fd-0"}
    assert {one.status for one in results if one.kind == "unit"} == {"not_applicable"}
