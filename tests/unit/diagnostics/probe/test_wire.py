"""Tests of holdfast.diagnostics.probe.wire."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from holdfast.diagnostics.probe.wire import TlsError, Wire
from tests.certificates import write_certificate
from tests.probing import FakeStream, wire


class TlsPeer:
    """The server's side of TLS in memory: it echoes what it is told, and says goodbye when told `bye`."""

    def __init__(self, folder: Path) -> None:
        self.cert_file, key_file = write_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, key_file)
        context.set_alpn_protocols(["http/1.1"])
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_ready = False

    def answer(self, data: bytes) -> list[bytes]:
        """Take bytes and return those to send."""
        self._incoming.write(data)
        try:
            if not self._is_ready:
                self._tls.do_handshake()
                self._is_ready = True
            while said := self._tls.read(65536):
                if said == b"bye":
                    self._tls.unwrap()
                self._tls.write(said)
        except ssl.SSLError:
            pass
        return [self._outgoing.read()] if self._outgoing.pending else []


@pytest.fixture
def peer(tmp_path) -> TlsPeer:
    """A server of gateway.test."""
    return TlsPeer(tmp_path)


def trusting(peer: TlsPeer) -> ssl.SSLContext:
    """Return a context that trusts the peer's certificate."""
    context = ssl.create_default_context(cafile=str(peer.cert_file))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def test_plain_bytes_pass() -> None:
    """Both ways, and the end."""
    stream = FakeStream(b"in", b"")
    plain = Wire(stream)
    await plain.send(b"out")

    assert (await plain.receive(), await plain.receive(), stream.sent) == (b"in", b"", b"out")
    assert plain.tls is None
    plain.close()
    assert stream.is_closed


async def test_tls_says_what_was_agreed_on(peer: TlsPeer) -> None:
    """And carries bytes both ways, however many."""
    secure = Wire(FakeStream(answer=peer.answer))
    await secure.start_tls(trusting(peer), "gateway.test")
    await secure.send(b"x" * 50_000)
    received = b""
    while len(received) < 50_000:
        received += await secure.receive()

    assert received == b"x" * 50_000
    assert secure.tls is not None
    assert secure.tls.selected_alpn_protocol() == "http/1.1"


async def test_goodbye_of_tls_is_the_end(peer: TlsPeer) -> None:
    """So is a connection that just stops."""
    secure = Wire(FakeStream(answer=peer.answer))
    await secure.start_tls(trusting(peer), "gateway.test")
    await secure.send(b"bye")
    assert await secure.receive() == b""

    stream = FakeStream(answer=peer.__class__(peer.cert_file.parent).answer)
    cut = Wire(stream)
    context = trusting(peer)
    await cut.start_tls(context, "gateway.test")
    stream._pieces.put_nowait(b"")
    assert await cut.receive() == b""


@pytest.mark.parametrize(("name", "is_trusted", "code"), [("gateway.test", False, 18), ("other.test", True, 62)])
async def test_certificate_that_is_not_believed_has_openssls_number(
    peer, name: str, is_trusted: bool, code: int
) -> None:
    """The verdict is made of it."""
    context = trusting(peer) if is_trusted else ssl.create_default_context()

    with pytest.raises(TlsError) as caught:
        await Wire(FakeStream(answer=peer.answer)).start_tls(context, name)
    assert caught.value.verify_code == code
    assert caught.value.first[:2] == b"\x16\x03"


@pytest.mark.parametrize(
    ("piece", "first"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP/1.1 400 Bad"),
        (b"\x15\x03\x03\x00\x02\x02\x28", b"\x15\x03\x03\x00\x02\x02\x28"),
        (b"", b""),
    ],
)
async def test_handshake_that_fails_shows_what_came_first(piece: bytes, first: bytes) -> None:
    """Plain text, an alert, or nothing."""
    with pytest.raises(TlsError) as caught:
        await wire(piece).start_tls(ssl.create_default_context(), "gateway.test")
    assert (caught.value.first, caught.value.verify_code) == (first, 0)
    assert caught.value.reason


async def test_handshake_without_an_end_is_bounded() -> None:
    """Warnings may come for ever."""
    warnings = b"\x15\x03\x03\x00\x02\x01\x5a" * 5000

    with pytest.raises(TlsError):
        await wire(*[warnings] * 100).start_tls(ssl.create_default_context(), "gateway.test")


async def test_name_that_cannot_be_one_is_told() -> None:
    """OpenSSL does not take it."""
    with pytest.raises(TlsError):
        await wire().start_tls(ssl.create_default_context(), ".gateway.test")
