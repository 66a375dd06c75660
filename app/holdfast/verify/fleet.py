"""The hosts of one run of pytest, their roles, and what each came to; a host is asked once, whatever comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

from holdfast.profile import Profile, ProfileError, load
from holdfast.profile.facts import ROLES
from holdfast.verify import history, reports
from holdfast.verify.controls import controls_of, counters, names, request_for
from holdfast.verify.judge import Result, judge
from holdfast.verify.waivers import Waiver, load_waivers

ROLES_BY_GROUP: Final = {"gateways": "gateway", "load_balancers": "load_balancer", "redis": "redis"}


class FleetError(Exception):
    """Options that name no hosts or no roles; the text says what to do."""


class UnreachableError(Exception):
    """A host that did not answer; the text says why."""


class Host(Protocol):
    """A host as a back end reaches it."""

    name: str
    groups: Sequence[str]

    def facts(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what the collecting program found.

        Raises:
            UnreachableError: it could not run there.
        """


class Fleet:
    """Hosts, their roles, and results by host.

    Args:
        profile: what they are held against.
        hosts: with their roles.
        waivers: what is put up with.
        wait: seconds between two readings of counters.
        state: a file with what counters had at the last check; "" where none is kept.
    """

    def __init__(
        self,
        profile: Profile,
        hosts: Sequence[tuple[Host, frozenset[str]]],
        waivers: Sequence[Waiver],
        wait: float,
        state: str = "",
    ) -> None:
        self._profile = profile
        self._hosts = {host.name: (host, roles) for host, roles in hosts}
        self._waivers = waivers
        self._wait = wait
        self._state = state
        self._before = history.load(state) if state else {}
        self._seen: dict[str, history.Record] = {}
        self._results: dict[str, dict[str, Result]] = {}

    # Public methods.

    @classmethod
    def of(cls, option: Callable[[str], Any]) -> Fleet:
        """Return the fleet that pytest's options describe.

        Raises:
            ConfigError: the profile or the waivers cannot be used.
            FleetError: no hosts, or no roles for one of them.
        """
        from holdfast.verify import backends

        profile = load(option("holdfast_profile"))
        path = option("holdfast_waivers")
        waivers = load_waivers(path, names(profile)) if path else []
        found = backends.hosts(option)
        hosts = [(one, roles_of(one, option("holdfast_roles"))) for one in found]
        return cls(profile, hosts, waivers, option("holdfast_wait"), option("holdfast_state"))

    def pairs(self) -> list[tuple[str, str]]:
        """Return host and control of each test, without asking any host: what its kernel decides is decided later."""
        return [
            (name, entry.id)
            for name, (_, roles) in self._hosts.items()
            for entry in self._profile.entries
            if entry.enabled and roles.intersection(entry.roles)
        ]

    def result(self, host: str, control: str) -> Result:
        """Return what a control came to on a host."""
        if host not in self._results:
            self._results[host] = self._checked(host)
        found = self._results[host]
        return found.get(control) or found[""]

    def remember(self) -> None:
        """Write what counters had, once all tests have been compared with what they had before.

        Raises:
            OSError: the file cannot be written.
        """
        if self._state and self._seen:
            reports.write(self._state, history.remember(self._state, self._seen))

    # Private methods.

    def _checked(self, name: str) -> dict[str, Result]:
        """Return results by control; what "" has is for every other one."""
        host, roles = self._hosts[name]
        try:
            facts = host.facts(request_for(self._profile, roles, self._wait))
            wanted = controls_of(self._profile, facts, roles)
        except (UnreachableError, ProfileError) as error:
            return {"": _other("unknown", f"host {name}: {error}")}
        today, now = datetime.now(UTC).date(), time.time()
        if self._state:
            facts = history.compared(facts, self._before.get(name), now)
            self._seen[name] = history.record(facts, counters(self._profile), now)
        results = {one.id: one for one in judge(wanted, facts, self._waivers, today, name)}
        return results | {"": _other("not_applicable", f"kernel {facts['host']['kernel']} has no such key")}


def _other(status: Any, actual: str) -> Result:
    return Result("", "", "host", status, "", actual)


def roles_of(host: Host, option: str) -> frozenset[str]:
    """Return a host's roles: by the option, by the groups of the inventory.

    Raises:
        FleetError: neither tells.
    """
    found: set[str] = set()
    for part in filter(None, option.split(",")):
        pattern, equals, role = part.partition("=")
        if not equals:
            pattern, role = "*", part
        if role not in ROLES:
            raise FleetError(f"expected --holdfast-roles of {', '.join(ROLES)}, saw {role!r}")
        if fnmatchcase(host.name, pattern):
            found.add(role)
    if not option:
        found = {ROLES_BY_GROUP[group] for group in host.groups if group in ROLES_BY_GROUP}
    if not found:
        raise FleetError(
            f"expected a role for host {host.name}, saw none: put it into one of the groups "
            f"{', '.join(ROLES_BY_GROUP)} of --ansible-inventory, or say --holdfast-roles='{host.name}=gateway'"
        )
    return frozenset(found)
