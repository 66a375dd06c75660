import asyncio

import pytest

from holdfast import main
from holdfast.connections.lifecycle import Phase
from holdfast.connections.transport import Handshake
from holdfast.errors import ConfigError
from holdfast.main import EXIT_REFUSED, build, run
from holdfast.protocol.framing import RAW_JSON
from holdfast.settings import Settings
from tests.asgi import call

KEY = [("X-API-Key", "key")]


class Transport:
    """A connection's other end, which only notes how it was closed."""

    name = "websocket"
    session = ""
    encoding = RAW_JSON

    def __init__(self) -> None:
        self.closed = None

    def write(self, unit):
        pass

    def buffered(self):
        return 0

    def close(self, code, reason):
        self.closed = code, reason


def settings(**given) -> Settings:
    """Return settings with an API key and a short drain."""
    return Settings.model_validate({"api": {"keys": ["key"]}, "shutdown": {"drain_window": 0}, **given})


@pytest.fixture
async def gateway():
    """An instance that serves, without sockets."""
    gateway = build(settings(instance="gateway-1"), asyncio.get_running_loop())
    await gateway.start()
    gateway.mark_serving()
    yield gateway
    await gateway.stop()


async def ready(gateway) -> int:
    """Return the status of /readyz."""
    return (await call(gateway.app, path="/readyz")).status


async def test_gateway_ready_once_serving():
    """Started parts are not enough: connections have to be accepted."""
    gateway = build(settings(), asyncio.get_running_loop())
    await gateway.start()
    assert await ready(gateway) == 503

    gateway.mark_serving()
    assert await ready(gateway) == 200
    await gateway.stop()


async def test_gateway_not_ready_without_broker(gateway):
    """A broker that serves no more makes the instance not ready, by name."""
    await gateway.core.broker.stop()
    answer = await call(gateway.app, path="/readyz")

    assert answer.status == 503
    assert answer.json()["checks"]["broker"].startswith("broker_unavailable")


async def test_gateway_publishes(gateway):
    """A publication goes all the way from the application to the broker."""
    answer = await call(gateway.app, "POST", "/api/publish", headers=KEY, body=b'{"channel":"news","data":1}')

    assert answer.json() == {"result": {}}


async def test_gateway_describe(gateway):
    """The instance tells where it stands and what its process uses."""
    node = gateway.describe()

    assert (node.phase, node.connections) == ("serving", 0)
    assert node.resident_bytes > 1_000_000


async def test_gateway_names_itself():
    """Without a name it makes one that no other process of the host has."""
    first = build(settings(), asyncio.get_running_loop())

    assert first.core.instance.rpartition("-")[2].isdigit()


async def test_gateway_drain(gateway):
    """A drain goes through its stages, says goodbye to everybody, and leaves nothing to be published."""
    transport = Transport()
    gateway.manager.open(transport, Handshake("/", b"", [], "198.51.100.1", "http", "attempt"))
    await gateway.drain()

    assert transport.closed == (3001, "shutdown")
    assert gateway.core.lifecycle.phase is Phase.STOPPING
    assert await ready(gateway) == 503
    body = b'{"channel":"news","data":1}'
    assert (await call(gateway.app, "POST", "/api/publish", headers=KEY, body=body)).status == 503


async def test_gateway_drain_cut_short():
    """A second signal ends the waiting, not the goodbyes."""
    gateway = build(settings(shutdown={"propagation_wait": 60}), asyncio.get_running_loop())
    gateway.core.broker.is_shared = True  # alone it would not wait
    await gateway.start()
    transport = Transport()
    gateway.manager.open(transport, Handshake("/", b"", [], "198.51.100.1", "http", "attempt"))
    draining = asyncio.ensure_future(gateway.drain())
    await asyncio.sleep(0)
    assert gateway.core.lifecycle.phase is Phase.LEAVING
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining

    assert transport.closed == (3001, "shutdown")
    await gateway.stop()


async def test_gateway_stop_twice(gateway):
    """Stopping twice is stopping."""
    await gateway.stop()
    await gateway.stop()

    assert gateway.core.lifecycle.phase is Phase.STOPPING


async def test_gateway_summary(gateway):
    """The last line says how long and how much."""
    summary = gateway.summary()

    assert summary["connections"] == 0
    assert summary["seconds"] >= 0


@pytest.fixture
def contained(monkeypatch):
    """Keep what a run does to its process out of the other tests'."""
    for name in ("configure_logging", "bind_instance", "freeze_garbage_collector", "raise_descriptor_limit"):
        monkeypatch.setattr(main, name, lambda *_, **__: (1024, 1024))


@pytest.mark.usefixtures("contained")
def test_run_address_not_ours(tmp_path):
    """An address that cannot be had is a refusal with a reason, which is the last word; nothing was started."""
    word = tmp_path / "word"

    assert run(settings(host="203.0.113.1", port=9, termination_message_path=word)) == EXIT_REFUSED
    assert "cannot listen on 203.0.113.1:9" in word.read_text()


@pytest.mark.usefixtures("contained")
def test_run_bad_settings():
    """Settings that only show their fault here are told to the caller."""
    broken = settings(tls={"cert_file": "/nowhere/cert.pem", "key_file": "/nowhere/key.pem"}, port=0)

    with pytest.raises(ConfigError):
        run(broken)


@pytest.mark.usefixtures("contained")
def test_run_to_the_end(monkeypatch):
    """A run tells its base URL once it serves, and returns the server's exit code."""
    told = []

    class Server(main.GatewayServer):
        async def serve(self):
            self._is_up.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._release()
            return 0

    monkeypatch.setattr(main, "GatewayServer", Server)
    assert run(settings(port=0), told.append) == 0

    (url,) = told
    assert url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("127.0.0.1", {}, "http://127.0.0.1:80"),
        ("0.0.0.0", {}, "http://127.0.0.1:80"),
        ("::", {}, "http://[::1]:80"),
        ("gateway.example", {"cert_file": "c", "key_file": "k"}, "https://gateway.example:80"),
    ],
)
def test_base_url(host, tls, url):
    """The URL is one that works on this machine."""
    assert main._base_url(settings(host=host, tls=tls), 80) == url


async def test_gateway_reload(gateway, monkeypatch):
    """SIGHUP opens the log file again and reads files of keys."""
    done: list[str] = []
    monkeypatch.setattr(main, "reopen_log_file", lambda: done.append("log"))
    monkeypatch.setattr(gateway.validator, "reload_keys", lambda: done.append("keys"))
    gateway.reload()

    assert done == ["log", "keys"]
