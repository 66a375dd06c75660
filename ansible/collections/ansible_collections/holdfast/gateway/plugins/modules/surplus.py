#!/usr/bin/python
"""Stop instances whose numbers a host has no more, one after the other, and remove what their slots have."""

from __future__ import annotations

import contextlib
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import stopping, units
from ansible_collections.holdfast.gateway.plugins.module_utils.slot_files import INSTANCES, SLOTS, only_one

DOCUMENTATION = r"""
module: surplus
author: Holdfast contributors
version_added: 0.1.0
short_description: Stop instances that a host has no more
description:
  - Where a host is to have fewer instances, those with higher numbers are disabled and stopped one after the other.
    Each drains by itself over its window. Looks at what is there, never at what an earlier run did.
options:
  instances:
    description: How many instances the host is to have.
    type: int
    required: true
  stop_timeout:
    description: Seconds that a slot has to drain and to end.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Stop instances that are not wanted any more
  holdfast.gateway.surplus:
    instances: 1
"""

RETURN = r"""
slots:
  description: The slots that were, or would be, stopped and removed.
  returned: success
  type: list
"""


def number_of(slot: str) -> int:
    """Return the number of a slot's instance, 0 for what is no slot."""
    return int(slot[:-1]) if slot[-1:] in ("a", "b") and slot[:-1].isdigit() else 0


def names(folder: str) -> list[str]:
    """Return the slots that have an entry in a folder."""
    try:
        return [name.partition(".")[0] for name in os.listdir(folder)]
    except OSError:
        return []


def surplus(instances: int) -> list[str]:
    """Return the slots with too high a number that are enabled, run or have files, the last one first."""
    known = {*units.enabled(), *units.running(), *names(SLOTS), *names(INSTANCES)}
    return sorted((slot for slot in known if number_of(slot) > instances), key=lambda slot: (-number_of(slot), slot))


def remove(slot: str, patience: float) -> None:
    """Disable and stop a slot, and remove its files: its version is nobody's any more.

    Raises:
        StillRunningError: it does not go, or systemd refuses.
    """
    # Before it is stopped: a host that is rebooted in between does not bring it back.
    code, said = units.run("systemctl", "disable", units.unit_of(slot))
    if code:
        raise stopping.StillRunningError(f"systemctl disable {units.unit_of(slot)} ended with {code}: {said}")
    stopping.stop(slot, patience)
    for path in (f"{SLOTS}/{slot}", *(f"{INSTANCES}/{slot}.{ending}" for ending in ("env", "yaml", "secrets"))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def main() -> None:
    """Run as a module."""
    given = {
        "instances": {"type": "int", "required": True},
        "stop_timeout": {"type": "float", "default": 120},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    patience = module.params["stop_timeout"]
    found = surplus(module.params["instances"])
    try:
        if found and not module.check_mode:
            with only_one(patience + 2 * stopping.SLACK_SECONDS):
                for slot in found:
                    remove(slot, patience)
    except (stopping.StillRunningError, TimeoutError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = {"before": "".join(f"slot {slot}\n" for slot in found), "after": ""} if found else {}
    module.exit_json(changed=bool(found), slots=found, diff=diff)


if __name__ == "__main__":
    main()
