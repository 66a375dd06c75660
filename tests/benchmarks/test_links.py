import json
import zlib

import pytest

from benchmarks.load.frames import split
from benchmarks.load.polls import PollClient
from benchmarks.load.publisher import Publisher
from benchmarks.load.streams import SseClient, StreamClient
from benchmarks.load.websocket import DeflateClient, DeltaClient, WebSocketClient
from benchmarks.process import BenchmarkError
from tests.benchmarks.links import Server

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
STREAMING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PUSH = b'{"push":{"channel":"bench","pub":{"data":{}}}}'
CONNECTED = b'{"id":1,"connect":{"client":"c","session":"s","node":"n"}}'
SUBSCRIBED = b'{"id":2,"subscribe":{}}'


def _frame(payload, first=0x81):
    return bytes([first, len(payload)]) + payload


def _chunk(payload):
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _answer(**fields):
    body = json.dumps(fields).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _pump_until(client, done):
    for _ in range(50):
        if done():
            return
        client.pump(0.1)
    pytest.fail("what was waited for did not come")


@pytest.mark.parametrize(
    ("client_class", "upgraded", "subscribed"),
    [
        (WebSocketClient, UPGRADED, SUBSCRIBED),
        (DeltaClient, UPGRADED, b'{"id":2,"subscribe":{"delta":true}}'),
        (DeflateClient, UPGRADED.replace(b"\r\n\r\n", b"\r\nX: permessage-deflate\r\n\r\n"), SUBSCRIBED),
    ],
)
def test_websocket_links_count(client_class, upgraded, subscribed):
    """A link upgrades, connects, subscribes, and counts publications and the bytes they took."""
    with Server([upgraded, _frame(CONNECTED), _frame(subscribed)]) as server:
        client = client_class(server.port)
        client.open(1)
        before = client.received_bytes
        server.push(0, _frame(PUSH))
        _pump_until(client, lambda: client.deliveries == 1)
        client.close()

    assert client.received_bytes - before == len(_frame(PUSH))


@pytest.mark.parametrize(("client_class", "wanted"), [(DeltaClient, "delta"), (DeflateClient, "permessage-deflate")])
def test_websocket_links_without_what_was_asked_for(client_class, wanted):
    """A server that did not agree is not measured as if it had."""
    with Server([UPGRADED, _frame(CONNECTED), _frame(SUBSCRIBED)]) as server:
        client = client_class(server.port)
        with pytest.raises(BenchmarkError, match=wanted):
            client.open(1)
        client.close()


def test_split_inflates():
    """A frame that is marked as compressed is read as what it says."""
    deflate = zlib.compressobj(wbits=-15)
    payload = (deflate.compress(PUSH) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")

    assert split(_frame(payload, 0xC1)) == ([(1, PUSH)], len(payload) + 2)


@pytest.mark.parametrize(
    ("client_class", "line", "request_line"),
    [
        (StreamClient, b"%s\n", b"POST /connection/http_stream HTTP/1.1\r\n"),
        (SseClient, b"data: %s\n\n", b"GET /connection/sse?cf_connect=%7B%22id%22%3A1%2C"),
    ],
)
def test_stream_links_count_and_pong(client_class, line, request_line):
    """A stream opens with one request, counts what its chunks carry, and answers pings by emulation."""
    replies = _chunk(line % CONNECTED + line % SUBSCRIBED)
    with Server([STREAMING + replies], [b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
        client = client_class(server.port)
        client.open(1)
        server.push(0, _chunk(line % PUSH) + _chunk(line % b"{}"))
        _pump_until(client, lambda: client.pings == 1)
        _pump_until(client, lambda: all(line.is_idle for line in client._pongs))
        client.close()

    assert (client.deliveries, client.pings) == (1, 1)
    assert server.requests[0][0].startswith(request_line)
    assert server.requests[1][0].endswith(b'{"session":"s","node":"n","data":"{}"}')


def test_stream_links_that_end():
    """A stream that the server ends is a failed measurement."""
    with Server([STREAMING + _chunk(CONNECTED + b"\n" + SUBSCRIBED + b"\n")]) as server:
        client = StreamClient(server.port)
        client.open(1)
        server.push(0, _chunk(b""))
        with pytest.raises(BenchmarkError, match="ended"):
            _pump_until(client, lambda: False)
        client.close()


def test_poll_links_count_and_acknowledge():
    """A poll asks again at once, with the next number and what it has handled; an empty answer is a ping."""
    opening = _answer(session="s", node="n", timeout=25, first=1, messages=[json.loads(CONNECTED)])
    script = [opening, _answer(first=2, messages=[json.loads(SUBSCRIBED)]), _answer(first=3, messages=[])]
    script.append(_answer(first=3, messages=[json.loads(PUSH)]))
    with Server(script) as server:
        client = PollClient(server.port)
        client.open(1)
        _pump_until(client, lambda: client.deliveries == 1)
        client.close()

    asked = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests[0] if request]
    assert client.pings == 1
    assert len(asked[0]["key"]) >= 16
    assert [(one["seq"], one["ack"]) for one in asked[1:]] == [(1, 1), (2, 2), (3, 2), (4, 3)]


def test_poll_links_repeat_what_was_cut_off():
    """A request whose connection ends goes out again on another, under the same number, and nothing is missing."""
    opening = _answer(session="s", node="n", timeout=25, first=1, messages=[json.loads(CONNECTED)])
    first = [opening, _answer(first=2, messages=[json.loads(SUBSCRIBED)]), None]
    with Server(first, [_answer(first=3, messages=[json.loads(PUSH)])]) as server:
        client = PollClient(server.port)
        client.open(1)
        _pump_until(client, lambda: client.deliveries == 1)
        client.close()

    lost, again = (json.loads(one.partition(b"\r\n\r\n")[2]) for one in (server.requests[0][2], server.requests[1][0]))
    assert client.repeated == 1
    assert lost == again


def test_poll_links_leave():
    """Sessions are closed by name, since they outlive their connections."""
    opening = _answer(
        session="s", node="n", timeout=25, first=1, messages=[json.loads(CONNECTED), json.loads(SUBSCRIBED)]
    )
    with Server([opening], [_answer(messages=[])]) as server:
        client = PollClient(server.port)
        client.open(1)
        client.leave()

    assert json.loads(server.requests[1][0].partition(b"\r\n\r\n")[2]) == {
        "session": "s", "node": "n", "seq": 2, "ack": 2, "close": True,
    }  # fmt: skip


@pytest.mark.parametrize(("answer", "is_refused"), [(b'{"result":{}}', False), (b'{"error":{"code":102}}', True)])
def test_publisher_waits_for_its_answer(answer, is_refused):
    """A publication is sent with the key and the next payload, and a refusal ends the measurement."""
    with Server([_answer(**json.loads(answer))]) as server:
        client = WebSocketClient(server.port)
        with Publisher(client, iter([{"number": 1}])) as publisher:
            if is_refused:
                with pytest.raises(BenchmarkError, match="refused"):
                    publisher.publish()
            else:
                publisher.publish()

    head, _, body = server.requests[0][0].partition(b"\r\n\r\n")
    assert b"\r\nX-API-Key: " in head
    assert json.loads(body) == {"channel": "bench", "data": {"number": 1}}


def test_publisher_finds_its_connection_closed():
    """A connection that the server closed meanwhile is made again; the publication is not lost."""
    with Server([None], [_answer(result={})]) as server:
        client = WebSocketClient(server.port)
        with Publisher(client, iter([{"number": 1}])) as publisher:
            publisher.publish()

    assert server.requests[0][0] == server.requests[1][0]
