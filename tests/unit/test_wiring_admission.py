"""Admission as an instance has it."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError
from holdfast.main import build
from holdfast.monitoring.levels import CALM, Level, Pressure, Scarcity
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.wiring_admission import make_admission, read_admission_of, statistics_of
from tests.asgi import call
from tests.live import FakeTransport


def handshake() -> Handshake:
    """Return somebody who knocks."""
    return Handshake("/connection/websocket", b"", [], "198.51.100.1", "http", "attempt")


async def test_admission_counts_the_managers_connections():
    """Those accepted and not connected yet count, for the instance and for their address."""
    settings = Settings.model_validate({"admission": {"max_connections": 3, "max_connections_per_address": 2}})
    gateway = build(settings, asyncio.get_running_loop())
    for _ in range(2):
        came = handshake()
        gateway.admission.check(came)
        gateway.manager.open(FakeTransport(), came)

    with pytest.raises(DoorError, match="address_connection_limit"):
        gateway.admission.check(handshake())
    other = handshake()
    other.client = "198.51.100.2"
    gateway.admission.check(other)
    gateway.manager.open(FakeTransport(), other)
    third = handshake()
    third.client = "198.51.100.3"
    with pytest.raises(DoorError, match="instance_connection_limit"):
        gateway.admission.check(third)
    refused = {"address_connection_limit": 1, "instance_connection_limit": 1}
    assert gateway.manager.snapshot().refused == refused


async def test_admission_without_a_rate_has_no_limit():
    """0 switches the accept rate off."""
    gateway = build(Settings.model_validate({"admission": {"rate": 0}}), asyncio.get_running_loop())
    for _ in range(5000):
        gateway.admission.check(handshake())


async def test_admission_hears_of_scarce_resources():
    """What the monitor says decides."""
    gateway = build(Settings(), asyncio.get_running_loop())
    pressure = Pressure({"memory": Scarcity(Level.CRITICAL, "99 % of 1 GiB")})
    admission = make_admission(gateway.settings, gateway.core, lambda: pressure)

    with pytest.raises(DoorError, match="overload_memory"):
        admission.check(handshake())


async def test_admission_breaker_hears_how_connects_end():
    """The manager tells it of every outcome."""
    gateway = build(Settings.model_validate({"admission": {"breaker_min_connects": 2}}), asyncio.get_running_loop())
    for _ in range(2):
        came = handshake()
        gateway.admission.check(came)
        connection = gateway.manager.open(FakeTransport(), came)
        connection.close("server_error")

    with pytest.raises(DoorError, match="breaker_open"):
        gateway.admission.check(handshake())


async def test_admission_metrics_are_read():
    """Headroom, waiting newcomers, breaker and gate are there at a scrape."""
    gateway = build(Settings.model_validate({"admission": {"max_connections": 10}}), asyncio.get_running_loop())
    admission = make_admission(gateway.settings, gateway.core, lambda: CALM)
    gateway.manager.open(FakeTransport(), handshake())
    read_admission_of(admission, gateway.core, 10)

    values = [
        metrics.REGISTRY.get_sample_value(name)
        for name in (
            "holdfast_opening_connections",
            "holdfast_connection_headroom",
            "holdfast_admission_breaker_state",
            "holdfast_admission_open_ratio",
        )
    ]
    assert values[:3] == [1, 9, 0]
    assert values[3] == pytest.approx(0.25, abs=0.2)


async def test_statistics_are_answered_to_operators():
    """The manager's numbers and the gate's, with the admin token and not without."""
    gateway = build(Settings.model_validate({"admin": {"token": "t"}}), asyncio.get_running_loop())
    gateway.manager.open(FakeTransport(), handshake())
    endpoint = statistics_of(gateway.admission, gateway.core, "t")

    assert (await call(endpoint)).status == 401
    told = (await call(endpoint, headers=[("Authorization", "Bearer t")])).json()
    assert (told["opening"], told["opened"], told["refused"]) == (1, 1, {})
    assert told["busiest_addresses"] == {"198.51.100.1": 1}
    assert told["breaker"] == "closed"
