"""Tests of holdfast.diagnostics.probe.path_stages."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from holdfast.diagnostics.probe import path_stages
from holdfast.diagnostics.probe.dial import Address, ResolveError, Tried
from holdfast.diagnostics.probe.path_stages import (
    answers_http,
    connect_to,
    find_addresses,
    secure,
    speaks_tls,
    tls_context,
)
from holdfast.diagnostics.probe.verdict import FailedError
from holdfast.diagnostics.probe.way import Way
from holdfast.diagnostics.probe.wire import Wire
from tests.probing import ADDRESS, FakeStream, http, target
from tests.unit.diagnostics.probe.test_wire import TlsPeer, trusting

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def plain_wires(monkeypatch, *streams: FakeStream | Exception) -> None:
    """Let further connections be over these streams, one after the other."""
    left = list(streams)

    async def plain_wire(address: Address) -> Wire:
        stream = left.pop(0)
        if isinstance(stream, Exception):
            raise stream
        return Wire(stream)

    monkeypatch.setattr("holdfast.diagnostics.probe.way.plain_wire", plain_wire)


def the_way(context: ssl.SSLContext | None = None) -> Way:
    """Return a way to gateway.test."""
    return Way(target("wss://gateway.test/"), ADDRESS, context)


async def failing_slug(coroutine) -> str:
    """Return the verdict of a stage that fails."""
    with pytest.raises(FailedError) as caught:
        await coroutine
    return caught.value.judge({}).slug


@pytest.fixture
def peer(tmp_path) -> TlsPeer:
    """A TLS server of gateway.test."""
    return TlsPeer(tmp_path)


async def test_addresses_are_facts(monkeypatch) -> None:
    """They are what the name means here."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [ADDRESS]

    monkeypatch.setattr(path_stages, "resolve", resolve)
    facts: dict[str, Any] = {}

    assert await find_addresses(target(), facts) == [ADDRESS]
    assert facts == {"addresses": ["192.0.2.1"]}


@pytest.mark.parametrize(
    ("error", "slug"), [(ResolveError(socket.EAI_AGAIN, "x"), "dns_failed"), (None, "dns_not_found")]
)
async def test_name_without_an_address_fails(monkeypatch, error: Exception | None, slug: str) -> None:
    """With the resolver's reason, or where its answer has none of IP."""

    async def resolve(host: str, port: int) -> list[Address]:
        if error:
            raise error
        return []

    monkeypatch.setattr(path_stages, "resolve", resolve)
    assert await failing_slug(find_addresses(target(), {})) == slug


async def test_address_that_took_no_connection_is_named(monkeypatch) -> None:
    """Also where another one took it."""
    other = Address(socket.AF_INET6, ("::1", 443))

    async def dial(addresses: object, seconds: float) -> Any:
        return None, [Tried(other, "refused", 0.1), Tried(ADDRESS, "timeout", 1.0)]

    monkeypatch.setattr(path_stages, "dial", dial)
    facts: dict[str, Any] = {}

    assert await failing_slug(connect_to([other, ADDRESS], 1.0, facts)) == "tcp_timeout"
    assert facts == {"failing": ["[::1]:443: refused", "192.0.2.1:443: no answer within 1.0 s"]}


async def test_tls_facts_are_what_was_agreed_on_and_shown(peer: TlsPeer) -> None:
    """Protocol, cipher, ALPN and the certificate."""
    facts: dict[str, Any] = {}
    context = trusting(peer)

    await secure(Wire(FakeStream(answer=peer.answer)), the_way(context), context, facts)

    assert facts["protocol"] == "TLSv1.3"
    assert facts["alpn"] == "http/1.1"
    assert facts["cipher"]
    assert facts["certificate"]["names"] == ["gateway.test", "127.0.0.1"]


async def test_certificate_that_is_not_believed_is_shown(monkeypatch, tmp_path, peer: TlsPeer) -> None:
    """A second look takes it without believing it."""
    plain_wires(monkeypatch, FakeStream(answer=TlsPeer(tmp_path).answer))
    facts: dict[str, Any] = {}
    context = tls_context(None)

    slug = await failing_slug(secure(Wire(FakeStream(answer=peer.answer)), the_way(context), context, facts))

    assert slug == "tls_self_signed"
    assert facts["certificate"]["subject"] == "CN=gateway.test"


@pytest.mark.parametrize(
    ("first", "second", "slug"),
    [
        (http(400), (), "tls_not_spoken"),
        (b"SSH-2.0-OpenSSH\r\n", (), "tls_not_spoken"),
        (ALERT, (), "tls_failed"),
        (b"", (http(400),), "tls_not_spoken"),
        (b"", (b"",), "tls_failed"),
        (ConnectionResetError(104, "reset"), (b"",), "tls_failed"),
    ],
)
async def test_port_without_tls_is_told_from_a_handshake_that_fails(monkeypatch, first, second, slug: str) -> None:
    """By what comes first; where nothing does, a plain request shows which it is."""
    plain_wires(monkeypatch, *[FakeStream(piece) for piece in second])
    context = tls_context(None)

    assert await failing_slug(secure(Wire(FakeStream(first)), the_way(context), context, {})) == slug


@pytest.mark.parametrize(
    ("stream", "speaks"), [(FakeStream(ALERT), True), (FakeStream(b""), False), (OSError(), False)]
)
async def test_port_speaks_tls_if_it_answers_with_a_record(monkeypatch, stream, speaks: bool) -> None:
    """An alert is one."""
    plain_wires(monkeypatch, stream)

    assert await speaks_tls(the_way()) is speaks


async def test_port_speaks_tls_if_it_shakes_hands(monkeypatch, peer: TlsPeer) -> None:
    """Whatever its certificate is."""
    plain_wires(monkeypatch, FakeStream(answer=peer.answer))

    assert await speaks_tls(the_way())


async def test_port_that_refuses_answers_no_http(monkeypatch) -> None:
    """Nothing is raised."""
    plain_wires(monkeypatch, ConnectionRefusedError())

    assert not await answers_http(the_way())


def test_trusted_file_that_is_none_is_told(tmp_path) -> None:
    """As the system says it."""
    file = tmp_path / "ca.pem"
    file.write_text("nonsense")

    with pytest.raises(OSError):
        tls_context(str(file))
    with pytest.raises(OSError):
        tls_context(str(tmp_path / "missing"))
