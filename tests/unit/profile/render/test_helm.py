"""Tests of holdfast.profile.render.helm."""

import pytest

from holdfast.profile.render.helm import helm_values, pod_sysctls


@pytest.mark.parametrize(
    ("kubernetes", "there", "absent"),
    [
        ("1.28", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
        ("1.35", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_notsent_lowat"),
        ("1.37", "net.ipv4.tcp_notsent_lowat", "net.core.somaxconn"),
    ],
)
def test_pod_sysctls_grow_with_kubernetes(production, facts, kubernetes, there, absent):
    """A pod asks only for keys that its Kubernetes calls safe."""
    found = pod_sysctls(production, facts, kubernetes)

    assert there in found
    assert absent not in found


def test_helm_values_wait_longer_than_a_stop(production, facts):
    """A pod is given the time that its drain takes, and rollouts drain one pod at a time."""
    values = helm_values(production, facts)

    assert 170 < values["terminationGracePeriodSeconds"] <= 600
    assert values["minReadySeconds"] >= values["config"]["shutdown"]["drain_window"]
