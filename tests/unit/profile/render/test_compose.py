"""Tests of holdfast.profile.render.compose."""

import pytest
import yaml

from holdfast.profile import derive, load
from holdfast.profile.render.compose import compose, compose_haproxy, gateways, one_machine


@pytest.fixture(params=["production", "local"])
def profile(request):
    """A shipped profile."""
    return load(request.param)


def facts(profile):
    """Return its reference host."""
    return profile.intents.reference.facts()


def test_gateways_are_at_least_two(production):
    """One of them stays while another one restarts."""
    assert len(gateways(load("local"))) == 2
    assert len(gateways(production)) == production.intents.instances_per_host


def test_compose_has_the_derived_numbers(profile):
    """Memory, descriptors and patience of a container are those of an instance."""
    derived = derive(profile, facts(profile))
    services = yaml.safe_load(compose(profile, facts(profile)))["services"]

    for name in gateways(profile):
        assert services[name]["mem_limit"] == derived.memory_max_bytes
        assert services[name]["ulimits"]["nofile"] == {"soft": derived.descriptors, "hard": derived.descriptors}
        assert services[name]["stop_grace_period"] == f"{derived.termination_grace}s"
        assert services[name]["sysctls"]["net.core.somaxconn"] == str(derived.backlog)
        assert services[name]["environment"]["HOLDFAST_INSTANCE"] == name


def test_compose_gives_every_service_as_little_as_it_needs(profile):
    """No capability, no writable root, a check and a limit of descriptors."""
    for service in yaml.safe_load(compose(profile, facts(profile)))["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["ulimits"]["nofile"]["hard"] > 0


def test_compose_names_no_secret(profile):
    """Passwords come from files."""
    made = yaml.safe_load(compose(profile, facts(profile)))

    assert {name: entry["file"] for name, entry in made["secrets"].items()} == {
        name: f"./secrets/{name}" for name in made["secrets"]
    }
    assert all(
        value.startswith("/run/secrets/") for name, value in made["x-gateway"]["environment"].items() if "FILE" in name
    )


def test_compose_publishes_to_this_machine_alone(profile):
    """Whoever wants the world to come in says so."""
    ports = yaml.safe_load(compose(profile, facts(profile)))["services"]["haproxy"]["ports"]

    assert ports == ["${GATEWAY_ADDRESS:-127.0.0.1}:${GATEWAY_PORT:-8000}:8000", "127.0.0.1:${API_PORT:-9000}:9000"]


def test_compose_sets_no_key_that_a_container_may_lack(profile):
    """A key of the connection table would keep a container from starting where the table is not there."""
    keys = yaml.safe_load(compose(profile, facts(profile)))["x-gateway"]["sysctls"]

    assert keys
    assert all(key.startswith(("net.core.", "net.ipv4.")) for key in keys)


def test_compose_haproxy_finds_containers_by_name(profile):
    """A gateway that comes back at another address is asked for again; its own word decides."""
    text = compose_haproxy(profile, facts(profile))

    for name in gateways(profile):
        assert f"server {name} {name}:8000 port 9000 resolvers containers init-addr last,libc,none\n" in text
    assert "log stdout format raw local0" in text
    assert "bind :8000 tcp-ut" in text
    assert "monitor-uri /haproxy-alive" in text


def test_compose_haproxy_has_room_for_the_gateways_of_this_machine(profile):
    """Other hosts' clients need no room here."""
    derived = derive(one_machine(profile), facts(profile).__class__(64 * 1024**3, 16, roles=frozenset()))

    assert f"    maxconn {derived.haproxy_maxconn}\n" in compose_haproxy(profile, facts(profile))
