#!/usr/bin/python
"""Roll one instance of a host: start its other slot, and stop the first one once the other serves."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import units
from ansible_collections.holdfast.gateway.plugins.module_utils.slot_files import Content, only_one, write_slot
from ansible_collections.holdfast.gateway.plugins.module_utils.slots import (
    Plan,
    Slot,
    Wanted,
    decide,
    ports,
    slot_names,
)
from ansible_collections.holdfast.gateway.plugins.module_utils.stopping import (
    ENDED,
    SLACK_SECONDS,
    StillRunningError,
    stop,
)

DOCUMENTATION = r"""
module: instance
author: Holdfast contributors
version_added: 0.1.0
short_description: Roll one instance of the gateway from one slot to the other
description:
  - Looks at what runs on the host and does the next step of a roll. A run that was cut off anywhere is taken up again.
  - Works on systemd units C(holdfast@SLOT.service) and needs root.
options:
  step:
    description:
      - C(start) starts the free slot and waits until it is ready. If it does not get ready it is stopped again.
      - C(finish) enables the slot I(serving), and stops and disables the other one, which drains by itself.
      - C(abandon) stops the slot I(serving) again where the other one runs.
    type: str
    choices: [start, finish, abandon]
    required: true
  number:
    description: Number of the instance on this host, from 1.
    type: int
    required: true
  serving:
    description: The slot that serves in the end, as C(start) returned it.
    type: str
    default: ""
  fingerprint:
    description: What tells this version with these settings and secrets from every other.
    type: str
    default: ""
  since:
    description: A process that began before this moment, in seconds of the host's clock, is replaced in any case.
    type: float
    default: 0
  version:
    description: Path of the virtual environment to run.
    type: path
  settings:
    description: Content of the slot's settings file.
    type: str
    default: ""
  secrets:
    description: Content of the slot's file of secrets.
    type: str
    default: ""
  address:
    description: Address that the instance listens on.
    type: str
    required: true
  name_prefix:
    description: Beginning of the instance's name; the slot follows.
    type: str
    default: ""
  port:
    description: Public port of slot C(1a).
    type: int
    default: 8000
  internal_offset:
    description: What an internal port is above its public one.
    type: int
    default: 1000
  ready_timeout:
    description: Seconds that a new slot has to get ready.
    type: float
    default: 60
  stop_timeout:
    description: Seconds that a slot has to drain and to end.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Finish the roll
  holdfast.gateway.instance:
    step: finish
    number: 1
    serving: 1b
    address: 10.0.0.11
"""

RETURN = r"""
serving:
  description: The slot that serves.
  returned: success
  type: str
is_at_rest:
  description: Whether there was nothing to do.
  returned: success
  type: bool
reason:
  description: Why something is to do.
  returned: success
  type: str
"""

PAUSE_SECONDS = 0.2


class NotReadyError(Exception):
    """A slot did not get ready; the text says why, with the last lines of its log."""


class Instance:
    """One instance of this host and what the module was told of it."""

    def __init__(self, given: dict) -> None:
        self.given = given
        self.number: int = given["number"]

    def look(self) -> list[Slot]:
        """Return both slots as they are."""
        return [units.look(name, self.given["address"], self.ports(name)[1]) for name in slot_names(self.number)]

    def ports(self, slot: str) -> tuple[int, int]:
        """Return the ports of a slot."""
        return ports(self.number, slot, self.given["port"], self.given["internal_offset"])

    def other(self, slot: str) -> str:
        """Return the other slot."""
        first, second = slot_names(self.number)
        return second if slot == first else first

    def plan(self) -> Plan:
        """Return what is to be done."""
        return decide(self.look(), Wanted(self.given["fingerprint"], self.given["since"]))

    def start(self, plan: Plan) -> None:
        """Bring the slot up that serves in the end; stop it again if it does not get ready.

        Raises:
            NotReadyError: it does not.
        """
        for slot in plan.first:
            self.stop(slot)
        if plan.is_new:
            self.write(plan.serving)
            # The run that wrote the unit may have been cut off before it told systemd.
            units.run("systemctl", "daemon-reload")
        # Forgets restarts as well: those of a slot that an earlier run has started are no sign of a bad version.
        units.run("systemctl", "reset-failed", units.unit_of(plan.serving))
        if plan.is_new:
            units.run("systemctl", "start", "--no-block", units.unit_of(plan.serving))
        try:
            self.wait_until_ready(plan.serving)
        except NotReadyError as error:
            if plan.is_new:
                self.stop(plan.serving)
            raise NotReadyError(f"{error}\nLast lines of its log:\n{units.journal(plan.serving)}") from None

    def write(self, slot: str) -> None:
        """Write the files of a slot."""
        given = self.given
        public, internal = self.ports(slot)
        name = f"{given['name_prefix']}{slot}"
        content = Content(
            given["version"], given["settings"], given["secrets"], given["fingerprint"], name, public, internal
        )
        write_slot(slot, content)

    def wait_until_ready(self, slot: str) -> None:
        """Return when a slot is ready.

        Raises:
            NotReadyError: it ended, was restarted, or takes too long.
        """
        deadline = time.monotonic() + self.given["ready_timeout"]
        while True:
            found = units.properties(slot)
            state = found.get("ActiveState", "")
            if units.has_ended(found):
                code, why = found.get("ExecMainStatus"), found.get("Result")
                raise NotReadyError(f"slot {slot} ended with {code} ({why}) instead of getting ready")
            is_ready, _, said = units.readiness(self.given["address"], self.ports(slot)[1])
            if is_ready and state == "active":
                return
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"slot {slot} is {state} and not ready after {self.given['ready_timeout']:.0f} s: {said or state}"
                )
            time.sleep(PAUSE_SECONDS)

    def finish(self, serving: str) -> bool:
        """Let `serving` be the one that is enabled and runs; return whether that changed anything.

        Raises:
            NotReadyError: it is not ready any more, so the other one stays.
        """
        mine, other = sorted(self.look(), key=lambda slot: slot.name != serving)
        if not mine.is_ready:
            raise NotReadyError(f"slot {serving} is not ready any more; slot {other.name} was left alone")
        changed = False
        if not mine.is_enabled:
            self.systemctl("enable", serving)
            changed = True
        if other.is_enabled:
            self.systemctl("disable", other.name)
            changed = True
        if other.state not in ENDED:
            self.stop(other.name)
            changed = True
        return changed

    def abandon(self, slot: str) -> bool:
        """Stop a slot where the other one runs; return whether it was stopped."""
        by_name = {one.name: one for one in self.look()}
        if by_name[slot].state in ENDED or not by_name[self.other(slot)].is_running:
            return False
        self.stop(slot)
        if not by_name[self.other(slot)].is_enabled:
            self.systemctl("enable", self.other(slot))
        self.systemctl("disable", slot)
        return True

    def stop(self, slot: str) -> None:
        """Ask a slot to stop and wait until it is gone.

        Raises:
            StillRunningError: it does not go, in spite of the service manager.
        """
        stop(slot, self.given["stop_timeout"])

    def systemctl(self, verb: str, slot: str) -> None:
        """Run systemctl.

        Raises:
            NotReadyError: it refuses.
        """
        code, said = units.run("systemctl", verb, units.unit_of(slot))
        if code:
            raise NotReadyError(f"systemctl {verb} {units.unit_of(slot)} ended with {code}: {said}")


def work(module: AnsibleModule, instance: Instance) -> dict:
    """Do the step and return what the module answers."""
    step, serving = module.params["step"], module.params["serving"]
    if step == "start":
        plan = instance.plan()
        answer = {
            "serving": plan.serving,
            "is_at_rest": plan.is_at_rest,
            "reason": plan.reason,
            "changed": not plan.is_at_rest,
            "diff": difference(instance, plan),
        }
        if not plan.is_at_rest and not module.check_mode:
            instance.start(plan)
        return answer
    if module.check_mode:
        return {"changed": False, "serving": serving}
    done = instance.finish(serving) if step == "finish" else instance.abandon(serving)
    return {"changed": done, "serving": serving}


def difference(instance: Instance, plan: Plan) -> dict:
    """Return what `--diff` shows: which slots run what, before and after."""
    if plan.is_at_rest:
        return {}
    running = [slot for slot in instance.look() if slot.is_running]
    before = "".join(f"{slot.name}: {slot.fingerprint or 'unknown'}\n" for slot in running)
    after = f"{plan.serving}: {instance.given['fingerprint']}\n"
    header = f"instance {instance.number} ({plan.reason})"
    return {"before": before, "after": after, "before_header": header, "after_header": header}


ARGUMENTS = {
    "step": {"type": "str", "required": True, "choices": ["start", "finish", "abandon"]},
    "number": {"type": "int", "required": True},
    "serving": {"type": "str", "default": ""},
    "fingerprint": {"type": "str", "default": ""},
    "since": {"type": "float", "default": 0},
    "version": {"type": "path"},
    "settings": {"type": "str", "default": ""},
    "secrets": {"type": "str", "default": "", "no_log": True},
    "address": {"type": "str", "required": True},
    "name_prefix": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 8000},
    "internal_offset": {"type": "int", "default": 1000},
    "ready_timeout": {"type": "float", "default": 60},
    "stop_timeout": {"type": "float", "default": 120},
}


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("step", "start", ("version", "fingerprint")), ("step", "finish", ("serving",))],
    )
    instance = Instance(module.params)
    try:
        with only_one(module.params["stop_timeout"] + 2 * SLACK_SECONDS):
            answer = work(module, instance)
    except (NotReadyError, StillRunningError, TimeoutError, OSError) as error:
        module.fail_json(msg=f"instance {instance.number}: {error}")
    else:
        module.exit_json(**answer)


if __name__ == "__main__":
    main()
