"""What a roll does next, from each state that an interruption can leave."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scripts.collection import plugin

slots = plugin("module_utils.slots")
NEW, OLD = "new", "old"
WANTED = slots.Wanted(NEW)


def slot(name: str, **found: Any) -> Any:
    """Return a slot that serves, but for what is given."""
    usual = {"state": "active", "is_enabled": True, "is_ready": True, "is_serving": True, "started": 100.0}
    return slots.Slot(name, **usual | found)


def off(name: str, **found: Any) -> Any:
    """Return a slot without a process."""
    return slots.Slot(name, **found)


def test_nothing_runs_starts_slot_a() -> None:
    """A new host begins with slot a."""
    plan = slots.decide([off("1a"), off("1b")], WANTED)

    assert (plan.serving, plan.is_new, plan.leaving) == ("1a", True, ())


def test_failed_slot_is_cleared_before_it_is_started() -> None:
    """Where the enabled slot has failed it is the one that is started again."""
    plan = slots.decide([off("1a"), off("1b", state="failed", is_enabled=True)], WANTED)

    assert (plan.serving, plan.first) == ("1b", ("1b",))


def test_right_slot_is_left_alone() -> None:
    """What serves as wanted is at rest."""
    assert slots.decide([slot("1a", fingerprint=NEW), off("1b")], WANTED).is_at_rest


def test_other_version_is_replaced_by_the_free_slot() -> None:
    """The free slot starts, and the one that serves leaves."""
    plan = slots.decide([off("1a"), slot("1b", fingerprint=OLD)], WANTED)

    assert (plan.serving, plan.is_new, plan.leaving, plan.first) == ("1a", True, ("1b",), ())


def test_both_run_and_the_new_one_is_right_finishes() -> None:
    """Cut off before the old slot was stopped: nothing is started, the old one leaves."""
    plan = slots.decide([slot("1a", fingerprint=OLD), slot("1b", fingerprint=NEW, is_enabled=False)], WANTED)

    assert (plan.serving, plan.is_new, plan.leaving, plan.is_at_rest) == ("1b", False, ("1a",), False)


def test_new_slot_that_is_not_ready_yet_is_waited_for() -> None:
    """Cut off while the new slot was starting: it is taken over, not started twice."""
    starting = slot("1b", fingerprint=NEW, state="activating", is_ready=False, is_serving=False, is_enabled=False)
    plan = slots.decide([slot("1a", fingerprint=OLD), starting], WANTED)

    assert (plan.serving, plan.is_new, plan.leaving) == ("1b", False, ("1a",))


def test_both_run_and_neither_is_right_keeps_the_one_that_serves() -> None:
    """What a cut-off run left is stopped to make room; the slot that serves goes on until the new one does."""
    plan = slots.decide([slot("1a", fingerprint=OLD), slot("1b", fingerprint="older", is_ready=False)], WANTED)

    assert (plan.serving, plan.first, plan.leaving) == ("1b", ("1b",), ("1a",))


def test_slot_that_leaves_by_itself_is_not_started_again() -> None:
    """Cut off while the old slot was draining: it has its time."""
    leaving = off("1a", state="deactivating")
    plan = slots.decide([leaving, slot("1b", fingerprint=NEW)], WANTED)

    assert (plan.serving, plan.is_new, plan.leaving) == ("1b", False, ("1a",))


def test_drained_slot_is_replaced() -> None:
    """An instance that was drained does not stay so after a deploy."""
    plan = slots.decide([slot("1a", fingerprint=NEW, is_ready=False, is_serving=False), off("1b")], WANTED)

    assert (plan.serving, plan.is_new, plan.reason) == ("1b", True, "it is drained")


def test_slot_that_waits_for_its_broker_is_not_replaced() -> None:
    """Not ready for another reason than a drain: another process would not be either."""
    plan = slots.decide([slot("1a", fingerprint=NEW, is_ready=False), off("1b")], WANTED)

    assert (plan.serving, plan.is_new, plan.is_at_rest) == ("1a", False, False)


@pytest.mark.parametrize(("started", "is_new"), [(99.0, True), (101.0, False)])
def test_restart_replaces_what_began_before(started: float, is_new: bool) -> None:
    """A restart that was cut off goes on with those that are left."""
    plan = slots.decide([slot("1a", fingerprint=NEW, started=started), off("1b")], slots.Wanted(NEW, 100.0))

    assert plan.is_new is is_new


def test_ports_follow_number_and_letter() -> None:
    """Slots of one instance are neighbours, instances are ten apart."""
    assert slots.ports(2, "2b", 8000, 1000) == (8011, 9011)
