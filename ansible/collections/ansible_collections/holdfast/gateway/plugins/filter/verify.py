"""Filters of the controller that hold a host against the profile: what to ask of it, and what its answer comes to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.gateway.plugins.filter.profile import ROLES_BY_GROUP, profile_package

DOCUMENTATION = r"""
name: verify
author: Holdfast contributors
version_added: 0.1.0
short_description: Hold a host's facts against a Holdfast profile
description:
  - Runs on the controller, where the Python package C(holdfast) has to be installed.
  - Takes what the program of M(holdfast.gateway.verify_request#filter) printed on the host.
positional: _input, profile, groups, host, waivers
options:
  _input:
    description: The document of facts, as text.
    type: str
    required: true
  profile:
    description: Name of a shipped profile, or path of a file.
    type: str
    required: true
  groups:
    description: C(group_names) of the host.
    type: list
    elements: str
    required: true
  host:
    description: Name that waivers know the host by.
    type: str
    required: true
  waivers:
    description: Path of a file of waivers on the controller, empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what drifted
  ansible.builtin.debug:
    msg: "{{ found.stdout | holdfast.gateway.verify('production', group_names, inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: Keys C(drifted) and C(unchecked), a sentence each, C(summary) and C(report).
  type: dict
"""


def roles_of(groups: list[str]) -> frozenset[str]:
    """Return the roles of a host in these groups."""
    roles = frozenset(ROLES_BY_GROUP[group] for group in groups if group in ROLES_BY_GROUP)
    if not roles:
        raise AnsibleFilterError(f"expected the host in one of the groups {', '.join(ROLES_BY_GROUP)}; saw {groups}")
    return roles


def verify_request(name: str, groups: list[str], wait: float = 2.0) -> dict:
    """Return the program that reads a host's facts, and the request that it takes as its argument."""
    package = profile_package()
    from holdfast.verify.controls import request_for
    from holdfast.verify.program import source

    try:
        request = request_for(package.load(str(name)), roles_of(groups), float(wait))
    except package.ProfileError as error:
        raise AnsibleFilterError(f"profile {name}: {error}") from error
    return {"program": source(), "request": json.dumps(request)}


def verify(document: str, name: str, groups: list[str], host: str, waivers: str = "") -> dict:
    """Return what drifted and what could not be checked."""
    package = profile_package()
    from holdfast.errors import ConfigError
    from holdfast.verify import reports
    from holdfast.verify.controls import controls_of, names
    from holdfast.verify.judge import FAILED, judge
    from holdfast.verify.waivers import load_waivers

    try:
        facts, profile = json.loads(document), package.load(str(name))
        found = controls_of(profile, facts, roles_of(groups))
        tolerated = load_waivers(str(waivers), names(profile)) if waivers else []
    except ConfigError as error:
        raise AnsibleFilterError(f"{error.heading}: {error}") from error
    except ValueError as error:
        raise AnsibleFilterError(f"expected facts in JSON, saw {document[:100]!r}: {error}") from error
    results = judge(found, facts, tolerated, datetime.now(UTC).date(), host)
    return {
        "drifted": [reports.sentence(one) for one in results if one.status in FAILED],
        "unchecked": [reports.sentence(one) for one in results if one.status == "unknown"],
        "summary": reports.summary(results),
        "report": reports.as_json(results, facts, profile.name),
    }


class FilterModule:
    """The filters of this collection that verify."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"verify_request": verify_request, "verify": verify}
