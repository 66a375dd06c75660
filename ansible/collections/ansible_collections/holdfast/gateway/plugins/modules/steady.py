#!/usr/bin/python
"""Watch the instances of a host for a while: ready all the time, not restarted, and no metric beyond its limit."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import units
from ansible_collections.holdfast.gateway.plugins.module_utils.alarms import alarms, parse
from ansible_collections.holdfast.gateway.plugins.module_utils.slots import ports, slot_names

DOCUMENTATION = r"""
module: steady
author: Holdfast contributors
version_added: 0.1.0
short_description: Watch the instances of a host for a while
description:
  - Fails at once where an instance is not ready, was restarted, or a metric is beyond its limit. Changes nothing.
options:
  instances:
    description: How many instances the host has.
    type: int
    required: true
  address:
    description: Address that they listen on.
    type: str
    required: true
  port:
    description: Public port of slot C(1a).
    type: int
    default: 8000
  internal_offset:
    description: What an internal port is above its public one.
    type: int
    default: 1000
  seconds:
    description: How long to watch.
    type: float
    default: 10
  since:
    description:
      - A restart by systemd whose process began before this moment, in seconds of the host's clock, does not count.
    type: float
    default: 0
  alarms:
    description: Metrics with their limits; C(metric), C(labels), and C(least), C(most) or C(growth).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Watch the host
  holdfast.gateway.steady:
    instances: 1
    address: 10.0.0.11
    alarms:
      - {metric: holdfast_broker_up, least: 1}
"""

RETURN = r"""
serving:
  description: The slots that serve.
  returned: success
  type: list
"""

PAUSE_SECONDS = 1.0


class NotSteadyError(Exception):
    """An instance is not fine; the text says which and why."""


def serving_slot(number: int, address: str, port: int, offset: int) -> str:
    """Return the one slot of an instance that runs.

    Raises:
        NotSteadyError: none does, or both do.
    """
    found = [units.look(name, address, ports(number, name, port, offset)[1]) for name in slot_names(number)]
    running = [slot.name for slot in found if slot.is_running]
    if len(running) != 1:
        raise NotSteadyError(f"instance {number}: expected one running slot, found {', '.join(running) or 'none'}")
    return running[0]


def check(slot: str, address: str, port: int, since: float) -> dict[str, float]:
    """Return the metrics of a slot.

    Raises:
        NotSteadyError: it is not ready, or was restarted by systemd after that moment.
    """
    is_ready, _, said = units.readiness(address, port)
    if not is_ready:
        raise NotSteadyError(f"slot {slot} is not ready: {said}")
    found = units.properties(slot)
    restarts = int(found.get("NRestarts") or 0)
    if restarts and units.started(int(found.get("MainPID") or 0)) >= since:
        raise NotSteadyError(f"slot {slot} was restarted {restarts} time(s).\n{units.journal(slot)}")
    return parse(units.ask(address, port, "/metrics")[1])


def watch(wanted: dict) -> list[str]:
    """Watch all instances and return the slots that serve.

    Raises:
        NotSteadyError: one of them is not fine.
    """
    address, offset = wanted["address"], wanted["internal_offset"]
    numbers = range(1, wanted["instances"] + 1)
    slots = [serving_slot(number, address, wanted["port"], offset) for number in numbers]
    doors = {slot: ports(int(slot[:-1]), slot, wanted["port"], offset)[1] for slot in slots}
    before = {slot: check(slot, address, port, wanted["since"]) for slot, port in doors.items()}
    deadline = time.monotonic() + wanted["seconds"]
    while True:
        for slot, port in doors.items():
            if said := alarms(before[slot], check(slot, address, port, wanted["since"]), wanted["alarms"]):
                raise NotSteadyError(f"slot {slot}: {'; '.join(said)}")
        if time.monotonic() >= deadline:
            return slots
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def main() -> None:
    """Run as a module."""
    given = {
        "instances": {"type": "int", "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 8000},
        "internal_offset": {"type": "int", "default": 1000},
        "seconds": {"type": "float", "default": 10},
        "since": {"type": "float", "default": 0},
        "alarms": {"type": "list", "elements": "dict", "default": []},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        slots = watch(module.params)
    except NotSteadyError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=False, serving=slots)


if __name__ == "__main__":
    main()
