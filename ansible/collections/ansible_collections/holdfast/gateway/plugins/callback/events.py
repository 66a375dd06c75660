"""Write what a playbook does to a file, one JSON object a line, for programs that follow it."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: events
author: Holdfast contributors
version_added: 0.1.0
short_description: Write what a playbook does to a file, one JSON object a line
description:
  - Plays, tasks, and results by host, with their diffs; those of tasks with C(no_log) come without content.
type: notification
options:
  path:
    description: The file; without one nothing is written.
    type: path
    env:
      - name: HOLDFAST_EVENTS
"""

# What of a result is worth a line: the rest repeats what the task was given.
KEPT = ("msg", "stdout", "stderr", "rc", "diff")
LONGEST = 20_000


def short(value: object) -> object:
    """Return a value with its texts cut to a length that a reader can hold."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]} ..."
    if isinstance(value, dict):
        return {str(key): short(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [short(one) for one in value]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)


class CallbackModule(CallbackBase):
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "holdfast.gateway.events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._path = os.environ.get("HOLDFAST_EVENTS", "")
        self._began: dict[tuple[str, str], float] = {}

    # Called by Ansible.

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Name a play."""
        self._write({"event": "play", "name": play.get_name()})

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Name a task that begins on a host."""
        self._began[host.get_name(), task._uuid] = time.time()
        self._write({"event": "begin", "host": host.get_name(), **self._task(task)})

    def v2_runner_on_ok(self, result: Any) -> None:
        """Write a result."""
        self._result(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Write a failure."""
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Write that a host was not reached."""
        is_ignored = getattr(result._task, "ignore_unreachable", False)
        self._result(result, "ignored unreachable" if is_ignored else "unreachable")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Write the result of an item; items without a change are in their task's."""
        if result._result.get("changed"):
            self._result(result, "item changed")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Write the failure of an item."""
        self._result(result, "item failed")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the sums by host."""
        self._write({"event": "end", "hosts": {host: stats.summarize(host) for host in sorted(stats.processed)}})

    # Private methods

    @staticmethod
    def _task(task: Any) -> dict[str, str]:
        role = task._role.get_name() if task._role else ""
        return {"role": role.rpartition(".")[2], "task": task.name or task.action}

    def _result(self, result: Any, state: str) -> None:
        host, found = result._host.get_name(), result._result
        kept = {name: short(found[name]) for name in KEPT if found.get(name)}
        if found.get("results") and not state.startswith("item"):
            kept.pop("diff", None)
        now = time.time()
        self._write({
            "event": "result", "state": state, "host": host, **self._task(result._task),
            "item": str(self._get_item_label(found) or "") if state.startswith("item") else "",
            "is_loop": "results" in found and not state.startswith("item"),
            "began": self._began.get((host, result._task._uuid), now), "ended": now, **kept,
        })  # fmt: skip

    def _write(self, event: dict[str, Any]) -> None:
        if self._path:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(event, default=str) + "\n")
