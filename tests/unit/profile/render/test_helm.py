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


def test_helm_values_have_what_a_stop_is_calculated_from(production, facts):
    """The chart calculates the grace; it is given wait, window, flush and margin, and how soon that is seen."""
    values = helm_values(production, facts)
    shutdown = values["config"]["shutdown"]

    assert (shutdown["propagation_wait"], shutdown["drain_window"], shutdown["timeout"]) == (10, 120, 10)
    assert values["stopMarginSeconds"] == 20
    assert values["probes"]["readiness"] == {"periodSeconds": 1, "failureThreshold": 2}


def test_helm_values_aim_below_the_alerts(production, facts):
    """An autoscaler adds a pod before anybody is woken up: at 70 % of what one takes."""
    autoscaling = helm_values(production, facts)["autoscaling"]

    assert autoscaling == {"cpu": {"target": 61}, "connections": {"target": 28000}}


def test_helm_values_leave_memory_to_the_pod(production, facts):
    """The monitor takes the limit of the pod, so that a pod with more memory uses it."""
    values = helm_values(production, facts)

    assert "memory_limit" not in values["config"]["monitor"]
    assert values["resources"]["limits"]["memory"] == "832Mi"
