"""Events by signed webhook: posted as JSON in the form of Standard Webhooks, repeated for a while, never in the way."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from holdfast.monitoring.events import Event, Events
from holdfast.proxy.caller import Caller, CallError
from holdfast.resilience.retry import Retries, RetryRules
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.settings_monitor import NotificationSettings, WebhookSettings, webhook_key
from holdfast.settings_proxies import Proxy
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

# An event that nobody takes is tried for about a minute; in a long outage the budget leaves each one repetition.
_RULES = RetryRules(retries=5, first_pause_seconds=1.0, longest_pause_seconds=30.0)
_RETRY_RATIO = 1.0
# What the last events may take at the end.
_FLUSH_SECONDS = 1.0


class Message(NamedTuple):
    """What is sent; the id stays the same however often it is tried."""

    id: str
    body: bytes


def signature(key: bytes, message: Message, timestamp: int) -> str:
    """Return what proves to the receiver who sent a message, and when (standardwebhooks.com, "Signature scheme")."""
    signed = b"%s.%d.%s" % (message.id.encode(), timestamp, message.body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def compose(event: Event, instance: str) -> Message:
    """Return the message of an event."""
    moment = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": event.kind, "timestamp": moment, "data": {"instance": instance, **event.facts}}
    return Message(f"msg_{secrets.token_hex(16)}", msgspec.json.encode(body))


class Webhook:
    """One receiver: what waits for it is bounded, and it gets one event after the other.

    Args:
        settings: where to, and what.
        instance: who sends.
        make_caller: for tests, instead of the network.
        wall_clock: Unix seconds.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        instance: str,
        make_caller: Callable[[WebhookSettings], Caller] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._events = frozenset(settings.events)
        self._key = webhook_key(settings.secret.get_secret_value())
        self._host = urlsplit(settings.url).hostname  # the rest may be as good as a password
        self._timeout = settings.timeout
        self._instance = instance
        self._caller = (make_caller or _http_caller)(settings)
        self._wall_clock = wall_clock
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(settings.queue_limit)
        self._retries = Retries("webhook", _RULES, RetryBudget(_RETRY_RATIO), _is_temporary)

    # Public methods

    def on_event(self, event: Event) -> None:
        """Let an event wait for its turn, in place of the oldest where there are too many."""
        if self._events and event.kind not in self._events:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
            self._waiting.task_done()
            metrics.NOTIFICATIONS.labels("dropped").inc()
        self._waiting.put_nowait(compose(event, self._instance))

    async def run(self) -> None:
        """Deliver what waits, for ever."""
        while True:
            message = await self._waiting.get()
            try:
                await self._deliver(message)
            except Exception:  # the boundary of one message: the next one may get through
                metrics.NOTIFICATIONS.labels("failed").inc()
                _log.exception("notification_failed", host=self._host, id=message.id)
            finally:
                self._waiting.task_done()

    async def flush(self) -> None:
        """Return when nothing waits any more."""
        await self._waiting.join()

    async def close(self) -> None:
        """End the connection; what waits is lost."""
        await self._caller.close()

    # Private methods

    async def _deliver(self, message: Message) -> None:
        try:
            await self._retries.run(lambda: self._post(message))
        except CallError as error:
            metrics.NOTIFICATIONS.labels("failed").inc()
            _log.warning("notification_failed", host=self._host, id=message.id, reason=error.detail)
            return
        metrics.NOTIFICATIONS.labels("delivered").inc()

    async def _post(self, message: Message) -> None:
        timestamp = int(self._wall_clock())
        headers = [
            (b"webhook-id", message.id.encode()),
            (b"webhook-timestamp", b"%d" % timestamp),
            (b"webhook-signature", signature(self._key, message, timestamp).encode()),
        ]
        try:
            async with asyncio.timeout(self._timeout):
                await self._caller.post(message.body, headers)
        except TimeoutError:
            raise CallError("proxy_timeout", f"no whole answer in {self._timeout:g} s") from None
        except CallError as error:
            # Any status of success is one, and nobody reads what a receiver says beside it.
            if not 200 <= error.status < 300 and error.slug != "proxy_too_large":
                raise


class Webhooks:
    """All receivers.

    Raises:
        ConfigError: one of them cannot be used.
    """

    def __init__(self, settings: NotificationSettings, instance: str, events: Events) -> None:
        self._webhooks = [Webhook(one, instance) for one in settings.webhooks]
        for webhook in self._webhooks:
            events.subscribe(webhook.on_event)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what has to run."""
        return [webhook.run() for webhook in self._webhooks]

    async def flush(self, seconds: float) -> None:
        """Give the last events so long to leave, and a second at most."""
        if self._webhooks:
            leaving = [asyncio.ensure_future(webhook.flush()) for webhook in self._webhooks]
            _, late = await asyncio.wait(leaving, timeout=min(seconds, _FLUSH_SECONDS))
            for one in late:
                one.cancel()

    async def close(self) -> None:
        """Let go of connections."""
        for webhook in self._webhooks:
            await webhook.close()


def _is_temporary(error: Exception) -> bool:
    """Tell whether the receiver may take the same soon: it is away, overwhelmed or broken."""
    return isinstance(error, CallError) and (error.status in (0, 408, 429) or error.status >= 500)


def _http_caller(settings: WebhookSettings) -> Caller:
    # Here, because it takes memory and most instances have no webhook.
    from holdfast.proxy.http_caller import HttpCaller

    return HttpCaller(Proxy(endpoint=settings.url), "notifications.webhooks")
