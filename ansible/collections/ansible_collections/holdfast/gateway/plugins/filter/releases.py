"""Name deploys and choose where a rollback leads, from what all hosts have on record. Runs on the controller."""

from __future__ import annotations

from ansible_collections.holdfast.gateway.plugins.module_utils import releases, way_back
from ansible_collections.holdfast.gateway.plugins.module_utils.releases import Release
from ansible_collections.holdfast.gateway.plugins.module_utils.way_back import Found

DOCUMENTATION = r"""
name: rollback_choice
author: Holdfast contributors
version_added: 0.1.0
short_description: Choose where a rollback leads
description:
  - Chooses one target for all hosts, and says what becomes of each.
positional: _input, name
options:
  _input:
    description: What M(holdfast.gateway.release) returned for C(look), by host.
    type: dict
    required: true
  name:
    description: Name of this rollback; one that an earlier run has noted leads to the same target.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show where a rollback would lead
  ansible.builtin.debug:
    msg: "{{ {'gw1': looked} | holdfast.gateway.rollback_choice('20261126T205114') }}"
"""

RETURN = r"""
_value:
  description:
    - C(name) of the rollback, C(to), the deploy whose release it leads to, and C(steps) by host.
    - C(refusal) says why where there is nothing to go back to; it is empty otherwise.
  type: dict
"""


def rollback_choice(looks: dict, name: str) -> dict:
    """Return the target of a rollback and what becomes of each host."""
    fleet = {
        host: Found(
            releases.read(look["history"]),
            tuple(Release(one["version"], one["settings"]) for one in look["serving"]),
            frozenset(look["installed"]),
        )
        for host, look in looks.items()
    }
    try:
        choice = way_back.choose(fleet, str(name))
    except way_back.NothingBeforeError as error:
        refusal = f"there is nothing to go back to, and nothing was changed: {error}"
        return {"name": str(name), "to": "", "steps": {}, "refusal": refusal}
    steps = {
        host: {
            "action": step.action, "text": step.text, "version": step.release.version if step.release else "",
            "settings": step.release.settings if step.release else "",
        }
        for host, step in choice.steps.items()
    }  # fmt: skip
    return {"name": choice.name, "to": choice.deploy, "steps": steps, "refusal": ""}


def deploy_name(looks: dict, fresh: str, versions: dict, settings: dict) -> str:
    """Return the name of a deploy: that of the last one where it is to bring the same, else the fresh one."""
    histories = {host: releases.read(look["history"]) for host, look in looks.items()}
    wanted = {host: Release(str(versions[host]), str(settings[host])) for host in looks}
    return releases.deploy_name(histories, wanted, str(fresh))


class FilterModule:
    """The filters of releases."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"rollback_choice": rollback_choice, "deploy_name": deploy_name}
