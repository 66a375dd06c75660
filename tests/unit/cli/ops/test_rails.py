"""The rails, seen through a script that is simple."""

from __future__ import annotations

import fcntl
import inspect

import pytest

from holdfast.cli.ops import drain_instance
from holdfast.cli.ops.rails import Common, script
from holdfast.errors import BrokerError, ConfigError
from tests.unit.cli.ops.conftest import MORE

DRAIN = ("ops", "drain-instance", "gateway-1")


def test_nothing_happens_without_yes(cli, played):
    """It says what it would do; no order, no audit line."""
    outcome = cli(*DRAIN, *played.options)

    assert outcome.code == 0
    assert outcome.out == "Would drain gateway-1, 100 connection(s).\n"
    assert played[1].orders == []
    assert played.lines() == []


def test_yes_needs_a_reason(cli, played):
    """Whoever acts says why."""
    outcome = cli(*DRAIN, *played.options, "--yes", "--reason", " ")

    assert outcome.code == 3
    assert "--reason" in outcome.err
    assert played[1].orders == []


def test_audit_line_before_and_after(cli, played):
    """Who, what and why, with the exit code; the gateway notes it too, before the order."""
    outcome = cli(*DRAIN, *played.options, *MORE)
    begin, end = played.lines()

    assert outcome.code == 0
    assert (begin["script"], begin["phase"], begin["why"]) == ("drain_instance", "begin", "a drill")
    assert begin["what"] == "drain gateway-1, 100 connection(s)"
    assert "@" in begin["who"]
    assert (end["phase"], end["exit"]) == ("end", 0)
    assert [path for path, _ in played[1].orders] == ["/admin/actions", "/admin/drain"]
    assert played[1].notes[0]["what"] == begin["what"]


def test_no_audit_line_no_action(cli, played):
    """What cannot be written down is not done."""
    outcome = cli(*DRAIN, *played.options, *MORE, "--audit-log", str(played.folder / "token" / "audit"))

    assert outcome.code == 3
    assert "--audit-log" in outcome.err
    assert played[1].orders == []


def test_second_script_is_refused(cli, played):
    """While another one acts on the same instances; looking is allowed."""
    with played.file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused, looking = cli(*DRAIN, *played.options, *MORE), cli(*DRAIN, *played.options)

    assert (refused.code, looking.code) == (2, 0)
    assert "another script" in refused.err
    assert played[1].orders == []
    assert cli(*DRAIN, *played.options, *MORE).code == 0


def test_what_cannot_wait_is_not_locked_out(cli, played):
    """A user is revoked, and diagnostics are collected, also while a roll goes on or hangs."""
    played.answers["/admin/revocations"] = {"disconnected": 0, "seconds": 60.0}
    with played.file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert cli("ops", "revoke-user", "42", *played.options, *MORE).code == 0
        assert cli("ops", "collect-diagnostics", "-o", "out", *played.options, *MORE).code == 0


def test_limit_refuses_and_says_the_way_out(cli, played):
    """Above the limit nothing is done, also not told as if it would."""
    played[1].connections = 900
    outcome = cli(*DRAIN, *played.options, *MORE)
    told = cli(*DRAIN, *played.options, "--limit", "90")

    assert outcome.code == 2
    assert "900 of 1100 connection(s), 82 %; the limit is 50 %" in outcome.err
    assert "--limit 82" in outcome.err
    assert told.code == 0


def test_one_at_a_time(cli, played):
    """While another instance is not fine, none is taken away; so also for one that only the others know."""
    played[2].is_ready = False
    first = cli(*DRAIN, *played.options, *MORE)
    played[2].is_up = False
    second = cli(*DRAIN, *played.options, *MORE)

    assert (first.code, second.code) == (2, 2)
    assert "gateway-2: it is not ready" in first.err
    assert "gateway-2: no gateway answered" in second.err
    assert played[1].orders == []


def test_instance_that_the_others_do_not_see(cli, played):
    """Has another Redis, or none: its clients could not go on elsewhere."""
    before = played._node
    played.answers["/admin/nodes"] = {"instance": "gateway-1", "nodes": [before(played[1]), before(played[2])]}
    outcome = cli(*DRAIN, *played.options, *MORE)

    assert outcome.code == 2
    assert "gateway-3: the others do not see it" in outcome.err


def test_json(cli, played):
    """One object, also where it is refused; the texts go to standard error."""
    fine = cli(*DRAIN, *played.options, "--json").json()
    played[3].state = "drained"
    refused = cli(*DRAIN, *played.options, "--json").json()

    assert (fine["script"], fine["acted"], fine["exit"]) == ("drain_instance", False, 0)
    assert fine["plan"] == ["drain gateway-1, 100 connection(s)"]
    assert (refused["exit"], "gateway-3: it is drained" in refused["error"]) == (2, True)


def test_wrong_token(cli, played):
    """Is said by its slug, and nothing is done."""
    outcome = cli(*DRAIN, *played.options, "--admin-token", "wrong", *MORE)

    assert outcome.code == 2
    assert "admin_token_invalid" in outcome.err
    assert "wrong" not in outcome.out + outcome.err


def test_instance_by_url(cli, played):
    """Without an instances file an address names one; it says itself how it is called."""
    outcome = cli(*DRAIN, "--url", played[1].url, "--admin-token", "word", *MORE)
    other = cli("ops", "drain-instance", "gateway-2", "--url", played[1].url, "--admin-token", "word")
    both = cli(*DRAIN, "--url", played[1].url, *played.options)

    assert (outcome.code, other.code, both.code) == (0, 3, 3)
    assert played[1].state == "drained"


def test_gateway_of_an_older_version_is_no_obstacle(cli, played):
    """That it cannot note the action is said, and the rest done."""
    played.answers["/admin/actions"] = [0]
    assert cli(*DRAIN, *played.options, *MORE).code == 0


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(28, "No space left"), 2, "No space left"),
        (ConfigError(["port: expected a number"]), 3, "port: expected a number"),
        (BrokerError("broker_loading", "wait"), 2, "broker_loading"),
        (KeyboardInterrupt(), 2, "interrupted"),
        (ZeroDivisionError(), None, "ZeroDivisionError"),
    ],
)
def test_whatever_ends_it_is_in_the_audit_line(cli, played, monkeypatch, error, code, text):
    """Half-way too: with its exit code, and the lock is free again."""
    monkeypatch.setattr(drain_instance, "empty", lambda *_: (_ for _ in ()).throw(error))
    if code is None:
        with pytest.raises(ZeroDivisionError):
            cli(*DRAIN, *played.options, *MORE)
    else:
        assert cli(*DRAIN, *played.options, *MORE).code == code

    assert text in played.lines()[-1]["error"]
    assert played.lines()[-1]["exit"] == (4 if code is None else code)
    with played.file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_script_has_its_own_options_and_the_common_ones():
    """A command is made of a function of the rails."""

    @script()
    def some(rails, mine: int = 1) -> None:
        """Do something."""

    names = list(inspect.signature(some).parameters)
    assert names == ["mine", *inspect.signature(Common).parameters]
