"""What a check found, for people, programs and Prometheus. Pure but for the file."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from holdfast.verify.judge import FAILED, Result

# What a person is to see; the rest is as it should be.
_TOLD: Final = ("drift", "expired", "waived", "unknown")
_GOOD: Final = frozenset({"ok", "waived"})
HEAD: Final = ("CONTROL", "KEY", "STATUS", "EXPECTED", "ACTUAL", "WHERE", "FIX")


def told(results: Iterable[Result]) -> list[Result]:
    """Return what is not as it should be, the worst first."""
    return sorted((one for one in results if one.status in _TOLD), key=lambda one: _TOLD.index(one.status))


def row(one: Result) -> tuple[str, ...]:
    """Return the line of a table; what stands in for the command is why it is put up with, or what stood in the way."""
    last = f"{one.waiver}; {one.fix}" if one.status == "expired" else one.waiver or one.fix
    return (one.id, one.key, one.status, one.expected, one.actual, one.where, last)


def sentence(one: Result) -> str:
    """Return a result as one sentence."""
    if one.status == "unknown":
        return f"{one.id} {one.key}: could not check: {one.actual}"
    text = f"{one.id} {one.key}: expected {one.expected}, saw {one.actual}; set by {one.where}; mend it with: {one.fix}"
    return f"{text}; {one.waiver}" if one.waiver else text


def summary(results: Sequence[Result]) -> str:
    """Return how many there are of each status."""
    counts: Counter[str] = Counter(one.status for one in results)
    names = ("ok", "drift", "expired", "waived", "unknown", "not_applicable")
    return ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in names if counts[name])


def loose(facts: Mapping[str, Any]) -> str:
    """Return how many gateways run that no unit started, on a host that has units; "" where there are none."""
    pids = [str(one["pid"]) for one in facts["instances"] if not one["unit"]]
    if not pids or facts["host"].get("container"):
        return ""
    return f"; {len(pids)} running without a unit: process {', '.join(pids)}"


def exit_code(results: Iterable[Result]) -> int:
    """Return 1 for drift, 4 where something could not be checked, 0 else."""
    statuses = {one.status for one in results}
    if statuses & FAILED:
        return 1
    return 4 if "unknown" in statuses else 0


def as_json(results: Sequence[Result], facts: Mapping[str, Any], profile: str) -> dict[str, Any]:
    """Return everything for a program."""
    return {
        "profile": profile,
        "host": facts["host"],
        "instances": [{"unit": one["unit"], "pid": one["pid"]} for one in facts["instances"]],
        "summary": dict(Counter(one.status for one in results)),
        "results": [asdict(one) for one in results],
    }


def textfile(results: Sequence[Result], profile: str, now: float) -> str:
    """Return metrics for the node exporter; what could not be checked has none, and is counted.

    Args:
        results: of this host.
        profile: its name.
        now: seconds since 1970, for an alert on checks that stopped.
    """
    judged = [one for one in results if one.status in _GOOD or one.status in FAILED]
    grown = [one for one in judged if one.kind == "counter" and one.expected.startswith("at most ")]
    counts: Counter[str] = Counter(one.status for one in results)
    lines = [
        "# HELP holdfast_profile_compliant Whether the host has what the profile expects, waived drift included.",
        "# TYPE holdfast_profile_compliant gauge",
        *(f'holdfast_profile_compliant{{control="{one.id}"}} {int(one.status in _GOOD)}' for one in judged),
        "# HELP holdfast_profile_counter_grown By how much a counter grew that should not, since the last check.",
        "# TYPE holdfast_profile_counter_grown gauge",
        *(f'holdfast_profile_counter_grown{{control="{one.id}"}} {one.actual}' for one in grown),
        "# HELP holdfast_profile_controls Controls by what they came to.",
        "# TYPE holdfast_profile_controls gauge",
        *(
            f'holdfast_profile_controls{{status="{status}",profile="{profile}"}} {counts[status]}'
            for status in ("ok", "drift", "waived", "expired", "unknown", "not_applicable")
        ),
        "# HELP holdfast_profile_check_timestamp_seconds When the host was checked.",
        "# TYPE holdfast_profile_check_timestamp_seconds gauge",
        f"holdfast_profile_check_timestamp_seconds {now:.0f}",
    ]
    return "\n".join(lines) + "\n"


def write(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old one or the new one.

    Args:
        path: the file.
        text: its content.
        mode: who may read it; the exporter is another user.

    Raises:
        OSError: it cannot be written.
    """
    # Not called *.prom, or the node exporter would read it half written.
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".holdfast-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(text)
            os.fchmod(target.fileno(), mode)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
