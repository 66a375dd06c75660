"""Facts of a host that has exactly what the profile renders: files read by the collecting program's own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.profile import HostFacts, Profile, expectations, render
from holdfast.verify import spans
from holdfast.verify.collect import declared, sysctl_files
from holdfast.verify.controls import request_for

ALL = frozenset({"gateway", "load_balancer", "redis"})
HOST = HostFacts(32 * 1024**3, 16, "6.1", ALL)
UNIT = "holdfast@1a.service"


def facts_of(profile: Profile, folder: Path, host: HostFacts = HOST) -> dict[str, Any]:
    """Return them; `folder` takes the rendered files."""
    request = request_for(profile, host.roles)
    files = {name: folder / name for name in ("sysctl", "unit", "haproxy", "redis")}
    for name, path in files.items():
        path.write_text(render(name, profile, host))
    lines = sysctl_files.winners(request["sysctls"], [str(files["sysctl"])])
    found = expectations(profile, host)
    by_key = {one.key: one for one in found}
    unit = declared.in_units([str(files["unit"])], request["unit_properties"])
    said = declared.in_redis([str(files["redis"])], request["redis"])
    proxy = declared.in_haproxy([str(files["haproxy"])], ["maxconn"])
    limit = int(str(by_key["LimitNOFILE"].value))
    return {
        "version": 1,
        "host": {"name": "gw1", "kernel": host.kernel, "memory_bytes": host.memory_bytes, "cores": host.cores,
                 "page_bytes": host.page_bytes, "boot_id": "b", "systemd": True, "container": ""},
        "reasons": {"units": "", "namespace": ""},
        "sysctls": {key: lines[key]["value"] if key in lines else "1" for key in request["sysctls"]},
        "sysctl_files": lines,
        "sysfs": {key: by_key[key].value for key in request["sysfs"]},
        "files": {},
        "modules": dict.fromkeys(request["modules"], "loaded"),
        "module_files": {name: {"file": "/etc/modules-load.d/holdfast.conf", "line": 5, "value": name}
                         for name in request["modules"]},
        "namespace": "net:[1]",
        "counters": {one.key: {"total": 7, "grown": 0, "seconds": 2} for one in found if one.kind == "counter"},
        "instances": [{
            "unit": UNIT, "pid": 71, "needs_reload": False, "declared": unit,
            "properties": {name: line["value"] for name, line in unit.items()},
            "descriptors": {"soft": limit, "hard": limit, "open": 40},
            "listeners": [{"port": 8000, "backlog": int(str(by_key["listen_backlog"].value))}],
        }],
        "haproxy": {
            "info": {"Maxconn": proxy["maxconn"]["value"], "Ulimit-n": str(by_key["Ulimit-n"].value)},
            "declared": proxy, "socket": "/run/haproxy/admin.sock",
        },
        "redis": {"settings": {name: spans.size(str(line["value"]), is_redis=True) for name, line in said.items()},
                  "declared": said},
    }  # fmt: skip
