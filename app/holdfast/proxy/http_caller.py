"""Calls of one proxy over HTTP/1.1 by aiohttp's client, with a name for each failure.

Importing it costs some 7 MB and a tenth of a second, so only instances with a proxy do.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from yarl import URL

from holdfast.errors import ConfigError
from holdfast.proxy.caller import CallError
from holdfast.proxy.connector import OneAnswerConnector, fail_when_lost
from holdfast.proxy.headers import Headers
from holdfast.settings_proxies import Proxy, ProxyTls

# Shorter than what common servers keep an idle connection open for, so that a call seldom meets one that just closed.
_IDLE_SECONDS = 1.5
# An answer nobody reads is taken all the same up to here, which keeps its connection.
_SMALL_BODY = 16384
# Of an answer: of a line, and how many there may be.
_MAX_HEADER_BYTES = 16384
_MAX_HEADERS = 128


class HttpCaller:
    """Makes the calls of one proxy; waiting and numbers are bounded elsewhere.

    Redirects are not followed, cookies not kept, environment variables not read.

    Args:
        settings: where to, and how.
        place: the key of the settings, for faults.

    Raises:
        ConfigError: a certificate file or the address cannot be used.
    """

    def __init__(self, settings: Proxy, place: str) -> None:
        self._url = _url(settings.endpoint, place)
        self._context = _context(settings.http.tls, place) if self._url.scheme == "https" else None
        self._server_name = settings.http.tls.server_name or None
        self._max_bytes = settings.guards.max_response_bytes
        self._session: ClientSession | None = None
        self._is_closed = False

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Return the body of the backend's answer; see `Caller.post`."""
        async with self._answer(body, headers) as answer:
            if answer.status != 200:
                raise await _refusal(answer)
            return await self._read(answer)

    async def close(self) -> None:
        """End the connections; calls in flight fail, and so do later ones."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    # Private methods

    @asynccontextmanager
    async def _answer(self, body: bytes, headers: Headers) -> AsyncIterator[ClientResponse]:
        """Give the answer once its head has come, and names to what goes wrong until its end."""
        if self._is_closed:
            raise CallError("proxy_broken", "this instance is stopping")
        if self._session is None:
            self._session = self._open()
        call = self._session.post(
            self._url,
            data=body,
            headers=[(name.decode("latin-1"), _text(value)) for name, value in headers],
            allow_redirects=False,
            server_hostname=self._server_name,
        )
        try:
            async with call as answer:
                fail_when_lost(answer)
                yield answer
        except (ClientError, UnicodeError) as error:
            raise _named(error) from None

    def _open(self) -> ClientSession:
        # Uncompressed, so that the limit holds for what is kept in memory too.
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        return ClientSession(
            connector=OneAnswerConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=self._context or True),
            cookie_jar=DummyCookieJar(),
            headers=headers,
            skip_auto_headers=("User-Agent",),
            timeout=ClientTimeout(),
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
            max_headers=_MAX_HEADERS,
        )

    async def _read(self, answer: ClientResponse) -> bytes:
        if any(coding.lower() != "identity" for coding in answer.headers.getall("Content-Encoding", ())):
            raise CallError("proxy_bad_reply", "a compressed answer, which was not asked for")
        body = bytearray()
        if (answer.content_length or 0) <= self._max_bytes:
            async for part in answer.content.iter_any():
                body += part
                if len(body) > self._max_bytes:
                    break
            else:
                return bytes(body)
        raise CallError("proxy_too_large", f"more than {self._max_bytes} bytes")


async def _refusal(answer: ClientResponse) -> CallError:
    """Return what a status other than 200 is."""
    status = answer.status
    if status < 200:
        return CallError("proxy_bad_reply", f"HTTP status {status}, which was not asked for")
    if answer.content_length is not None and answer.content_length <= _SMALL_BODY:
        with suppress(ClientError):
            await answer.read()
    slug = "proxy_redirect" if 300 <= status < 400 else "proxy_bad_status"
    return CallError(slug, f"HTTP status {status}", status=status)


def _named(error: Exception) -> CallError:
    """Return the failure that an error of the client is; texts of the system name neither headers nor credentials."""
    if isinstance(error, ClientConnectorCertificateError):
        return CallError("proxy_refused", f"certificate: {_certificate_fault(error)}", is_unsent=True)
    if isinstance(error, ClientConnectorError):
        return CallError("proxy_refused", _system_fault(error.os_error), is_unsent=True)
    if isinstance(error, UnicodeError):
        return CallError("proxy_refused", "host name", is_unsent=True)
    # A body that is no HTTP has no cause, see `fail_when_lost`; one that was cut has.
    if isinstance(error, ClientResponseError) or (isinstance(error, ClientPayloadError) and error.__cause__ is None):
        return CallError("proxy_bad_reply", "the answer is no HTTP")
    return CallError("proxy_broken", "the connection ended before the answer did")


def _certificate_fault(error: ClientConnectorCertificateError) -> str:
    fault = error.certificate_error
    return fault.verify_message if isinstance(fault, ssl.SSLCertVerificationError) else type(fault).__name__


def _system_fault(error: OSError) -> str:
    if error.errno and not isinstance(error, socket.gaierror | ssl.SSLError):  # those have numbers of their own
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__


def _text(value: bytes) -> str:
    """Return a header's value for aiohttp, which writes UTF-8; what is none cannot pass as it is."""
    return value.decode("utf-8", "replace")


def _url(endpoint: str, place: str) -> URL:
    try:
        return URL(endpoint).with_user(None)  # which `headers` sends
    except ValueError:
        raise ConfigError([f"{place}.endpoint: expected an address, saw one that cannot be read"]) from None


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
