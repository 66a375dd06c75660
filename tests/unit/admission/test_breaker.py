"""The breaker of admission: what opens it, who is tried, what closes it."""

from __future__ import annotations

import pytest

from holdfast.admission.breaker import CONNECTED, OUR_FAULT, AdmissionBreaker
from holdfast.codes import CODES
from holdfast.connections.transport import Handshake
from holdfast.resilience.circuit_breaker import BreakerRules, BreakerState
from tests.brokers import Clock

RULES = BreakerRules(window_seconds=10, min_calls=4, failure_ratio=0.5, open_seconds=5)


class World:
    """A breaker and those who come to it."""

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        self.closings = 0
        self.breaker = AdmissionBreaker(RULES, self.clock, self.on_close)

    def on_close(self) -> None:
        """Count it."""
        self.closings += 1

    def knock(self) -> Handshake | None:
        """Return who was let in."""
        if self.breaker.refusal() is not None:
            return None
        handshake = Handshake("/", b"", [], "198.51.100.1", "http", "attempt")
        self.breaker.take(handshake)
        assert handshake.permit is not None
        return handshake

    def come(self, *slugs: str) -> None:
        """Let newcomers in whose connects end so."""
        for slug in slugs:
            handshake = self.knock()
            assert handshake is not None
            self.breaker.on_outcome(handshake, slug)


@pytest.fixture
def world() -> World:
    """A closed breaker."""
    return World()


def test_breaker_opens_for_failures_of_ours(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the connects failed by the broker: nobody else is let in, and the log says why."""
    world.come(CONNECTED, CONNECTED, "broker_unavailable", "broker_unavailable")

    refusal = world.breaker.refusal()
    assert refusal is not None
    assert (refusal.slug, refusal.detail) == ("breaker_open", "it tries again in 5 s")
    line = capsys.readouterr().err
    assert "breaker_opened" in line
    assert "connects fail with broker_unavailable" in line


@pytest.mark.parametrize("slug", ["token_expired", "client_gone", "handshake_timeout", "connection_limit"])
def test_breaker_hears_nothing_of_clients_faults(world: World, slug: str) -> None:
    """Thousands of bad tokens say nothing of the instance."""
    world.come(*[slug] * 100)

    assert world.breaker.state is BreakerState.CLOSED


def test_breaker_counts_an_outcome_once(world: World) -> None:
    """A connect that failed and the end of its connection are one failure."""
    for _ in range(3):
        handshake = world.knock()
        assert handshake is not None
        for _ in range(5):
            world.breaker.on_outcome(handshake, "internal_error")

    assert world.breaker.state is BreakerState.CLOSED


def test_breaker_tries_single_newcomers_and_closes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Open for a while, it lets one in; that one's session closes it, and the gate opens anew."""
    world.breaker.trip("memory critical for 10 s")
    assert world.knock() is None
    world.clock.now += 5
    first = world.knock()
    assert first is not None
    assert world.knock() is None
    refusal = world.breaker.refusal()
    assert refusal is not None
    assert refusal.detail == "one newcomer is being tried"
    world.breaker.on_outcome(first, CONNECTED)

    assert world.breaker.state is BreakerState.CLOSED
    assert world.closings == 1
    lines = capsys.readouterr().err
    assert "memory critical for 10 s" in lines
    assert "breaker_closed" in lines


def test_breaker_opens_again_where_the_single_one_fails(world: World) -> None:
    """It is as bad as it was."""
    world.breaker.trip("why")
    world.clock.now += 5
    world.come("internal_error")

    assert world.breaker.state is BreakerState.OPEN
    assert world.closings == 0


def test_breaker_tries_another_where_the_single_one_tells_nothing(world: World) -> None:
    """A bad token is replaced at once, a client that says nothing after a while."""
    world.breaker.trip("why")
    world.clock.now += 5
    world.come("token_expired")
    silent = world.knock()
    assert silent is not None
    assert world.knock() is None
    world.clock.now += 5
    second = world.knock()
    assert second is not None
    world.breaker.on_outcome(second, CONNECTED)

    assert world.breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("slug", ["", "token_expired"])
def test_breaker_is_not_kept_open_by_strangers(world: World, slug: str) -> None:
    """Who takes each try and never connects, or with a bad token, delays the others for a moment and not for ever."""
    world.breaker.trip("why")
    world.clock.now += 5
    started = world.clock.now
    while world.breaker.state is not BreakerState.CLOSED:
        stranger = world.knock()
        if stranger is not None and slug:
            world.breaker.on_outcome(stranger, slug)
        world.clock.now += 0.5
        assert world.clock.now - started < 30

    assert world.closings == 1
    assert world.knock() is not None


def test_breaker_stays_open_while_connects_hang(world: World) -> None:
    """Connects that came and get no answer are no silence: what an instance needs may hang."""
    world.breaker.trip("why")
    world.clock.now += 5
    for _ in range(10):
        slow = world.knock()
        assert slow is not None
        slow.timings["command"] = 0.1
        assert world.knock() is None
        world.clock.now += 5

    assert world.breaker.state is BreakerState.HALF_OPEN


def test_breaker_that_closed_on_silence_opens_again(world: World) -> None:
    """Without proof that all is well it closed; the first failures count as ever."""
    world.breaker.trip("why")
    world.clock.now += 5
    world.come("client_gone")
    world.clock.now += 15
    world.come(*["broker_unavailable"] * RULES.min_calls)

    assert world.breaker.state is BreakerState.OPEN


def test_breaker_stays_open_while_it_is_tripped(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Something that lasts keeps it open, and is told once."""
    for _ in range(10):
        world.breaker.trip("memory critical")
        world.clock.now += 4
        assert world.knock() is None

    assert capsys.readouterr().err.count("breaker_opened") == 1


def test_faults_of_ours_are_causes() -> None:
    """Each of them is in the table."""
    assert set(CODES) >= OUR_FAULT
