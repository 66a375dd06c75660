"""What a run in check mode found: a short summary for each host, and the whole diff as text."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .events import Event

# `net.core.somaxconn = 4096`, `maxconn 4000`, `LimitNOFILE=20000`, `drain_window: 20s`, `release 0.1.0-ab12`
PAIR = re.compile(r"^\s*([\w.@/-]+)(?:\s*=\s*|:\s+|\s+)(?!=)(\S.*?)\s*$")
RELEASE = re.compile(r"^release (\S+)$", re.MULTILINE)
MOST_KEYS = 12
# The version has a line of its own.
TOLD_APART = {"release", "installed"}


def summary(events: Sequence[Event]) -> list[str]:
    """Return the lines that say for each host which roles change what."""
    lines = []
    for host in sorted({event.host for event in events if event.kind == "result"}):
        changes = [event for event in events if event.host == host and event.is_change]
        if not changes:
            lines.append(f"{host}: nothing changes")
            continue
        lines.append(f"{host}: {len(changes)} changes")
        version = version_change(changes)
        lines += [f"  version: {version}"] if version else []
        for role in dict.fromkeys(event.role for event in changes):
            own = [event for event in changes if event.role == role]
            lines.append(f"  {role or 'playbook'}: {len(own)}")
            lines += [f"    {line}" for line in _limited(list(key_changes(own)))]
    return lines


def key_changes(changes: Iterable[Event]) -> Iterator[str]:
    """Yield `key: from -> to` where a value changes, `new FILE` for a new file, the task's name for anything else."""
    for event in changes:
        found = [line for diff in event.diffs for line in _told(diff)]
        yield from found or [event.task if not event.item else f"{event.task} ({event.item})"]


def version_change(changes: Iterable[Event]) -> str:
    """Return `from -> to` of the release, "" where it stays."""
    for event in changes:
        for diff in event.diffs:
            before, after = RELEASE.findall(str(diff.get("before", ""))), RELEASE.findall(str(diff.get("after", "")))
            if after and before[-1:] != after[-1:]:
                return f"{before[-1] if before else 'none'} -> {after[-1]}"
    return ""


def whole_diff(events: Iterable[Event]) -> str:
    """Return the diffs of all changes, each below its host and task."""
    lines: list[str] = []
    for event in events:
        if not event.is_change:
            continue
        lines.append(f"# {event.host}: {event.what}")
        for diff in event.diffs:
            lines += _unified(diff)
        lines.append("")
    return "\n".join(lines) + ("\n" if lines else "")


def _told(diff: dict[str, Any]) -> Iterator[str]:
    header = str(diff.get("after_header") or "")
    if not diff.get("before") and header.startswith("/"):
        yield f"new {header.partition(' ')[0]}"
        return
    if header.startswith("instance "):
        yield header  # and why it is rolled; the hashes that tell its slots apart say nothing
        return
    if folder := _new_folder(diff):
        yield f"new {folder}/"
        return
    before, after = (_keyed(diff.get(name)) for name in ("before", "after"))
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield f"{key}: {before.get(key, 'none')} -> {after.get(key, 'none')}"


def _new_folder(diff: dict[str, Any]) -> str:
    """Return the path of a folder that is made, "" for any other change; Ansible tells its state instead of lines."""
    before, after = diff.get("before"), diff.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    is_new = (before.get("state"), after.get("state")) == ("absent", "directory")
    return str(after.get("path") or "").rstrip("/") if is_new else ""


def _keyed(text: object) -> dict[str, str]:
    if not isinstance(text, str):
        return {str(key): str(value) for key, value in text.items()} if isinstance(text, dict) else {}
    rows = (line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))
    found = [match for row in rows if (match := PAIR.match(row))]
    # A key that stands there several times has no one value that could be told.
    often = {key for key, count in Counter(match[1] for match in found).items() if count > 1} | TOLD_APART
    return {match[1]: match[2] for match in found if match[1] not in often}


def _unified(diff: dict[str, Any]) -> list[str]:
    if "prepared" in diff:
        return str(diff["prepared"]).splitlines()
    before, after = (_text(diff.get(name)).splitlines() for name in ("before", "after"))
    names = [str(diff.get(f"{name}_header") or name) for name in ("before", "after")]
    return list(difflib.unified_diff(before, after, *names, lineterm="", n=2))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {one}" for key, one in sorted(value.items()))
    return str(value or "")


def _limited(lines: list[str]) -> list[str]:
    unique = list(dict.fromkeys(lines))
    rest = len(unique) - MOST_KEYS
    return unique if rest <= 0 else [*unique[:MOST_KEYS], f"... and {rest} more, see the diff"]
