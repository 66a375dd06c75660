"""The steps of a roll on one host, with systemd and the gateway played by the test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.scripts.collection import plugin

instance = plugin("modules.instance")
slots = plugin("module_utils.slots")
GIVEN = {
    "number": 1, "fingerprint": "new", "since": 0.0, "address": "127.0.0.1", "port": 8000, "internal_offset": 1000,
    "ready_timeout": 0.0, "stop_timeout": 0.0,
}  # fmt: skip


class Host:
    """Two slots; `fails` lets one that is started end at once."""

    def __init__(self, *found: Any, fails: bool = False) -> None:
        self.slots = {slot.name: slot for slot in found}
        self.fails = fails
        self.done: list[str] = []
        self.told: list[str] = []

    def run(self, *words: str, **_: Any) -> tuple[int, str]:
        """Play systemctl."""
        verb, slot = words[1], words[-1].removeprefix("holdfast@").removesuffix(".service")
        if verb in ("reset-failed", "daemon-reload"):
            self.told.append(verb)
            return 0, ""
        self.done.append(f"{verb} {slot}")
        state = {"start": "failed" if self.fails else "active", "stop": "inactive"}.get(verb)
        now = self.slots[slot]
        if state:
            is_up = state == "active"
            now = replace(now, state=state, is_ready=is_up, is_serving=is_up, fingerprint="new" if is_up else "")
        elif verb in ("enable", "disable"):
            now = replace(now, is_enabled=verb == "enable")
        self.slots[slot] = now
        return 0, ""

    def properties(self, slot: str) -> dict[str, str]:
        """Play `systemctl show`."""
        state = self.slots[slot].state
        return {"ActiveState": state, "Result": "exit-code" if state == "failed" else "success", "ExecMainStatus": "7"}


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes the module work on a host."""

    def use(host: Host) -> Any:
        monkeypatch.setattr(instance.units, "run", host.run)
        monkeypatch.setattr(instance.units, "properties", host.properties)
        monkeypatch.setattr(instance.units, "look", lambda name, *_: host.slots[name])
        monkeypatch.setattr(instance.units, "readiness", lambda *_: (True, True, ""))
        monkeypatch.setattr(instance.units, "journal", lambda *_: "config_invalid")
        made = instance.Instance(GIVEN)
        monkeypatch.setattr(made, "write", lambda slot: host.done.append(f"write {slot}"))
        return made

    return use


def serving(name: str) -> Any:
    """Return a slot that serves the old version."""
    return slots.Slot(name, "active", True, "old", 1.0, True, True)


def test_roll_starts_the_free_slot_and_stops_the_other_one(on: Any) -> None:
    """The new one is enabled before the old one is stopped: a reboot in between finds one that comes back."""
    host = Host(serving("1a"), slots.Slot("1b"))
    made = on(host)
    made.start(made.plan())
    made.finish("1b")

    assert host.done == ["write 1b", "start 1b", "enable 1b", "disable 1a", "stop 1a"]


def test_slot_of_a_roll_that_was_cut_off_may_have_been_restarted_since(on: Any) -> None:
    """Its restarts are forgotten before it is waited for; else no later run would ever finish the roll."""
    host = Host(serving("1a"), replace(serving("1b"), fingerprint="new", is_enabled=False))
    made = on(host)
    made.start(made.plan())

    assert (host.told, host.done) == (["reset-failed"], [])


def test_slot_that_ends_at_once_is_stopped_and_the_old_one_goes_on(on: Any) -> None:
    """The error has the exit code and the last lines of the log."""
    host = Host(serving("1a"), slots.Slot("1b"), fails=True)
    made = on(host)

    with pytest.raises(instance.NotReadyError, match=r"ended with 7 \(exit-code\)[^$]*config_invalid"):
        made.start(made.plan())
    assert host.done == ["write 1b", "start 1b", "stop 1b"]
    assert host.slots["1a"] == serving("1a")


def test_finish_leaves_the_old_slot_where_the_new_one_is_not_ready_any_more(on: Any) -> None:
    """Between the two steps the new one may have failed."""
    host = Host(serving("1a"), slots.Slot("1b", "active"))

    with pytest.raises(instance.NotReadyError, match="not ready any more"):
        on(host).finish("1b")
    assert not host.done


def test_abandoned_slot_is_stopped_only_where_the_other_runs(on: Any) -> None:
    """The last slot of an instance is never stopped for a roll that failed."""
    host = Host(serving("1a"), serving("1b"))
    alone = Host(slots.Slot("1a"), serving("1b"))

    assert on(host).abandon("1b")
    assert host.done == ["stop 1b", "disable 1b"]
    assert not on(alone).abandon("1b")
    assert not alone.done
