from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import structlog

from holdfast.monitoring.events import Event
from holdfast.monitoring.webhooks import Message, Webhook, compose, signature
from holdfast.proxy.caller import CallError
from holdfast.proxy.headers import Headers
from holdfast.settings_monitor import WebhookSettings
from holdfast.telemetry import metrics
from tests.brokers import Clock

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENT = Event("drain.started", 1_700_000_000.25, {"connections": 3})


class Receiver:
    """Takes messages as told and remembers them."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, dict[str, str]]] = []
        self.answers: list[CallError | None] = []
        self.hangs = False
        self.is_closed = False

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Take a message."""
        self.taken.append((body, {name.decode(): value.decode() for name, value in headers}))
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return b""

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


@asynccontextmanager
async def running(receiver: Receiver, **settings: Any) -> AsyncIterator[Webhook]:
    """Run a webhook."""
    given = WebhookSettings.model_validate({"url": "https://hooks.example/private/path", "secret": SECRET, **settings})
    webhook = Webhook(given, "one", lambda settings: receiver, Clock(1_700_000_001.9))
    task = asyncio.create_task(webhook.run())
    yield webhook
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await webhook.close()


def counted(result: str) -> float:
    """Read the counter."""
    return float(metrics.NOTIFICATIONS.labels(result)._value.get())


def test_signature_is_the_one_of_standard_webhooks() -> None:
    """The specification's own example."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')

    assert signature(key, message, 1614265330) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_message_names_event_moment_and_instance() -> None:
    """Each event has an id of its own."""
    first, second = compose(EVENT, "one"), compose(EVENT, "one")

    assert msgspec.json.decode(first.body) == {
        "type": "drain.started",
        "timestamp": "2023-11-14T22:13:20.250Z",
        "data": {"instance": "one", "connections": 3},
    }
    assert first.id != second.id


async def test_event_is_delivered_signed() -> None:
    """The receiver can check all of it with the secret."""
    receiver = Receiver()
    before = counted("delivered")
    async with running(receiver) as webhook:
        webhook.on_event(EVENT)
        await webhook.flush()
    ((body, headers),) = receiver.taken
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()

    assert headers["webhook-timestamp"] == "1700000001"
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert counted("delivered") == before + 1
    assert receiver.is_closed


async def test_only_chosen_events_are_delivered() -> None:
    """The others are somebody else's."""
    receiver = Receiver()
    async with running(receiver, events=["drain.ended"]) as webhook:
        webhook.on_event(EVENT)
        webhook.on_event(Event("drain.ended", 0.0))
        await webhook.flush()

    assert [msgspec.json.decode(body)["type"] for body, _ in receiver.taken] == ["drain.ended"]


@pytest.mark.parametrize(
    "answer",
    [
        CallError("proxy_bad_status", "HTTP status 204", status=204),
        CallError("proxy_bad_status", "HTTP status 202", status=202),
        CallError("proxy_too_large", "more than all"),
    ],
)
async def test_any_success_is_one(answer: CallError) -> None:
    """Whatever the receiver says beside it."""
    receiver = Receiver()
    receiver.answers = [answer]
    async with running(receiver) as webhook:
        webhook.on_event(EVENT)
        await webhook.flush()

    assert len(receiver.taken) == 1


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
async def test_receiver_that_is_away_is_tried_again(status: int) -> None:
    """With the same id, by which it knows what it has had."""
    receiver = Receiver()
    receiver.answers = [CallError("proxy_bad_status", "", status=status)] * 3
    async with running(receiver) as webhook:
        webhook.on_event(EVENT)
        await webhook.flush()

    assert len(receiver.taken) == 4
    assert len({headers["webhook-id"] for _, headers in receiver.taken}) == 1


@pytest.mark.parametrize(("status", "attempts"), [(400, 1), (302, 1), (500, 6)])
async def test_event_that_nobody_takes_is_logged_and_given_up(status: int, attempts: int) -> None:
    """Without the address, which may be as good as a password, and the next event has its turn."""
    receiver = Receiver()
    receiver.answers = [CallError("proxy_bad_status", f"HTTP status {status}", status=status)] * attempts
    before = counted("failed")
    with structlog.testing.capture_logs() as logged:
        async with running(receiver) as webhook:
            webhook.on_event(EVENT)
            webhook.on_event(Event("drain.ended", 0.0))
            await webhook.flush()

    assert len(receiver.taken) == attempts + 1
    assert counted("failed") == before + 1
    assert (logged[0]["event"], logged[0]["host"], logged[0]["reason"]) == (
        "notification_failed",
        "hooks.example",
        f"HTTP status {status}",
    )
    assert "private" not in repr(logged)
    assert SECRET not in repr(logged)


async def test_receiver_that_hangs_is_given_up() -> None:
    """Each attempt has its time."""
    receiver = Receiver()
    receiver.hangs = True
    with structlog.testing.capture_logs() as logged:
        async with running(receiver, timeout=0.001) as webhook:
            webhook.on_event(EVENT)
            await webhook.flush()

    assert logged[0]["reason"] == "no whole answer in 0.001 s"


async def test_surprise_does_not_end_the_deliveries() -> None:
    """A failure of our own is logged with its traceback."""
    receiver = Receiver()
    receiver.answers = [KeyError("a bug")]  # type: ignore[list-item]  # what no caller raises
    with structlog.testing.capture_logs() as logged:
        async with running(receiver) as webhook:
            webhook.on_event(EVENT)
            webhook.on_event(EVENT)
            await webhook.flush()

    assert len(receiver.taken) == 2
    assert logged[0]["exc_info"]


async def test_oldest_event_goes_where_too_many_wait() -> None:
    """Memory is bounded, and what is known last is worth most."""
    receiver = Receiver()
    receiver.hangs = True
    before = counted("dropped")
    async with running(receiver, queue_limit=2) as webhook:
        for moment in range(5):
            webhook.on_event(Event("drain.started", float(moment)))
            await asyncio.sleep(0)
        waiting = [msgspec.json.decode(webhook._waiting.get_nowait().body)["timestamp"] for _ in range(2)]

    assert waiting == ["1970-01-01T00:00:03.000Z", "1970-01-01T00:00:04.000Z"]
    assert counted("dropped") == before + 2
