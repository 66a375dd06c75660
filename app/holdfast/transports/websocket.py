"""The WebSocket door: an ASGI endpoint that admits a handshake and then gets out of the way.

On our own server the connection goes on by itself (`handover`); on any other ASGI server the same endpoint stays and
carries messages (`asgi`). There the server underneath has its own mind about extensions, and compression is its affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from holdfast.admission.attempts import ATTEMPT, attempt_of
from holdfast.connections.transport import Admission, Handshake, SinkFactory
from holdfast.errors import GatewayError
from holdfast.protocol.compression import Compression
from holdfast.protocol.framing import RAW_JSON, RAW_PROTOBUF, WS_JSON, WS_PROTOBUF, Encoding
from holdfast.settings import WebSocketSettings
from holdfast.transports.asgi import AsgiTransport
from holdfast.transports.extensions import Offer, agree
from holdfast.transports.refusal import refusal_body, refusal_headers

HANDOVER: Final = "holdfast.handover"
"""Key of the ASGI extension that takes an accepted connection off the endpoint's hands."""


SUBPROTOCOLS: Final = {"centrifuge-json": WS_JSON, "centrifuge-protobuf": WS_PROTOBUF}
_ASKS_FOR_PROTOBUF: Final = (("format", "protobuf"), ("cf_protocol", "protobuf"))


class Handover(Protocol):
    """The value of the extension: our server's side of one handshake."""

    accepted_at: float
    """When the socket was accepted, by the loop's clock."""
    offers: list[Offer]
    """The extensions that the client offers, where the settings have a use for one."""

    def attach(self, sinks: SinkFactory, handshake: Handshake) -> None:
        """Give the accepted connection to a sink; events flow to it from now on."""


Originate = Callable[[str, str, list[tuple[bytes, bytes]]], tuple[str, str]]
"""From peer address, scheme and headers to those of the client, as the operator's trusted proxies tell them."""


def as_it_came(peer: str, scheme: str, headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Believe no proxy."""
    return peer, scheme


class WebSocketEndpoint:
    """Admits handshakes and gives each connection a sink; used as the `endpoint` of a `WebSocketRoute`."""

    def __init__(
        self,
        sinks: SinkFactory,
        admission: Admission,
        settings: WebSocketSettings,
        originate: Originate = as_it_came,
        compression: Compression | None = None,
    ) -> None:
        """Open connections with `sinks` where `admission` lets them in; agree on `compression` if there is one."""
        self._sinks = sinks
        self._admission = admission
        self._settings = settings
        self._originate = originate
        self._compression = compression

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI WebSocket scope; suspends only where there is no hand-over."""
        extensions = scope.get("extensions") or {}
        handover: Handover | None = extensions.get(HANDOVER)
        handshake = read_handshake(scope, self._originate)
        offers = scope.get("subprotocols") or ()
        handshake.subprotocol, handshake.encoding = negotiate(offers, handshake.query)
        handshake.accepted_at = handover.accepted_at if handover else asyncio.get_running_loop().time()
        await receive()  # websocket.connect
        try:
            self._admission(handshake)
        except GatewayError as error:
            await refuse_handshake(scope, send, error)
            return
        headers = self._agree(handover.offers, handshake) if handover is not None else []
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol or None, "headers": headers})
        if handover is not None:
            handover.attach(self._sinks, handshake)
            return
        handshake.encoding = RAW_PROTOBUF if handshake.encoding is WS_PROTOBUF else RAW_JSON
        await AsgiTransport(send, self._settings).run(receive, self._sinks, handshake)

    def _agree(self, offers: list[Offer], handshake: Handshake) -> list[tuple[bytes, bytes]]:
        """Let the handshake's encoding compress if the client can, and return the headers that tell it so."""
        agreement = agree(offers) if self._compression is not None else None
        if self._compression is None or agreement is None:
            return []
        self._compression.agreed += 1
        handshake.encoding = self._compression.encoding(handshake.encoding, agreement.window_bits)
        return [(b"sec-websocket-extensions", agreement.header)]


def read_handshake(scope: Scope, originate: Originate) -> Handshake:
    """Return what a request says of the connection it asks for."""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    peer = scope.get("client")
    address, scheme = originate(peer[0] if peer else "", scope.get("scheme", "ws"), headers)
    return Handshake(
        path=scope["path"],
        query=scope.get("query_string", b""),
        headers=headers,
        client=address,
        scheme=scheme,
        attempt_id=attempt_of(scope),
    )


def address_of(scope: Scope, originate: Originate) -> str:
    """Return the address that a request came from, without the rest of what it says."""
    peer = scope.get("client")
    return originate(peer[0] if peer else "", scope.get("scheme", "http"), scope["headers"])[0]


def negotiate(offers: Iterable[str], query: bytes) -> tuple[str, Encoding]:
    """Return the subprotocol to echo, "" for none, and the encoding, as Centrifugo finds them.

    The client's first known offer counts. The query may ask for Protobuf too, where a client cannot offer.
    """
    subprotocol = next((offer for offer in offers if offer in SUBPROTOCOLS), "")
    if b"protobuf" in query and not set(_ASKS_FOR_PROTOBUF).isdisjoint(parse_qsl(query.decode("latin-1"))):
        return subprotocol, WS_PROTOBUF
    return subprotocol, SUBPROTOCOLS.get(subprotocol, WS_JSON)


async def refuse_handshake(scope: Scope, send: Send, error: GatewayError) -> None:
    """Answer a handshake with an HTTP error and its JSON body, or with a bare 403 where the server can do no more."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.slug})
        return
    attempt = scope.get(ATTEMPT, "")
    body = refusal_body(error, attempt)
    start = {"status": error.code.http_status, "headers": refusal_headers(error, body, attempt)}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
