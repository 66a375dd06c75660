"""Puts together what was asked for: one request, one document, both JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from holdfast.diagnostics import resources_listeners
from holdfast.verify.collect import (
    counters,
    haproxy,
    host,
    instances,
    kernel_values,
    module_files,
    namespaces,
    redis,
    sysctl_files,
)

VERSION = 1
UNITS = "holdfast@*.service"


def collect(request: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that a request names; what it leaves out is not looked at."""
    reasons: dict[str, str] = {}
    found: dict[str, Any] = {"version": VERSION, "host": host.host(), "reasons": reasons}
    found["instances"], reasons["units"] = instances.instances(
        str(request.get("units") or UNITS), list(request.get("unit_properties", []))
    )
    found.update(_kernel(request, found["instances"], reasons))
    _give_listeners(found["instances"], found.pop("listeners"))
    if request.get("haproxy"):
        found["haproxy"] = haproxy.haproxy(str(request.get("haproxy_socket") or ""))
    if request.get("redis"):
        found["redis"] = redis.redis(list(request["redis"]), str(request.get("redis_password_file") or ""))
    return found


def _kernel(request: dict[str, Any], running: list[dict[str, Any]], reasons: dict[str, str]) -> dict[str, Any]:
    keys = list(request.get("sysctls", []))
    own = next((one["pid"] for one in running), None)
    inside, reasons["namespace"] = namespaces.read_in(own, lambda: _network(keys, float(request.get("wait", 0))))
    everywhere = kernel_values.values(keys)
    return {
        # A key that a namespace lacks is one for the machine.
        "sysctls": {key: everywhere[key] if inside["sysctls"][key] is None else inside["sysctls"][key] for key in keys},
        "sysctl_files": sysctl_files.winners(keys, sysctl_files.files()),
        "sysfs": kernel_values.values(list(request.get("sysfs", []))),
        "files": {path: "present" if os.path.exists(path) else "absent" for path in request.get("files", [])},
        "modules": host.modules(list(request.get("modules", []))),
        "module_files": module_files.listed(list(request.get("modules", []))),
        "namespace": inside["namespace"],
        "counters": inside["counters"],
        "listeners": inside["listeners"],
    }


def _give_listeners(running: list[dict[str, Any]], listeners: list[list[int]]) -> None:
    """Leave of each instance's sockets the ports it listens on, with the backlog that the kernel granted."""
    for one in running:
        mine = one.pop("sockets")
        known = None if mine is None else set(mine)
        one["listeners"] = (
            None
            if known is None
            else [{"port": port, "backlog": backlog} for inode, port, backlog, _ in listeners if inode in known]
        )


def _network(keys: list[str], wait: float) -> dict[str, Any]:
    """Read what belongs to a network namespace, counters twice."""
    before = counters.counters()
    listeners = [list(one) for one in resources_listeners.read_listeners()]
    values = kernel_values.values(keys)
    if wait > 0:
        time.sleep(wait)
    after = counters.counters()
    # Between two readings at once nothing grows, which says nothing.
    grown = {
        name: {"total": total, "grown": total - before.get(name, total) if wait > 0 else None, "seconds": wait}
        for name, total in after.items()
    }
    return {"sysctls": values, "listeners": listeners, "counters": grown, "namespace": namespaces.own()}


def main(arguments: list[str]) -> int:
    """Answer a request given as JSON on the command line."""
    try:
        request = json.loads(arguments[0]) if arguments else {}
        if not isinstance(request, dict):
            raise ValueError("no object")
    except ValueError as error:
        sys.stderr.write(f"expected one argument, a JSON object: {error}\n")
        return 3
    sys.stdout.write(json.dumps(collect(request)) + "\n")
    return 0
