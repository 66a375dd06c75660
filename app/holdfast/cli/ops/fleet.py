"""The instances that a script works on: how to ask each, and how they all are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.cli.api_client import SOCKETS
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import Record, read_inventory
from holdfast.cli.ops.kube import Cluster, Pods
from holdfast.cli.ops.pod_target import PodTarget
from holdfast.cli.ops.ssh import SshHost
from holdfast.cli.ops.targets import Target, target_of
from holdfast.cli.ops.tunnels import Tunnel
from holdfast.cli.output import note
from holdfast.cli.place import Place, admin_place

SERVING = "serving"


@dataclass(frozen=True, slots=True)
class Member:
    """One instance: its record, where it answers, the way to its process, and what it runs on if not this machine."""

    record: Record
    place: Place
    target: Target
    host: SshHost | None = None
    cluster: Cluster | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    def ask(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what `GET path` answers; see `admin_client.ask`."""
        from holdfast.cli.admin_client import ask

        return ask(self.place, path, query)

    def order(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return what `POST path` answers; see `admin_client.order`."""
        from holdfast.cli.admin_client import order

        return order(self.place, path, body)


@dataclass(frozen=True, slots=True)
class Seen:
    """How an instance is: `problem` says in words why it is not fine, "" where it is."""

    name: str
    state: str = "down"
    is_ready: bool = False
    connections: int = 0
    problem: str = ""


@dataclass(slots=True)
class Fleet:
    """All members; without an instances file only the one that a URL or the settings name."""

    members: dict[str, Member]
    audit_log: str = ""
    tunnels: list[Tunnel] = field(default_factory=list)
    cluster: Cluster | None = None
    _again: Callable[[], Fleet] | None = None

    def member(self, name: str) -> Member:
        """Return the member of a name.

        Raises:
            CliError: there is none.
        """
        if name not in self.members:
            known = ", ".join(self.members)
            raise CliError(f"no instance {name[:64]!r}; known are: {known}", Exit.USAGE)
        return self.members[name]

    def any(self) -> Member:
        """Return a member that answers and takes our token.

        Raises:
            CliError: none does; the error is that of the last.
        """
        last = CliError("there is no instance", Exit.USAGE)
        for member in self.members.values():
            try:
                member.ask("/admin/nodes")
            except CliError as error:
                last = error
            else:
                return member
        raise last

    def close(self) -> None:
        """Close the ways to other machines."""
        for tunnel in self.tunnels:
            tunnel.close()
            SOCKETS.pop(tunnel.name, None)

    def refresh(self) -> None:
        """Look for the members again, where they come and go: pods."""
        if self._again is None:
            return
        self.close()
        found = self._again()
        self.members, self.tunnels = found.members, found.tunnels

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return all instances that see each other, by name; those that the file does not know too."""
        return {node["name"]: node for node in self.any().ask("/admin/nodes")["nodes"]}

    def strangers(self) -> list[str]:
        """Return the instances that are there and that the file does not know."""
        return sorted(set(self.nodes()) - set(self.members))

    def counts(self, seen: Mapping[str, Seen]) -> dict[str, int]:
        """Return how many connections each instance has: members as seen, others as of their last heartbeat."""
        others = {name: node["connections"] for name, node in self.nodes().items()}
        return others | {name: one.connections for name, one in seen.items()}

    def look(self) -> dict[str, Seen]:
        """Return how each member is; none of it raises."""
        return {name: look_at(member) for name, member in self.members.items()}


def look_at(member: Member) -> Seen:
    """Return how one instance is."""
    from holdfast.cli.api_client import get

    try:
        found = member.ask("/admin/drain")
        ready = get(f"{member.place.internal}/readyz")
    except CliError as error:
        return Seen(member.name, problem=str(error).partition("\n")[0])
    if found["instance"] != member.name:
        return Seen(member.name, problem=f"{member.place.internal} is the instance {found['instance']!r}")
    problem = ""
    if found["state"] != SERVING:
        problem = f"it is {found['state']}"
    elif ready.status_code != 200:
        problem = f"it is not ready: {ready.text[:200]}"
    return Seen(member.name, found["state"], ready.status_code == 200, found["connections"], problem)


def make_fleet(file: Path | None, url: str, admin_token: str, config: Path | None) -> Fleet:
    """Return the fleet of a file, or that of one instance.

    Raises:
        CliError: the file or the URL cannot be used, or the one instance does not answer.
        ConfigError: the settings were needed and have faults.
    """
    if file is None:
        place = admin_place(config, url, admin_token)
        return _fleet_of_one(place, str(config or ""))
    if url:
        raise CliError("expected --instances or --url, got both", Exit.USAGE)
    found = read_inventory(file)
    token = admin_token or _token_of(found.admin_token_file)
    if found.kubernetes is not None:
        return _fleet_of_pods(found.kubernetes, found.audit_log, token, config)
    fleet = Fleet({}, found.audit_log)
    try:
        for record in found.instances:
            own = Path(record.config) if record.config else config
            host = SshHost(record.ssh, found.ssh_config) if record.ssh else None
            place = admin_place(own, _url_of(record, host, fleet), token)
            fleet.members[record.name] = Member(record, place, target_of(record, host), host)
    except BaseException:
        fleet.close()
        raise
    return fleet


def _fleet_of_pods(pods: Pods, audit_log: str, token: str, config: Path | None) -> Fleet:
    """Return the pods that are there now and not told to go, each by a port-forward.

    Raises:
        CliError: the cluster does not answer, or has none.
    """
    cluster = Cluster(pods)
    token = token or cluster.admin_token()
    names = [one["metadata"]["name"] for one in cluster.running()]
    if not names:
        raise CliError(f"{cluster.name} has no pods with {pods.selector}", Exit.UNKNOWN)
    fleet = Fleet({}, audit_log, cluster=cluster)
    fleet._again = lambda: _fleet_of_pods(pods, audit_log, token, config)
    try:
        for name in names:
            tunnel = cluster.tunnel(name)
            fleet.tunnels.append(tunnel)
            _open(tunnel, name)
            url = f"http://{tunnel.name}"
            place = admin_place(config, url, token)
            fleet.members[name] = Member(Record(name=name, url=url), place, PodTarget(name, cluster), cluster=cluster)
    except BaseException:
        fleet.close()
        raise
    return fleet


def _open(tunnel: Tunnel, name: str) -> None:
    """Open a tunnel; what it leads to is one that does not answer, where it fails."""
    try:
        tunnel.open()
    except CliError as error:
        note(f"{name}: {error}")


def _url_of(record: Record, host: SshHost | None, fleet: Fleet) -> str:
    """Return where an instance answers, seen from here; a machine whose tunnel fails is one that does not answer."""
    if host is None or not record.tunnel:
        return record.url
    port = urlsplit(record.url).port or 0
    tunnel = host.tunnel(port)
    # A name that leads nowhere but through the tunnel, and says whose it is where it is shown.
    name = re.sub(r"[^a-z0-9.-]", "-", record.name.lower())
    tunnel.name = f"{name}.tunnel-{len(fleet.tunnels) + 1}.invalid:{port}"
    SOCKETS[tunnel.name] = tunnel.socket
    fleet.tunnels.append(tunnel)
    _open(tunnel, record.name)
    return f"http://{tunnel.name}"


def _fleet_of_one(place: Place, config: str) -> Fleet:
    from holdfast.cli.admin_client import ask

    name = ask(place, "/admin/nodes")["instance"]
    record = Record(name=name, url=place.internal, config=config)
    return Fleet({name: Member(record, place, target_of(record))})


def _token_of(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise CliError(f"admin_token_file: {file} cannot be read: {error.strerror}", Exit.USAGE) from None
