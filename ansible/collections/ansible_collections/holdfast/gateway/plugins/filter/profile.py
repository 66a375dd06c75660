"""Filters of the controller: the one place where roles get their numbers."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: profile
author: Holdfast contributors
version_added: 0.1.0
short_description: Resolve a Holdfast profile for one host
description:
  - Derives every number that the roles use from the profile's intents and the host's memory, cores and kernel.
  - Runs on the controller, where the Python package C(holdfast) has to be installed.
positional: _input, facts, groups
options:
  _input:
    description: Name of a shipped profile, or path of a file.
    type: str
    required: true
  facts:
    description: C(ansible_facts) of the host, with the subsets C(hardware) and C(platform).
    type: dict
    required: true
  groups:
    description: C(group_names) of the host; C(gateways), C(load_balancers) and C(redis) choose its roles.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what a host's profile comes to
  ansible.builtin.debug:
    msg: "{{ 'production' | holdfast.gateway.profile(ansible_facts, group_names) }}"
"""

RETURN = r"""
_value:
  description: Keys C(derived), C(expectations), C(sysctl) and C(renders).
  type: dict
"""

ROLES_BY_GROUP = {"gateways": "gateway", "load_balancers": "load_balancer", "redis": "redis"}
NEEDED_FACTS = ("memtotal_mb", "processor_vcpus", "kernel")


def profile_package() -> Any:
    """Return holdfast.profile, or say how to get it."""
    try:
        from holdfast import profile
    except ImportError as error:
        raise AnsibleFilterError(
            f"the controller's Python cannot import holdfast.profile ({error}): install the gateway's wheel"
            " beside Ansible, or run through the Makefile"
        ) from error
    return profile


def resolve(name: str, facts: dict, groups: list[str]) -> dict:
    """Return the profile's variables for a host with these facts, as plain data."""
    package = profile_package()
    missing = [fact for fact in NEEDED_FACTS if fact not in facts]
    if missing:
        raise AnsibleFilterError(
            f"the profile needs the facts {', '.join(missing)}: gather the subsets hardware and platform first"
        )
    roles = frozenset(ROLES_BY_GROUP[group] for group in groups if group in ROLES_BY_GROUP)
    if not roles:
        raise AnsibleFilterError(f"expected the host in one of the groups {', '.join(ROLES_BY_GROUP)}; saw {groups}")
    host = package.HostFacts(
        memory_bytes=int(facts["memtotal_mb"]) * 1024 * 1024,
        cores=int(facts["processor_vcpus"]),
        kernel=str(facts["kernel"]),
        roles=roles,
    )
    try:
        return package.ansible_vars(package.load(str(name)), host)
    except package.ProfileError as error:
        raise AnsibleFilterError(f"profile {name}: {error}") from error


class FilterModule:
    """The filters of this collection."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"profile": resolve}
