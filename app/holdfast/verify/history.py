"""What counters had at the last check, so that the next one finds what grew in between.

A file in JSON, a record for each host: the boot and the network namespace that were counted in, when, the sums. Where
there is no record, or another boot's, the two readings of the check itself are all there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

# The host that was not checked for longest goes first.
MOST_HOSTS: Final = 2000
_VERSION: Final = 1
Record = Mapping[str, Any]
Records = dict[str, Record]


def load(path: str) -> Records:
    """Return the records of a file by host; none where it is missing or cannot be used."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        hosts = found["hosts"] if found["version"] == _VERSION else {}
        return {str(name): record for name, record in hosts.items() if _is_record(record)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("at"), int | float)
        and isinstance(record.get("counters"), dict)
        and all(isinstance(value, int) for value in record["counters"].values())
    )


def text(records: Mapping[str, Record]) -> str:
    """Return the file."""
    latest = sorted(records, key=lambda name: records[name]["at"], reverse=True)[:MOST_HOSTS]
    hosts = {name: records[name] for name in sorted(latest)}
    return json.dumps({"version": _VERSION, "hosts": hosts}, indent=1) + "\n"


def record(facts: Mapping[str, Any], names: Iterable[str], now: float) -> dict[str, Any]:
    """Return what to remember of a host.

    Args:
        facts: what was found.
        names: the counters that have a control.
        now: seconds since 1970.
    """
    totals = {name: facts["counters"][name]["total"] for name in names if name in facts["counters"]}
    return {"boot_id": facts["host"]["boot_id"], "namespace": facts.get("namespace", ""), "at": now, "counters": totals}


def compared(facts: Mapping[str, Any], before: Record | None, now: float) -> dict[str, Any]:
    """Return the facts with what grew since the last check in place of what grew within this one.

    Args:
        facts: what was found.
        before: what was remembered; None at the first check.
        now: seconds since 1970.
    """
    if before is None or now < before["at"]:
        reason = "the first check that is remembered"
    elif before.get("boot_id") != facts["host"]["boot_id"]:
        reason = "the first check since this start"
    elif before.get("namespace") != facts.get("namespace", ""):
        reason = "the first check in this network namespace"
    else:
        reason = ""
    since = {} if reason or before is None else before["counters"]
    seconds = 0 if before is None else now - before["at"]
    counters = {name: _one(found, since.get(name), seconds, reason) for name, found in facts["counters"].items()}
    return {**facts, "counters": counters}


def _one(found: Mapping[str, Any], earlier: int | None, seconds: float, reason: str) -> dict[str, Any]:
    if earlier is None or found["total"] < earlier:
        return {**found, "first": reason or "the first check of it"}
    return {**found, "grown": found["total"] - earlier, "seconds": seconds, "last": True}


def remember(path: str, checked: Mapping[str, Record]) -> str:
    """Return the text of the file with the hosts of this check in it; the others' records stay.

    Args:
        path: the file as it is by now.
        checked: what to remember, by host.
    """
    return text(load(path) | dict(checked))
