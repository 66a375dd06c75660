"""Requests are written as the backend expects them, and every way in which an answer can be bad has its name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientConnectorError

from holdfast.errors import ConfigError
from holdfast.proxy.caller import CallError
from holdfast.proxy.http_caller import HttpCaller
from holdfast.settings_proxies import Proxy
from tests.network import GOOD, Network
from tests.sockets import FakeLoop


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Return the network."""
    return Network().patch(monkeypatch)


def caller(endpoint: str = "http://me:geheim@host:3000/a b?y=1", **settings: Any) -> HttpCaller:
    """Return a caller."""
    return HttpCaller(Proxy.model_validate({"endpoint": endpoint, **settings}), "rpc.proxy")


async def failure(network: Network, *parts: bytes | None) -> CallError:
    """Return the error that an answer in parts becomes; answers may have 1024 bytes."""
    network.parts = parts
    one = caller(guards={"max_response_bytes": 1024})
    with pytest.raises(CallError) as caught:
        await asyncio.wait_for(one.post(b"{}", []), 1)
    await one.close()
    return caught.value


async def test_call_is_a_post_of_json(network: Network) -> None:
    """To the endpoint without its credentials, with the given headers, uncompressed, and without any others."""
    one = caller()
    assert await one.post(b'{"a":1}', [(b"cookie", "é=1".encode()), (b"accept", b"text/x")]) == b"{}"

    (request,) = network.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /a%20b?y=1 HTTP/1.1"
    assert sorted(line.lower() for line in lines) == [
        b"accept-encoding: identity",
        b"accept: text/x",
        b"content-length: 7",
        b"content-type: application/json",
        "cookie: é=1".encode(),
        b"host: host:3000",
    ]
    assert body == b'{"a":1}'
    await one.close()


async def test_header_that_is_no_utf8_is_never_another_valid_one(network: Network) -> None:
    """What cannot be written is marked, not dropped."""
    one = caller()
    await one.post(b"{}", [(b"x-key", b"a\xe9b")])

    assert "x-key: a\ufffdb\r\n".encode() in network.requests[0]
    await one.close()


async def test_cookies_are_not_kept(network: Network) -> None:
    """The next call is another client's."""
    one = caller()
    await one.post(b"{}", [])
    await one.post(b"{}", [])

    assert network.requests[0] == network.requests[1]
    assert len(network.sockets) == 1
    await one.close()


async def test_environment_is_not_read(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is for programs that browse."""
    monkeypatch.setenv("http_proxy", "http://elsewhere:1")
    one = caller()
    await one.post(b"{}", [])

    assert network.asked[0].proxy is None
    await one.close()


async def test_concurrent_calls_have_connections_of_their_own(network: Network) -> None:
    """And share them afterwards."""
    one = caller()
    await asyncio.gather(*(one.post(b"{}", []) for _ in range(5)))
    await one.post(b"{}", [])

    assert len(network.sockets) == 5
    await one.close()
    assert network.open == 0


async def test_idle_connection_ends(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the backend ends it."""
    timers, loop = FakeLoop(), asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", timers.time)
    monkeypatch.setattr(loop, "call_at", timers.call_at)
    monkeypatch.setattr("aiohttp.connector.monotonic", timers.time)
    one = caller()
    await one.post(b"{}", [])
    timers.advance(1.0)
    assert network.open == 1

    timers.advance(3.0)

    assert network.open == 0
    await one.close()


async def test_stopping_ends_calls(network: Network) -> None:
    """Those in flight fail, and no later one opens a connection that nobody would close."""
    network.parts = ()
    one = caller()
    call = asyncio.ensure_future(one.post(b"{}", []))
    for _ in range(5):
        await asyncio.sleep(0)
    await one.close()
    with pytest.raises(CallError, match="proxy_broken"):
        await asyncio.wait_for(call, 1)
    with pytest.raises(CallError, match="proxy_broken"):
        await one.post(b"{}", [])

    assert len(network.sockets) == 1
    assert network.open == 0


@pytest.mark.parametrize(
    "parts",
    [
        (GOOD,),
        tuple(bytes([byte]) for byte in GOOD),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", GOOD),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 16000 + b"\r\nContent-Length: 2\r\n\r\n{}",),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", None),
    ],
)
async def test_whole_answer_is_returned(network: Network, parts: tuple[bytes, ...]) -> None:
    """However it is cut."""
    network.parts = parts
    one = caller()

    assert await asyncio.wait_for(one.post(b"{}", []), 1) == b"{}"
    await one.close()


@pytest.mark.parametrize(
    ("parts", "slug"),
    [
        ((b"SSH-2.0 hello\r\n",), "proxy_bad_reply"),
        ((b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",), "proxy_bad_reply"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 17_000 + b"\r\n\r\n",), "proxy_bad_reply"),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",), "proxy_bad_reply"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n",), "proxy_bad_reply"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",), "proxy_bad_reply"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n",), "proxy_too_large"),
        ((b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1025,), "proxy_too_large"),
        ((b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",), "proxy_redirect"),
        ((b"HTTP/1.1 500 Oops\r\nContent-Length: 999999\r\n\r\n",), "proxy_bad_status"),
        ((b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n", None), "proxy_bad_status"),
        ((b"HTTP/1.1 204 None\r\n\r\n",), "proxy_bad_status"),
        ((None,), "proxy_broken"),
        ((b"HTTP/1.1 200", None), "proxy_broken"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", None), "proxy_broken"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", None), "proxy_broken"),
    ],
)
async def test_bad_answer_is_named(network: Network, parts: tuple[bytes | None, ...], slug: str) -> None:
    """It may have been seen, so it is not unsent; its connection ends."""
    error = await failure(network, *parts)

    assert (error.slug, error.is_unsent) == (slug, False)


async def test_small_refusal_keeps_the_connection(network: Network) -> None:
    """A backend that says no all day need not be connected to anew each time."""
    network.parts = (b"HTTP/1.1 403 No\r\nContent-Length: 200\r\n\r\n" + b"x" * 200,)
    one = caller()
    for _ in range(2):
        with pytest.raises(CallError) as caught:
            await one.post(b"{}", [])

    assert (caught.value.slug, caught.value.status) == ("proxy_bad_status", 403)
    assert len(network.sockets) == 1
    await one.close()


async def test_tls_is_verified_by_the_endpoints_name(network: Network) -> None:
    """Or by the name that the settings give."""
    for one in (
        caller("https://[::1]/x"),
        caller("https://host/x", http={"tls": {"enabled": True, "server_name": "backend"}}),
    ):
        context = one._context
        assert isinstance(context, ssl.SSLContext)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        await one.post(b"{}", [])
        await one.close()

    assert [(asked.host, asked.port, asked.server_hostname) for asked in network.asked] == [
        ("::1", 443, None),
        ("host", 443, "backend"),
    ]


def untrusted() -> ssl.SSLCertVerificationError:
    """Return the error of a certificate that nobody vouches for."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"
    return error


KEY: Any = None  # names the place, which no failure tells


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed")), "Connection refused"),
        (ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
        (ClientConnectorCertificateError(KEY, untrusted()), "certificate: self-signed certificate"),
        (ClientConnectorError(KEY, OSError()), "OSError"),
        (UnicodeError("label too long"), "host name"),
    ],
)
async def test_refusal_says_why(network: Network, error: Exception, words: str) -> None:
    """Nothing was sent."""
    network.error = error
    one = caller()
    with pytest.raises(CallError) as caught:
        await one.post(b"{}", [])

    assert (caught.value.slug, caught.value.detail, caught.value.is_unsent) == ("proxy_refused", words, True)
    await one.close()


@pytest.mark.parametrize("files", [{"server_ca_pem": "/nowhere"}, {"cert_pem": "/nowhere", "key_pem": "/nowhere"}])
def test_unusable_certificate_files_are_a_fault(files: dict[str, str]) -> None:
    """At the start, with the key of the settings."""
    with pytest.raises(ConfigError, match=r"rpc\.proxy\.http\.tls: expected usable PEM files, saw: No such file"):
        caller("https://host", http={"tls": {"enabled": True, **files}})


def test_unusable_address_is_a_fault() -> None:
    """At the start."""
    with pytest.raises(ConfigError, match=r"rpc\.proxy\.endpoint: expected an address"):
        caller("http://[::1/x")
