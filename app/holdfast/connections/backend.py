"""What connections ask the user's backend: their facts become requests, its answers become grants and claims.

It keeps what later calls need of a connection (headers, `meta`) in a table of its own, and only where a proxy asks for
it: connections have no room for it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Raw

from holdfast.auth.claims import NO_SUBS, ConnectionClaims
from holdfast.channels.namespaces import ResolvedChannel
from holdfast.connections.backend_payloads import (
    future_end,
    given_payload,
    sent_payload,
    subscribe_options,
    takes_bytes,
)
from holdfast.connections.publishing import PublishTerms
from holdfast.connections.subscription import Grant
from holdfast.protocol.commands import ConnectRequest, SubscribeRequest
from holdfast.protocol.messages import NONE
from holdfast.proxy import messages as proxied
from holdfast.proxy.endpoint import Endpoint
from holdfast.proxy.headers import NOBODY, ClientHeaders
from holdfast.proxy.table import ChannelKind, ProxyTable

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

Pick = Callable[[list[tuple[bytes, bytes]], dict[str, str], str], ClientHeaders]


class _Kept(NamedTuple):
    """What is remembered of a connection."""

    headers: ClientHeaders = NOBODY
    meta: Raw = NONE


_NOTHING = _Kept()


class Admitted(NamedTuple):
    """A connect that the backend answered; `data` is for the client."""

    claims: ConnectionClaims
    data: Raw


class Publishable(NamedTuple):
    """An admitted publication: `data` replaces the client's unless it is None; `is_json` where that is sure."""

    data: Raw | None
    is_json: bool
    terms: PublishTerms


class Renewal(NamedTuple):
    """An answered refresh: `expire_at` in Unix seconds, 0 where none was given; `info` is `NONE` where it stays."""

    is_expired: bool
    expire_at: int
    info: Raw


class Backend:
    """The user's backend, as connections see it."""

    def __init__(self, table: ProxyTable) -> None:
        self.table = table
        self._kept: dict[Connection, _Kept] = {}

    def __len__(self) -> int:
        """Return of how many connections something is remembered."""
        return len(self._kept)

    # Public methods: what is remembered

    def remember(self, connection: Connection, request: ConnectRequest, meta: Raw | None) -> None:
        """Keep what later calls need of a connection that is about to be registered."""
        rules, table = self.table.kept_headers, self.table
        headers = _headers_of(connection, request, rules.pick) if rules else NOBODY
        kept_meta = meta if meta and table.keeps_meta else NONE
        if headers is not NOBODY or kept_meta:
            self._kept[connection] = _Kept(headers, kept_meta)

    def replace_meta(self, connection: Connection, meta: Raw | None) -> None:
        """Keep what a refresh attached to the connection instead of what was."""
        if meta and self.table.keeps_meta and not connection.closed:
            self._kept[connection] = self._kept.get(connection, _NOTHING)._replace(meta=meta)

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that ended."""
        self._kept.pop(connection, None)

    # Public methods: who is asked

    @property
    def answers_connects(self) -> bool:
        """Whether connects without a token are answered by the backend."""
        return self.table.connect is not None

    @property
    def refreshes_sessions(self) -> bool:
        """Whether sessions are prolonged from the server's side."""
        return self.table.refresh is not None

    def without_its_own(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return a handshake's headers without an Authorization that is meant for the backend."""
        connect = self.table.connect
        if connect is None or not connect.forwards(b"authorization"):
            return headers
        return [pair for pair in headers if pair[0] != b"authorization"]

    def is_shown(self, header: bytes) -> bool:
        """Tell whether a header of the handshake (in lower case) reaches the backend, which may know clients by it."""
        connect = self.table.connect
        return self.table.kept_headers.takes(header) or (connect is not None and connect.forwards(header))

    def refreshes(self, resolved: ResolvedChannel) -> bool:
        """Tell whether subscriptions to a channel are prolonged from the server's side."""
        return resolved.options.sub_refresh_proxy_enabled

    def admits(self, resolved: ResolvedChannel) -> bool:
        """Tell whether the backend is asked about subscriptions to a channel that come without a token."""
        return resolved.options.subscribe_proxy_enabled and resolved.users is None and not resolved.is_private

    def checks_publications(self, resolved: ResolvedChannel) -> bool:
        """Tell whether the backend is asked about publications of clients."""
        return resolved.options.publish_proxy_enabled

    # Public methods: calls. All raise ProxyError and ApplicationError as `Endpoint.call` does.

    async def connect(self, connection: Connection, request: ConnectRequest) -> Admitted:
        """Ask who this is."""
        endpoint = self.table.connect
        assert endpoint is not None  # noqa: S101 - asked for by answers_connects
        data, b64data = sent_payload(connection, endpoint, request.data)
        call = proxied.ConnectRequest(
            **_facts(connection, endpoint),
            data=data,
            b64data=b64data,
            name=request.name,
            version=request.version,
            channels=list(request.subs or ()),
        )
        headers = _headers_of(connection, request, endpoint.pick)
        result = await endpoint.call(call, proxied.CONNECT, headers)
        claims = ConnectionClaims(
            result.user or "",
            expire_at=future_end(endpoint, connection, result.expire_at),
            info=given_payload(endpoint, "info", result.info, result.b64info) or None,
            meta=given_payload(endpoint, "meta", result.meta, None) or None,
            channels=tuple(result.channels or ()),
            subs=MappingProxyType(
                {name: subscribe_options(endpoint, connection, one) for name, one in result.subs.items()}
            )
            if result.subs
            else NO_SUBS,
        )
        any_bytes = takes_bytes(connection)
        return Admitted(claims, given_payload(endpoint, "data", result.data, result.b64data, any_bytes=any_bytes))

    async def subscribe(self, connection: Connection, resolved: ResolvedChannel, request: SubscribeRequest) -> Grant:
        """Ask whether a client may subscribe."""
        endpoint = self._of_channel("subscribe", resolved)
        kept = self._kept.get(connection, _NOTHING)
        data, b64data = sent_payload(connection, endpoint, request.data)
        call = proxied.SubscribeRequest(
            **_facts(connection, endpoint),
            user=connection.user,
            channel=resolved.name,
            data=data,
            b64data=b64data,
            meta=_meta(endpoint, kept),
        )
        result = await endpoint.call(call, proxied.SUBSCRIBE, kept.headers)
        options = subscribe_options(endpoint, connection, result)
        return Grant(
            info=options.info or NONE,
            data=options.data or NONE,
            expire_at=options.expire_at,
            overrides=options.overrides,
            by_token=True,  # a token may prolong it
            from_backend=True,
        )

    async def publish(self, connection: Connection, resolved: ResolvedChannel, data: Raw) -> Publishable:
        """Ask whether a client may publish."""
        endpoint = self._of_channel("publish", resolved)
        kept = self._kept.get(connection, _NOTHING)
        plain, encoded = sent_payload(connection, endpoint, data)
        call = proxied.PublishRequest(
            **_facts(connection, endpoint),
            user=connection.user,
            channel=resolved.name,
            data=plain,
            b64data=encoded,
            meta=_meta(endpoint, kept),
        )
        result = await endpoint.call(call, proxied.PUBLISH, kept.headers)
        replaced = given_payload(endpoint, "data", result.data, result.b64data, any_bytes=True)
        terms = PublishTerms(
            skip_history=bool(result.skip_history),
            idempotency_key=result.idempotency_key or "",
            version=result.version or 0,
            version_epoch=result.version_epoch or "",
            tags=result.tags or None,
            delta=bool(result.delta),
        )
        return Publishable(replaced or None, not result.b64data, terms)

    async def rpc(self, connection: Connection | None, method: str, data: Raw) -> Raw:
        """Return the answer to a call of a client, or of the server API where there is none.

        Raises:
            ProtocolError: `method_not_found`.
            ChannelError: `not_available`.
        """
        endpoint = self.table.of_method(method)
        kept = self._kept.get(connection, _NOTHING) if connection is not None else _NOTHING
        plain, encoded = sent_payload(connection, endpoint, data)
        call = proxied.RpcRequest(
            **_facts(connection, endpoint),
            user=connection.user if connection is not None else "",
            method=method,
            data=plain,
            b64data=encoded,
            meta=_meta(endpoint, kept),
        )
        result = await endpoint.call(call, proxied.RPC, kept.headers)
        return given_payload(
            endpoint, "data", result.data, result.b64data, null=True, any_bytes=takes_bytes(connection)
        )

    async def refresh(self, connection: Connection) -> Renewal:
        """Ask whether a session may go on."""
        endpoint = self.table.refresh
        assert endpoint is not None  # noqa: S101 - asked for by refreshes_sessions
        kept = self._kept.get(connection, _NOTHING)
        call = proxied.RefreshRequest(**_facts(connection, endpoint), user=connection.user, meta=_meta(endpoint, kept))
        result = await endpoint.call(call, proxied.REFRESH, kept.headers)
        self.replace_meta(connection, given_payload(endpoint, "meta", result.meta, None))
        info = given_payload(endpoint, "info", result.info, result.b64info)
        return Renewal(bool(result.expired), result.expire_at or 0, info)

    async def sub_refresh(self, connection: Connection, resolved: ResolvedChannel) -> Renewal:
        """Ask whether a subscription may go on."""
        endpoint = self._of_channel("sub_refresh", resolved)
        kept = self._kept.get(connection, _NOTHING)
        call = proxied.SubRefreshRequest(
            **_facts(connection, endpoint),
            user=connection.user,
            channel=resolved.name,
            meta=_meta(endpoint, kept),
        )
        result = await endpoint.call(call, proxied.REFRESH, kept.headers)
        info = given_payload(endpoint, "info", result.info, result.b64info)
        return Renewal(bool(result.expired), result.expire_at or 0, info)

    # Private methods

    def _of_channel(self, kind: ChannelKind, resolved: ResolvedChannel) -> Endpoint:
        endpoint = self.table.of_channel(kind, resolved.options)
        assert endpoint is not None  # noqa: S101 - asked for by admits, checks_publications and refreshes
        return endpoint


def _facts(connection: Connection | None, endpoint: Endpoint) -> dict[str, str]:
    if connection is None:  # the server API calls
        return {"client": "", "transport": "api", "protocol": "json", "encoding": endpoint.encoding}
    return {
        "client": connection.client,
        "transport": connection.transport.name,
        "protocol": connection.encoding.codec.name,
        "encoding": endpoint.encoding,
    }


def _headers_of(connection: Connection, request: ConnectRequest, pick: Pick) -> ClientHeaders:
    handshake = connection.handshake
    given = handshake.headers if handshake is not None else []
    return pick(given, request.headers or {}, connection.address)


def _meta(endpoint: Endpoint, kept: _Kept) -> Raw:
    return kept.meta if endpoint.settings.include_connection_meta else NONE
