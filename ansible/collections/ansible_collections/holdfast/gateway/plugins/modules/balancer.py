#!/usr/bin/python
"""Ask HAProxy which servers it sends clients to, and how many connections go through it."""

from __future__ import annotations

import socket
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: balancer
author: Holdfast contributors
version_added: 0.1.0
short_description: Wait until HAProxy sees servers up, or connections come back
description:
  - Reads C(show stat) from HAProxy's socket. Changes nothing.
options:
  socket:
    description: Path of HAProxy's socket.
    type: path
    default: /run/haproxy/admin.sock
  backend:
    description: Backend whose servers are meant.
    type: str
    default: gateways
  servers:
    description: Servers that must be up; one that the configuration does not know fails at once.
    type: list
    elements: str
    default: []
  connections:
    description: How many connections must go through the backend at least.
    type: int
    default: 0
  timeout:
    description: Seconds to wait for all of that.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Wait until the new slot gets clients
  holdfast.gateway.balancer:
    servers: [gw1-1b]
"""

RETURN = r"""
connections:
  description: Connections through the backend now.
  returned: success
  type: int
up:
  description: Servers that are up.
  returned: success
  type: list
"""

PAUSE_SECONDS = 0.25


class BalancerError(Exception):
    """HAProxy cannot be asked, or lacks a server."""


def statistics(path: str) -> str:
    """Return what `show stat` says.

    Raises:
        BalancerError: nobody answers on the socket.
    """
    try:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(path)
            admin.sendall(b"show stat\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()
    except OSError as error:
        raise BalancerError(f"expected HAProxy on {path}: {error.strerror or error}") from error


def rows_of(text: str, backend: str) -> dict[str, dict[str, str]]:
    """Return the rows of a backend by server; that of the backend itself is called BACKEND."""
    lines = text.lstrip("# ").splitlines()
    if not lines:
        return {}
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
    return {row["svname"]: row for row in rows if row.get("pxname") == backend}


def missing(rows: dict[str, dict[str, str]], backend: str, servers: list[str], connections: int) -> str:
    """Return what is not as wanted, "" where all is.

    Raises:
        BalancerError: the configuration has no such server, so waiting is in vain.
    """
    if unknown := [name for name in servers if name not in rows]:
        raise BalancerError(
            f"HAProxy's backend {backend} has no server {', '.join(unknown)}: its configuration is older than the"
            " inventory; run the playbook deploy with --tags load_balancer first"
        )
    # "UP 1/2" is one that fails its checks by now.
    if down := [f"{name} is {rows[name]['status']}" for name in servers if rows[name]["status"] != "UP"]:
        return "; ".join(down)
    now = int(rows["BACKEND"]["scur"]) if "BACKEND" in rows else 0
    return f"{now} of {connections} connections are back" if now < connections else ""


def main() -> None:
    """Run as a module."""
    given = {
        "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
        "backend": {"type": "str", "default": "gateways"},
        "servers": {"type": "list", "elements": "str", "default": []},
        "connections": {"type": "int", "default": 0},
        "timeout": {"type": "float", "default": 30},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    wanted = module.params
    deadline = time.monotonic() + wanted["timeout"]
    while True:
        try:
            rows = rows_of(statistics(wanted["socket"]), wanted["backend"])
            lacking = missing(rows, wanted["backend"], wanted["servers"], wanted["connections"])
        except BalancerError as error:
            module.fail_json(msg=str(error))
        if not lacking:
            break
        if time.monotonic() > deadline:
            module.fail_json(msg=f"after {wanted['timeout']:.0f} s: {lacking}")
        time.sleep(PAUSE_SECONDS)
    up = sorted(name for name, row in rows.items() if row["status"] == "UP" and name not in ("BACKEND", "FRONTEND"))
    now = int(rows["BACKEND"]["scur"]) if "BACKEND" in rows else 0
    module.exit_json(changed=False, connections=now, up=up)


if __name__ == "__main__":
    main()
