from __future__ import annotations

from dataclasses import replace

from holdfast.verify.controls import controls, counters, host_facts, names, request_for
from tests.unit.verify.rendered import HOST


def test_host_of_facts_is_the_profiles(facts):
    """Memory, cores, kernel and pages of a document are what the profile calculates with."""
    assert host_facts(facts, HOST.roles) == HOST


def test_default_is_that_of_the_hosts_kernel(production):
    """Somaxconn was 128 until 5.3, and is 4096 since, also on kernels newer than those that are known."""

    def default(kernel):
        found = controls(production, replace(HOST, kernel=kernel))
        return next(one.default for one in found if one.expectation.key == "net.core.somaxconn")

    assert [default(kernel) for kernel in ("5.2", "5.3", "5.4", "6.1", "6.18", "7.0")] == ["128"] * 2 + ["4096"] * 4


def test_default_that_differs_by_machine_is_none(production):
    """Who decides it is known, and no number is claimed."""
    found = {one.expectation.key: one for one in controls(production, HOST)}

    assert found["net.ipv4.tcp_mem"].default is None
    assert "memory" in found["net.ipv4.tcp_mem"].varies
    assert found["net.ipv4.tcp_retries2"].varies == ""


def test_counters_are_those_that_may_not_grow(production):
    """What is only looked at need not be remembered."""
    assert counters(production) == ["TcpExtListenOverflows", "TcpExtTCPReqQFullDrop", "softnet_dropped"]


def test_request_asks_for_what_the_roles_need(production):
    """A Redis host is not asked for HAProxy, nor made to wait for counters where none may grow."""
    redis, gateway = request_for(production, frozenset({"redis"})), request_for(production, frozenset({"gateway"}), 3)

    assert redis["haproxy"] == []
    assert "maxclients" in redis["redis"]
    assert gateway["unit_properties"] == ["LimitNOFILE", "MemoryMax", "TimeoutStopSec", "KillMode"]
    assert gateway["wait"] == 3


def test_names_are_the_ids_of_what_is_on(production):
    """Waivers may name these and no others."""
    assert "hf-fd-001" in names(production)
    assert "hf-net-002" not in names(production)
