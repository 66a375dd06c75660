"""`/metrics`: everything that is counted, for Prometheus; and where the numbers of connections are read."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from holdfast.connections.core import Core
from holdfast.errors import DoorError
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.monitor import ResourceMonitor
from holdfast.monitoring.proc_net import ListenLosses
from holdfast.protocol.compression import Compression
from holdfast.routes.errors import check_method, refuse, send_bytes
from holdfast.telemetry import metrics
from holdfast.transports.poll_session import PollSessions


class MetricsEndpoint:
    """Renders all metrics for each scrape."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            check_method(scope, "GET, HEAD")
        except DoorError as error:
            await refuse(scope, send, error)
            return
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        body, kind = metrics.exposition(accept.decode("latin-1"))
        await send_bytes(send, 200, body, [], kind.encode())


def read_numbers_of(core: Core) -> None:
    """Let a scrape read what the connections of `core` count on their hot path."""
    manager, stats, hub = core.manager, core.stats, core.hub
    metrics.CONNECTIONS.read_from(lambda: manager.count)
    metrics.TRANSPORT_CONNECTIONS.read_from(lambda: manager.by_transport)
    metrics.USERS.read_from(lambda: manager.users_count)
    metrics.CONNECTS.read_from(lambda: stats.opened)
    metrics.CLOSES.read_from(lambda: stats.ends)
    metrics.CLIENT_CONNECTIONS.read_from(manager.count_by_sdk)
    metrics.HANDSHAKE_SECONDS.read_from(core.timings.distributions)
    metrics.COMMANDS.read_from(lambda: stats.commands)
    metrics.ERRORS.read_from(lambda: stats.errors)
    metrics.MESSAGES.read_from(lambda: stats.messages)
    metrics.RECEIVED_BYTES.read_from(lambda: stats.received_bytes)
    metrics.SUBSCRIPTIONS.read_from(lambda: stats.subscriptions)
    metrics.RECOVERIES.read_from(lambda: stats.recoveries)
    metrics.CHANNELS.read_from(lambda: len(hub))
    metrics.PUBLICATIONS.read_from(lambda: hub.stats.publications)
    metrics.DELIVERIES.read_from(lambda: hub.stats.deliveries)
    metrics.ASYNC_WAITING.read_from(lambda: len(core.publish_queue))
    metrics.QUEUE_BYTES.read_from(manager.queue_bytes)
    metrics.CONGESTED.read_from(lambda: len(manager.congested))
    metrics.DELIVERED_BYTES.read_from(lambda: hub.stats.delivered_bytes)


def read_ledger_of(ledger: Ledger) -> None:
    """Let a scrape read how much is remembered."""
    metrics.LEDGER_RECORDS.read_from(ledger.sizes)
    metrics.LEDGER_PLANNED.read_from(lambda: ledger.planned)


def read_resources_of(monitor: ResourceMonitor, lost: Callable[[], ListenLosses | None]) -> None:
    """Let a scrape read what the monitor measured last, and what listeners lost since the start."""

    def used(name: str) -> Callable[[], dict[str, float] | float]:
        return lambda: usage.used if (usage := monitor.sample.usages.get(name)) is not None else {}

    metrics.RESOURCE_RATIO.read_from(monitor.ratios)
    metrics.RESOURCE_LIMIT.read_from(monitor.limits)
    metrics.RESOURCE_LEVEL.read_from(monitor.levels)
    metrics.SOCKET_MEMORY.read_from(used("socket_memory"))
    metrics.CONNTRACK.read_from(used("conntrack"))
    metrics.ACCEPT_QUEUE.read_from(used("accept_queue"))
    metrics.LISTEN_LOSSES.read_from(lambda: losses._asdict() if (losses := lost()) is not None else {})


def read_polls_of(sessions: PollSessions) -> None:
    """Let a scrape read what polls count."""
    metrics.POLL_SESSIONS.read_from(lambda: len(sessions))
    metrics.POLLS.read_from(lambda: sessions.outcomes)


def read_compression_of(compression: Compression) -> None:
    """Let a scrape read what was compressed."""
    metrics.COMPRESSED_CONNECTIONS.read_from(lambda: compression.agreed)
    metrics.COMPRESSION_BYTES.read_from(lambda: {"before": compression.bytes_before, "after": compression.bytes_after})
