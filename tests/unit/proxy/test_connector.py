"""An answer belongs to the request it follows, and a connection that is given up ends at once."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.proxy.caller import CallError
from holdfast.proxy.http_caller import HttpCaller
from holdfast.settings_proxies import Proxy
from tests.network import GOOD, Network

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
OTHERS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n66"


async def turn() -> None:
    """Let everything that waits for the event loop happen."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Return the network."""
    return Network().patch(monkeypatch)


def caller() -> HttpCaller:
    """Return a caller."""
    return HttpCaller(Proxy(endpoint="http://host/x"), "rpc.proxy")


@pytest.mark.parametrize("parts", [(GOOD + OTHERS,), (GOOD[:-1], GOOD[-1:] + OTHERS), (GOOD, OTHERS)])
async def test_answer_nobody_asked_for_is_nobodys(network: Network, parts: tuple[bytes, ...]) -> None:
    """Behind another one or on an idle connection: the next call gets its own."""
    network.parts = parts
    one = caller()
    assert await one.post(b"{}", []) == b"{}"
    await turn()
    network.parts = (GOOD,)

    assert await one.post(b"{}", []) == b"{}"
    assert len(network.sockets) == 2
    assert network.open == 1
    await one.close()


async def test_greeting_is_no_reason_to_connect_for_ever(network: Network) -> None:
    """A backend that speaks first speaks no HTTP, and is told so."""
    network.parts = (b"SSH-2.0 hello\r\n",)
    one = caller()
    with pytest.raises(CallError, match="proxy_bad_reply"):
        await one.post(b"{}", [])

    assert len(network.sockets) == 1
    await one.close()


async def test_malformed_body_ends_the_call(network: Network) -> None:
    """At once and by its name, also where its beginning was good."""
    network.parts = (CHUNKED, b"zz\r\n")
    one = caller()
    async with asyncio.timeout(1):
        with pytest.raises(CallError, match="proxy_bad_reply"):
            await one.post(b"{}", [])
    await one.close()


async def test_cancelled_call_aborts_its_connection(network: Network) -> None:
    """Closing would wait until a backend that does not read has read all of the request."""
    network.parts = ()
    one = caller()
    call = asyncio.ensure_future(one.post(b"{}", []))
    await turn()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await turn()

    assert network.sockets[0].is_aborted
    await one.close()


async def test_kept_connection_is_left_alone(network: Network) -> None:
    """It serves the next call."""
    one = caller()
    for _ in range(3):
        await one.post(b"{}", [])
        await turn()

    assert len(network.sockets) == 1
    assert not network.sockets[0].is_aborted
    await one.close()
    assert network.open == 0


async def test_stopping_waits_for_no_backend(network: Network) -> None:
    """Not for one that does not read either."""
    network.parts, network.is_deaf = (), True
    one = caller()
    call = asyncio.ensure_future(one.post(b"{}", []))
    await turn()
    async with asyncio.timeout(1):
        await one.close()
        with pytest.raises(CallError, match="proxy_broken"):
            await call

    assert network.sockets[0].is_aborted
