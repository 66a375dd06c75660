"""Tests of holdfast.profile.invariants."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.profile import HostFacts, ProfileError, derive, load, render
from holdfast.profile.derive import calculate
from holdfast.profile.invariants import broken
from holdfast.profile.model import Intents
from holdfast.profile.render.gateway import gateway_settings
from holdfast.profile.render.targets import RENDERERS
from holdfast.settings_load import load_settings

PRODUCTION = load("production")
HUGE = HostFacts(4096 * 1024**3, 512, roles=frozenset({"gateway", "load_balancer"}))

CASES = [
    ("descriptors_too_few", {"descriptor_ceiling": 65535}, "Lower connections_per_instance to 30719"),
    ("proxy_descriptors_too_few", {"descriptor_ceiling": 90000}, "fewer gateway_hosts"),
    ("ping_too_slow", {"idle_limits": {"strict proxy": 1}}, "strict proxy"),
    ("pong_after_next_ping", {"longest_ping": 1}, "longest_ping"),
    ("user_timeout_before_pong", {"user_timeout": 8}, "Raise user_timeout"),
    ("keepalive_before_ping", {"keepalive_idle": 5, "keepalive_interval": 1}, "keepalive_idle"),
    ("propagation_too_short", {"propagation_wait": 2}, "3 s"),
    ("stop_too_long", {"drain_window": 540, "stop_margin": 60}, "600"),
    ("drain_too_fast", {"drain_window": 30}, "raise drain_window to 80 s"),
    ("cpu_too_small", {"message_rate": 100000}, "more instances"),
    ("handshakes_too_dear", {"reconnect_rate": 5000}, "lower reconnect_rate"),
    ("tcp_memory_disordered", {"tcp_memory_ratios": [0.1, 0.1, 0.2]}, "growing"),
    ("tcp_memory_disordered", {"tcp_memory_ratios": [1e-300, 0.1, 0.2]}, "which is 0,"),
    ("tcp_memory_too_small", {"tcp_memory_ratios": [1e-6, 2e-6, 3e-6]}, "windows shrink"),
    ("message_above_limit", {"message_bytes": "1MiB"}, "max_message_bytes"),
    ("message_above_queue", {"max_message_bytes": "2MiB"}, "slow reader"),
    ("lowat_above_queue", {"notsent_lowat": "2MiB"}, "unsent"),
    ("port_range_wrong", {"outgoing_ports": [80, 65535]}, "1024"),
    ("port_range_wrong", {"outgoing_ports": [60000, 50000]}, "growing"),
    ("ports_too_few", {"outgoing_ports": [32768, 60999]}, "50000"),
    ("listeners_collide", {"first_internal_port": 8000}, "ten apart"),
    ("listeners_collide", {"first_port": 65530}, "ten apart"),
    ("reserved_ports_wrong", {"reserved_ports": ["70000"]}, "70000"),
]


@pytest.mark.parametrize(("name", "intents", "part"), CASES)
def test_invariant_that_does_not_hold_is_named(with_intents, name, intents, part):
    """Each contradiction has a name, and a sentence that says what to do."""
    with pytest.raises(ProfileError) as caught:
        derive(with_intents(**intents), HUGE)

    found = {fault.name: fault.text for fault in caught.value.found}
    assert part in found[name]


RATIO = st.floats(0, 1)
DRAWS = {
    "connections_per_instance": st.integers(100, 1000000),
    "instances_per_host": st.integers(1, 64),
    "cores_per_instance": st.floats(0.01, 8),
    "gateway_hosts": st.integers(1, 1000),
    "message_rate": st.floats(0, 10000000),
    "message_bytes": st.integers(1, 1024**3),
    "max_message_bytes": st.integers(8192, 1024**3),
    "slow_reader_ratio": RATIO,
    "queue_bytes": st.integers(65536, 1024**3),
    "reconnect_rate": st.floats(0.1, 1000000),
    "reconnect_window": st.floats(1, 600),
    "accept_stall": st.floats(0.1, 60),
    "propagation_wait": st.floats(0, 120),
    "check_interval": st.floats(0.1, 60),
    "check_fall": st.integers(1, 20),
    "drain_window": st.floats(0, 540),
    "stop_flush": st.floats(0.1, 120),
    "stop_margin": st.floats(1, 300),
    "reload_patience": st.floats(1, 604800),
    "longest_ping": st.floats(1, 3600),
    "headroom": RATIO,
    "host_reserve_ratio": RATIO,
    "cpu_ceiling": st.floats(0.01, 1),
    "descriptor_slack": st.integers(256, 1000000),
    "descriptor_ceiling": st.none() | st.integers(1024, 10000000),
    "keepalive_idle": st.floats(1, 32767),
    "keepalive_interval": st.floats(1, 32767),
    "keepalive_probes": st.integers(1, 127),
    "user_timeout": st.floats(1, 86400),
    "notsent_lowat": st.integers(4096, 2147483647),
    "first_port": st.integers(1, 65535),
    "first_internal_port": st.integers(1, 65535),
    "outgoing_ports": st.tuples(st.integers(0, 70000), st.integers(0, 70000)),
    "reserved_ports": st.lists(
        st.integers(0, 99999).map(str)
        | st.tuples(st.integers(0, 9999), st.integers(0, 99999)).map("{0[0]}-{0[1]}".format),
        max_size=3,
    ),
    "tcp_memory_ratios": st.tuples(RATIO, RATIO, RATIO),
    "redis_connections_per_instance": st.integers(1, 1000),
    "redis_down_after": st.floats(1, 60),
    "redis_memory_ratio": st.floats(0.01, 0.9),
    "alert_ratio": st.floats(0.01, 0.99),
    "idle_limits": st.dictionaries(st.text("abc", min_size=1), st.floats(0, 86400), min_size=1, max_size=3),
}
# A few intents at a time, the rest as production has them, so that both outcomes are frequent.
INTENTS = st.lists(st.sampled_from(sorted(DRAWS)), max_size=6, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: DRAWS[name] for name in names})
)
HOSTS = st.builds(
    HostFacts,
    st.integers(64 * 1024**2, 2**44),
    st.integers(1, 512),
    st.sampled_from(["3.10", "5.4", "6.1", "6.18.3"]),
    st.frozensets(st.sampled_from(["gateway", "load_balancer", "redis"]), min_size=1),
    st.sampled_from([4096, 16384, 65536]),
)


def holds(intents, facts, derived):
    """Assert what design and manual promise of numbers that were handed out."""
    assert derived.descriptors >= 2 * intents.connections_per_instance + intents.descriptor_slack
    assert derived.pong_timeout < derived.ping_interval
    assert derived.ping_interval + derived.pong_timeout < min(intents.idle_limits.values())
    assert derived.ping_interval + derived.pong_timeout < derived.proxy_idle_timeout
    assert derived.poll_timeout < derived.poll_idle_timeout
    stop = intents.propagation_wait + intents.drain_window + 2 * intents.stop_flush + intents.stop_margin
    assert stop < derived.termination_grace <= 600
    assert stop < derived.stop_timeout
    assert derived.hard_stop_after > max(derived.stop_timeout, derived.termination_grace)
    each = intents.measured.process_bytes_per_connection + intents.measured.kernel_bytes_per_connection
    assert derived.memory_max_bytes >= intents.connections_per_instance * each
    assert derived.haproxy_server_maxconn >= derived.connections_per_instance
    assert derived.outgoing_ports >= derived.haproxy_server_maxconn
    assert derived.nr_open >= derived.descriptors
    assert 4096 <= derived.backlog <= 65535
    assert 0 < derived.tcp_mem[0] < derived.tcp_mem[1] < derived.tcp_mem[2]


def drawn_profile(drawn):
    """Return production with some of its intents drawn."""
    intents = PRODUCTION.intents.model_dump(mode="json") | drawn
    return PRODUCTION.model_copy(update={"intents": Intents.model_validate(intents)})


@given(drawn=INTENTS, facts=HOSTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_derive_holds_every_invariant_or_names_a_fault(drawn, facts):
    """Whatever the intents within their bounds and the host: numbers that fit together, or a fault with a name."""
    profile = drawn_profile(drawn)
    calculated = calculate(profile.intents, facts)

    if not (faults := broken(profile, facts, calculated)):
        holds(profile.intents, facts, calculated)
    assert all(fault.name and fault.text.startswith("expected ") and "saw" in fault.text for fault in faults)


@given(drawn=INTENTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_render_takes_whatever_is_derived(drawn):
    """What is derived can be rendered, and settings made from it are never refused by the gateway."""
    profile = drawn_profile(drawn)
    try:
        derived = derive(profile, HUGE)
    except ProfileError:
        return

    load_settings(None, {}, gateway_settings(profile.intents, derived))
    assert all(render(target, profile, HUGE) for target in RENDERERS)
