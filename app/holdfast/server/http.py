"""HTTP/1.1 on uvicorn's httptools protocol, with limits on what a request may cost and with the hand-over of sockets.

uvicorn has no limit on headers, URLs or the time a request takes to arrive, and it answers what it cannot parse in
plain text; here each of these ends in one named refusal.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from holdfast.admission.attempts import attempt_id
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError
from holdfast.routes.observers import observe_bad_request
from holdfast.server.context import ServerContext
from holdfast.server.cycle import UpgradeCycle
from holdfast.server.peers import address_of, why_no_http
from holdfast.server.takeover import StreamTakeover
from holdfast.transports.extensions import offered_extensions
from holdfast.transports.handover import WebSocketTransport
from holdfast.transports.opening import offered_subprotocols, opening_key
from holdfast.transports.refusal import refusal_response
from holdfast.transports.streaming import STREAM
from holdfast.transports.websocket import HANDOVER

# A read is parsed in pieces of this size, because what the parser tells of at its beginning resets the count of bytes
# that it tells nothing of: an endless head in one large read would not be seen.
_PIECE_BYTES = 65536


class HandoverProtocol(HttpToolsProtocol):
    """One accepted socket until it is closed or handed over."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        context: ServerContext,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Wait for a connection."""
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self.context = context
        self.accepted_at = 0.0
        self.refusal: DoorError | None = None
        self.is_refused = False
        self.url = b""
        self.is_in_head = False
        # Bytes since the parser last told of something; it keeps a header to itself until that is whole.
        self.unfinished_bytes = 0
        self.wants_websocket: bool | None = None
        # The request that is being answered; uvicorn remembers the newest one, which may wait behind it.
        self.running: RequestResponseCycle | None = None

    # Public methods that the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Start the time to a complete request.

        uvicorn's own method asks for the transport's socket, which makes uvloop keep an object per connection.
        """
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server = address_of(transport, "sockname")
        self.client = address_of(transport, "peername")
        self.scheme = "https" if is_ssl(transport) else "http"
        self.accepted_at = self.loop.time()
        self.context.requests.add(self)
        if self.client is None:  # it was reset in the accept queue: what it had asked for is not worth the work
            transport.abort()
            self.context.on_stale()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines and tell the application."""
        self.context.requests.discard(self)
        self.context.refused.discard(self)
        super().connection_lost(exc)
        self._tell_gone()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is no request is refused."""
        if self.is_refused:
            return
        self._unset_keepalive_if_required()
        for start in range(0, len(data), _PIECE_BYTES):
            if not self._feed(data, start):
                return

    def pause_writing(self) -> None:
        """Give a client that does not read its answer the time of a request, and no more."""
        super().pause_writing()
        self.context.requests.add(self)

    def resume_writing(self) -> None:
        """The client reads on."""
        super().resume_writing()
        self.context.requests.discard(self)

    # Public methods that the HTTP parser calls

    def on_message_begin(self) -> None:
        """Begin a request; a kept-alive connection gets a new deadline."""
        super().on_message_begin()
        self.scope["extensions"] = self.context.extensions  # type: ignore[typeddict-item]  # its values are not dicts
        self.is_in_head = True
        self.unfinished_bytes = 0
        self.wants_websocket = None
        self.context.requests.add(self)

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        super().on_url(url)
        limit = self.context.http.max_url_bytes
        if len(self.url) > limit:
            self._refuse_in_parser(DoorError("url_too_long", f"Expected at most {limit} bytes."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one behind the body (a trailer) is of no use to us and thrown away."""
        if self.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, unless the connection is going to change hands."""
        self.is_in_head = False
        self.unfinished_bytes = 0
        self._check_headers()
        super().on_headers_complete()
        if self.context.offers_handover and not self.wants_websocket:
            offered: dict[str, Any] = {**self.context.extensions, STREAM: StreamTakeover(self, self.cycle)}
            self.scope["extensions"] = offered

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self.unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the request's deadline."""
        self.unfinished_bytes = 0
        self.context.requests.discard(self)
        super().on_message_complete()

    # Public methods that uvicorn calls

    def on_response_complete(self) -> None:
        """Go on with the next request; a socket that is closing must get rid of its last bytes in time."""
        super().on_response_complete()
        if self.transport.is_closing():
            self.context.requests.add(self)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        super().timeout_keep_alive_handler()
        self.context.requests.add(self)

    # Public methods for the server

    def on_request_timeout(self) -> None:
        """Answer 408 to a request that does not come; drop a client that does not take its answer."""
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()
        else:
            self.refuse(DoorError("request_timeout"))

    def refuse(self, error: DoorError) -> None:
        """Answer with the cause and close, or cut off an answer that has begun.

        What still comes is thrown away for a moment: closing a socket with unread input resets it, and the peer may
        then never read the answer (RFC 9112, 9.6).
        """
        transport = self.transport
        self.is_refused = True
        attempt = self._observe(error)
        self.context.requests.discard(self)
        if (running := self._answering()) is not None and running.response_started:
            transport.abort()
            return
        self._tell_gone()
        transport.write(refusal_response(error, attempt))
        if transport.can_write_eof():
            self.context.refused.add(self)
            transport.resume_reading()
            transport.write_eof()
        else:
            transport.close()

    def let_go(self, cycle: RequestResponseCycle) -> asyncio.Transport:
        """Forget HTTP and return the socket; what was pipelined behind the request of `cycle` is never answered."""
        cycle.response_started = cycle.response_complete = True  # its end shall complain of nothing
        self.connections.discard(self)
        self.context.requests.discard(self)
        self.pipeline.clear()
        self.parser = None  # type: ignore[assignment]  # it and this object hold each other
        return self.transport

    # Private methods

    def _observe(self, error: DoorError) -> str:
        """Count, log and remember a refusal with what is known of the request, and return the id of the attempt."""
        path, _, query = self.url.partition(b"?")
        peer, headers = self.client[0] if self.client else "", self.headers or []
        address, scheme = self.context.originate(peer, self.scheme or "", headers)
        attempt = Handshake(path.decode("latin-1"), query, headers, address, scheme, attempt_id(query))
        attempt.transport = "websocket" if self.wants_websocket else "http"
        attempt.accepted_at = self.accepted_at
        observe_bad_request(attempt, error)
        return attempt.attempt_id

    def _feed(self, data: bytes, start: int) -> bool:
        """Feed one piece of a read and return whether the next one is still HTTP's."""
        piece = data[start : start + _PIECE_BYTES]
        self.unfinished_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgrade(data[start + upgrade.args[0] :])
                return False
        except httptools.HttpParserError as error:
            self.refuse(self.refusal or DoorError("bad_http", why_no_http(piece, error)))
        else:
            if self.unfinished_bytes > self.context.http.max_header_bytes + self.context.http.max_url_bytes:
                self.refuse(DoorError("headers_too_large", "Neither head nor trailers end."))
        return not self.is_refused

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def _answering(self) -> RequestResponseCycle | None:
        running = self.running
        return None if running is None or running.response_complete else running

    def _tell_gone(self) -> None:
        """Tell the request that is being answered that nobody is there any more; those behind it never begin."""
        self.pipeline.clear()
        if (running := self._answering()) is not None:
            running.disconnected = True
            running.message_event.set()

    def _check_headers(self) -> None:
        http = self.context.http
        if len(self.headers) > http.max_headers:
            self._refuse_in_parser(DoorError("headers_too_large", f"Expected at most {http.max_headers} headers."))
        if sum([len(name) + len(value) + 4 for name, value in self.headers]) > http.max_header_bytes:
            self._refuse_in_parser(DoorError("headers_too_large", f"Expected at most {http.max_header_bytes} bytes."))

    def _refuse_in_parser(self, error: DoorError) -> NoReturn:
        self.refusal = error
        raise error  # httptools turns it into HttpParserCallbackError

    def _should_upgrade(self) -> bool:
        """Look for `Upgrade: websocket` once a request, not once a callback."""
        if self.wants_websocket is None:
            self.wants_websocket = self._get_upgrade() == b"websocket"
        return self.wants_websocket

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: an offer of h2c is answered over HTTP/1.1 like any request, as RFC 9110, 7.8 wants it."""

    def _upgrade(self, early: bytes) -> None:
        """Let the connection change hands and forget HTTP; `early` are bytes behind the request."""
        self.context.requests.discard(self)
        try:
            if self._answering() is not None:
                raise DoorError("bad_handshake", "The answer to the request before it is not complete.")
            scope = self._websocket_scope()
            key = opening_key(scope["method"], scope["http_version"], self.headers)
            offers = offered_extensions(self.headers) if self.context.reads_offers else []
        except (DoorError, httptools.HttpParserError, UnicodeError) as error:
            self.refuse(error if isinstance(error, DoorError) else DoorError("bad_http", "The URL is none."))
            return
        self.connections.discard(self)
        socket = WebSocketTransport(self.transport, self.context.sockets)
        cycle = UpgradeCycle(socket, key, early, self.accepted_at, offers)
        if self.context.offers_handover:
            scope["extensions"][HANDOVER] = cycle
        cycle.start(self.app, scope, self.loop, self.tasks)
        self.parser = None  # type: ignore[assignment]  # it and this object hold each other

    def _websocket_scope(self) -> dict[str, Any]:
        url = httptools.parse_url(self.url)
        raw_path = url.path or b"/"
        path = raw_path.decode("ascii")
        return {
            **self.scope,
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if self.scheme == "https" else "ws",
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "subprotocols": offered_subprotocols(self.headers),
            "extensions": {"websocket.http.response": {}, **self.context.extensions},
        }
