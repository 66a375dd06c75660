"""Tests of holdfast.profile.capacity."""

import pytest

from holdfast.profile import load
from holdfast.profile.capacity import (
    Storm,
    crowding,
    fleet_for,
    pod_of,
    pods_for_messages,
    pods_per_node,
    ready_seconds,
    rollout_handshakes,
    rollout_seconds,
)
from holdfast.profile.derive import planned_bytes
from holdfast.profile.facts import HostFacts
from holdfast.profile.formulas import GIB, MIB, round_up


@pytest.fixture
def pod(production, facts):
    """The pod of the shipped production profile."""
    return pod_of(production, facts)


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_planned_bytes_are_what_the_limit_is_made_of(name):
    """The parts that the page adds up are those of the profile's own formula."""
    profile = load(name)
    pod = pod_of(profile, profile.intents.reference.facts())
    planned = planned_bytes(profile.intents) * (1 + profile.intents.headroom)

    assert round_up(round(planned, 6), 64 * MIB) == pod.derived.memory_max_bytes


def test_rooms_are_beyond_the_plan(pod):
    """Descriptors, memory and CPU have room for more than the connections and messages that are planned."""
    assert pod.room_by_descriptors >= pod.most
    assert pod.room_by_memory >= pod.most
    assert pod.deliveries >= pod.intents.message_rate


def test_cores_are_those_of_the_profile(pod):
    """A full pod with the planned messages takes what the profile calculates."""
    assert round(pod.cores(pod.most, pod.intents.message_rate), 4) == pod.derived.cpu_ratio


@pytest.mark.parametrize("clients", [1, 10_000, 79_999, 100_000, 1_000_000])
def test_fleet_survives_the_loss_of_a_zone(pod, facts, clients):
    """What is left has room for everybody, and one pod less would not do."""
    fleet = fleet_for(pod, clients, facts)

    assert (fleet.pods - fleet.in_a_zone) * pod.most >= clients
    assert fleet.each <= pod.target
    assert fleet.pods == max(2, fleet.by_connections, fleet.by_messages, fleet.by_loss)


def test_fleet_has_nodes_for_a_rollout(pod, facts):
    """Two pods more find room, and each zone has as many nodes."""
    fleet = fleet_for(pod, 1_000_000, facts)

    assert fleet.nodes % 3 == 0
    assert fleet.nodes * min(pods_per_node(pod, facts)) >= fleet.pods + 2


def test_pods_for_messages_follow_what_one_is_planned_for(pod):
    """Ten pods hand out ten times the planned messages; none are needed where none are planned."""
    assert pods_for_messages(pod, 100_000, 2.0) == 10


def test_pods_for_messages_of_a_profile_without_messages(with_intents, facts):
    """A profile that plans no messages asks for no pods for them."""
    assert pods_for_messages(pod_of(with_intents(message_rate=0), facts), 100_000, 0.0) == 0


def test_pods_per_node_keep_a_reserve(pod):
    """A fifth of cores and memory stays the system's."""
    assert pods_per_node(pod, HostFacts(16 * GIB, 4)) == (3, 15)


def test_storm_within_the_accept_rate_lasts_its_window(pod):
    """Who comes slower than the rate is in at the end of the window."""
    storm = Storm(pod, 5000, 1, 10)

    assert (storm.rate, storm.seconds) == (500, 10)
    assert storm.cores == pytest.approx(500 * 338e-6)


def test_storm_above_the_accept_rate_takes_longer(pod):
    """Nobody is let in faster than the rate, whose cost is the most that a storm takes."""
    storm = Storm(pod, 20_000, 1, 10)

    assert storm.seconds == 20
    assert storm.cores == pytest.approx(pod.derived.handshake_rate * 338e-6)


def test_ready_seconds_are_at_least_thirty():
    """As the chart has it."""
    assert [ready_seconds(10, 120), ready_seconds(4, 20)] == [130, 30]


def test_rollout_is_one_pod_after_the_other():
    """Each waits until it counts as available, and the last old one drains."""
    assert rollout_seconds(5, 130, 175) == 825


def test_rollout_by_chance_is_what_a_simulation_finds():
    """Each pod that leaves gives the same part to all others: the old ones get more and move it again."""
    pods, clients = 5, 1000.0
    old, moved, last = [clients / pods] * pods, 0.0, 0.0
    while old:
        last = old.pop()
        moved += last
        old = [one + last / pods for one in old]

    assert rollout_handshakes(1000, pods) == pytest.approx(moved)
    assert crowding(pods) == pytest.approx(last / (clients / pods))
