"""What joins an instance to the others: put together, started and stopped in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec import structs

from holdfast.connections.bus import Bus, CallLater, Means
from holdfast.connections.channel_counts import ChannelCounts
from holdfast.connections.control import Control
from holdfast.connections.control_everywhere import ControlEverywhere
from holdfast.connections.core import Core
from holdfast.connections.forwarding import Forwarder
from holdfast.connections.nodes import Node, Nodes
from holdfast.connections.revoking_everywhere import RevokerEverywhere
from holdfast.errors import BrokerError
from holdfast.monitoring.elsewhere import Elsewhere
from holdfast.routes.admin import AdminEndpoint, AdminRequest
from holdfast.routes.api_messages import Node as ApiNode
from holdfast.routes.api_messages import Process
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger
from holdfast.wiring_logs import log_secrets

NODES_PATH: Final = "/admin/nodes"
# An entry that is not taken away ends by itself; a stop must not wait for a broker that hangs.
_LEAVE_SECONDS: Final = 1.0

_log = get_logger(__name__)


class Cluster:
    """The other instances, as this one sees them; with the embedded broker there are none, and nothing is asked.

    Args:
        settings: of the instance.
        core: of the instance; its manager exists.
        describe: tells of this instance.
        call_later: the event loop's, if it is no other.
    """

    def __init__(
        self, settings: Settings, core: Core, describe: Callable[[], Node], call_later: CallLater | None = None
    ) -> None:
        self.core = core
        self.nodes = Nodes(core.broker.tables, describe, settings.broker.node_ttl)
        means = Means(settings.broker.survey_timeout, core.spawn, call_later or core.loop.call_later)
        self.bus = Bus(core.broker, core.instance, self.nodes, means)
        self.nodes.name, self.nodes.uid = self.bus.name, self.bus.uid
        core.local.on_message, core.local.when_resumed = self.bus.receive, self.on_resumed
        self.control = Control(core)
        self.everywhere = ControlEverywhere(self.control, self.bus)
        self.revoker = RevokerEverywhere(core, self.bus)
        self.channels = ChannelCounts(core.hub, self.bus)
        self.elsewhere = Elsewhere(self.bus)
        # What clients ask at the wrong instance; none where there is no other.
        self.forwarder = None if self.bus.is_alone else Forwarder(self.bus, self.nodes, core.clock)
        self.log_secrets = log_secrets(settings.log, core)
        self.nodes.on_beat.append(self.revoker.catch_up)
        if self.forwarder is not None:
            self.nodes.on_beat.append(self.forwarder.on_beat)
        if self.log_secrets is not None:
            self.nodes.on_beat.append(self.log_secrets.share)
        self._token = settings.admin.token.get_secret_value()

    # Public methods: life

    async def start(self) -> None:
        """Take over what others have decided, and be seen; the broker has started.

        A broker that is away is tried again with each heartbeat.
        """
        metrics.NODES.read_from(self._count_nodes)
        metrics.BUS_MESSAGES.read_from(lambda: self.bus.stats.messages)
        metrics.BUS_IGNORED.read_from(lambda: self.bus.stats.ignored)
        if not self.bus.is_alone:
            await self.nodes.try_beat()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what has to run."""
        return [] if self.bus.is_alone else [self.nodes.run()]

    def let_go(self) -> None:
        """Let no client wait here for another instance: this one is about to stop."""
        if self.forwarder is not None:
            self.forwarder.stop()

    async def stop(self) -> None:
        """Be no longer listed; the broker is still there."""
        if self.bus.is_alone:
            return
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self.nodes.leave()
        except (BrokerError, TimeoutError) as error:
            _log.debug("node_not_removed", detail=str(error))

    def on_resumed(self) -> None:
        """Know that messages may have been lost."""
        self.revoker.fall_behind()
        if self.log_secrets is not None:
            self.log_secrets.share_again()
        self.nodes.hurry()
        if self.forwarder is not None:
            self.forwarder.on_resumed()

    # Public methods: questions

    async def list_nodes(self) -> list[Node]:
        """Return all instances, by name.

        Raises:
            BrokerError: the broker does not say.
        """
        return [self.nodes.own()] if self.bus.is_alone else list((await self.nodes.read()).values())

    async def list_for_api(self) -> list[ApiNode]:
        """Return all instances as the server API tells of them."""
        return [_for_api(node) for node in await self.list_nodes()]

    def endpoints(self) -> dict[str, AdminEndpoint]:
        """Return what operators may ask, by path."""

        async def answer(request: AdminRequest) -> object:
            return {"instance": self.core.instance, "nodes": [structs.asdict(one) for one in await self.list_nodes()]}

        return {NODES_PATH: AdminEndpoint(self._token, {"GET": answer})}

    # Private methods

    def _count_nodes(self) -> dict[str, int]:
        return {self.nodes.own().phase: 1} if self.bus.is_alone else dict(self.nodes.by_phase())


def _for_api(node: Node) -> ApiNode:
    return ApiNode(
        uid=node.uid,
        name=node.name,
        version=f"Holdfast {node.version}",
        num_clients=node.connections,
        num_users=node.users,
        num_subs=node.subscriptions,
        num_channels=node.channels,
        uptime=int(node.uptime),
        process=Process(node.cpu, node.resident_bytes),
    )
