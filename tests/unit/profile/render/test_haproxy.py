"""Tests of holdfast.profile.render.haproxy."""

from holdfast.profile import HostFacts, derive
from holdfast.profile.render.haproxy import haproxy, slots

BALANCER = HostFacts(16 * 1024**3, 8, roles=frozenset({"load_balancer"}))


def test_slots_are_two_of_each_instance(production):
    """Ports follow the slots: ten apart for instances, one apart for slots, internal ones beside."""
    found = slots(production.intents, {"gw1": "10.0.0.11"})

    assert [(one.name, one.port, one.check_port) for one in found][:3] == [
        ("gw1-1a", 8000, 9000),
        ("gw1-1b", 8001, 9001),
        ("gw1-2a", 8010, 9010),
    ]
    assert len(found) == 2 * production.intents.instances_per_host


def test_haproxy_has_the_derived_numbers(production):
    """Limits and patience are those that are calculated, and messages are not held back."""
    derived = derive(production, BALANCER)
    lines = {line.strip() for line in haproxy(production, BALANCER).splitlines()}

    assert {
        f"maxconn {derived.haproxy_maxconn}",
        f"hard-stop-after {derived.hard_stop_after}s",
        f"timeout tunnel {derived.proxy_idle_timeout}s",
        f"backlog {derived.backlog}",
        "option http-no-delay",
    } <= lines


def test_haproxy_asks_each_slot_on_its_internal_port(production):
    """A slot that does not run fails its check, so a roll needs no reload."""
    text = haproxy(production, BALANCER, slots(production.intents, {"gw1": "10.0.0.11"}))

    assert "    server gw1-1b 10.0.0.11:8001 port 9001\n" in text


def test_haproxy_has_what_entries_say_instead(with_entry):
    """A number of its own takes the place of the calculated one, and descriptors follow."""
    text = haproxy(with_entry("hf-proxy-001", value=500000), BALANCER)

    assert text.count("    maxconn 500000\n") == 2
    assert "    ulimit-n 1004096\n" in text
