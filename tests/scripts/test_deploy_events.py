"""Tests of scripts/deploy/events.py."""

from __future__ import annotations

from tests.scripts.deploying import event

from deploy.events import hosts_failed, parse, values  # isort: skip


def test_lines_that_are_no_events_are_left_out():
    """A line that was cut off by a crash costs nothing else."""
    assert [one.name for one in parse(['{"event": "play", "name": "Tune"}', '{"event": "res', "[]"])] == ["Tune"]


def test_change_of_a_loop_is_counted_by_its_items():
    """The task itself only says that an item changed."""
    assert not event(is_loop=True).is_change
    assert event(state="item changed", item="a").is_change
    assert event().is_change


def test_failure_of_an_item_is_kept_before_that_of_its_task():
    """The item says why."""
    item, task = event(state="item failed", item="b", msg="no room"), event(state="failed", is_loop=True)

    assert hosts_failed([item, task]) == [item]


def test_failure_that_is_ignored_is_none():
    """What the playbook bears is not what a host ended with."""
    assert hosts_failed([event(state="ignored"), event(state="ok")]) == []


def test_values_are_read_from_lines():
    """Lines without an equals sign are somebody's banner."""
    assert values("Welcome\nuser=deploy\nfree /opt=17\n") == {"user": "deploy", "free /opt": "17"}
