from __future__ import annotations

from dataclasses import replace

from holdfast.verify.controls import controls, host_facts, names, request_for
from tests.unit.verify.rendered import HOST


def test_host_of_facts_is_the_profiles(facts):
    """Memory, cores, kernel and pages of a document are what the profile calculates with."""
    assert host_facts(facts, HOST.roles) == HOST


def test_default_is_that_of_the_newest_kernel_that_is_no_newer(production):
    """Somaxconn was 128 before 5.4; a kernel between two known ones has the older one's."""

    def default(kernel):
        found = controls(production, replace(HOST, kernel=kernel))
        return next(one.default for one in found if one.expectation.key == "net.core.somaxconn")

    assert (default("5.2"), default("5.15"), default("6.18")) == ("128", "128", "4096")


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
