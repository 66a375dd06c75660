"""What all connections share: settings, clocks and the parts they work with, put together by `main`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.broker.base import Broker, BrokerHandler, HistoryFilter
from holdfast.channels.hub import Hub
from holdfast.channels.namespaces import ChannelRules
from holdfast.connections.aging import Aging
from holdfast.connections.backend import Backend
from holdfast.connections.catch_up import CatchUp
from holdfast.connections.expiry import Expiry
from holdfast.connections.farewells import Farewells
from holdfast.connections.feed import Feed
from holdfast.connections.headers import KeptHeaders
from holdfast.connections.heartbeat import Heartbeat
from holdfast.connections.lifecycle import Lifecycle
from holdfast.connections.membership import Membership
from holdfast.connections.positions import Positions
from holdfast.connections.presence import PresenceKeeper
from holdfast.connections.publish_queue import PublishQueue
from holdfast.connections.publishing import Publisher
from holdfast.connections.records import Forgetful, Recorder
from holdfast.connections.refreshing import Refresher
from holdfast.connections.sightings import Sightings
from holdfast.connections.stats import ConnectionStats
from holdfast.connections.timings import StageTimings
from holdfast.connections.traces import Agents
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.proxy.table import ProxyTable
from holdfast.resilience.eager import run_eagerly
from holdfast.resilience.retry import Retries, RetryRules
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings import Settings
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.manager import EnhancedWebSocketManager

_log = get_logger(__name__)

# Repetitions of calls to the broker, as a share of the calls that commands make.
_RETRY_RATIO = 0.1
# 100,000 channels one after the other would take minutes by a broker that answers in milliseconds.
_CHECKED_AT_ONCE = 50
# What a failover, or a restart of Redis, makes of a call for a moment.
_SOON_BACK = frozenset({"broker_unavailable", "broker_loading", "broker_read_only", "broker_cluster_down"})


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time comes from: `monotonic` for waiting, `wall` (Unix seconds) for what tokens say.

    `exact` is on the scale of `monotonic`, for measuring: a loop's clock may stand still while it runs a callback.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    exact: Callable[[], float] | None = None


class LocalDelivery:
    """The broker's handler: hands what was published to the hub.

    `on_message` takes what instances tell each other, `when_resumed` hears that such a thing may have been lost.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.on_message: Callable[[bytes], object] = lambda message: None
        self.when_resumed: Callable[[], object] = lambda: None

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Deliver a publication to the local subscribers."""
        self._hub.deliver(channel, publication, position, use_delta)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Tell the local watchers that somebody joined."""
        self._hub.deliver_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell the local watchers that somebody left."""
        self._hub.deliver_leave(channel, info)

    def on_control(self, message: bytes) -> None:
        """Take what another instance said."""
        self.on_message(message)

    def on_interrupted(self) -> None:
        """Do nothing: what is lost from now on is caught up with when there is something to catch up from."""

    def on_resumed(self, channels: Collection[str]) -> None:
        """Tell where it was messages that may have been lost."""
        if not channels:
            self.when_resumed()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the core is put together from; `proxies` are absent where nothing is asked of the user's backend.

    The `recorder` is told of every attempt that was refused and every connection that ended.
    """

    broker: Broker
    hub: Hub
    validator: ImprovedTokenValidator
    clocks: Clocks
    loop: asyncio.AbstractEventLoop
    proxies: ProxyTable | None = None
    recorder: Recorder = field(default_factory=Forgetful)


class Core:
    """The collaborators of a connection.

    Args:
        settings: the settings of the instance.
        instance: its name.
        parts: what was made before.
    """

    def __init__(self, settings: Settings, instance: str, parts: Parts) -> None:
        self.instance = instance
        self._take_facts(settings)
        self._take_parts(parts)
        self._make_channels(settings)
        self._make_connections(settings)
        self.backend = Backend(parts.proxies) if parts.proxies else None
        if self.backend is not None:
            self.expiry.refresher = Refresher(self, self.backend)
        self.kept_headers = KeptHeaders(self._needs_header, settings.token.max_bytes)
        self.manager: EnhancedWebSocketManager  # set by the manager, which needs the core first

    # The steps of making it, in this order

    def _take_facts(self, settings: Settings) -> None:
        self.client = settings.client
        self.token_cookie = settings.token.cookie or None
        rate, burst = self.client.command_rate, self.client.command_burst
        self.command_bucket = TokenBucket(rate, burst) if rate else None
        self.lifecycle = Lifecycle()
        self.stats = ConnectionStats()
        self.agents = Agents()
        self.issue_log_token: Callable[[str, str], str] = _no_token
        self.timings = StageTimings()
        self.sightings = Sightings()

    def _take_parts(self, parts: Parts) -> None:
        self.clock = parts.clocks.monotonic
        self.exact_clock = parts.clocks.exact or parts.clocks.monotonic
        self.wall_clock = parts.clocks.wall
        self.loop = parts.loop
        self.recorder = parts.recorder
        self.broker = parts.broker
        self.validator = parts.validator
        self.hub = parts.hub

    def _make_channels(self, settings: Settings) -> None:
        """Make what channels and their publications need."""
        # What commands of clients ask of the broker is asked through these: nobody else would repeat it.
        within = RetryRules(within_seconds=self.client.handshake_timeout)
        self.retries = Retries("broker", within, RetryBudget(_RETRY_RATIO), _is_broker_away, clock=self.clock)
        self.rules = ChannelRules(settings.channel)
        self.feed = Feed(self.broker)
        self.positions = Positions(self.hub, self.read_top, self.client.position_check_interval, self.clock, self.spawn)
        self.hub.on_gap = self.positions.invalidate
        self.local = LocalDelivery(self.hub)
        self.delivery = self._make_delivery()
        self.publisher = Publisher(
            self.broker,
            self.rules,
            lambda: self.lifecycle.refuses_publications,
            settings.broker.idempotency_ttl,
            self.delivery,
        )
        self.publish_queue = PublishQueue(self.publisher, settings.api, self.clock, self.loop)

    def _make_connections(self, settings: Settings) -> None:
        """Make what goes on beside connections, from their pings to their end."""
        self.heartbeat = Heartbeat(self.client.ping_interval, self.client.pong_timeout)
        self.membership = Membership(self.broker, settings.broker.presence_ttl)
        self.presence = PresenceKeeper(self.membership, self.client.presence_update_interval)
        self.expiry = Expiry(self.client, self.clock, self.wall_clock)
        self.farewells = Farewells(self.clock, settings.shutdown.migrate_grace, can_move=self.broker.is_shared)
        self.aging = Aging(self, settings.client.max_connection_age, settings.admission.max_connections)
        self.unfetched_goodbyes: Callable[[], int] = int
        """How many clients that come by requests of their own have not come for the last word yet."""

    def _make_delivery(self) -> BrokerHandler:
        """Return what the broker's publications come to; an embedded one loses none on the way."""
        lost = self.positions.invalidate
        if not self.broker.is_shared:
            return self.local
        catch_up = CatchUp(self.broker, self.local, self.hub, lost, self._meta_ttl, self.spawn)
        self.positions.on_loss = catch_up.on_loss
        self.positions.at_once = _CHECKED_AT_ONCE
        return catch_up

    def _needs_header(self, name: bytes) -> bool:
        is_token = name == b"cookie" and self.token_cookie is not None
        return is_token or (self.backend is not None and self.backend.is_shown(name))

    async def read_top(self, channel: str) -> StreamPosition:
        """Return where the broker's stream of a channel is; that keeps it for as long as its namespace says."""
        return (await self.broker.history(channel, HistoryFilter(0), self._meta_ttl(channel))).position

    def _meta_ttl(self, channel: str) -> float:
        return self.rules.resolve(channel).options.history_meta_ttl

    def spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run something nobody waits for; its failure is logged."""
        run_eagerly(coroutine, self.loop, _log_failure)

    def release_channel(self, channel: str) -> None:
        """Give up one use of a channel's feed."""
        self.spawn(self.feed.release(channel))


def _is_broker_away(error: Exception) -> bool:
    return isinstance(error, BrokerError) and error.slug in _SOON_BACK


def _no_token(attempt: str, client: str) -> str:
    """Stand in for who gives log tokens by attempt and client id, where browsers may hand in nothing."""
    return ""


def _log_failure(error: Exception) -> None:
    _log.error("background_work_failed", exc_info=error)
