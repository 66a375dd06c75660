"""The WebSocket endpoint: admission, refusal, hand-over or fallback."""

import json

import pytest

from holdfast.errors import DoorError
from holdfast.protocol.compression import Compression
from holdfast.protocol.framing import RAW_JSON, RAW_PROTOBUF, WS_JSON, WS_PROTOBUF
from holdfast.settings import WebSocketSettings
from holdfast.transports.extensions import Offer
from holdfast.transports.websocket import HANDOVER, WebSocketEndpoint, as_it_came, refuse_handshake
from tests.sockets import RecordingSink

SETTINGS = WebSocketSettings()


class Taker:
    """A hand-over that remembers to whom the connection went."""

    accepted_at = 42.0

    def __init__(self, offers=()):
        self.taken = None
        self.offers = list(offers)

    def attach(self, sinks, handshake):
        """Remember."""
        self.taken = (sinks, handshake)


class Caller:
    """One ASGI scope: what the server says and what it hears."""

    def __init__(self, *events, extensions=None, subprotocols=(), query=b"cid=1"):
        self.events = [{"type": "websocket.connect"}, *events]
        self.sent = []
        self.scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/connection/websocket",
            "query_string": query,
            "subprotocols": list(subprotocols),
            "headers": [(b"host", b"gateway.test")],
            "client": ("192.0.2.1", 5000),
            "extensions": extensions,
        }

    async def receive(self):
        """Give the next event."""
        return self.events.pop(0)

    async def send(self, event):
        """Remember."""
        self.sent.append(event)


def admit(handshake):
    """Let everybody in."""


def refuse(handshake):
    """Let nobody in."""
    raise DoorError("origin_not_allowed", "Came 'https://evil.test'.")


async def test_endpoint_hands_the_connection_over():
    """With the extension the endpoint accepts, gives the connection away and returns."""
    offer = Taker()
    caller = Caller(extensions={HANDOVER: offer})

    await WebSocketEndpoint(RecordingSink, admit, SETTINGS)(caller.scope, caller.receive, caller.send)

    assert [event["type"] for event in caller.sent] == ["websocket.accept"]
    sinks, handshake = offer.taken
    assert sinks is RecordingSink
    assert (handshake.path, handshake.query, handshake.client) == ("/connection/websocket", b"cid=1", "192.0.2.1")
    assert (handshake.scheme, handshake.accepted_at) == ("ws", 42.0)
    assert len(handshake.attempt_id) == 32


@pytest.mark.parametrize(
    ("offers", "query", "echoed", "encoding"),
    [
        ([], b"", None, WS_JSON),
        (["centrifuge-protobuf"], b"", "centrifuge-protobuf", WS_PROTOBUF),
        (["centrifuge-json"], b"", "centrifuge-json", WS_JSON),
        (["other", "centrifuge-json", "centrifuge-protobuf"], b"", "centrifuge-json", WS_JSON),
        (["other"], b"", None, WS_JSON),
        ([], b"cid=1&format=protobuf", None, WS_PROTOBUF),
        ([], b"cf_protocol=protobuf", None, WS_PROTOBUF),
        ([], b"format=json", None, WS_JSON),
        ([], b"token=protobuf&format=%FF", None, WS_JSON),
        (["centrifuge-json"], b"format=protobuf", "centrifuge-json", WS_PROTOBUF),
    ],
)
async def test_endpoint_negotiates_the_codec(offers, query, echoed, encoding):
    """The first known offer is echoed and decides, or the query does where it asks for Protobuf, as in Centrifugo."""
    offer = Taker()
    caller = Caller(extensions={HANDOVER: offer}, subprotocols=offers, query=query)

    await WebSocketEndpoint(RecordingSink, admit, SETTINGS)(caller.scope, caller.receive, caller.send)

    assert caller.sent[0]["subprotocol"] == echoed
    assert offer.taken[1].encoding is encoding


async def test_endpoint_without_the_extension_carries_protobuf_in_bytes():
    """On another server Protobuf goes both ways as binary messages."""
    sinks = []
    received = {"type": "websocket.receive", "bytes": b"\0"}
    caller = Caller(received, {"type": "websocket.disconnect", "code": 1000}, subprotocols=["centrifuge-protobuf"])

    def make(transport, handshake):
        sinks.append(RecordingSink(transport, handshake))
        transport.write(transport.encoding.wrap(b"\x01x"))
        return sinks[0]

    await WebSocketEndpoint(make, admit, SETTINGS)(caller.scope, caller.receive, caller.send)

    assert caller.sent[0]["subprotocol"] == "centrifuge-protobuf"
    assert sinks[0].transport.encoding is RAW_PROTOBUF
    assert sinks[0].messages == [b"\0"]


async def test_endpoint_asks_who_the_client_is():
    """The operator's trusted proxies decide about address and scheme."""
    offer = Taker()
    caller = Caller(extensions={HANDOVER: offer})
    endpoint = WebSocketEndpoint(RecordingSink, admit, SETTINGS, lambda peer, scheme, headers: ("10.0.0.1", "https"))

    await endpoint(caller.scope, caller.receive, caller.send)

    assert (offer.taken[1].client, offer.taken[1].scheme) == ("10.0.0.1", "https")


async def test_endpoint_refuses_before_accept():
    """A refusal is an HTTP answer with its cause; nobody is accepted."""
    caller = Caller(extensions={HANDOVER: Taker(), "websocket.http.response": {}})

    await WebSocketEndpoint(RecordingSink, refuse, SETTINGS)(caller.scope, caller.receive, caller.send)

    start, body = caller.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert json.loads(body["body"])["slug"] == "origin_not_allowed"


async def test_endpoint_stays_without_the_extension():
    """On another server the endpoint carries the messages until the client leaves."""
    sinks = []
    caller = Caller({"type": "websocket.receive", "text": "hi"}, {"type": "websocket.disconnect", "code": 1000})

    def make(transport, handshake):
        sinks.append(RecordingSink(transport, handshake))
        return sinks[0]

    await WebSocketEndpoint(make, admit, SETTINGS)(caller.scope, caller.receive, caller.send)

    assert sinks[0].messages == [b"hi"]
    assert sinks[0].events[-1] == ("closed", 1000, "")


async def test_refusal_without_the_denial_extension_is_a_close():
    """A server that can answer with nothing but 403 is told to close."""
    caller = Caller()

    await refuse_handshake(caller.scope, caller.send, DoorError("draining"))

    assert caller.sent == [{"type": "websocket.close", "code": 1008, "reason": "draining"}]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_no_proxy_is_believed_by_default(scheme):
    """The peer stands for itself."""
    assert as_it_came("192.0.2.1", scheme, [(b"x-forwarded-for", b"10.0.0.1")]) == ("192.0.2.1", scheme)


DEFLATE = Offer("permessage-deflate", [("client_max_window_bits", None)])


@pytest.mark.parametrize(("subprotocols", "base"), [([], WS_JSON), (["centrifuge-protobuf"], WS_PROTOBUF)])
async def test_endpoint_agrees_on_compression(subprotocols, base):
    """The answer names the extension, the handshake carries the encoding that compresses, whatever the codec."""
    offer, compression = Taker([DEFLATE]), Compression(0, 1)
    caller = Caller(extensions={HANDOVER: offer}, subprotocols=subprotocols)
    endpoint = WebSocketEndpoint(RecordingSink, admit, SETTINGS, compression=compression)

    await endpoint(caller.scope, caller.receive, caller.send)

    ((name, value),) = caller.sent[0]["headers"]
    assert name == b"sec-websocket-extensions"
    assert value.startswith(b"permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    assert offer.taken[1].encoding is compression.encoding(base, 12)
    assert compression.agreed == 1


@pytest.mark.parametrize(
    ("compression", "offers"), [(None, [DEFLATE]), (Compression(0, 1), []), (Compression(0, 1), [Offer("foo", [])])]
)
async def test_endpoint_does_not_compress_uninvited(compression, offers):
    """Without the setting or without an offer that fits, all is as ever."""
    offer = Taker(offers)
    caller = Caller(extensions={HANDOVER: offer})

    await WebSocketEndpoint(RecordingSink, admit, SETTINGS, compression=compression)(
        caller.scope, caller.receive, caller.send
    )

    assert caller.sent[0]["headers"] == []
    assert offer.taken[1].encoding is WS_JSON


async def test_endpoint_leaves_extensions_to_another_server():
    """Without the hand-over the server underneath agrees on compression, or does not."""
    handshakes = []
    caller = Caller({"type": "websocket.disconnect", "code": 1000})

    def make(transport, handshake):
        handshakes.append(handshake)
        return RecordingSink(transport, handshake)

    endpoint = WebSocketEndpoint(make, admit, SETTINGS, compression=Compression(0, 1))
    await endpoint(caller.scope, caller.receive, caller.send)

    assert caller.sent[0]["headers"] == []
    assert handshakes[0].encoding is RAW_JSON
