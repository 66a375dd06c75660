"""The server itself: uvicorn's, with our listeners, our signals and a shutdown that lets clients leave one by one."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import Any, Final

import uvicorn

from holdfast.monitoring.socket_options import SocketOption, refused
from holdfast.server.acceptor import Acceptor, Factory
from holdfast.server.context import Listener, ServerContext
from holdfast.server.events import AsgiApp
from holdfast.server.http import HandoverProtocol
from holdfast.server.limits import effective_backlog
from holdfast.server.listeners import bind_sockets, bound_port, close_all
from holdfast.server.socket_options import set_options
from holdfast.server.tls import ReloadingContext
from holdfast.settings import Settings
from holdfast.telemetry.logs import get_logger

Hook = Callable[[], Awaitable[None]]

_POLL_SECONDS: Final = 0.02

_log = get_logger(__name__)


async def _nothing() -> None:
    """Stand in for a hook that was not given."""


class GatewayServer(uvicorn.Server):
    """Serves an ASGI application until it is told to stop, then stops in order.

    The first SIGTERM or SIGINT: `on_drain` runs while everything still works (not ready, wait, paced goodbyes), then
    the listeners close, requests in flight finish, `on_stop` runs (snapshot), and `serve` returns. The second: what
    is under way is cut short, `on_stop` still runs. No signal is raised again.
    """

    def __init__(
        self,
        app: AsgiApp,
        settings: Settings,
        *,
        on_drain: Hook = _nothing,
        on_stop: Hook = _nothing,
        on_reload: Callable[[], object] = lambda: None,
        offers_handover: bool = True,
    ) -> None:
        """Prepare; nothing is bound before `serve` or `bind`.

        `on_reload` is called on SIGHUP, after the TLS files were looked at.
        """
        super().__init__(_uvicorn_config(app, settings))
        self._settings = settings
        self._on_drain = on_drain
        self._on_stop = on_stop
        self._on_reload = on_reload
        self._offers_handover = offers_handover
        self._sockets: dict[Listener, list[socket.socket]] = {}
        self._acceptors: dict[Listener, list[Acceptor]] = {}
        self._contexts: list[ServerContext] = []
        self._tls: ReloadingContext | None = None
        self._date_timer: asyncio.TimerHandle | None = None
        self._stop_asked = asyncio.Event()
        self._fast_asked = asyncio.Event()
        self._is_up = asyncio.Event()
        self.port = 0
        self.internal_port: int | None = None
        self.socket_options: tuple[SocketOption, ...] = ()
        """What the kernel granted for the sockets of clients."""

    # Public methods

    def bind(self) -> None:
        """Bind the listening sockets; from then on `port` and `internal_port` are the real ones.

        Raises:
            OSError: an address cannot be bound; the message says which one and what to do.
        """
        settings = self._settings
        self._sockets["public"] = bind_sockets(settings.host, settings.port)
        self.port = bound_port(self._sockets["public"])
        self._set_options("public")
        if settings.internal_port is None:
            return
        try:
            host = settings.internal_host or settings.host
            self._sockets["internal"] = bind_sockets(host, settings.internal_port)
        except OSError:
            close_all(self._sockets.pop("public"))
            raise
        self.internal_port = bound_port(self._sockets["internal"])
        self._set_options("internal")

    async def serve(self, sockets: list[socket.socket] | None = None) -> int:  # type: ignore[override]  # see below
        """Serve until asked to stop, then stop in order and return the exit code.

        uvicorn's own method returns nothing; nobody but our callers looks. `sockets` must be None.

        Raises:
            OSError: an address cannot be bound.
            ConfigError: the TLS files cannot be used.
        """
        if not self._sockets:
            self.bind()
        loop = asyncio.get_running_loop()
        handled = self._handle_signals(loop)
        try:
            if self._settings.tls.cert_file is not None:
                self._tls = ReloadingContext(self._settings.tls)
            await self.startup()
            await self._stop_asked.wait()
            await self.shutdown()
        finally:
            for number in handled:
                loop.remove_signal_handler(number)
            self._release()
        return 0

    async def wait_started(self) -> None:
        """Return when connections are accepted."""
        await self._is_up.wait()

    @property
    def listening(self) -> list[socket.socket]:
        """The sockets that connections are accepted from."""
        return [one.bound for all_of in self._acceptors.values() for one in all_of if one.is_open]

    @property
    def is_hurried(self) -> bool:
        """Whether it was asked to stop twice."""
        return self._fast_asked.is_set()

    def pause_accepting(self, seconds: float, pace: float) -> None:
        """Leave those who come to the public port in its queue for so long, then accept `pace` a second of them.

        The internal port is always served.
        """
        for acceptor in self._acceptors.get("public", ()):
            acceptor.pause(seconds, pace)

    def stop(self) -> None:
        """Ask to stop; asked a second time, stop fast."""
        if self._stop_asked.is_set():
            self._fast_asked.set()
        self._stop_asked.set()

    # Public methods that replace uvicorn's

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application's lifespan and listen."""
        config = self.config
        if not config.loaded:
            config.load()
        self.lifespan = config.lifespan_class(config)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the application's lifespan failed to start")
        loop = asyncio.get_running_loop()
        self._refresh_date(loop)
        if self._tls is not None:
            self._tls.start(loop)
        for listener, all_of in self._sockets.items():
            await self._listen(loop, listener, all_of)
        self.started = True
        self._is_up.set()
        backlog = self._settings.http.backlog
        _log.info(
            "listening",
            host=self._settings.host,
            port=self.port,
            internal_port=self.internal_port,
            tls=self._tls is not None,
            backlog=effective_backlog(backlog),
            backlog_asked=backlog,
            sockets={one.name: one.granted for one in self.socket_options},
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in order: drain, close the listeners, finish requests, close what is left, `on_stop`."""
        self.should_exit = True
        _log.info("stopping")
        # 1. Clients leave, each at its own moment, while requests are still answered.
        await self._unless_fast(self._on_drain())
        # 2. Nobody new comes in.
        self._close_acceptors()
        # 3. Requests under way are answered, close frames leave.
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._unless_fast(self._finish_work(), self._settings.shutdown.timeout)
        for task in self.server_state.tasks:
            task.cancel(msg="the server is stopping")
        # 4. What must not be lost is written.
        try:
            async with asyncio.timeout(self._settings.shutdown.timeout):
                await self._on_stop()
        except TimeoutError:
            _log.error("stop_incomplete", seconds=self._settings.shutdown.timeout)
        await self.lifespan.shutdown()
        _log.info("stopped", fast=self._fast_asked.is_set())

    # Private methods

    def _set_options(self, listener: Listener) -> None:
        """Set the options of sockets; what is refused once is refused for every listener, and said once."""
        for bound in self._sockets[listener]:
            options = set_options(bound, self._settings.http.sockets)
            if not self.socket_options:
                self.socket_options = options
                for one in refused(options):
                    _log.warning("socket_option_refused", option=one.name, asked=one.asked, reason=one.refusal)

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> list[int]:
        """Take over the signals; a loop outside the main thread cannot and is stopped by `stop`."""
        actions: dict[int, Callable[[], None]] = {
            signal.SIGTERM: partial(self._on_signal, "SIGTERM"),
            signal.SIGINT: partial(self._on_signal, "SIGINT"),
            signal.SIGHUP: self._reload,
        }
        try:
            for number, action in actions.items():
                loop.add_signal_handler(number, action)
        except (ValueError, RuntimeError):
            return []
        return list(actions)

    def _on_signal(self, name: str) -> None:
        _log.info("signal", name=name, again=self._stop_asked.is_set())
        self.stop()

    def _reload(self) -> None:
        if self._tls is not None:
            self._tls.reload()
        self._on_reload()
        _log.info("reloaded")

    def _refresh_date(self, loop: asyncio.AbstractEventLoop) -> None:
        date = formatdate(time.time(), usegmt=True).encode()
        self.server_state.default_headers = [(b"date", date)]
        self._date_timer = loop.call_later(1, self._refresh_date, loop)

    async def _listen(self, loop: asyncio.AbstractEventLoop, listener: Listener, sockets: list[socket.socket]) -> None:
        context = ServerContext(self._settings, loop, listener, offers_handover=self._offers_handover)
        self._contexts.append(context)
        factory = partial(HandoverProtocol, self.config, self.server_state, self.lifespan.state, context, loop)
        tls: dict[str, Any] = {}
        if self._tls is not None and listener == "public":
            tls = {"ssl": self._tls.context, "ssl_handshake_timeout": self._settings.http.request_timeout}

        def start(make: Factory, duplicate: socket.socket, backlog: int) -> Awaitable[asyncio.AbstractServer]:
            return loop.create_server(make, sock=duplicate, backlog=backlog, **tls)

        for bound in sockets:
            acceptor = Acceptor(bound, self._settings.http.backlog, factory, start, loop)
            self._acceptors.setdefault(listener, []).append(acceptor)
            await acceptor.open()
        context.on_stale = partial(self._forgive, listener)

    def _forgive(self, listener: Listener) -> None:
        for acceptor in self._acceptors[listener]:
            acceptor.forgive()

    def _close_acceptors(self) -> None:
        for acceptors in self._acceptors.values():
            for acceptor in acceptors:
                acceptor.close()

    async def _finish_work(self) -> None:
        while self._is_working():  # noqa: ASYNC110 - uvicorn's sets have no event to wait for
            await asyncio.sleep(_POLL_SECONDS)

    def _is_working(self) -> bool:
        state = self.server_state
        return bool(state.connections or state.tasks or any(context.sockets.closing for context in self._contexts))

    async def _unless_fast(self, work: Awaitable[None], timeout_seconds: float | None = None) -> None:
        """Do a step of stopping, but no longer than allowed and not beyond a second signal."""
        step = asyncio.ensure_future(work)
        hurry = asyncio.ensure_future(self._fast_asked.wait())
        await asyncio.wait({step, hurry}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        is_done = step.done()
        for future in (step, hurry):
            future.cancel()
        results = await asyncio.gather(step, hurry, return_exceptions=True)
        if is_done and isinstance(results[0], Exception):
            _log.error("stop_step_failed", exc_info=results[0])

    def _release(self) -> None:
        """Let go of timers and of sockets that nobody listens on."""
        for context in self._contexts:
            context.clear()
        if self._tls is not None:
            self._tls.stop()
        if self._date_timer is not None:
            self._date_timer.cancel()
        self._close_acceptors()
        for sockets in self._sockets.values():
            close_all(sockets)
        self._sockets.clear()


def _uvicorn_config(app: AsgiApp, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration with everything off that we do ourselves."""
    return uvicorn.Config(
        app,
        http=HandoverProtocol,
        ws="none",
        interface="asgi3",
        lifespan="auto",
        log_config=None,
        access_log=False,  # it would print `?token=`
        proxy_headers=False,  # it would believe every neighbour; `http.trusted_proxies` decides
        server_header=False,
        timeout_keep_alive=settings.http.keep_alive,  # type: ignore[arg-type]  # any number of seconds works
    )
