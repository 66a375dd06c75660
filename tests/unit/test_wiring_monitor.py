"""The monitor of an instance sees it, tells of it, and is told its events."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError
from holdfast.main import Gateway, build
from holdfast.monitoring.levels import Level, Pressure, Scarcity
from holdfast.monitoring.socket_options import SocketOption
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from tests.asgi import call

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
TOKEN = [("Authorization", "Bearer admin")]


def make(**given: Any) -> Gateway:
    """Build an instance."""
    settings = {"admin": {"token": "admin"}, "shutdown": {"drain_window": 0}, "instance": "one", **given}
    return build(Settings.model_validate(settings), asyncio.get_running_loop())


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """An instance that serves, without sockets."""
    gateway = make()
    await gateway.start()
    await asyncio.sleep(0)  # in which the monitor looks for the first time
    yield gateway
    await gateway.stop()


async def test_resources_are_told_to_operators(gateway: Gateway) -> None:
    """With the token, and to nobody else."""
    answer = await call(gateway.app, path="/admin/resources", headers=TOKEN)

    assert answer.json()["instance"] == "one"
    assert answer.json()["resources"]["connections"]["limit"] == 10000
    assert (await call(gateway.app, path="/admin/resources")).status == 401


async def test_scrape_has_what_is_measured(gateway: Gateway) -> None:
    """Under names of its own."""
    text = metrics.exposition()[0].decode()

    assert 'holdfast_resource_used_ratio{resource="connections"} 0.0' in text
    assert 'holdfast_resource_limit{resource="connections"} 10000.0' in text
    assert 'holdfast_resource_level{resource="cpu"} 0.0' in text
    assert "holdfast_queue_bytes 0.0" in text


async def test_socket_options_are_told(gateway: Gateway) -> None:
    """What the server's listeners were granted, to operators and to a scrape; nothing before there is a server."""
    before = (await call(gateway.app, path="/admin/resources", headers=TOKEN)).json()["socket_options"]
    granted, refused = SocketOption("nodelay", 1, 1), SocketOption("congestion", "bbr", "cubic", "no")
    gateway.monitoring.watch(SimpleNamespace(listening=[], socket_options=(granted, refused)))  # type: ignore[arg-type]  # as far as needed
    after = (await call(gateway.app, path="/admin/resources", headers=TOKEN)).json()["socket_options"]
    text = metrics.exposition()[0].decode()

    assert before == {}
    assert after["nodelay"] == {"asked": 1, "granted": 1}
    assert 'holdfast_socket_option{option="nodelay"} 1.0' in text
    assert 'holdfast_socket_option_refused{option="congestion"} 1.0' in text


async def test_lag_is_measured_once_and_reaches_the_monitor(gateway: Gateway) -> None:
    """One measurement serves the histogram and the window."""
    gateway._observe_lag(0.2)
    gateway.monitoring.monitor.measure()

    assert gateway.monitoring.monitor.sample.usages["loop_lag"].used == 0.2


async def test_drain_is_an_event() -> None:
    """From its beginning to its end."""
    gateway = make()
    seen: list[str] = []
    gateway.monitoring.events.subscribe(lambda event: seen.append(event.kind))
    await gateway.start()
    gateway.mark_serving()
    await gateway.drain()
    await gateway.stop()

    assert seen == ["gateway.started", "drain.started", "drain.ended"]


async def test_dead_webhook_delays_the_end_by_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody takes is given up when the instance stops."""
    monkeypatch.setattr("holdfast.monitoring.webhooks._FLUSH_SECONDS", 0.01)
    gateway = make(notifications={"webhooks": [{"url": "https://hooks.invalid", "secret": SECRET}]})
    (webhook,) = gateway.monitoring.webhooks._webhooks

    async def hang(*arguments: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(webhook._caller, "post", hang)
    with structlog.testing.capture_logs():
        await gateway.start()
        gateway.mark_serving()
        await asyncio.wait_for(gateway.stop(), 5)

    assert webhook._waiting.empty()


async def test_breaker_of_admission_is_told(gateway: Gateway) -> None:
    """Whoever listens to events hears when newcomers are kept out, and why."""
    told: list[tuple[str, dict[str, object]]] = []
    gateway.monitoring.events.subscribe(lambda event: told.append((event.kind, dict(event.facts))))

    gateway.admission.breaker.trip("memory")

    assert told == [("breaker.state", {"state": "open", "cause": "memory"})]


async def test_scarce_resource_keeps_newcomers_out(gateway: Gateway) -> None:
    """Admission hears what the monitor says."""
    scarce = Pressure({"memory": Scarcity(Level.CRITICAL, "99 of 100")})
    gateway.monitoring.monitor._pressure = scarce
    handshake = Handshake("/connection/websocket", b"", [], "192.0.2.1", "ws", "a" * 32)

    with pytest.raises(DoorError, match="overload_memory"):
        gateway.admission.check(handshake)
