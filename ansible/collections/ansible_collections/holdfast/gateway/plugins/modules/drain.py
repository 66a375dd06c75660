#!/usr/bin/python
"""Empty the instances of a host over their drain window, or let them serve again."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import units
from ansible_collections.holdfast.gateway.plugins.module_utils.slots import ports, slot_names

DOCUMENTATION = r"""
module: drain
author: Holdfast contributors
version_added: 0.1.0
short_description: Empty the instances of a host, or let them serve again
description:
  - Orders the drain by the admin paths and waits until nobody is left. The instances go on running.
options:
  state:
    description: What the instances are to be.
    type: str
    choices: [drained, serving]
    default: drained
  instances:
    description: How many instances the host has.
    type: int
    required: true
  address:
    description: Address that they listen on.
    type: str
    required: true
  token:
    description: The admin token.
    type: str
    required: true
  window:
    description: Seconds over which clients leave; without it the instance's own setting holds.
    type: float
  reason:
    description: Why, for the log of the instance.
    type: str
    default: ansible
  timeout:
    description: Seconds until all have left.
    type: float
    default: 600
  port:
    description: Public port of slot C(1a).
    type: int
    default: 8000
  internal_offset:
    description: What an internal port is above its public one.
    type: int
    default: 1000
"""

EXAMPLES = r"""
- name: Empty the host
  holdfast.gateway.drain:
    instances: 1
    address: 10.0.0.11
    token: "{{ holdfast_secrets.admin_token }}"
"""

RETURN = r"""
states:
  description: State of each running slot.
  returned: success
  type: dict
"""

PATH = "/admin/drain"
EMPTY = "drained"
SERVING = "serving"
PAUSE_SECONDS = 0.5


class DrainError(Exception):
    """An instance refuses, or does not get empty."""


def call(method: str, url: str, token: str, body: dict | None = None) -> dict:
    """Return what an admin path answers.

    Raises:
        DrainError: it refuses, or nobody answers.
    """
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # always http, by `doors`
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise DrainError(f"{url} answered {error.code}: {error.read(300).decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise DrainError(f"{url}: {error}") from error


def doors(wanted: dict) -> dict[str, str]:
    """Return the addresses of the drain of each running slot."""
    host = f"[{wanted['address']}]" if ":" in wanted["address"] else wanted["address"]
    return {
        slot: f"http://{host}:{ports(number, slot, wanted['port'], wanted['internal_offset'])[1]}{PATH}"
        for number in range(1, wanted["instances"] + 1)
        for slot in slot_names(number)
        if units.properties(slot).get("ActiveState") in ("active", "reloading")
    }


def order(wanted: dict, urls: dict[str, str], states: dict[str, str]) -> None:
    """Order what is wanted of those that are not so."""
    body = {"reason": wanted["reason"]} | ({} if wanted["window"] is None else {"window": wanted["window"]})
    for slot, url in urls.items():
        if wanted["state"] == SERVING and states[slot] != SERVING:
            call("DELETE", url, wanted["token"])
        elif wanted["state"] == EMPTY and states[slot] == SERVING:
            call("POST", url, wanted["token"], body)


def main() -> None:
    """Run as a module."""
    given = {
        "state": {"type": "str", "choices": [EMPTY, SERVING], "default": EMPTY},
        "instances": {"type": "int", "required": True},
        "address": {"type": "str", "required": True},
        "token": {"type": "str", "required": True, "no_log": True},
        "window": {"type": "float"},
        "reason": {"type": "str", "default": "ansible"},
        "timeout": {"type": "float", "default": 600},
        "port": {"type": "int", "default": 8000},
        "internal_offset": {"type": "int", "default": 1000},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        answer = work(module.params, module.check_mode)
    except DrainError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(**answer)


def work(wanted: dict, is_dry: bool) -> dict:
    """Order it, wait until it is so, and return what the module answers.

    Raises:
        DrainError: it does not get so.
    """
    urls = doors(wanted)
    token = wanted["token"]
    before = {slot: call("GET", url, token)["state"] for slot, url in urls.items()}
    changed = any(state != wanted["state"] for state in before.values())
    diff = {"before": before, "after": dict.fromkeys(before, wanted["state"])}
    if not changed or is_dry:
        return {"changed": changed, "states": before, "diff": diff}
    order(wanted, urls, before)
    deadline = time.monotonic() + wanted["timeout"]
    while True:
        found = {slot: call("GET", url, token) for slot, url in urls.items()}
        states = {slot: one["state"] for slot, one in found.items()}
        if all(state == wanted["state"] for state in states.values()):
            return {"changed": True, "states": states, "diff": diff}
        if time.monotonic() > deadline:
            left = sum(one["connections"] for one in found.values())
            raise DrainError(f"after {wanted['timeout']:.0f} s {left} connection(s) are left: {states}")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
