"""The gateway's instances on this host: units and what they really have, processes and their limits."""

from __future__ import annotations

import glob
import os
from typing import Any

from holdfast.verify.collect import commands, declared, processes

# Where drop-ins are.
FOLDERS = ("/usr/lib/systemd/system", "/run/systemd/system", "/etc/systemd/system")
# What tells where a unit stands and what it was made of.
_ABOUT = ("Id", "ActiveState", "MainPID", "FragmentPath", "DropInPaths", "NeedDaemonReload")


def instances(pattern: str, properties: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return every instance that runs, by unit or without one, and why there may be more."""
    units, reason = _units(pattern, properties)
    known = {unit["pid"] for unit in units}
    # In a container, or started by hand. One below a unit's main process is the unit's.
    loose = [pid for pid in processes.gateways() if pid not in known and _parent(pid) not in known]
    found = [*units, *({"unit": "", "pid": pid} for pid in loose)]
    return [_with_process(one) for one in found], reason


def _with_process(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "descriptors": processes.descriptors(one["pid"]), "sockets": processes.sockets(one["pid"])}


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
            return int(handle.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def with_new(unit: str, loaded: list[str]) -> list[str]:
    """Return a unit's drop-ins, and its template's, as systemd will read them once it looks again.

    Sorted by name, wherever they are; of one name only one counts: that of /etc before the rest, and in a folder
    the unit's own before the template's.
    """
    template = f"{unit.partition('@')[0]}@.service" if "@" in unit else unit
    found = [
        path
        for folder in FOLDERS
        for name in dict.fromkeys((template, unit))
        for path in glob.glob(f"{folder}/{glob.escape(name)}.d/*.conf")
    ]
    # What systemd names and these folders do not hold: of its own folders, for all services.
    others = [path for path in loaded if path not in found and os.path.exists(path)]
    chosen = {os.path.basename(path): path for path in [*others, *found]}
    return [chosen[name] for name in sorted(chosen)]


def _units(pattern: str, properties: list[str]) -> tuple[list[dict[str, Any]], str]:
    # `TimeoutStopSec=` of a file is the property TimeoutStopUSec.
    shown = {name: name[:-3] + "USec" if name.endswith("Sec") else name for name in properties}
    wanted = ",".join([*_ABOUT, *shown.values()])
    text, reason = commands.answer("systemctl", "show", "--no-pager", f"--property={wanted}", pattern)
    if reason:
        return [], reason
    found = []
    for block in filter(None, text.split("\n\n")):
        table = dict(line.partition("=")[::2] for line in block.strip().splitlines())
        if table.get("MainPID", "0") != "0":
            needs_reload = table.get("NeedDaemonReload") == "yes"
            loaded = table.get("DropInPaths", "").split()
            drop_ins = with_new(table.get("Id", ""), loaded) if needs_reload else loaded
            files = [table.get("FragmentPath", ""), *drop_ins]
            found.append({
                "unit": table.get("Id", ""),
                "pid": int(table["MainPID"]),
                "properties": {name: table.get(key) for name, key in shown.items()},
                "declared": declared.in_units([path for path in files if path], properties),
                "needs_reload": needs_reload,
            })  # fmt: skip
    return found, ""
