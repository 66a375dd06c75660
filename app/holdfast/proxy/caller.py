"""Calls of one proxy: requests written out, connections kept for the next call, a name for each failure."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

import httpx

from holdfast.errors import ConfigError
from holdfast.proxy.exchange import CallError, Exchange
from holdfast.proxy.headers import Headers
from holdfast.settings_proxies import Proxy, ProxyTls

# Shorter than what common servers keep an idle connection open for, so that a call seldom meets one that just closed.
_IDLE_SECONDS = 1.5


class Caller(Protocol):
    """Makes calls."""

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Return the body of the backend's answer.

        Raises:
            CallError: there is none.
        """

    async def close(self) -> None:
        """End the connections."""


class HttpCaller:
    """Makes the calls of one proxy over HTTP/1.1; waiting and numbers are bounded elsewhere.

    Redirects are not followed, cookies not kept, environment variables not read.

    Args:
        settings: where to, and how.
        place: the key of the settings, for faults.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(self, settings: Proxy, place: str) -> None:
        url = httpx.URL(settings.endpoint)
        is_tls = url.scheme == "https"
        self._host, self._port = url.raw_host.decode(), url.port or (443 if is_tls else 80)
        self._context = _context(settings.http.tls, place) if is_tls else None
        self._server_name = settings.http.tls.server_name or self._host
        self._max_bytes = settings.guards.max_response_bytes
        self._idle: list[Exchange] = []
        self._sweep: asyncio.TimerHandle | None = None
        # Uncompressed, so that the limit holds for what is kept in memory too.
        self._head = (
            b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            b"Accept-Encoding: identity\r\n" % (url.raw_path, url.netloc)
        )

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Return the body of the backend's answer; see `Caller.post`."""
        exchange = self._take_idle() or await self._connect()
        try:
            return await exchange.post(self._request(body, headers))
        finally:
            self._give_back(exchange)

    async def close(self) -> None:
        """End the connections that no call uses; the others end with their calls."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for exchange in self._idle:
            exchange.abort()
        self._idle.clear()

    # Private methods

    def _request(self, body: bytes, headers: Headers) -> bytes:
        lines = [b"%b: %b\r\n" % header for header in headers]
        return b"".join([self._head, *lines, b"Content-Length: %d\r\n\r\n" % len(body), body])

    async def _connect(self) -> Exchange:
        name = self._server_name if self._context is not None else None
        try:
            _, exchange = await asyncio.get_running_loop().create_connection(
                lambda: Exchange(self._max_bytes), self._host, self._port, ssl=self._context, server_hostname=name
            )
        except (OSError, UnicodeError) as error:
            raise CallError("proxy_refused", _reason(error), is_unsent=True) from None
        return exchange

    def _take_idle(self) -> Exchange | None:
        while self._idle:
            exchange = self._idle.pop()
            if exchange.is_reusable:
                return exchange
        return None

    def _give_back(self, exchange: Exchange) -> None:
        if not exchange.is_reusable:
            exchange.abort()
            return
        loop = asyncio.get_running_loop()
        exchange.idle_since = loop.time()
        self._idle.append(exchange)
        if self._sweep is None:
            self._sweep = loop.call_later(_IDLE_SECONDS, self._end_idle, loop)

    def _end_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """End connections that waited too long."""
        latest = loop.time() - _IDLE_SECONDS
        kept: list[Exchange] = []
        for exchange in self._idle:
            if exchange.is_reusable and exchange.idle_since > latest:
                kept.append(exchange)
            else:
                exchange.abort()
        self._idle = kept
        self._sweep = loop.call_later(_IDLE_SECONDS, self._end_idle, loop) if kept else None


def _context(tls: ProxyTls, place: str) -> ssl.SSLContext:
    try:
        if tls.enabled and tls.server_ca_pem is not None:
            context = ssl.create_default_context(cafile=str(tls.server_ca_pem))
        else:
            context = httpx.create_ssl_context(trust_env=False)
            context.load_default_certs()
        if tls.enabled and tls.cert_pem is not None and tls.key_pem is not None:
            context.load_cert_chain(str(tls.cert_pem), str(tls.key_pem))
    except OSError as error:  # which an SSLError is too
        reason = error.strerror or type(error).__name__
        raise ConfigError([f"{place}.http.tls: expected usable PEM files, saw: {reason}"]) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _reason(error: Exception) -> str:
    """Say why no connection came about; texts of the system name neither headers nor credentials."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    return (getattr(error, "strerror", None) or type(error).__name__) if isinstance(error, OSError) else "host name"
