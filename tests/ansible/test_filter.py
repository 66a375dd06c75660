"""Tests of the filter that resolves a profile for a host."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.parts import require

FACTS = {"memtotal_mb": 4096, "processor_vcpus": 2, "kernel": "6.1.0-18-amd64"}


@pytest.fixture
def profile() -> ModuleType:
    """Load the filter, which needs Ansible."""
    require("ansible")
    from ansible_collections.holdfast.gateway.plugins.filter import profile

    return profile


def test_profile_is_resolved_for_a_host(profile):
    """A name, facts and groups give numbers, expectations, keys and texts."""
    found = profile.resolve("local", FACTS, ["gateways", "somewhere"])

    assert found["derived"]["instances_per_host"] == 1
    assert found["sysctl"]["net.core.somaxconn"]["mode"] == "min"
    assert found["expectations"]
    assert "sysctl" in found["renders"]


def test_groups_choose_what_a_host_gets(profile):
    """A Redis host gets no keys of gateways."""
    assert "net.core.somaxconn" in profile.resolve("local", FACTS, ["gateways"])["sysctl"]
    assert profile.resolve("local", FACTS, ["redis"])["profile"] == "local"


@pytest.mark.parametrize(
    ("name", "facts", "groups", "text"),
    [
        ("local", {"kernel": "6.1"}, ["gateways"], "memtotal_mb, processor_vcpus"),
        ("local", FACTS, ["web"], "gateways, load_balancers, redis"),
        ("no-such-profile", FACTS, ["gateways"], "profile no-such-profile: "),
        ("production", FACTS, ["gateways"], "profile production: host_memory_too_small"),
    ],
)
def test_what_cannot_be_resolved_is_named(profile, name, facts, groups, text):
    """Missing facts, a host in none of the groups, an unknown profile, a host that is too small."""
    from ansible.errors import AnsibleFilterError

    with pytest.raises(AnsibleFilterError, match=text):
        profile.resolve(name, facts, groups)
