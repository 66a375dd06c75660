"""The server's life: bind, serve, stop in order."""

import asyncio
import os
import signal
import socket
import ssl
import threading

import pytest

from holdfast.errors import ConfigError
from holdfast.server.gateway import GatewayServer
from holdfast.server.http import HandoverProtocol
from holdfast.settings import Settings, ShutdownSettings
from tests.certificates import write_certificate

SETTINGS = Settings(port=0, shutdown=ShutdownSettings(timeout=0.2))


async def app(scope, receive, send):
    """Answer everything with nothing; lifespan events are unknown."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Steps:
    """Hooks that remember when they ran."""

    def __init__(self):
        self.seen = []
        self.server = None

    async def drain(self):
        """Remember whether the listeners were still open."""
        self.seen.append(("drain", bool(self.server.listening)))

    async def stop(self):
        """Remember whether the listeners were still open."""
        self.seen.append(("stop", bool(self.server.listening)))


async def run(server):
    """Serve in a task and return it once connections are accepted."""
    serving = asyncio.create_task(server.serve())
    await asyncio.wait({serving, asyncio.create_task(server.wait_started())}, return_when=asyncio.FIRST_COMPLETED)
    return serving


def test_configuration_switches_off_what_we_do_ourselves():
    """No access log (it prints tokens), no believing of proxies, no server header, our protocol."""
    config = GatewayServer(app, SETTINGS).config
    config.load()

    assert config.http_protocol_class is HandoverProtocol
    assert config.ws_protocol_class is None
    assert config.loaded_app is app
    assert config.encoded_headers == []
    assert not config.access_log


async def test_server_stops_in_order():
    """Drain while listening, then no listener, then the last hook; the exit code is 0."""
    steps = Steps()
    server = steps.server = GatewayServer(app, SETTINGS, on_drain=steps.drain, on_stop=steps.stop)
    assert server.listening == []
    serving = await run(server)
    assert server.port > 0
    assert server.internal_port is None
    assert [bound.getsockname()[1] for bound in server.listening] == [server.port]

    server.stop()

    assert await serving == 0
    assert steps.seen == [("drain", True), ("stop", False)]


async def test_pause_is_for_the_public_port_alone():
    """Probes on the internal port are answered while newcomers wait in the queue; stopping meanwhile is no trouble."""
    server = GatewayServer(app, SETTINGS.model_copy(update={"internal_port": 0}))
    serving = await run(server)
    server.pause_accepting(3600, 100)
    assert len(server.listening) == 2

    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    _, internal = await asyncio.open_connection("127.0.0.1", server.internal_port)
    while not server.server_state.connections:  # noqa: ASYNC110 - uvicorn's set has no event
        await asyncio.sleep(0)
    assert [one.server[1] for one in server.server_state.connections] == [server.internal_port]
    server.stop()

    assert await serving == 0
    assert server.listening == []
    with pytest.raises(ConnectionResetError):
        await reader.read()
    for one in (writer, internal):
        one.close()


async def test_pause_ends_by_itself():
    """Whoever waited in the queue is answered."""
    server = GatewayServer(app, SETTINGS)
    serving = await run(server)
    server.pause_accepting(0.05, 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert (await reader.read())[:12] == b"HTTP/1.1 204"
    writer.close()
    server.stop()
    assert await serving == 0


async def test_second_stop_is_fast():
    """A drain that takes its time is cut short; the last hook runs all the same."""
    cut = asyncio.Event()
    seen = []

    async def drain():
        try:
            await asyncio.sleep(3600)
        finally:
            cut.set()

    async def stop():
        seen.append("stop")

    server = GatewayServer(app, SETTINGS, on_drain=drain, on_stop=stop)
    serving = await run(server)
    server._on_signal("SIGTERM")
    await asyncio.sleep(0)
    assert not server.is_hurried
    server._on_signal("SIGTERM")

    assert await serving == 0
    assert server.is_hurried
    assert cut.is_set()
    assert seen == ["stop"]


async def test_failing_drain_does_not_keep_the_server_up():
    """A bug in one step of stopping is logged and the next step runs."""
    seen = []

    async def drain():
        raise ZeroDivisionError

    async def stop():
        seen.append("stop")

    server = GatewayServer(app, SETTINGS, on_drain=drain, on_stop=stop)
    serving = await run(server)
    server.stop()

    assert await serving == 0
    assert seen == ["stop"]


async def test_last_hook_is_bounded():
    """A snapshot that hangs does not hold the process for ever."""

    async def stop():
        await asyncio.sleep(3600)

    server = GatewayServer(app, SETTINGS, on_stop=stop)
    serving = await run(server)
    server.stop()

    assert await serving == 0


async def test_work_that_does_not_finish_is_cancelled():
    """A request that hangs is given the shutdown's timeout and no more."""

    came = asyncio.Event()

    async def hang(scope, receive, send):
        if scope["type"] == "http":
            came.set()
            await asyncio.sleep(3600)

    server = GatewayServer(hang, SETTINGS)
    serving = await run(server)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await came.wait()
    server.stop()

    assert await serving == 0
    writer.close()
    await writer.wait_closed()


async def test_internal_port_is_bound_too():
    """Both ports are known before anything is served."""
    server = GatewayServer(app, SETTINGS.model_copy(update={"internal_port": 0}))
    server.bind()

    assert server.internal_port not in {None, 0, server.port}
    serving = await run(server)
    server.stop()
    assert await serving == 0


async def test_taken_internal_port_releases_the_public_one():
    """A start that fails leaves nothing bound."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = GatewayServer(app, SETTINGS.model_copy(update={"internal_port": taken.getsockname()[1]}))

        with pytest.raises(OSError, match="choose another port"):
            await server.serve()

    with socket.create_server(("127.0.0.1", server.port)):
        assert server.internal_port is None


async def test_lifespan_that_fails_stops_the_start():
    """An application that cannot start is not served."""

    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    server = GatewayServer(broken, SETTINGS)

    with pytest.raises(RuntimeError, match="lifespan"):
        await server.serve()


async def test_tls_files_that_cannot_be_used_stop_the_start(tmp_path):
    """Missing certificate files are a fault of the settings, and no port stays bound."""
    tls = SETTINGS.tls.model_copy(update={"cert_file": tmp_path / "cert.pem", "key_file": tmp_path / "key.pem"})
    scopes: list[str] = []

    async def application(scope, receive, send):
        scopes.append(scope["type"])

    server = GatewayServer(application, SETTINGS.model_copy(update={"tls": tls}))

    with pytest.raises(ConfigError, match=r"cert\.pem"):
        await server.serve()

    assert scopes == []  # the application did not even start, and so has no broken start to log

    with socket.create_server(("127.0.0.1", server.port)):
        assert not server.started


async def test_answers_carry_the_date_of_the_second():
    """The Date header is made once a second, not once an answer."""
    server = GatewayServer(app, SETTINGS)
    serving = await run(server)

    ((name, value),) = server.server_state.default_headers
    server.stop()
    await serving

    assert (name, value[-3:]) == (b"date", b"GMT")


async def test_tls_is_on_the_public_port_alone(tmp_path):
    """Probes and scrapers on the internal port speak plain HTTP; SIGHUP looks at the files again."""
    cert, key = write_certificate(tmp_path)
    tls = SETTINGS.tls.model_copy(update={"cert_file": cert, "key_file": key})
    server = GatewayServer(app, SETTINGS.model_copy(update={"tls": tls, "internal_port": 0}))
    serving = await run(server)
    trust = ssl.create_default_context(cafile=str(cert))

    heads = []
    for port, context in ((server.port, trust), (server.internal_port, None)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        heads.append((await reader.read())[:12])
        writer.close()
    server._reload()
    server.stop()

    assert await serving == 0
    assert heads == [b"HTTP/1.1 204"] * 2


async def test_reload_without_tls_is_harmless():
    """SIGHUP does not end a server that has nothing to reload."""
    GatewayServer(app, SETTINGS)._reload()


async def test_reload_reaches_what_else_reloads():
    """One signal for the certificate's files and for the log file, which the caller opens again."""
    reloaded = asyncio.Event()
    server = GatewayServer(app, SETTINGS, on_reload=reloaded.set)
    serving = await run(server)
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.wait_for(reloaded.wait(), 10)
    server.stop()

    assert await serving == 0


def test_server_runs_outside_the_main_thread():
    """Where signals cannot be handled the server runs all the same and is stopped by `stop`."""
    ends = []

    async def serve():
        server = GatewayServer(app, SETTINGS)
        serving = await run(server)
        server.stop()
        ends.append(await serving)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    thread.join(10)

    assert ends == [0]
