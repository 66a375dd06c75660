import asyncio

import pytest

from holdfast.errors import DoorError
from holdfast.routes import body as bodies
from holdfast.routes.body import ClientGone, linger, media_type_of, read_body


class Client:
    """Sends chunks, then leaves; counts what was taken."""

    def __init__(self, *chunks: bytes, is_endless: bool = False) -> None:
        self.chunks = list(chunks)
        self.is_endless = is_endless
        self.taken = 0

    async def __call__(self):
        self.taken += 1
        if self.is_endless:
            return {"type": "http.request", "body": self.chunks[0], "more_body": True}
        if not self.chunks:
            return {"type": "http.disconnect"}
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}


async def test_read_body_whole():
    """The body comes back whole, however it was cut."""
    assert await read_body(Client(b"abc"), [], 10) == b"abc"
    assert await read_body(Client(b"a", b"", b"bc"), [(b"content-length", b"3")], 3) == b"abc"


async def test_read_body_declared_too_large():
    """A declared length over the limit is refused before anything is taken."""
    client = Client(b"x" * 11)

    with pytest.raises(DoorError) as caught:
        await read_body(client, [(b"content-length", b"1000000000")], 10)
    assert caught.value.slug == "body_too_large"
    assert "1000000000" in caught.value.detail
    assert client.taken == 0


async def test_read_body_absurd_length():
    """A length with a hundred digits is judged without being believed."""
    with pytest.raises(DoorError):
        await read_body(Client(b""), [(b"content-length", b"9" * 100)], 10)


async def test_read_body_streamed_too_large():
    """A body without a declared length is cut off as soon as it passes the limit."""
    client = Client(b"x" * 6, is_endless=True)

    with pytest.raises(DoorError) as caught:
        await read_body(client, [(b"transfer-encoding", b"chunked")], 10)
    assert caught.value.slug == "body_too_large"
    assert client.taken == 2


async def test_read_body_client_gone():
    """A client that leaves in the middle gets no answer."""
    client = Client()

    with pytest.raises(ClientGone):
        await read_body(client, [], 10)


async def test_linger_until_end():
    """What still comes is thrown away until the request ends."""
    client = Client(b"a", b"b", b"c")
    await linger(client, [])

    assert client.taken == 3


async def test_linger_bytes(monkeypatch):
    """An endless body is thrown away up to a bound."""
    monkeypatch.setattr(bodies, "LINGER_BYTES", 100)
    client = Client(b"x" * 10, is_endless=True)
    await linger(client, [])

    assert client.taken == 10


async def test_linger_time(monkeypatch):
    """A client that goes quiet is waited for only a moment."""
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.001)

    async def silent():
        await asyncio.Event().wait()

    await linger(silent, [])


async def test_linger_not_for_expect():
    """A client that waits for 100 Continue has sent nothing that could be unread."""
    client = Client(b"a")
    await linger(client, [(b"expect", b"100-continue")])

    assert client.taken == 0


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"application/json", b"application/json"),
        (b"Application/Octet-Stream ; charset=binary", b"application/octet-stream"),
        (b"", b""),
    ],
)
def test_media_type_is_read_without_parameters(value, found):
    """Case and parameters say nothing about what a body is."""
    assert media_type_of([(b"host", b"x"), (b"content-type", value)]) == found
    assert media_type_of([]) == b""
