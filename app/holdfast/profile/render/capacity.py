"""The tables of docs/capacity.md, each from one profile: room in a pod, how many pods, what moving clients costs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from holdfast.profile.capacity import (
    AUTOSCALER_TOLERANCE,
    MORE_DURING_ROLLOUT,
    Fleet,
    Pod,
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
from holdfast.profile.derive import calculate, connection_bytes, planned_bytes, slow_bytes, slow_readers
from holdfast.profile.explain import explain
from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.formulas import GIB
from holdfast.profile.model import Profile
from holdfast.profile.render.capacity_costs import alerts, balancer, costs, pings, redis, redis_sums, traffic
from holdfast.profile.render.helm import helm
from holdfast.profile.render.markdown import grid, mib

EXAMPLES: Final = (10_000, 100_000, 1_000_000)
"""Clients of the worked examples."""
_MARKED = re.compile(r"(<!-- capacity: ([\w-]+) of ([\w-]+) -->\n).*?(<!-- end of capacity -->)", re.DOTALL)
_BUSY: Final = 4  # times the messages that are planned
_HELM_HEAD: Final = 14  # lines of the values that are about capacity


def capacity(profile: Profile, facts: HostFacts) -> str:
    """Return every table of the page for one profile; not the commands, which whoever has the profile can give."""
    parts = [f"## {name}\n\n{make(profile, facts)}" for name, make in BLOCKS.items() if name != "console"]
    return "\n\n".join([f"# Capacity by the profile {profile.name}", *parts]) + "\n"


def filled(page: str, profile_of: Callable[[str], Profile]) -> str:
    """Return a page with what stands between its marks made anew: `<!-- capacity: pods of production -->`.

    Raises:
        ProfileError: a mark names a table or a profile that there is not.
    """

    def fill(found: re.Match[str]) -> str:
        if found[2] not in BLOCKS:
            fault = Fault("table_unknown", f"expected one of {', '.join(BLOCKS)}; saw {found[2]!r}")
            raise ProfileError([fault], "There is no such table")
        profile = profile_of(found[3])
        return f"{found[1]}{BLOCKS[found[2]](profile, profile.intents.reference.facts())}\n{found[4]}"

    return _MARKED.sub(fill, page)


def _limits(profile: Profile, facts: HostFacts) -> str:
    pod, plan = pod_of(profile, facts), profile.intents
    measured = plan.measured
    used = pod.cores(pod.target, pod.target * pod.message_share)
    affordable = plan.cpu_ceiling * 1e6 / measured.handshake_us
    rows = [
        ("Connections at most", f"{pod.most:,}", "`admission.max_connections`; beyond it newcomers are refused by name",
         "explain connections_per_instance"),
        ("Autoscaler aims at", f"{pod.target:,}", f"{100 * pod.target / pod.most:.0f} % of that", "render helm"),
        ("Its other aim, CPU", f"{pod.cpu_target} % of the request",
         f"at {pod.target:,} connections with the planned messages it is {100 * used / plan.cores_per_instance:.0f} %",
         "render helm"),
        ("Autoscaler adds a pod above", f"{pod.target * (1 + AUTOSCALER_TOLERANCE):,.0f}",
         f"Kubernetes does nothing within {100 * AUTOSCALER_TOLERANCE:.0f} % of a target", ""),
        ("Somebody is told above", f"{pod.derived.alerts['HoldfastConnectionsHigh']:,.0f}",
         f"{plan.alert_ratio:g} of it", "explain HoldfastConnectionsHigh"),
        ("Descriptors", f"{pod.derived.descriptors:,}",
         f"enough for {pod.room_by_descriptors:,} connections at two each, beside {plan.descriptor_slack:,}",
         "explain descriptors"),
        ("Memory", mib(pod.derived.memory_max_bytes),
         f"enough for {pod.room_by_memory:,} connections with headroom and slow readers", "explain memory_max_bytes"),
        ("CPU for messages", f"{pod.deliveries:,} a second",
         f"({plan.cpu_ceiling:g} of a core - {pod.most:,} x {measured.idle_us_per_minute:g} us / 60 s) / "
         f"{measured.delivery_us:g} us; planned are {plan.message_rate:,.0f}", "explain cpu_ratio"),
        ("CPU for handshakes", f"{pod.derived.handshake_rate:,} a second are let in",
         f"{plan.cpu_ceiling:g} of a core / {measured.handshake_us:g} us would be {affordable:,.0f}",
         "explain handshake_rate"),
    ]  # fmt: skip
    return grid(
        ("What", "A pod", "Why", "`holdfast profile`"), [(*row[:3], f"`{row[3]}`" if row[3] else "-") for row in rows]
    )


def _memory(profile: Profile, facts: HostFacts) -> str:
    pod, plan = pod_of(profile, facts), profile.intents
    measured, most = plan.measured, pod.most
    planned, quiet = planned_bytes(plan), connection_bytes(plan)
    headroom = planned * plan.headroom
    rows = [
        ("Process without connections", "`instance_bytes`", mib(measured.instance_bytes)),
        ("Process, for connections", f"{most:,} x {measured.process_bytes_per_connection:,} bytes",
         mib(most * measured.process_bytes_per_connection)),
        ("Kernel, for their sockets", f"{most:,} x {measured.kernel_bytes_per_connection:,} bytes",
         mib(most * measured.kernel_bytes_per_connection)),
        (f"Slow readers, {100 * plan.slow_reader_ratio:g} %",
         f"{slow_readers(plan):,} x ({plan.queue_bytes:,} + {plan.notsent_lowat:,} bytes)",
         mib(slow_bytes(plan))),
        ("Headroom", f"{plan.headroom:g} x {mib(planned)}", mib(headroom)),
        ("Rounded up", "to the next 64 MiB", mib(pod.derived.memory_max_bytes - planned - headroom)),
        ("**Request and limit**", "`memory_max_bytes`", f"**{mib(pod.derived.memory_max_bytes)}**"),
        (f"In use at {pod.target:,} quiet connections", f"`instance_bytes` + {pod.target:,} x {quiet:,}",
         mib(measured.instance_bytes + pod.target * quiet)),
    ]  # fmt: skip
    return grid(("What", "Sum", "Memory"), rows)


def _console(profile: Profile, facts: HostFacts) -> str:
    option = "" if profile.name == "production" else f" --profile {profile.name}"
    asked = [(f"explain {name}", explain(profile, facts, name)) for name in ("memory_max_bytes", "handshake_rate")]
    values = "\n".join(helm(profile, facts).splitlines()[2:_HELM_HEAD])
    asked.append((f"render helm{option} | sed -n 3,{_HELM_HEAD}p", values))
    lines = [f"$ holdfast profile {call}{'' if ' | ' in call else option}\n{told}" for call, told in asked]
    return "```console\n" + "\n".join(lines) + "\n```"


def _pods(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    fleets = [fleet_for(pod, clients, facts) for clients in EXAMPLES]
    return grid(
        ("", *(f"{one.clients:,} clients" for one in fleets)), [*_counts(pod, fleets), *_places(pod, fleets, facts)]
    )


def _counts(pod: Pod, fleets: Sequence[Fleet]) -> Iterable[Sequence[str]]:
    planned = f"{pod.intents.message_rate:,.0f}"
    third = f"(pods - a third) x {pod.most:,} is enough"
    yield (
        f"Messages a second, {pod.message_share:g} to each",
        *(f"{one.clients * pod.message_share:,.0f}" for one in fleets),
    )
    yield f"Pods for connections: / {pod.target:,}", *(f"{one.by_connections}" for one in fleets)
    yield f"Pods for messages: / {planned}", *(f"{one.by_messages}" for one in fleets)
    busy = [pods_for_messages(pod, one.clients, _BUSY * pod.message_share) for one in fleets]
    yield f"The same, were it {_BUSY * pod.message_share:g} to each", *(f"{one}" for one in busy)
    yield f"Pods for the loss of a zone: {third}", *(f"{one.by_loss}" for one in fleets)
    yield "**`minReplicas`**: the largest, at least 2", *(f"**{one.pods}**" for one in fleets)
    yield "`maxReplicas`: twice that", *(f"{2 * one.pods}" for one in fleets)
    yield "Connections of each pod", *(f"{one.each:,.0f}" for one in fleets)
    used = [pod.cores(one.each, one.each * pod.message_share) for one in fleets]
    yield "Part of a core that each uses", *(f"{one:.2f}" for one in used)


def _places(pod: Pod, fleets: Sequence[Fleet], node: HostFacts) -> Iterable[Sequence[str]]:
    more = MORE_DURING_ROLLOUT
    cores = [(one.pods + more) * pod.intents.cores_per_instance for one in fleets]
    memory = [(one.pods + more) * pod.derived.memory_max_bytes / GIB for one in fleets]
    yield f"Requested in a rollout, {more} pods more: cores", *(f"{one:g}" for one in cores)
    yield "The same: GiB", *(f"{one:.1f}" for one in memory)
    yield (
        f"Nodes of {node.cores} cores and {node.memory_bytes / GIB:g} GiB, as many in each of 3 zones",
        *(f"{one.nodes}" for one in fleets),
    )
    yield "Pods on a node, at most", *(f"{one.on_a_node}" for one in fleets)
    yield "Connections of a pod after the loss of a node", *(_after(one, one.on_a_node) for one in fleets)
    yield "Connections of a pod after the loss of a zone", *(_after(one, one.in_a_zone) for one in fleets)


def _after(fleet: Fleet, lost: int) -> str:
    return f"{fleet.clients / (fleet.pods - lost):,.0f}"


def _values(profile: Profile, facts: HostFacts) -> str:
    fleet = fleet_for(pod_of(profile, facts), EXAMPLES[1], facts)
    lines = (
        f"# {fleet.clients:,} clients",
        f"autoscaling: {{minReplicas: {fleet.pods}, maxReplicas: {2 * fleet.pods}}}",
    )
    return "\n".join(("```yaml", *lines, "```"))


def _nodes(profile: Profile, facts: HostFacts) -> str:
    pod, reserve = pod_of(profile, facts), profile.intents.host_reserve_ratio
    rows = []
    for cores, gib in ((2, 8), (4, 16), (8, 16), (8, 32), (16, 64)):
        by_cores, by_memory = pods_per_node(pod, HostFacts(gib * GIB, cores))
        rows.append((f"{cores} cores, {gib} GiB", f"{by_cores}", f"{by_memory}", f"{min(by_cores, by_memory)}"))
    return grid((f"Node, {reserve:g} of it kept for the system", "Pods by cores", "By memory", "Pods"), rows)


def _storms(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    fleets = [fleet_for(pod, clients, facts) for clients in EXAMPLES]
    head = (
        "Clients",
        "What happens",
        "They come",
        "Over",
        "To each pod that stays",
        "Of its core",
        "All are back after",
    )
    return grid(head, [row for fleet in fleets for row in _storm_rows(pod, fleet)])


def _storm_rows(pod: Pod, fleet: Fleet) -> Iterable[Sequence[str]]:
    drain, window = pod.derived.drain_window, pod.intents.reconnect_window
    node, zone = fleet.on_a_node, fleet.in_a_zone
    events = [("a pod drains in a rollout", 1, fleet.pods, drain), ("a pod is killed", 1, fleet.pods - 1, window)]
    events += [("a node is lost", node, fleet.pods - node, window)] if 1 < node < zone else []
    events += [("a zone is lost", zone, fleet.pods - zone, window)] if zone > 1 else []
    for what, gone, stay, over in events:
        yield _storm_row(fleet, what, Storm(pod, gone * fleet.each, stay, over))
    yield _storm_row(fleet, "the way in is lost", Storm(pod, fleet.clients, fleet.pods, window))


def _storm_row(fleet: Fleet, what: str, storm: Storm) -> Sequence[str]:
    over, rate = f"{storm.window:g} s", f"{storm.rate:,.0f} a second"
    come = f"{storm.clients:,.0f}"
    return f"{fleet.clients:,}", what, come, over, rate, f"{storm.cores:.2f}", f"{storm.seconds:,.0f} s"


def _rollouts(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    plan = profile.intents
    least = pod.most / plan.reconnect_rate
    sizes = [fleet_for(pod, clients, facts).pods for clients in EXAMPLES]
    rows = []
    for window in sorted({least / 2, least, plan.drain_window, 300.0}):
        ready = ready_seconds(plan.propagation_wait, window)
        grace = calculate(plan.model_copy(update={"drain_window": window}), facts).termination_grace
        times = [f"{rollout_seconds(pods, ready, grace) / 60:,.0f} min" for pods in sizes]
        rate = f"{pod.most / window:,.0f}"
        mark = "**" if window == plan.drain_window else ""
        rows.append((f"{mark}{window:g} s{mark}", rate, f"{ready} s", f"{grace} s", *times))
    head = ("`drain_window`", "`reconnect_rate` of at least", "`minReadySeconds`", "Grace")
    return grid((*head, *(f"{pods} pods" for pods in sizes)), rows)


def _placement(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    fleets = [fleet_for(pod, clients, facts) for clients in EXAMPLES]
    rows = [
        ("Handshakes of a rollout, fewest connections first", *(f"{one.clients:,}" for one in fleets)),
        ("The same, placed by chance", *(f"{rollout_handshakes(one.clients, one.pods):,.0f}" for one in fleets)),
        ("The last old pod then has, of the mean", *(f"{crowding(one.pods):.2f} x" for one in fleets)),
        (f"Mean at which that is {pod.most:,}", *(f"{pod.most / crowding(one.pods):,.0f}" for one in fleets)),
        ("Connections of each pod, from above", *(f"{one.each:,.0f}" for one in fleets)),
    ]
    return grid(("", *(f"{one.clients:,} clients, {one.pods} pods" for one in fleets)), rows)


def _redis(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    return redis(pod, EXAMPLES)


def _costs(profile: Profile, facts: HostFacts) -> str:
    pod = pod_of(profile, facts)
    return costs(pod, [fleet_for(pod, clients, facts) for clients in EXAMPLES])


BLOCKS: Final[Mapping[str, Callable[[Profile, HostFacts], str]]] = {
    "limits": _limits,
    "memory": _memory,
    "console": _console,
    "pods": _pods,
    "values": _values,
    "nodes": _nodes,
    "redis-sums": lambda *_: redis_sums(),
    "redis": _redis,
    "storms": _storms,
    "rollouts": _rollouts,
    "placement": _placement,
    "costs": _costs,
    "balancer": lambda profile, facts: balancer(pod_of(profile, facts)),
    "pings": lambda profile, facts: pings(pod_of(profile, facts)),
    "traffic": lambda profile, facts: traffic(pod_of(profile, facts)),
    "alerts": lambda profile, facts: alerts(pod_of(profile, facts)),
}
"""The tables by name, in the order of the page."""
