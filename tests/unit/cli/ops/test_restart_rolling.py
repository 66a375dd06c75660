"""`holdfast ops restart-rolling`."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE

ROLL = ("ops", "restart-rolling")


def test_all_in_turn(cli, played):
    """Each is drained, stopped and started; the next one only after it."""
    outcome = cli(*ROLL, *played.options, "--share", "50", *MORE, "--json")

    assert outcome.code == 0
    assert outcome.json()["restarted"] == ["gateway-1", "gateway-2", "gateway-3"]
    assert played.done == [f"{what} gateway-{number}" for number in (1, 2, 3) for what in ("stop", "start")]
    assert [one.uid for one in played.instances.values()] == [2, 2, 2]
    assert played.now >= 30
    assert len(played.lines()) == 4


def test_plan(cli, played):
    """Without --yes each step is said, and nothing done."""
    outcome = cli(*ROLL, *played.options)

    assert outcome.out.splitlines() == [f"Would restart gateway-{number}." for number in (1, 2, 3)]
    assert played.done == []


def test_one_that_never_gets_ready_stops_the_roll(cli, played):
    """Exit code 2, how it is, and that the others were not touched."""
    played[2].gets_ready = False
    outcome = cli(*ROLL, *played.options, "--share", "50", "--ready-timeout", "30", *MORE, "--json")
    found = outcome.json()

    assert outcome.code == 2
    assert found["restarted"] == ["gateway-1"]
    assert "starting gateway-2: it is not ready" in found["error"]
    assert "not touched" in found["error"]
    assert "start gateway-2" in played.done
    assert not any("gateway-3" in one for one in played.done)
    assert played.lines()[-1]["exit"] == 2


def test_process_that_ends_at_its_start_is_not_waited_for(cli, played):
    """It is said at once, with its exit code."""
    played[1].gets_ready, played[1].failure = False, "its process ended with 3"
    outcome = cli(*ROLL, *played.options, *MORE)

    assert outcome.code == 2
    assert "starting gateway-1: its process ended with 3" in outcome.err
    assert played.now < 5


def test_first_bad_sign_while_at_rest_stops_it(cli, played):
    """Another instance that is not ready any more is one."""
    before = played.sleep

    def sleep(seconds: float) -> None:
        before(seconds)
        if "start gateway-1" in played.done:
            played[3].is_ready = False

    from holdfast.cli.ops import rails

    rails.REAL = rails.Time(sleep, lambda: played.now)
    outcome = cli(*ROLL, *played.options, *MORE)

    assert outcome.code == 2
    assert "not at rest: gateway-3" in outcome.err
    assert not any("gateway-2" in one for one in played.done)


def test_clients_that_do_not_come_back_stop_it(cli, played):
    """Too few of the connections of before are no state of rest."""
    played._spread = lambda one: setattr(one, "connections", 0)  # type: ignore[method-assign]  # they are lost
    outcome = cli(*ROLL, *played.options, *MORE)

    assert outcome.code == 2
    assert "200 of 300 connection(s) are back" in outcome.err
    assert played.done == ["stop gateway-1", "start gateway-1"]


def test_one_that_is_down_is_not_rolled_over(cli, played):
    """Nothing is begun."""
    played[3].is_up = False
    outcome = cli(*ROLL, *played.options, *MORE)

    assert outcome.code == 2
    assert "gateway-3" in outcome.err
    assert played.done == []


def test_drained_one_comes_first(cli, played):
    """A roll that was stopped goes on where it was."""
    played[3].state, played[3].connections = "drained", 0
    outcome = cli(*ROLL, *played.options, "--share", "50", *MORE)

    assert outcome.code == 0
    assert played.done[0] == "stop gateway-3"
    played[1].state = played[2].state = "drained"
    assert cli(*ROLL, *played.options).code == 2


def test_who_is_chosen(cli, played):
    """By name, by uptime, and none is a fine answer; a stranger has to be added or left out on purpose."""
    assert cli(*ROLL, *played.options, "--only", "gateway-2").out == "Would restart gateway-2.\n"
    assert cli(*ROLL, *played.options, "--min-uptime", "61").out == "Nothing to restart.\n"
    assert cli(*ROLL, *played.options, "--only", "nobody").code == 3
    assert cli(*ROLL, "--url", played[1].url, "--admin-token", "word").code == 3
    known = dict(played.instances)
    del played.instances["gateway-3"]
    played.write()
    played.instances = known
    stranger = cli(*ROLL, *played.options)
    assert stranger.code == 2
    assert "gateway-3" in stranger.err
    assert cli(*ROLL, *played.options, "--only", "gateway-1").code == 0


def test_stop_that_fails_says_how_to_bring_it_back(cli, played, monkeypatch):
    """The instance is drained then, and somebody has to know."""
    from tests.unit.cli.ops.conftest import FakeTarget

    monkeypatch.setattr(FakeTarget, "stop", lambda self: None)
    outcome = cli(*ROLL, *played.options, *MORE)

    assert outcome.code == 2
    assert "its process is there" in outcome.err
    assert "drain_instance gateway-1 --back" in outcome.err
