"""Requests are written as the backend expects them, connections are kept for a moment, and refusals say why."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from holdfast.errors import ConfigError
from holdfast.proxy import caller as module
from holdfast.proxy.caller import HttpCaller
from holdfast.proxy.exchange import CallError, Exchange
from holdfast.settings_proxies import Proxy

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: session=anna\r\n\r\n{}"


class Network:
    """Instead of the network: connections that answer at once, or an error."""

    def __init__(self, answer: bytes = GOOD, error: Exception | None = None) -> None:
        self.answer = answer
        self.error = error
        self.places: list[tuple[str, int, object, str | None]] = []
        self.requests: list[bytes] = []
        self.aborted = 0

    async def create_connection(
        self, factory: Any, host: str, port: int, *, ssl: object, server_hostname: str | None
    ) -> tuple[object, Exchange]:
        """Connect as an event loop does."""
        self.places.append((host, port, ssl, server_hostname))
        if self.error is not None:
            raise self.error
        exchange = factory()
        exchange.connection_made(Socket(self, exchange))
        return None, exchange


class Socket:
    """A connection of the network."""

    def __init__(self, network: Network, exchange: Exchange) -> None:
        self.network = network
        self.exchange = exchange
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        """Answer."""
        self.network.requests.append(data)
        asyncio.get_running_loop().call_soon(self.exchange.data_received, self.network.answer)

    def abort(self) -> None:
        """Note it."""
        self.network.aborted += not self.is_aborted
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it was aborted."""
        return self.is_aborted


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Return the network of this event loop."""
    made = Network()
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", made.create_connection)
    return made


def caller(endpoint: str = "http://me:geheim@host:3000/a b?y=1", **settings: Any) -> HttpCaller:
    """Return a caller."""
    return HttpCaller(Proxy.model_validate({"endpoint": endpoint, **settings}), "rpc.proxy")


async def test_call_is_a_post_of_json(network: Network) -> None:
    """To the endpoint without its credentials, with the given headers, uncompressed."""
    assert await caller().post(b'{"a":1}', [(b"cookie", b"c")]) == b"{}"

    assert network.places == [("host", 3000, None, None)]
    assert network.requests == [
        b"POST /a%20b?y=1 HTTP/1.1\r\nHost: host:3000\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nAccept-Encoding: identity\r\ncookie: c\r\nContent-Length: 7\r\n\r\n"
        b'{"a":1}'
    ]


async def test_connection_is_kept_for_the_next_call(network: Network) -> None:
    """The next call carries nothing of the answer before, such as its cookies."""
    one = caller()
    await one.post(b"{}", [])
    await one.post(b"{}", [])

    assert len(network.places) == 1
    assert network.requests[0] == network.requests[1]
    await one.close()
    assert network.aborted == 1


async def test_concurrent_calls_have_connections_of_their_own(network: Network) -> None:
    """And share them afterwards."""
    one = caller()
    await asyncio.gather(*(one.post(b"{}", []) for _ in range(5)))
    await one.post(b"{}", [])

    assert len(network.places) == 5
    await one.close()


async def test_idle_connection_ends(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the backend ends it."""
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.001)
    one = caller()
    await one.post(b"{}", [])
    await asyncio.sleep(0.05)

    assert network.aborted == 1
    await one.post(b"{}", [])
    assert len(network.places) == 2
    await one.close()


async def test_bad_connection_is_not_kept(network: Network) -> None:
    """Its next answer could be anything."""
    network.answer = b"garbage\r\n\r\n"
    one = caller()
    with pytest.raises(CallError, match="proxy_bad_reply"):
        await one.post(b"{}", [])
    network.answer = GOOD
    await one.post(b"{}", [])

    assert len(network.places) == 2
    await one.close()


async def test_tls_is_verified_by_the_endpoints_name(network: Network) -> None:
    """Or by the name that the settings give."""
    await caller("https://[::1]/x").post(b"{}", [])
    await caller("https://host/x", http={"tls": {"enabled": True, "server_name": "backend"}}).post(b"{}", [])

    (first, second) = network.places
    assert (first[0], first[1], first[3]) == ("::1", 443, "::1")
    assert second[3] == "backend"
    context = second[2]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def untrusted() -> ssl.SSLCertVerificationError:
    """Return the error of a certificate that nobody vouches for."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (untrusted(), "certificate: self-signed certificate"),
        (OSError(), "OSError"),
        (UnicodeError("label too long"), "host name"),
    ],
)
async def test_refusal_says_why(network: Network, error: Exception, words: str) -> None:
    """Nothing was sent."""
    network.error = error
    with pytest.raises(CallError) as caught:
        await caller().post(b"{}", [])

    assert (caught.value.slug, caught.value.detail, caught.value.is_unsent) == ("proxy_refused", words, True)


@pytest.mark.parametrize("files", [{"server_ca_pem": "/nowhere"}, {"cert_pem": "/nowhere", "key_pem": "/nowhere"}])
def test_unusable_certificate_files_are_a_fault(files: dict[str, str]) -> None:
    """At the start, with the key of the settings."""
    with pytest.raises(ConfigError, match=r"rpc\.proxy\.http\.tls: expected usable PEM files, saw: No such file"):
        caller("https://host", http={"tls": {"enabled": True, **files}})
