"""Every way in which an answer can be bad has its name, and only a whole answer leaves a connection for the next."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.proxy.exchange import CallError, Exchange

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class FakeSocket:
    """The far end of a connection: keeps what is sent."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.sent: list[bytes] = []
        self.is_aborted = False
        self.write = self.sent.append
        exchange.connection_made(self)  # type: ignore[arg-type]  # as much of a transport as is used

    def abort(self) -> None:
        """Note it."""
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it was aborted."""
        return self.is_aborted


async def answered(*parts: bytes, hangs_up: bool = False, max_bytes: int = 100) -> tuple[object, FakeSocket]:
    """Return the body or the error that an answer in parts becomes, and the connection."""
    exchange = Exchange(max_bytes)
    socket = FakeSocket(exchange)
    call = asyncio.ensure_future(exchange.post(b"POST"))
    await asyncio.sleep(0)
    for part in parts:
        exchange.data_received(part)
    if hangs_up:
        exchange.connection_lost(None)
    try:
        return await asyncio.wait_for(call, 1), socket
    except CallError as error:
        return error, socket


@pytest.mark.parametrize(
    "parts",
    [
        (GOOD,),
        tuple(bytes([byte]) for byte in GOOD),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", GOOD),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}",),
    ],
)
async def test_whole_answer_is_returned_and_the_connection_kept(parts: tuple[bytes, ...]) -> None:
    """However it is cut."""
    body, socket = await answered(*parts)

    assert body == b"{}"
    assert socket.exchange.is_reusable
    assert socket.sent == [b"POST"]


async def test_connection_serves_one_request_after_the_other() -> None:
    """Nothing of the first answer is in the second."""
    _, socket = await answered(GOOD)
    call = asyncio.ensure_future(socket.exchange.post(b"POST"))
    await asyncio.sleep(0)
    socket.exchange.data_received(GOOD)

    assert await call == b"{}"


@pytest.mark.parametrize(
    ("part", "hangs_up"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", True),
    ],
)
async def test_connection_that_the_backend_ends_is_not_kept(part: bytes, hangs_up: bool) -> None:
    """Its answer is good all the same, even without a length."""
    body, socket = await answered(part, hangs_up=hangs_up)

    assert body == b"{}"
    assert not socket.exchange.is_reusable


@pytest.mark.parametrize(
    ("part", "hangs_up", "slug"),
    [
        (b"SSH-2.0 hello\r\n", False, "proxy_bad_reply"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", False, "proxy_bad_reply"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, False, "proxy_bad_reply"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n", False, "proxy_bad_reply"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", False, "proxy_too_large"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101, False, "proxy_too_large"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", False, "proxy_redirect"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 999999\r\n\r\n", False, "proxy_bad_status"),
        (b"HTTP/1.1 204 None\r\n\r\n", False, "proxy_bad_status"),
        (b"", True, "proxy_broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", True, "proxy_broken"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", True, "proxy_broken"),
    ],
)
async def test_bad_answer_is_named_and_ends_the_connection(part: bytes, hangs_up: bool, slug: str) -> None:
    """It may have been seen, so it is not unsent."""
    error, socket = await answered(*([part] if part else []), hangs_up=hangs_up)

    assert isinstance(error, CallError)
    assert (error.slug, error.is_unsent) == (slug, False)
    assert not socket.exchange.is_reusable


async def test_small_refusal_keeps_the_connection() -> None:
    """A backend that says no all day need not be connected to anew each time."""
    error, socket = await answered(b"HTTP/1.1 403 No\r\nContent-Length: 200\r\n\r\n" + b"x" * 200)

    assert isinstance(error, CallError)
    assert (error.slug, error.status) == ("proxy_bad_status", 403)
    assert socket.exchange.is_reusable


async def test_more_than_one_answer_ends_the_connection() -> None:
    """The next request would get the wrong one."""
    body, at_once = await answered(GOOD + GOOD)
    _, later = await answered(GOOD)
    later.exchange.data_received(GOOD)

    assert body == b"{}"
    assert not at_once.exchange.is_reusable
    assert not later.exchange.is_reusable


async def test_cancelled_call_ends_the_connection() -> None:
    """Its answer would come to another call."""
    exchange = Exchange(100)
    socket = FakeSocket(exchange)
    call = asyncio.ensure_future(exchange.post(b"POST"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert socket.is_aborted
    exchange.data_received(GOOD)
    exchange.connection_lost(None)


async def test_lost_connection_takes_no_request() -> None:
    """It says so instead of waiting."""
    exchange = Exchange(100)
    FakeSocket(exchange)
    exchange.connection_lost(None)

    assert not exchange.is_reusable
    with pytest.raises(CallError, match="proxy_broken"):
        await exchange.post(b"POST")
