"""Streams of a whole gateway in a process of its own: life, shutdown, TLS, proxies, old HTTP, what must not leak."""

from __future__ import annotations

import contextlib
import json
import signal
import ssl
import time
from contextlib import ExitStack
from urllib.parse import quote

import httpx
import psutil
import pytest
from centrifuge.protocol import client_pb2

from tests.certificates import write_certificate
from tests.gateway import Gateway, running
from tests.protobuf import decode_replies, encode_commands
from tests.raw_client import RawClient
from tests.serving import RawClient as Raw
from tests.streams import KINDS, PATHS, StreamClient, token
from tests.wire import eventually

SETTINGS = {
    "http": {"request_timeout": 1.0, "trusted_proxies": ["127.0.0.1"]},
    "client": {"ping_interval": 1.0, "pong_timeout": 0.5, "handshake_timeout": 2.0},
    "instance": "one",
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    """A gateway with short times."""
    with running(tmp_path_factory.mktemp("streams"), SETTINGS) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def unharmed(victim):
    """Afterwards it is alive and empty, and wrote neither a traceback nor a token."""
    process = psutil.Process(victim.pid)
    assert victim.get("/livez").status_code == 200
    descriptors, logged = process.num_fds(), len(victim.log())

    yield

    eventually(lambda: victim.metric("holdfast_transport_connections") == 0)
    eventually(lambda: process.num_fds() <= descriptors + 2)
    assert victim.metric("holdfast_connections") == 0
    assert victim.get("/readyz").status_code == 200
    new = victim.log()[logged:]
    assert "Traceback" not in new
    assert "eyJ" not in new


@pytest.fixture(params=KINDS)
def kind(request):
    """Each kind of stream."""
    return request.param


def closes(gateway: Gateway, slug: str) -> float:
    """Return how many connections ended for a cause."""
    return gateway.metric("holdfast_closes_total", slug=slug)


def test_transports_share_channels(victim):
    """Publications reach a WebSocket and both streams, whoever publishes, in the same order."""
    with ExitStack() as stack:
        clients = {name: stack.enter_context(StreamClient(victim.port, name).connect()) for name in KINDS}
        everybody = {"websocket": stack.enter_context(RawClient(victim, "ws")), **clients}
        for client in everybody.values():
            client.subscribe("shared")
        for number in range(20):
            [*everybody.values()][number % 3].command("publish", channel="shared", data=number)

        for name, client in everybody.items():
            assert client.publications(20) == list(range(20))
            assert victim.metric("holdfast_transport_connections", transport=name) == 1


def test_connect_reply_names_session_and_node(victim, kind):
    """The session cannot be guessed, the node is the instance."""
    with StreamClient(victim.port, kind).connect() as client:
        assert len(client.session) == 32
        assert client.node == "one"
    assert victim.metric("holdfast_handshakes_total", transport=kind, slug="ok") >= 1


def test_missed_publications_are_recovered(victim, kind):
    """A new stream takes up where the old one ended."""
    channel = f"recover:{kind}"
    with StreamClient(victim.port, kind).connect() as client:
        position = client.command("subscribe", channel=channel)["subscribe"]
        victim.call("publish", channel=channel, data=1)
        assert client.publications(1) == [1]
    victim.call("publish", channel=channel, data=2)
    with StreamClient(victim.port, kind).connect() as client:
        again = client.command("subscribe", channel=channel, recover=True, epoch=position["epoch"], offset=1)

    assert again["subscribe"]["recovered"] is True
    assert [one["data"] for one in again["subscribe"]["publications"]] == [2]


def test_pings_keep_a_stream(victim, kind):
    """Pings come by the stream and are answered by emulation."""
    with StreamClient(victim.port, kind).connect() as client:
        while client.pings < 3:
            client._take()


def test_client_that_answers_no_ping_is_closed(victim, kind):
    """That is how a half-open stream is found."""
    before = closes(victim, "no_pong")
    with StreamClient(victim.port, kind).connect() as client:
        client.answers_pings = False
        assert client.goodbye() == (3012, "no_pong")
    assert closes(victim, "no_pong") == before + 1


def test_refused_connect_ends_with_the_handshake_timeout(victim, kind):
    """Without a session no command can come any more."""
    with StreamClient(victim.port, kind, commands=json.dumps({"id": 1, "connect": {"token": token(exp=1)}})) as client:
        assert client.goodbye() == (4100, "handshake_timeout")


def test_api_disconnect_is_a_push(victim, kind):
    """Code and reason of the backend arrive."""
    with StreamClient(victim.port, kind, "banned").connect() as client:
        victim.call("disconnect", user="banned", disconnect={"code": 4503, "reason": "banned"})
        assert client.goodbye() == (4503, "banned")


def test_terminal_goodbye_is_not_overtaken_by_an_answer(victim, kind):
    """Commands behind the goodbye are taken and lost: the SDK takes a 404 for a broken transport."""
    with StreamClient(victim.port, kind, "flooder").connect() as client:
        statuses = [client.emulate("\n".join(['{"id":7,"ping":{}}'] * 300)).status_code for _ in range(2)]
        assert statuses == [204, 429]
        assert client.goodbye() == (3013, "command_rate_limit")


def test_http_1_0_gets_a_stream_without_chunks(victim, kind):
    """As nginx asks for by default: no transfer coding, delimited by the end of the connection."""
    with StreamClient(victim.port, kind, version="1.0").connect() as client:
        assert "transfer-encoding" not in client.response.headers
        client.subscribe("old")
        victim.call("publish", channel="old", data=[1])
        assert client.publications(1) == [[1]]
        victim.call("disconnect", user="user")
        assert client.goodbye() == (3503, "force_disconnect")


def test_carriage_returns_cannot_break_events(victim):
    """JSON may have them between tokens, SSE ends lines with them; the subscriber gets the data all the same."""
    with StreamClient(victim.port, "sse").connect() as client, RawClient(victim, "evil") as evil:
        client.subscribe("crs")
        evil.subscribe("crs")
        evil.socket.send('{"id":99,"publish":{"channel":"crs","data":{"a":\r1,\r\r"b":"\\r"}}}')

        assert client.publications(1) == [{"a": 1, "b": "\r"}]


def test_slow_body_ends_with_the_request_timeout(victim):
    """A body a byte at a time has the time of any request."""
    started = time.monotonic()
    with Raw(victim.port) as wire:
        wire.send(b"POST /connection/http_stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = wire.read_to_end()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", [PATHS["http_stream"], "/emulation"])
def test_declared_gigabyte_is_refused_before_it_comes(victim, path):
    """413 at the declaration."""
    with Raw(victim.port) as wire:
        wire.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**30}\r\n\r\n".encode())
        assert wire.read_head().startswith(b"HTTP/1.1 413 ")


def test_url_that_is_too_long_is_refused(victim):
    """`cf_connect` has the room of a URL; its token is not logged."""
    long = quote(json.dumps({"id": 1, "connect": {"token": token() + "x" * 9000}}))
    answer = httpx.get(f"{victim.url}/connection/sse?cf_connect={long}", trust_env=False)

    assert (answer.status_code, answer.json()["slug"]) == (414, "url_too_long")


def test_keep_alive_connection_can_become_a_stream(victim):
    """A socket that served other requests before is as good as a new one, also after the handshake timeout."""
    with Raw(victim.port) as wire:
        for _ in range(3):
            wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in wire.read_head()
            wire.read(len(b'{"status":"ok","checks":{}}'))
            time.sleep(0.8)
        query = quote(json.dumps({"id": 1, "connect": {"token": token()}}))
        wire.send(f"GET /connection/sse?cf_connect={query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b"200 OK" in wire.read_head()
        assert b'"session"' in wire.read(200)


def test_client_behind_a_proxy_has_its_own_address(victim):
    """The log of a refused connect names the client, not the proxy."""
    with StreamClient(victim.port, commands="garbage", headers={"X-Forwarded-For": "203.0.113.9"}) as client:
        client.goodbye()
    victim.wait_for_event("connection_refused", address="203.0.113.9", slug="malformed_json")
    httpx.post(f"{victim.url}/emulation", content=b"x", headers={"X-Forwarded-For": "203.0.113.8"}, trust_env=False)
    victim.wait_for_event("emulation_refused", address="203.0.113.8")


def test_many_streams_come_and_go(start_gateway):
    """Two hundred of each kind, half of which vanish without a word, leave nothing."""
    gateway = start_gateway()
    descriptors = psutil.Process(gateway.pid).num_fds()
    for each in KINDS:
        with ExitStack() as stack:
            clients = [stack.enter_context(StreamClient(gateway.port, each)) for _ in range(200)]
            for client in clients:
                client.connect()
            for client in clients[::2]:
                client.close()
            gateway.call("disconnect", user="user")
            for client in clients[1::2]:
                assert client.goodbye() == (3503, "force_disconnect")
    eventually(lambda: gateway.metric("holdfast_transport_connections") == 0)
    eventually(lambda: psutil.Process(gateway.pid).num_fds() <= descriptors + 2)
    assert "Traceback" not in gateway.log()


def test_flood_on_a_stream_is_cut_off(victim):
    """Whoever goes on sending on a stream's connection is not read for ever; nobody else notices."""
    before = closes(victim, "unexpected_input")
    with StreamClient(victim.port).connect() as client, StreamClient(victim.port, "sse").connect() as other:
        with contextlib.suppress(OSError):
            for _ in range(200):
                client.send_raw(b"x" * 65536)
        other.subscribe("news")
    eventually(lambda: closes(victim, "unexpected_input") == before + 1)


def test_upgrade_on_a_stream_path_is_refused(victim):
    """A WebSocket handshake belongs to another path."""
    with Raw(victim.port) as wire:
        wire.send(
            b"GET /connection/sse HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert wire.read_head().startswith(b"HTTP/1.1 404 ")


def test_shutdown_says_goodbye_to_streams(start_gateway):
    """SIGTERM: each stream is told 3001 and ends, newcomers get 503, the process ends with 0 and without a word."""
    gateway = start_gateway({"shutdown": {"drain_window": "500ms"}})
    with ExitStack() as stack:
        clients = [stack.enter_context(StreamClient(gateway.port, each)) for each in KINDS for _ in range(20)]
        for client in clients:
            client.connect()
        gateway.signal(signal.SIGTERM)

        assert {client.goodbye() for client in clients} == {(3001, "shutdown")}
        assert gateway.wait() == 0
    (ended,) = gateway.events("ended")
    assert ended["closes"] == {"shutdown": 40}
    assert "Traceback" not in gateway.log()


def test_shutdown_does_not_wait_for_a_reader_that_stopped(start_gateway):
    """A stream that cannot be flushed is aborted after the close timeout."""
    gateway = start_gateway()
    commands = json.dumps({"id": 1, "connect": {"token": token()}}) + '\n{"id":2,"subscribe":{"channel":"loud"}}'
    with Raw(gateway.port) as stuck:
        length = f"Content-Length: {len(commands)}"
        stuck.send(f"POST /connection/http_stream HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n{commands}".encode())
        eventually(lambda: gateway.metric("holdfast_subscriptions") == 1)
        for _ in range(40):
            gateway.call("publish", channel="loud", data="x" * 100_000)
        started = time.monotonic()
        assert gateway.stop() == 0

    assert time.monotonic() - started < 8


def test_streams_over_tls(start_gateway, tmp_path):
    """TLS changes nothing."""
    cert, key = write_certificate(tmp_path)
    gateway = start_gateway({"tls": {"cert_file": str(cert), "key_file": str(key)}, "internal_port": 0})
    tls = ssl.create_default_context(cafile=str(cert))
    for each in KINDS:
        with StreamClient(gateway.port, each, tls=tls).connect() as client:
            client.subscribe("secure")
            gateway.call("publish", channel="secure", data="x" * 200_000)
            assert client.publications(1) == ["x" * 200_000]
            gateway.call("disconnect", user="user")
            assert client.goodbye() == (3503, "force_disconnect")
    eventually(lambda: gateway.metric("holdfast_connections") == 0)
    assert "Traceback" not in gateway.log()


def test_streams_can_be_switched_off(start_gateway):
    """What is off is nowhere; emulation stays while any stream is on."""
    gateway = start_gateway({"http_stream": {"enabled": False}})
    assert httpx.post(f"{gateway.url}/connection/http_stream", content=b"{}", trust_env=False).status_code == 404
    with StreamClient(gateway.port, "sse").connect() as client:
        client.subscribe("news")


def test_protobuf_over_http_stream(victim):
    """A stream in Protobuf shares its channel with others; commands come in Protobuf, the goodbye goes in it."""
    connect = encode_commands({"id": 1, "connect": {"token": token("proto")}})
    with Raw(victim.port) as wire, RawClient(victim) as socket:
        head = f"Content-Type: application/octet-stream\r\nContent-Length: {len(connect)}"
        wire.send(f"POST /connection/http_stream HTTP/1.0\r\nHost: x\r\n{head}\r\n\r\n".encode() + connect)
        assert b"application/octet-stream" in wire.read_head()
        size = wire.read(1)
        while size[-1] & 0x80:
            size += wire.read(1)
        length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(size))
        (reply,) = decode_replies(size + wire.read(length))
        session = {name: reply["connect"][name] for name in ("session", "node")}
        data = encode_commands({"id": 2, "subscribe": {"channel": "both"}})
        body = client_pb2.EmulationRequest(**session, data=data).SerializeToString()
        headers = {"Content-Type": "application/octet-stream"}
        assert httpx.post(f"{victim.url}/emulation", content=body, headers=headers, trust_env=False).status_code == 204
        eventually(lambda: victim.metric("holdfast_subscriptions") == 1)
        socket.subscribe("both")
        socket.command("publish", channel="both", data={"a": 1})
        victim.call("disconnect", user="proto")
        answers = decode_replies(wire.read_to_end())

    kinds = [name for one in answers for name in one.get("push", one)]
    assert kinds.index("subscribe") < kinds.index("pub") < kinds.index("disconnect") == len(kinds) - 1
