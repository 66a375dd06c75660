#!/usr/bin/python
"""Let the HAProxy that runs have the configuration that is written, by a reload where it has another one."""

from __future__ import annotations

import re
import socket
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import units

DOCUMENTATION = r"""
module: balancer_config
author: Holdfast contributors
version_added: 0.1.0
short_description: Reload HAProxy where it runs with another configuration than the one that is written
description:
  - The configuration names itself in C(description); HAProxy tells that of the one that it runs with. So a reload that
    an earlier run did not get to is made up for, and one that HAProxy did not take is noticed.
  - The old process keeps its connections until they end, at most C(hard-stop-after).
options:
  description:
    description: How the configuration names itself; without it, as the file says.
    type: str
  path:
    description: The configuration.
    type: path
    default: /etc/haproxy/haproxy.cfg
  socket:
    description: Path of HAProxy's socket.
    type: path
    default: /run/haproxy/admin.sock
  timeout:
    description: Seconds that it has to take it.
    type: float
    default: 20
"""

EXAMPLES = r"""
- name: Let HAProxy have its configuration
  holdfast.gateway.balancer_config:
"""

RETURN = r"""
running:
  description: How the configuration names itself that HAProxy ran with.
  returned: success
  type: str
"""

UNIT = "haproxy.service"
PAUSE_SECONDS = 0.2


def written(path: str) -> str:
    """Return how a configuration names itself, "" where it does not."""
    try:
        with open(path) as file:
            found = re.search(r"^\s*description\s+(\S+)", file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1) if found else ""


def running(path: str) -> str | None:
    """Return how the configuration names itself that HAProxy runs with; None where nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(path)
            admin.sendall(b"show info\n")
            said = b"".join(iter(lambda: admin.recv(65536), b"")).decode(errors="replace")
    except OSError:
        return None
    found = re.search(r"^description:[ \t]*(.*)$", said, re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def is_taken(found: str | None, wanted: str) -> bool:
    """Tell whether HAProxy runs with what is wanted; one of somebody else's may have no socket."""
    return found == wanted or (found is None and not wanted)


def reload(wanted: str, path: str, timeout: float) -> str:
    """Reload HAProxy, and return what went wrong, "" where nothing did."""
    code, said = units.run("systemctl", "reload", UNIT)
    if code:
        return f"systemctl reload {UNIT} ended with {code}: {said}"
    deadline = time.monotonic() + timeout
    while not is_taken(running(path), wanted):
        if time.monotonic() > deadline:
            lines = units.run("journalctl", "--unit", UNIT, "--lines", "10", "--no-pager", "--output", "cat")[1]
            return f"HAProxy did not take its configuration within {timeout:.0f} s, the one before goes on:\n{lines}"
        time.sleep(PAUSE_SECONDS)
    return ""


def main() -> None:
    """Run as a module."""
    given = {
        "description": {"type": "str"},
        "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
        "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
        "timeout": {"type": "float", "default": 20},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    path, patience = module.params["socket"], module.params["timeout"]
    wanted = written(module.params["path"]) if module.params["description"] is None else module.params["description"]
    now = running(path)
    is_up = not units.run("systemctl", "is-active", "--quiet", UNIT)[0]
    # One that does not run gets it when it is started.
    changed = is_up and not is_taken(now, wanted)
    if changed and not module.check_mode and (fault := reload(wanted, path, patience)):
        module.fail_json(msg=fault)
    diff = {"before": f"{now or 'none'}\n", "after": f"{wanted or 'none'}\n"} if changed else {}
    module.exit_json(changed=changed, running=now or "", diff=diff)


if __name__ == "__main__":
    main()
