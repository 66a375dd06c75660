"""Tests of holdfast.profile.invariants."""

import pytest

from holdfast.profile import HostFacts, ProfileError, derive

HUGE = HostFacts(4096 * 1024**3, 512)

CASES = [
    ("descriptors_too_few", {"descriptor_ceiling": 65535}, "Lower connections_per_instance to 30719"),
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
