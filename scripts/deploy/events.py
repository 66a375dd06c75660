"""What a playbook did, as the callback `holdfast.gateway.events` writes it down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

LOST = ("unreachable", "ignored unreachable")
FAILED = ("failed", "item failed", "unreachable")


@dataclass(frozen=True)
class Event:
    """One line: a play, a task that begins on a host, a result, or the end."""

    kind: str
    host: str = ""
    role: str = ""
    task: str = ""
    state: str = ""
    item: str = ""
    is_loop: bool = False
    began: float = 0.0
    ended: float = 0.0
    name: str = ""
    msg: str = ""
    stdout: str = ""
    stderr: str = ""
    diffs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_change(self) -> bool:
        """Tell whether this is one change: an item of a task, or a task without items."""
        return self.state == "item changed" or (self.state == "changed" and not self.is_loop)

    @property
    def is_failure(self) -> bool:
        """Tell whether a host ended here."""
        return self.state in FAILED

    @property
    def what(self) -> str:
        """Return role and task as they are shown."""
        task = f"{self.task} ({self.item})" if self.item else self.task
        return f"{self.role}: {task}" if self.role else task


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of whole lines; what is none is left out."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield _event(found)


def values(text: str) -> dict[str, str]:
    """Return the lines `name=value` of what a host said."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def hosts_failed(events: Iterable[Event]) -> list[Event]:
    """Return the failure that each host ended with, the one that says most."""
    found: dict[str, Event] = {}
    for event in events:
        # The items of a task say why; the task only says that some failed.
        if event.is_failure and not (event.host in found and event.is_loop):
            found[event.host] = event
    return list(found.values())


def _event(found: dict[str, Any]) -> Event:
    diff = found.get("diff") or []
    texts = {
        name: str(found.get(name) or "")
        for name in ("host", "role", "task", "state", "item", "name", "stdout", "stderr")
    }
    msg = found.get("msg", "")
    return Event(
        str(found.get("event", "")),
        **texts,
        is_loop=bool(found.get("is_loop")),
        began=float(found.get("began") or 0),
        ended=float(found.get("ended") or 0),
        msg=msg if isinstance(msg, str) else json.dumps(msg),
        diffs=[one for one in (diff if isinstance(diff, list) else [diff]) if isinstance(one, dict)],
    )
