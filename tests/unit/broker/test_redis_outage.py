from __future__ import annotations

from structlog.testing import capture_logs

from holdfast.broker.redis_outage import Outages, WayState
from holdfast.errors import BrokerError
from holdfast.telemetry import metrics
from tests.brokers import Clock


def failed(slug: str) -> BrokerError:
    """Return a failure."""
    return BrokerError(slug, "detail")


def test_outage_begins_with_the_first_failure_and_ends_with_an_answer():
    """It has a cause, an age, and a metric while it lasts."""
    clock = Clock()
    outages = Outages(clock)
    outages.fail("a", failed("broker_timeout"))
    clock.advance(3)
    outages.fail("a", failed("broker_unavailable"))
    assert (outages.slug, outages.age("a"), bool(outages)) == ("broker_unavailable", 3, True)
    assert metrics.BROKER_UP._value.get() == 0

    outages.answer("a")

    assert (outages.slug, outages.age("a"), bool(outages)) == ("", 0, False)
    assert metrics.BROKER_UP._value.get() == 1


def test_outage_of_one_server_is_not_ended_by_another():
    """A cluster's masters fail one by one."""
    outages = Outages(Clock())
    outages.fail("a", failed("broker_timeout"))
    outages.answer("b")
    assert outages.slug == "broker_timeout"

    outages.keep({"b"})

    assert not outages


def test_refused_writes_are_ended_by_a_write_alone():
    """A server that is out of memory still answers questions."""
    outages = Outages(Clock())
    outages.fail("a", failed("broker_out_of_memory"))
    outages.answer("a")
    assert outages

    outages.answer("a", is_write=True)

    assert not outages


def test_refusal_of_one_publication_is_no_outage():
    """A foreign key concerns one channel."""
    outages = Outages(Clock())

    outages.fail("a", failed("broker_foreign_key"))

    assert not outages


def test_way_has_a_cause_until_it_is_open_again():
    """Another cause is told apart, and the metric says whether it is open."""
    state = WayState("feed")
    assert state.failure is None
    up = metrics.BROKER_LINK_UP.labels("feed")._value
    assert up.get() == 1

    assert state.fail(failed("broker_timeout"))
    assert not state.fail(failed("broker_timeout"))
    assert state.fail(failed("broker_unavailable"))

    assert (str(state.failure), up.get()) == ("broker_unavailable: detail", 0)
    state.answer()
    assert (state.failure, up.get()) == (None, 1)


def test_late_failures_after_an_outage_are_no_outages_of_their_own():
    """What was under way fails between the first answers; only what lasts is worth two more lines."""
    clock = Clock()
    outages = Outages(clock)
    with capture_logs() as lines:
        outages.fail("a", failed("broker_timeout"))
        clock.advance(8)
        outages.answer("a")
        for _ in range(3):
            clock.advance(0.1)
            outages.fail("a", failed("broker_timeout"))
            outages.answer("a")
        assert [line["event"] for line in lines] == ["broker.failing", "broker.back"]

        outages.fail("a", failed("broker_timeout"))
        clock.advance(1)
        outages.fail("a", failed("broker_timeout"))
        outages.answer("a")

    assert [line["event"] for line in lines] == ["broker.failing", "broker.back"] * 2


def test_another_cause_soon_after_an_outage_is_told():
    """It may be what an operator has to know."""
    outages = Outages(Clock())
    with capture_logs() as lines:
        outages.fail("a", failed("broker_timeout"))
        outages.answer("a")
        outages.fail("a", failed("broker_auth_failed"))

    assert [line["event"] for line in lines] == ["broker.failing", "broker.back", "broker.failing"]
