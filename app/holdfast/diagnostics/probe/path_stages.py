"""The stages before HTTP: DNS, TCP and TLS."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import Any, Final

from holdfast.diagnostics.probe.certificate import Certificate, read_certificate
from holdfast.diagnostics.probe.dial import Address, ResolveError, Tried, dial, resolve
from holdfast.diagnostics.probe.http import NotHttpError, looks_like_tls
from holdfast.diagnostics.probe.path_verdicts import certificate_verdict, dns_verdict, tcp_verdict, tls_verdict, told
from holdfast.diagnostics.probe.target import Target
from holdfast.diagnostics.probe.verdict import FailedError, verdict
from holdfast.diagnostics.probe.way import CutError, Way
from holdfast.diagnostics.probe.wire import SocketStream, TlsError, Wire

ALPN: Final = "http/1.1"


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what a client trusts: the system's authorities, and those of a file.

    Raises:
        OSError: the file cannot be used; `ssl.SSLError` is one.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols([ALPN])
    return context


def trusting_context() -> ssl.SSLContext:
    """Return one that believes everybody: to read what a server shows, never to say anything to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([ALPN])
    return context


async def find_addresses(target: Target, facts: dict[str, Any]) -> list[Address]:
    """Return the addresses of the target's name.

    Raises:
        FailedError: it has none.
    """
    try:
        addresses = await resolve(target.host, target.port)
    except ResolveError as error:
        raise FailedError(dns_verdict(target.host, error.code, str(error))) from None
    if not addresses:
        raise FailedError(verdict("dns_not_found", f"{target.host}: the answer has no IPv4 or IPv6 address."))
    facts["addresses"] = [address.place[0] for address in addresses]
    return addresses


async def connect_to(addresses: Sequence[Address], seconds: float, facts: dict[str, Any]) -> tuple[Wire, Address]:
    """Return a connection to one of the addresses; those that took none are named in the facts.

    Raises:
        FailedError: none took one.
    """
    connected, tried = await dial(addresses, seconds)
    if failing := [told(one) for one in tried if one.outcome != "ok"]:
        facts["failing"] = failing
    if connected is None:
        raise FailedError(tcp_verdict(tried))
    address = _winner(tried)
    facts["address"] = str(address)
    return Wire(SocketStream(connected)), address


def _winner(tried: Sequence[Tried]) -> Address:
    return next(one.address for one in tried if one.outcome == "ok")


async def secure(wire: Wire, way: Way, context: ssl.SSLContext, facts: dict[str, Any]) -> None:
    """Shake hands by TLS and note what was agreed on and shown.

    Raises:
        FailedError: that failed.
    """
    try:
        await wire.start_tls(context, way.target.host)
    except TlsError as error:
        raise FailedError(await _why(error, way, facts)) from None
    except OSError as error:
        lost = TlsError(error.strerror or str(error), b"")
        raise FailedError(await _why(lost, way, facts)) from None
    tls = wire.tls
    if tls is not None:
        cipher = tls.cipher()
        facts |= {"protocol": tls.version(), "cipher": cipher[0] if cipher else None}
        facts["alpn"] = tls.selected_alpn_protocol()
        certificate = read_certificate(tls.getpeercert(True), time.time())
        facts["certificate"] = certificate.facts() if certificate else None


async def _why(error: TlsError, way: Way, facts: dict[str, Any]) -> Any:
    if error.verify_code:
        seen = await _shown_certificate(way)
        if seen is not None:
            facts["certificate"] = seen.facts()
        return certificate_verdict(error.verify_code, error.reason, way.target.host, seen)
    if error.first:
        return tls_verdict(error.reason, not looks_like_tls(error.first))
    return tls_verdict(error.reason, await answers_http(way))


async def _shown_certificate(way: Way) -> Certificate | None:
    try:
        wire = await Way(way.target, way.address, trusting_context()).open()
    except (OSError, TlsError):
        return None
    try:
        return read_certificate(wire.tls.getpeercert(True) if wire.tls else None, time.time())
    finally:
        wire.close()


async def answers_http(way: Way) -> bool:
    """Tell whether the port answers a plain request, on a connection of its own."""
    try:
        await Way(way.target, way.address, None).ask("GET", "/")
    except (OSError, CutError, NotHttpError, TlsError):
        return False
    return True


async def speaks_tls(way: Way) -> bool:
    """Tell whether the port answers a TLS handshake, on a connection of its own."""
    try:
        wire = await Way(way.target, way.address, trusting_context()).open()
    except TlsError as error:
        return looks_like_tls(error.first)
    except OSError:
        return False
    wire.close()
    return True
