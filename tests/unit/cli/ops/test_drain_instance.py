"""`holdfast ops drain-instance`."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE

DRAIN = ("ops", "drain-instance", "gateway-1")


def test_drains_and_waits(cli, played):
    """It ends when nobody is left, with the window that was given."""
    outcome = cli(*DRAIN, "--window", "60", *played.options, *MORE)

    assert outcome.code == 0
    assert "gateway-1 is drained: 0 of" in outcome.out
    assert played[1].orders[-1] == ("/admin/drain", {"reason": "a drill", "window": 60.0})


def test_again_changes_nothing(cli, played):
    """What is drained is said to be, even while another one is not fine."""
    played[1].state, played[2].is_ready = "drained", False
    outcome = cli(*DRAIN, *played.options, *MORE)

    assert outcome.code == 0
    assert played[1].orders == []


def test_back(cli, played):
    """It serves again; one that does is left alone."""
    played[1].state = "drained"
    assert cli(*DRAIN, "--back", *played.options).out == "Would let gateway-1 serve again.\n"
    assert cli(*DRAIN, "--back", *played.options, *MORE).code == 0
    assert played[1].state == "serving"

    orders = len(played[1].orders)
    assert cli(*DRAIN, "--back", *played.options, *MORE).code == 0
    assert len(played[1].orders) == orders


def test_cancelled_meanwhile(cli, played):
    """Somebody else wants it to serve: exit code 2."""
    status = {"instance": "gateway-1", "state": "serving", "connections": 7, "seconds_left": 1.0}
    played.answers["/admin/drain"] = {**status}
    played[2].is_ready = True
    for one in played.instances.values():
        one.name = "gateway-1"  # all answer alike here
    outcome = cli(*DRAIN, "--url", played[1].url, "--admin-token", "word", "--limit", "100", *MORE)

    assert outcome.code == 2
    assert "cancelled" in outcome.err


def test_drain_that_takes_longer_than_it_said(cli, played):
    """It is not waited for without an end."""
    status = {
        "instance": "gateway-1", "state": "draining", "connections": 7, "seconds_left": 10.0, "total": 9, "moved": 1,
        "closed": 1, "overdue": 0,
    }  # fmt: skip
    played.answers["/admin/drain"] = status
    outcome = cli(*DRAIN, "--url", played[1].url, "--admin-token", "word", "--limit", "100", *MORE)

    assert outcome.code == 2
    assert "after 70 s" in outcome.err
    assert played.lines() == []  # its audit line is where no file of instances says otherwise
    assert "7 of 9" in (played.folder / "state" / "holdfast" / "audit.jsonl").read_text()
