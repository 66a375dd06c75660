"""Tests of holdfast.profile.derive."""

import pytest

from holdfast.profile import HostFacts, ProfileError, derive, load

GIB = 1024**3


@pytest.mark.parametrize("name", ["production", "staging", "local"])
@pytest.mark.parametrize("role", ["gateway", "load_balancer", "redis"])
def test_derive_shipped_profile_fits_its_reference_host(name, role):
    """No shipped profile contradicts itself on the host it names."""
    profile = load(name)

    derived = derive(profile, profile.intents.reference.facts(role))

    assert derived.descriptors >= 2 * profile.intents.connections_per_instance
    assert derived.stop_seconds < derived.termination_grace <= 600


def test_derive_production_numbers_are_as_documented(production, facts):
    """The numbers of the manual; a change of a formula is seen here."""
    derived = derive(production, facts)

    assert (derived.descriptors, derived.backlog, derived.handshake_rate) == (84992, 16384, 1000)
    assert (derived.ping_interval, derived.pong_timeout, derived.proxy_idle_timeout) == (24, 8, 60)
    assert (derived.stop_seconds, derived.termination_grace, derived.stop_timeout) == (170, 175, 185)


def test_derive_local_stays_below_the_ceiling():
    """Gateway and HAProxy of test hosts keep to what the machine allows a process."""
    profile = load("local")
    derived = derive(profile, profile.intents.reference.facts("gateway", "load_balancer", "redis"))

    assert derived.descriptors <= 20000
    assert derived.haproxy_descriptors <= 20000


def test_derive_refuses_a_host_that_is_too_small(production):
    """Every reason is told at once."""
    with pytest.raises(ProfileError) as caught:
        derive(production, HostFacts(1 * GIB, 2))

    names = {fault.name for fault in caught.value.found}
    assert names == {"host_memory_too_small", "host_cores_too_few", "tcp_memory_too_small"}
