"""The composition root: puts an instance together, runs it, and takes it apart in order."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psutil

from holdfast import __version__
from holdfast.admission.round_trip import BrokerRoundTrip
from holdfast.app import make_app
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.channels.hub import Hub
from holdfast.connections.bus_messages import VERSION
from holdfast.connections.core import Clocks, Core, Parts
from holdfast.connections.lifecycle import Phase
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.connections.nodes import Node
from holdfast.connections.ticker import check_forever, tick_forever
from holdfast.monitoring.ledger import Ledger
from holdfast.proxy.table import ProxyTable
from holdfast.routes.metrics import read_ledger_of, read_numbers_of
from holdfast.routes.observers import remember_with
from holdfast.server.gateway import GatewayServer
from holdfast.server.limits import raise_descriptor_limit
from holdfast.server.notify import Notifier, take_wanted
from holdfast.server.runtime import describe_runtime, freeze_garbage_collector, hangups_ignored, loop_factory
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.telemetry.lag import measure_forever
from holdfast.telemetry.last_word import LastWord
from holdfast.telemetry.logs import (
    bind_instance,
    configure_logging,
    finish_logging,
    get_logger,
    reopen_log_file,
)
from holdfast.wiring import Doors, make_endpoints
from holdfast.wiring_admission import make_admission, read_admission_of
from holdfast.wiring_broker import broker_work, make_broker
from holdfast.wiring_cluster import Cluster
from holdfast.wiring_dev import DevMode
from holdfast.wiring_drain import Departures
from holdfast.wiring_login import make_login
from holdfast.wiring_logs import report_left_out_forever
from holdfast.wiring_monitor import Monitoring
from holdfast.wiring_notify import Supervision

EXIT_FINE = 0
EXIT_REFUSED = 2

_log = get_logger(__name__)


class Gateway:
    """One instance: its parts, its ASGI application (`app`), and its life."""

    def __init__(
        self,
        settings: Settings,
        core: Core,
        validator: ImprovedTokenValidator,
        ledger: Ledger,
        dev: DevMode | None = None,
    ) -> None:
        self.settings = settings
        self._dev = dev
        self.ledger = ledger
        self.core = core
        self.manager = EnhancedWebSocketManager(core)
        self.validator = validator
        self.admission = make_admission(settings, core, lambda: self.monitoring.pressure())
        self.monitoring = Monitoring(settings, core, self.admission.breaker.trip)
        self.admission.breaker.on_change = self.monitoring.tell_breaker
        self.cluster = Cluster(settings, core, self.describe)
        self.probe = BrokerRoundTrip(core.broker, core.delivery, core.instance)
        self.departures = Departures(settings, core, self.monitoring.events.emit, self.cluster)
        self.departures.drain.on_phase = self.cluster.nodes.hurry
        self.login = make_login(settings, core, self.cluster.revoker)
        self._process = psutil.Process()
        self._resident_at_start: int | None = None
        self._started_at = core.clock()
        self._tasks: list[asyncio.Task[None]] = []
        self.app = make_app(make_endpoints(self.doors()), has_internal_port=settings.internal_port is not None)

    # Public methods: life

    async def start(self) -> None:
        """Bring up everything that serving needs, the broker and its history first.

        Raises:
            ConfigError: something in the settings cannot be used here.
        """
        await self.core.broker.start(self.probe)
        await self.probe.start()
        await self.validator.start()
        await self.cluster.start()
        if self.login is not None:
            await self.login.service.start()
        read_numbers_of(self.core)
        read_ledger_of(self.ledger)
        remember_with(self.ledger, Clocks(self.core.exact_clock, self.core.wall_clock))
        read_admission_of(self.admission, self.core, self.settings.admission.max_connections)
        if self.core.backend is not None:
            self.core.backend.table.report()
        self._begin(tick_forever(self.core), check_forever(self.core))
        self._begin(measure_forever(self._observe_lag, self.core.clock), report_left_out_forever(asyncio.sleep))
        self._begin(*self.monitoring.work(), *self.cluster.work(), *self.departures.work())
        self._begin(*broker_work(self.settings, self.core.broker, self.core.instance))

    def mark_serving(self) -> None:
        """Let `/startupz` and `/readyz` pass, now that connections are accepted."""
        self._resident_at_start = self._process.memory_info().rss
        self.core.lifecycle.advance(Phase.SERVING)
        self.cluster.nodes.hurry()
        self.monitoring.events.emit("gateway.started", version=__version__)

    async def drain(self) -> None:
        """Let everybody leave; see `Drain.stop`."""
        try:
            await self.departures.drain.stop()
        finally:
            self.cluster.let_go()

    async def stop(self) -> None:
        """Write what must be kept and let go of everything; a second call does nothing."""
        self.core.lifecycle.advance(Phase.STOPPING)
        if self._tasks:  # which deliver them
            await self.monitoring.webhooks.flush(self.settings.shutdown.timeout / 4)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.monitoring.webhooks.close()
        if self.core.backend is not None:
            await self.core.backend.table.close()
        await self.validator.stop()
        if self.login is not None:
            await self.login.service.stop()
        # What was answered belongs into the snapshot, and who left is not present any more; a broker that hangs must
        # leave the snapshot time to be written.
        patience = self.settings.shutdown.timeout / 2
        await asyncio.gather(self.core.publish_queue.drain(patience), self.core.membership.settle(patience))
        await self.cluster.stop()
        await self.core.broker.stop()

    def reload(self) -> None:
        """Read again what may change while it runs: the log file's name, and files of keys."""
        reopen_log_file()
        self.validator.reload_keys()

    # Public methods: questions

    def describe(self) -> Node:
        """Return what is told of this instance."""
        core, manager = self.core, self.manager
        with self._process.oneshot():
            spent = self._process.cpu_times()
            resident = self._process.memory_info().rss
        uptime = core.clock() - self._started_at
        return Node(
            version=__version__,
            bus=VERSION,
            phase=core.lifecycle.phase.name.lower(),
            started_at=round(core.wall_clock() - uptime, 3),
            uptime=round(uptime, 3),
            connections=manager.count,
            users=manager.users_count,
            subscriptions=core.stats.subscriptions,
            channels=len(core.hub),
            cpu=round(100 * (spent.user + spent.system) / max(uptime, 1.0), 1),
            resident_bytes=resident,
        )

    def doors(self) -> Doors:
        """Return what the endpoints open to."""
        return Doors(
            self.settings,
            self.core,
            self.manager,
            self.probe,
            self.cluster,
            ledger=self.ledger,
            admission=self.admission,
            monitoring=self.monitoring,
            departures=self.departures,
            login=self.login,
            dev=self._dev,
            resident_at_start=lambda: self._resident_at_start,
        )

    def summary(self) -> dict[str, object]:
        """Return the counts that the last log line tells."""
        core = self.core
        return {
            "seconds": round(core.clock() - self._started_at, 3),
            "connections": core.stats.opened,
            "refused": dict(core.stats.refused),
            "publications": core.hub.stats.publications,
            "deliveries": core.hub.stats.deliveries,
            "closes": dict(core.stats.closes),
        }

    # Private methods

    def _observe_lag(self, lag_seconds: float) -> None:
        metrics.LOOP_LAG.observe(lag_seconds)
        self.monitoring.lag.observe(lag_seconds)
        self.admission.check.on_lag(lag_seconds)

    def _begin(self, *work: Coroutine[Any, Any, None]) -> None:
        self._tasks += [self.core.loop.create_task(one) for one in work]


def build(settings: Settings, loop: asyncio.AbstractEventLoop, dev: DevMode | None = None) -> Gateway:
    """Return an instance that has not started.

    Raises:
        ConfigError: keys, patterns or networks in the settings that cannot be used.
    """
    clocks = Clocks(loop.time, time.time, time.monotonic)
    validator = ImprovedTokenValidator(settings.token, allow_anonymous=settings.client.allow_anonymous)
    hub = Hub(loop.call_soon)
    instance = instance_name(settings)
    broker = make_broker(settings, clocks, instance)
    proxies = ProxyTable(settings, clocks.monotonic)
    ledger = Ledger(settings.ledger)
    parts = Parts(broker, hub, validator, clocks, loop, proxies if len(proxies) else None, ledger)
    return Gateway(settings, Core(settings, instance, parts), validator, ledger, dev)


def instance_name(settings: Settings) -> str:
    """Return the configured name, or one made of host and process."""
    return settings.instance or f"{socket.gethostname()}-{os.getpid()}"


def run(settings: Settings, on_started: Callable[[str], object] | None = None, *, dev: DevMode | None = None) -> int:
    """Run an instance until it is told to stop, and return the exit code.

    `on_started` is called with the base URL once connections are accepted. With `dev` the demo is served; afterwards
    that says whether to begin again.

    Raises:
        ConfigError: something in the settings cannot be used here.
    """
    configure_logging(settings.log, in_background=True)
    bind_instance(instance_name(settings))
    try:
        with hangups_ignored(), asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings, on_started, dev))
    except OSError as error:
        _log.error("cannot_start", reason=str(error))
        LastWord(settings.termination_message_path).write(error)
        return EXIT_REFUSED
    finally:
        finish_logging()


async def _serve(settings: Settings, on_started: Callable[[str], object] | None, dev: DevMode | None) -> int:
    descriptors = raise_descriptor_limit()
    gateway = build(settings, asyncio.get_running_loop(), dev)
    notifier = Notifier(take_wanted(os.environ, os.getpid()))
    # Requests in flight and the snapshot may take `timeout` each.
    supervision = Supervision(notifier, gateway.departures.drain.status, 2 * settings.shutdown.timeout)
    hooks: dict[str, Any] = {
        "on_drain": supervision.around_drain(gateway.drain),
        "on_stop": gateway.stop,
        "on_reload": supervision.around_reload(gateway.reload),
    }
    server = GatewayServer(gateway.app, settings, **hooks)
    # Before the broker: a second start by mistake must not touch the history of the first.
    server.bind()
    gateway.monitoring.watch(server)
    gateway.admission.refusals.pause = server.pause_accepting
    try:
        await gateway.start()
        freeze_garbage_collector()

        def on_up() -> None:
            _announce(gateway, server, descriptors)
            supervision.begin(gateway.core.loop)
            if on_started is not None:
                on_started(_base_url(settings, server.port))

        return await _serve_announced(server, on_up)
    finally:
        await gateway.stop()
        supervision.end()
        if dev is not None and server.is_hurried:  # somebody wants it to end, whatever was asked before
            dev.is_restart_asked = False
        _log.info("ended", **gateway.summary())


async def _serve_announced(server: GatewayServer, on_up: Callable[[], object]) -> int:
    """Serve to the end; `on_up` is called once connections are accepted."""
    serving = asyncio.create_task(server.serve())
    starting = asyncio.create_task(server.wait_started())
    await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        on_up()
    starting.cancel()
    return await serving


def _announce(gateway: Gateway, server: GatewayServer, descriptors: tuple[int, int]) -> None:
    gateway.mark_serving()
    settings = gateway.settings
    _log.info(
        "started",
        version=__version__,
        host=settings.host,
        port=server.port,
        internal_port=server.internal_port,
        descriptors=descriptors[0],
        descriptors_hard=descriptors[1],
        **describe_runtime(asyncio.get_running_loop()),
    )


def _base_url(settings: Settings, port: int) -> str:
    scheme = "https" if settings.tls.cert_file is not None else "http"
    # Where all interfaces are listened on, this machine's own is as good as any.
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - compared
    return f"{scheme}://{host}:{port}"
