"""Tests of holdfast.profile.variables."""

import json

from holdfast.profile import HostFacts, ansible_vars


def test_ansible_vars_are_plain_data(production):
    """What a filter hands over survives JSON unchanged."""
    given = ansible_vars(production, production.intents.reference.facts("gateway", "load_balancer", "redis"))

    assert json.loads(json.dumps(given)) == given
    assert given["derived"]["tcp_mem"] == [251658, 377487, 629145]
    assert given["sysctl"]["net.core.somaxconn"]["value"] == 16384
    assert "LimitNOFILE=84992" in given["renders"]["unit"]


def test_ansible_vars_know_the_slots_of_gateways(production):
    """A load balancer's variables have each slot as a server."""
    balancer = production.intents.reference.facts("load_balancer")

    given = ansible_vars(production, balancer, {"gw1": "10.0.0.11"})

    assert given["servers"][0] == {"name": "gw1-1a", "address": "10.0.0.11", "port": 8000, "check_port": 9000}
    assert "server gw1-1a 10.0.0.11:8000 port 9000" in given["renders"]["haproxy"]


def test_ansible_vars_of_a_small_redis_host_need_no_room_for_gateways(production):
    """A host is asked for what runs on it alone."""
    assert ansible_vars(production, HostFacts(1024**3, 1, roles=frozenset({"redis"})))["derived"]
