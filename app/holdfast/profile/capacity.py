"""How many pods a number of clients takes, what one pod has room for, and what it costs to move clients. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from holdfast.profile.derive import connection_bytes, derive
from holdfast.profile.derived import Derived
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Intents, Profile
from holdfast.profile.render.helm import helm_values

MORE_DURING_ROLLOUT: Final = 2
"""The new pod that comes first, and the old one that drains, which Kubernetes does not count."""
AUTOSCALER_TOLERANCE: Final = 0.1
"""Of Kubernetes: so far from its target an autoscaler changes nothing."""
_LEAST_READY: Final = 30  # of the chart
_FEWEST: Final = 2  # with one pod each restart moves everybody at once


@dataclass(frozen=True, slots=True)
class Pod:
    """What one pod is given and has room for.

    Args:
        target: connections at which an autoscaler aims.
        cpu_target: percent of the cores asked for, at which it aims too.
    """

    intents: Intents
    derived: Derived
    target: int
    cpu_target: int

    @property
    def most(self) -> int:
        """Return the connections after which it refuses newcomers."""
        return self.derived.connections_per_instance

    @property
    def room_by_memory(self) -> int:
        """Return for how many connections the limit would do, headroom kept and as many slow readers among them."""
        slow = self.intents.slow_reader_ratio * (self.intents.queue_bytes + self.intents.notsent_lowat)
        room = self.derived.memory_max_bytes / (1 + self.intents.headroom) - self.intents.measured.instance_bytes
        return math.floor(room / (connection_bytes(self.intents) + slow))

    @property
    def room_by_descriptors(self) -> int:
        """Return for how many connections the descriptors would do, at two each."""
        return (self.derived.descriptors - self.intents.descriptor_slack) // 2

    @property
    def deliveries(self) -> int:
        """Return the messages a second that fill the CPU ceiling of a full pod."""
        measured = self.intents.measured
        return math.floor((self.intents.cpu_ceiling - self.cores(self.most, 0)) * 1e6 / measured.delivery_us)

    @property
    def message_share(self) -> float:
        """Return the messages a second to one client, as planned."""
        return self.intents.message_rate / self.intents.connections_per_instance

    def cores(self, connections: float, messages: float) -> float:
        """Return what connections, and messages a second, take of a core."""
        measured = self.intents.measured
        return connections * measured.idle_us_per_minute / 60e6 + messages * measured.delivery_us / 1e6


def pod_of(profile: Profile, facts: HostFacts) -> Pod:
    """Return the pod that the chart makes of a profile.

    Raises:
        ProfileError: the profile contradicts itself.
    """
    scaling = helm_values(profile, facts)["autoscaling"]
    derived = derive(profile, replace(facts, roles=frozenset()))
    return Pod(profile.intents, derived, scaling["connections"]["target"], scaling["cpu"]["target"])


@dataclass(frozen=True, slots=True)
class Fleet:
    """The pods for a number of clients, and where they run.

    Args:
        by_connections: pods that have them at the autoscaler's target.
        by_messages: pods that hand out their messages as planned.
        by_loss: pods of which the rest has room for everybody when a zone is lost.
        nodes: as many in each zone, a rollout's pods included.
    """

    clients: int
    zones: int
    by_connections: int
    by_messages: int
    by_loss: int
    nodes: int

    @property
    def pods(self) -> int:
        """Return how many there should be."""
        return max(_FEWEST, self.by_connections, self.by_messages, self.by_loss)

    @property
    def on_a_node(self) -> int:
        """Return the most pods of one node, evenly spread."""
        return math.ceil(self.pods / self.nodes)

    @property
    def in_a_zone(self) -> int:
        """Return the most pods of one zone, evenly spread."""
        return math.ceil(self.pods / self.zones)

    @property
    def each(self) -> float:
        """Return the connections of one pod."""
        return self.clients / self.pods


def pods_per_node(pod: Pod, node: HostFacts) -> tuple[int, int]:
    """Return how many pods a node has cores and memory for, beside the part that is kept for the system."""
    share = 1 - pod.intents.host_reserve_ratio
    by_cores = math.floor(round(node.cores * share / pod.intents.cores_per_instance, 6))
    return by_cores, math.floor(node.memory_bytes * share / pod.derived.memory_max_bytes)


def pods_for_messages(pod: Pod, clients: int, share: float) -> int:
    """Return the pods that hand so many messages a second to each client, at what one is planned to hand out."""
    planned = pod.intents.message_rate
    return math.ceil(round(clients * share / planned, 6)) if planned else 0


def fleet_for(pod: Pod, clients: int, node: HostFacts, zones: int = 3) -> Fleet:
    """Return the pods for clients that get as many messages as planned, on nodes like `node` in so many zones."""
    by_loss = _FEWEST
    while (by_loss - math.ceil(by_loss / zones)) * pod.most < clients:
        by_loss += 1
    by_connections = math.ceil(clients / pod.target)
    fleet = Fleet(clients, zones, by_connections, pods_for_messages(pod, clients, pod.message_share), by_loss, zones)
    per_node = max(1, min(pods_per_node(pod, node)))
    needed = math.ceil((fleet.pods + MORE_DURING_ROLLOUT) / per_node)
    # As many nodes in each zone, or the zone with more of them gets more of the pods.
    return replace(fleet, nodes=zones * math.ceil(needed / zones))


@dataclass(frozen=True, slots=True)
class Storm:
    """Clients that come to the pods that stay, spread over a window."""

    pod: Pod
    clients: float
    stay: int
    window: float

    @property
    def rate(self) -> float:
        """Return the handshakes a second that come to each of them."""
        return self.clients / self.stay / self.window

    @property
    def cores(self) -> float:
        """Return what those that are let in take of a core."""
        return min(self.rate, self.pod.derived.handshake_rate) * self.pod.intents.measured.handshake_us / 1e6

    @property
    def seconds(self) -> float:
        """Return after how long everybody is back: the window, or what the accept rate makes of it."""
        return max(self.window, self.clients / self.stay / self.pod.derived.handshake_rate)


def ready_seconds(wait: float, window: float) -> int:
    """Return the chart's minReadySeconds, so that one pod drains at a time."""
    return max(_LEAST_READY, math.ceil(wait + window))


def rollout_seconds(pods: int, ready: int, grace: int) -> int:
    """Return how long a rollout takes, starts not counted."""
    return pods * ready + grace


def crowding(pods: int) -> float:
    """Return how many times the mean the last old pod has, where newcomers are placed by chance.

    Each pod that leaves gives each other one the same part of what it has, the old ones too.
    """
    return float((1 + 1 / pods) ** (pods - 1))


def rollout_handshakes(clients: int, pods: int) -> float:
    """Return the handshakes of a rollout where chance places newcomers: some come to an old pod, and move again."""
    return float(clients * ((1 + 1 / pods) ** pods - 1))
