"""All checks before accept, in their order, one for all transports."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest

from holdfast.admission.accept_rate import AcceptRate, Ramp
from holdfast.admission.breaker import AdmissionBreaker
from holdfast.admission.check import REFUSALS, AdmissionCheck, Gate, Watch
from holdfast.admission.origin import OriginPolicy
from holdfast.admission.refusal_rate import RefusalRate, refusal_bucket
from holdfast.admission.retry_after import RetryAfter
from holdfast.codes import CODES
from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError
from holdfast.monitoring.levels import CALM, Level, Pressure, Scarcity
from holdfast.resilience.circuit_breaker import BreakerRules, BreakerState
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings_admission import AdmissionSettings
from tests.brokers import Clock

BUSY = Pressure({"memory": Scarcity(Level.CRITICAL, "1.9 of 2 GiB")})
HOT = Pressure({"cpu": Scarcity(Level.CRITICAL, "100% of one core")})
FOREIGN = ((b"host", b"gateway.example"), (b"origin", b"https://evil.example"))


def handshake(*headers: tuple[bytes, bytes]) -> Handshake:
    """Return a handshake with these headers."""
    return Handshake("/connection/websocket", b"", list(headers), "198.51.100.1", "http", "attempt")


class World:
    """A check, and everything it looks at."""

    def __init__(self, **settings: object) -> None:
        given = AdmissionSettings.model_validate(
            {"max_connections": 100, "max_connections_per_address": 10, **settings}
        )
        self.clock = Clock(1000.0)
        self.total = 0
        self.of_address = 0
        self.idle = 0
        self.pressure = CALM
        self.lifecycle = Lifecycle()
        self.observed: list[tuple[Handshake, DoorError | None]] = []
        self.rate = AcceptRate(TokenBucket(10, 5), Ramp(1.0, 5), self.clock)
        self.breaker = AdmissionBreaker(BreakerRules(open_seconds=5), self.clock, self.rate.stall)
        self.refusals = RefusalRate(refusal_bucket(20), 10, self.clock)
        self.paused: list[tuple[float, float]] = []
        self.refusals.pause = lambda *asked: self.paused.append(asked)
        origins = OriginPolicy(["https://app.example.com"])
        gate = Gate(origins, self.breaker, self.rate, RetryAfter(10, 30, self.clock, lambda: 0.0), self.refusals)
        watch = Watch(self.lifecycle, self, lambda: self.pressure)
        self.check = AdmissionCheck(given, watch, gate, lambda *seen: self.observed.append(seen))

    def count_of_address(self, address: str) -> int:
        """Be the census."""
        assert address == "198.51.100.1"
        return self.of_address

    def make_room(self) -> bool:
        """Be the census."""
        if self.idle:
            self.idle -= 1
            self.total -= 1
            return True
        return False

    def refused(self, *headers: tuple[bytes, bytes]) -> DoorError:
        """Return the refusal of a newcomer."""
        with pytest.raises(DoorError) as caught:
            self.check(handshake(*headers))
        return caught.value


@pytest.fixture
def world() -> World:
    """An instance that serves, with room for all."""
    return World()


def test_check_admits(world: World) -> None:
    """No Origin, the own host and a listed page pass."""
    world.check(handshake((b"host", b"gateway.example")))
    world.check(handshake((b"host", b"gateway.example"), (b"accept", b"*/*"), (b"origin", b"https://gateway.example")))
    world.check(handshake((b"host", b"gateway.example"), (b"origin", b"https://app.example.com")))


def test_check_foreign_page(world: World) -> None:
    """A page from elsewhere is refused, the detail names what came, and coming back would not help."""
    error = world.refused(*FOREIGN)

    assert error.slug == "origin_not_allowed"
    assert "https://evil.example" in error.detail
    assert error.context == {}


def test_check_origin_not_ascii(world: World) -> None:
    """Bytes beyond ASCII in the header are refused like any other foreign page."""
    assert world.refused((b"host", b"h"), (b"origin", b"https://\xff.example")).slug == "origin_not_allowed"


def test_check_while_leaving(world: World) -> None:
    """Balancers are told first; newcomers are refused once the goodbyes begin."""
    world.lifecycle.advance(Phase.LEAVING)
    world.check(handshake())
    world.lifecycle.advance(Phase.DRAINING)

    assert world.refused().slug == "draining"


def test_check_order(world: World) -> None:
    """Where everything is wrong the first cause is told; each that is put right uncovers the next."""
    for _ in range(5):
        world.check(handshake())
    world.pressure, world.total, world.of_address = BUSY, 100, 10
    world.breaker.trip("why")
    world.lifecycle.advance(Phase.DRAINING)

    told = [world.refused(*FOREIGN).slug, world.refused().slug]
    world.lifecycle.phase = Phase.SERVING
    told.append(world.refused().slug)
    world.clock.now += 5
    for _ in range(5):
        world.rate.take()
    told.append(world.refused().slug)
    world.total = 99
    told.append(world.refused().slug)
    world.of_address = 9
    told.append(world.refused().slug)
    world.clock.now += 60
    told.append(world.refused().slug)
    world.pressure = CALM
    world.check(handshake())

    assert told == [
        "origin_not_allowed",
        "draining",
        "breaker_open",
        "instance_connection_limit",
        "address_connection_limit",
        "accept_rate",
        "overload_memory",
    ]


def test_check_detail_of_a_scarce_resource_is_its_evidence(world: World) -> None:
    """Who reads the refusal knows what was measured."""
    world.pressure = BUSY

    assert world.refused().detail == "1.9 of 2 GiB"


def test_check_rate_counts_only_who_comes_in(world: World) -> None:
    """A thousand refused for other reasons take nothing from those who may come in."""
    world.pressure = BUSY
    for _ in range(1000):
        world.refused()
    world.pressure = CALM
    for _ in range(1000):
        world.refused(*FOREIGN)
    for _ in range(5):
        world.check(handshake())

    assert world.refused().slug == "accept_rate"


def test_check_full_instance_makes_room(world: World) -> None:
    """Who has kept a place without a session for long goes when somebody else needs it, and not before."""
    world.total, world.idle = 99, 2
    world.check(handshake())
    assert world.idle == 2
    world.total = 100
    world.check(handshake())
    assert (world.idle, world.total) == (1, 99)
    world.total = 102

    assert world.refused().slug == "instance_connection_limit"


def test_check_refusals_say_when_to_come_back(world: World) -> None:
    """A refusal that passes carries the seconds, from the first to the last cause."""
    world.total = 100
    assert world.refused().context == {"retry_after": 1}
    world.total, world.of_address = 0, 10
    assert world.refused().context == {"retry_after": 1}


def test_check_refusal_lets_nobody_in(world: World) -> None:
    """A stream is judged before its body and let in behind it; the judgement takes neither rate nor permit."""
    for _ in range(100):
        assert world.check.refusal(handshake()) is None
    for _ in range(5):
        world.check.admit(handshake())

    assert world.check.refusal(handshake()) is not None
    assert world.observed == []


def test_check_gives_the_breakers_permit(world: World) -> None:
    """Whoever is let in can tell how it went; the single one of a half-open breaker closes it."""
    world.breaker.trip("why")
    world.clock.now += 5
    single = handshake()
    world.check(single)
    assert world.refused().slug == "breaker_open"
    world.breaker.on_outcome(single, "ok")

    assert world.breaker.state is BreakerState.CLOSED


def test_check_refused_for_scarcity_keeps_the_breakers_permit(world: World) -> None:
    """A half-open breaker waits for somebody who is really let in."""
    world.breaker.trip("why")
    world.clock.now += 5
    world.pressure = BUSY
    assert world.refused().slug == "overload_memory"
    world.pressure = CALM

    world.check(handshake())


@pytest.mark.parametrize("how", ["scarcity", "breaker", "lag", "unseen scarcity"])
def test_check_opens_gradually_after_a_stall(how: str) -> None:
    """Whatever kept everybody outside, the gate does not open at once to all of them."""
    world = World()
    world.rate._ramp = Ramp(0.2, 10)
    world.clock.now += 60
    assert world.rate.share == 1
    if how == "scarcity":
        world.pressure = BUSY
        world.refused()
    elif how == "breaker":
        world.breaker.trip("why")
        world.refused()
    elif how == "lag":
        world.check.on_lag(0.5)
        assert world.rate.share == 1
        world.check.on_lag(1.5)
    else:
        world.pressure = BUSY
        world.check.on_lag(0.0)

    assert world.rate.share == 0.2


def test_check_without_an_address(world: World) -> None:
    """Peers of a Unix socket have no address, and no limit by it."""
    world.of_address = 10
    nameless = handshake()
    nameless.client = ""

    world.check(nameless)


def test_check_tells_of_each_decision(world: World) -> None:
    """Whoever counts and logs hears of those who came in and of those who did not."""
    admitted, refused = handshake(), handshake(*FOREIGN)
    world.check(admitted)
    with pytest.raises(DoorError) as caught:
        world.check(refused)

    assert world.observed == [(admitted, None), (refused, caught.value)]


def test_refusals_are_all_of_them() -> None:
    """What admission refuses for is what the table says of overload, drain and origin."""
    overload = {slug for slug, code in CODES.items() if code.number in {*range(1913, 1920), 1934}}

    assert overload | {"draining", "origin_not_allowed"} == REFUSALS


def test_busy_cpu_narrows_the_gate_and_does_not_shut_it() -> None:
    """A share of the rate gets in, for refusing all of a crowd would keep the CPU busy for as long as it knocks."""
    world = World()
    world.rate = AcceptRate(TokenBucket(10, 4), Ramp(0.5, 5), world.clock)
    world.check._gate = replace(world.check._gate, rate=world.rate)
    world.clock.advance(100)
    world.pressure = HOT

    def knock() -> str:
        try:
            world.check.admit(handshake())
        except DoorError as error:
            return error.slug
        return "ok"

    assert [knock() for _ in range(4)] == ["ok", "ok", "overload_cpu", "overload_cpu"]
    world.clock.advance(1)
    assert [knock() for _ in range(4)] == ["ok", "ok", "overload_cpu", "overload_cpu"]
    world.pressure = CALM
    world.clock.advance(10)
    assert [knock() for _ in range(5)] == ["ok", "ok", "ok", "ok", "accept_rate"]


def test_busy_cpu_shuts_a_gate_that_cannot_be_narrowed() -> None:
    """Without a ramp there is no share to let in."""
    world = World()
    world.pressure = HOT

    with pytest.raises(DoorError, match="overload_cpu"):
        world.check.admit(handshake())


def test_refusal_is_no_garbage() -> None:
    """An error that held its own frame would keep everything a refused handshake brought until the collector comes."""
    world = World()
    world.total = 100
    held: list[weakref.ref[DoorError]] = []
    gc.disable()
    try:
        try:
            world.check.admit(handshake())
        except DoorError as error:
            held.append(weakref.ref(error))
        assert held[0]() is None
    finally:
        gc.enable()


def test_refused_crowd_lets_the_listeners_pause(world: World) -> None:
    """Refusals for want of room count; one address at its own limit and foreign pages must not hold up others."""
    world.of_address = 10
    for _ in range(50):
        world.refused()
        world.refused(*FOREIGN)
    assert world.paused == []

    world.of_address, world.total = 0, 100
    world.refused()
    world.refused()
    assert [pace for _, pace in world.paused] == [30]
