"""What Helm remembers of a release: what serves, and what served before. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

ROLLED_BACK = re.compile(r"^Rollback to (\d+)")
PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")
Revision = dict[str, Any]


def serving(history: Sequence[Revision]) -> int:
    """Return the revision that serves, 0 where there is none."""
    return max((one["revision"] for one in history if one["status"] == "deployed"), default=0)


def latest(history: Sequence[Revision]) -> Revision:
    """Return the last revision, {} where there is none."""
    return max(history, key=lambda one: one["revision"], default={})


def before(history: Sequence[Revision]) -> int:
    """Return the revision to go back to: the last one that served before what serves now, 0 where there is none.

    A revision that was itself a way back stands for the one it brought, so that going back twice leads two back and
    never to what was given up. Where the last one failed, what still serves is the way back.
    """
    now, last = serving(history), latest(history)
    if now and last["revision"] != now and last["status"] in {"failed", *PENDING}:
        return now
    here = _origin(history, now or last.get("revision", 0))
    # Helm forgets old revisions: what still stands for one is the way back to it.
    served = {
        _origin(history, one["revision"]): one["revision"] for one in sorted(history, key=lambda one: one["revision"])
        if one["status"] == "superseded" and "failed" not in str(one.get("description", ""))
    }  # fmt: skip
    return served[max(origins)] if (origins := [one for one in served if one < here]) else 0


def is_stuck(history: Sequence[Revision]) -> bool:
    """Tell whether Helm was cut off half-way and refuses everything but a rollback."""
    return latest(history).get("status") in PENDING


def shown(history: Sequence[Revision]) -> list[str]:
    """Return a line for each revision, the last ones."""
    return [
        f"{one['revision']:>4}  {one['status']:<12} {one.get('app_version', ''):<10} {str(one.get('updated', ''))[:19]}"
        f"  {' '.join(str(one.get('description', '')).split())[:80]}"
        for one in history[-6:]
    ]  # fmt: skip


def _origin(history: Sequence[Revision], revision: int) -> int:
    """Return the revision that first had what this one has."""
    by_number = {one["revision"]: str(one.get("description", "")) for one in history}
    seen = set()
    while (match := ROLLED_BACK.match(by_number.get(revision, ""))) and revision not in seen:
        seen.add(revision)
        revision = int(match[1])
    return revision
