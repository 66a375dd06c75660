"""What is to be checked on a host of certain roles, and which facts that takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.profile import Expectation, HostFacts, Profile, derive, expectations
from holdfast.profile.entries import default_of, select

DEFAULT_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Control:
    """One expectation.

    Args:
        expectation: what is expected.
        default: what the kernel has by itself at a start, where every machine has the same.
        varies: who decides that, where machines differ.
    """

    expectation: Expectation
    default: str | None = None
    varies: str = ""


def host_facts(facts: Mapping[str, Any], roles: frozenset[str]) -> HostFacts:
    """Return the host that a document of facts is about, as the profile calculates with it."""
    host = facts["host"]
    return HostFacts(host["memory_bytes"], host["cores"], host["kernel"], roles, host["page_bytes"])


def controls(profile: Profile, host: HostFacts) -> list[Control]:
    """Return what a host has to be held against.

    Raises:
        ProfileError: the profile does not fit the host.
    """
    return [_control(profile, one, host) for one in expectations(profile, host)]


def controls_of(profile: Profile, facts: Mapping[str, Any], roles: frozenset[str]) -> list[Control]:
    """Return the same for a document of facts. A node is no gateway host: how many pods it has room for is not asked.

    Raises:
        ProfileError: the profile does not fit the host.
    """
    host = host_facts(facts, roles)
    if not facts["host"].get("container"):
        return controls(profile, host)
    found = select(profile, derive(profile, replace(host, roles=frozenset())), host)
    return [_control(profile, one, host) for one in found]


def counters(profile: Profile) -> list[str]:
    """Return the counters that may not grow."""
    return [one.key for one in profile.entries if one.enabled and one.kind == "counter" and one.mode != "report"]


def _control(profile: Profile, one: Expectation, host: HostFacts) -> Control:
    entry = profile.entry(one.id)
    if entry is None or entry.default_varies:
        return Control(one, varies="" if entry is None else entry.default_varies)
    value = default_of(entry, host.kernel)
    return Control(one, None if value is None else str(value))


def request_for(profile: Profile, roles: frozenset[str], wait: float = DEFAULT_WAIT_SECONDS) -> dict[str, Any]:
    """Return what to ask of a host: everything that its roles could need, on whatever kernel."""
    entries = [one for one in profile.entries if one.enabled and roles.intersection(one.roles)]

    def keys(kind: str) -> list[str]:
        return [one.key for one in entries if one.kind == kind]

    grows = any(one.kind == "counter" and one.mode != "report" for one in entries)
    return {
        "sysctls": keys("sysctl"), "sysfs": keys("sysfs"), "modules": keys("module"), "files": keys("file"),
        "unit_properties": keys("unit"), "haproxy": keys("haproxy"), "redis": keys("redis"),
        "wait": wait if grows else 0,
    }  # fmt: skip


def names(profile: Profile) -> Sequence[str]:
    """Return the ids of everything that a profile checks somewhere."""
    return [one.id for one in profile.entries if one.enabled]
