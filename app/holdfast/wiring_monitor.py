"""How the resource monitor, its events and those who are told are put together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from holdfast.connections.core import Core
from holdfast.monitoring.events import Events, log_level
from holdfast.monitoring.levels import Pressure
from holdfast.monitoring.monitor import ResourceMonitor
from holdfast.monitoring.newcomers import with_newcomers
from holdfast.monitoring.report import describe_resources
from holdfast.monitoring.sampling import Inside, Sampler
from holdfast.monitoring.socket_options import SocketOption, granted_numbers, options_as_json, refused
from holdfast.monitoring.webhooks import Webhooks
from holdfast.resilience.circuit_breaker import BreakerState
from holdfast.routes.admin import AdminEndpoint, AdminRequest
from holdfast.routes.metrics import read_resources_of
from holdfast.server.gateway import GatewayServer
from holdfast.settings import Settings
from holdfast.settings_admin import AdminSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.lag import LagWindow

RESOURCES_PATH = "/admin/resources"
# The window of the lag beside the time that a level must last: a single stall is out of the window before that.
_LAG_WINDOW_SHARE = 1.25


class Monitoring:
    """What watches an instance whose manager exists.

    Args:
        settings: of the instance.
        core: what is watched.
        trip: opens the breaker of admission for a cause.

    Raises:
        ConfigError: a webhook cannot be used.
    """

    def __init__(self, settings: Settings, core: Core, trip: Callable[[str], object]) -> None:
        self._core = core
        manager = core.manager
        self._critical_descriptors = settings.monitor.descriptors.critical
        self.lag = LagWindow(settings.monitor.loop_lag.lasting * _LAG_WINDOW_SHARE, core.clock)
        self.events = Events(core.wall_clock)
        self.events.subscribe(log_level)
        self._server: GatewayServer | None = None
        inside = Inside(
            connections=lambda: len(manager.opening) + manager.count,
            connection_limit=settings.admission.max_connections,
            congested=lambda: len(manager.congested),
            queue_bytes=manager.queue_bytes,
            loop_lag=self.lag.value,
            listeners=lambda: self._server.listening if self._server is not None else (),
        )
        self._sampler = Sampler(inside, settings.monitor.memory_limit, core.clock)
        self.monitor = ResourceMonitor(settings.monitor, self._sampler.take, self.events, trip, core.clock)
        self.webhooks = Webhooks(settings.notifications, core.instance, self.events)

    def watch(self, server: GatewayServer) -> None:
        """Watch the accept queues of a server too, and let a scrape read the options of its sockets."""
        self._server = server
        metrics.SOCKET_OPTION.read_from(lambda: granted_numbers(self.socket_options()))
        metrics.SOCKET_OPTION_REFUSED.read_from(lambda: {one.name: 1 for one in refused(self.socket_options())})

    def socket_options(self) -> Sequence[SocketOption]:
        """Return what the kernel granted for the sockets of clients."""
        return self._server.socket_options if self._server is not None else ()

    def pressure(self) -> Pressure:
        """Return what is scarce at this moment, for admission."""
        seen = self.monitor.sample
        return with_newcomers(self.monitor.pressure(), seen, self._core.manager.total, self._critical_descriptors)

    def tell_breaker(self, state: BreakerState, cause: str) -> None:
        """Tell those who want to know that the breaker of admission changed its state."""
        self.events.emit("breaker.state", state=state.name.lower(), cause=cause)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what has to run, and let a scrape read what is measured."""
        read_resources_of(self.monitor, lambda: self._sampler.lost)
        return [self.monitor.run(), *self.webhooks.work()]

    def endpoints(self, admin: AdminSettings) -> dict[str, AdminEndpoint]:
        """Return what operators may ask, by path."""

        async def answer(request: AdminRequest) -> object:
            told = describe_resources(self.monitor, self._core.instance, self._core.wall_clock())
            return {**told, "socket_options": options_as_json(self.socket_options())}

        return {RESOURCES_PATH: AdminEndpoint(admin.token.get_secret_value(), {"GET": answer})}
