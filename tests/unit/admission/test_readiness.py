import asyncio
import math

import pytest

from holdfast.admission.readiness import Readiness, passes
from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.errors import BrokerError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Probe:
    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> None:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock():
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def lifecycle():
    """An instance that serves."""
    lifecycle = Lifecycle()
    lifecycle.advance(Phase.SERVING)
    return lifecycle


@pytest.fixture
def probe():
    """The check under test."""
    return Probe()


@pytest.fixture
def readiness(lifecycle, probe, clock):
    """One check, kept for a second."""
    return Readiness(lifecycle, {"broker": probe}, timeout=0.01, max_age=1.0, clock=clock)


async def test_report_ready(readiness):
    """All checks pass by name."""
    assert await readiness.report() == {"started": "ok", "not_draining": "ok", "broker": "ok"}


async def test_report_starting(probe, clock):
    """An instance that has not started is not ready, however well its broker is."""
    readiness = Readiness(Lifecycle(), {"broker": probe}, timeout=1, max_age=1, clock=clock)

    assert (await readiness.report())["started"] == "the instance is starting"


async def test_report_leaving_at_once(readiness, lifecycle):
    """Leaving shows at once, not when the cached checks expire."""
    await readiness.report()
    lifecycle.advance(Phase.LEAVING)

    assert (await readiness.report())["not_draining"] == "the instance is draining"


async def test_report_broker_error(readiness, probe):
    """A failing check says why, with its slug."""
    probe.error = BrokerError("broker_unavailable", "connection refused")

    assert (await readiness.report())["broker"] == "broker_unavailable: connection refused"


async def test_report_broken_check(readiness, probe):
    """A check that fails in an unforeseen way is named too."""
    probe.error = RuntimeError("oops")

    assert (await readiness.report())["broker"] == "failed with RuntimeError: oops"


async def test_report_timeout(readiness, probe):
    """A check that never comes back fails after its time."""
    probe.gate = asyncio.Event()

    assert (await readiness.report())["broker"] == "no answer within 0.01 s"


async def test_report_cached(readiness, probe, clock):
    """Within a second the checks run once."""
    await readiness.report()
    clock.now += 0.9
    await readiness.report()
    assert probe.calls == 1

    clock.now += 0.2
    await readiness.report()
    assert probe.calls == 2


async def test_report_concurrent(lifecycle, probe, clock):
    """Many who ask at once share one run, and one who leaves does not take it along."""
    probe.gate = asyncio.Event()
    readiness = Readiness(lifecycle, {"broker": probe}, timeout=5, max_age=1, clock=clock)
    asking = [asyncio.ensure_future(readiness.report()) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    probe.gate.set()

    reports = await asyncio.gather(*asking[1:])
    assert [report["broker"] for report in reports] == ["ok"] * 4
    assert probe.calls == 1


@pytest.fixture
def patient(lifecycle, probe, clock):
    """A check that may fail for 15 seconds."""
    return Readiness(lifecycle, {"broker": probe}, timeout=0.01, max_age=1.0, clock=clock, patience={"broker": 15.0})


async def test_patience_forgives_a_check_that_has_passed_lately(patient, probe, clock):
    """A failover of seconds turns no instance away; the report says for how long it has been going on."""
    await patient.report()
    probe.error = BrokerError("broker_loading")
    clock.now += 14

    state = (await patient.report())["broker"]

    assert passes(state)
    assert state.startswith("ok, although not for 14 s of 15 s: broker_loading")


async def test_patience_ends(patient, probe, clock):
    """A broker that stays away counts, and counts no more once it is back."""
    await patient.report()
    probe.error = BrokerError("broker_loading")
    clock.now += 15
    assert not passes((await patient.report())["broker"])
    probe.error = None
    clock.now += 1

    assert (await patient.report())["broker"] == "ok"


async def test_patience_is_for_what_has_passed_before(patient, probe):
    """An instance that never reached its broker is not ready."""
    probe.error = BrokerError("broker_auth_failed")

    assert not passes((await patient.report())["broker"])


async def test_patience_without_end_only_tells(lifecycle, probe, clock):
    """What was there once is told of for as long as it fails, and never counts."""
    readiness = Readiness(
        lifecycle, {"broker": probe}, timeout=0.01, max_age=1.0, clock=clock, patience={"broker": math.inf}
    )
    await readiness.report()
    probe.error = BrokerError("broker_loading")
    clock.now += 1000

    state = (await readiness.report())["broker"]

    assert passes(state)
    assert state.startswith("ok, although not for 1000 s: broker_loading")
