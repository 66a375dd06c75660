"""Tests of holdfast.diagnostics.probe.path_verdicts."""

from __future__ import annotations

import socket
import ssl
import time

import pytest

from holdfast.diagnostics.probe.certificate import Certificate, read_certificate
from holdfast.diagnostics.probe.dial import Address, Outcome, Tried, family_of
from holdfast.diagnostics.probe.path_verdicts import (
    certificate_verdict,
    dns_timeout,
    dns_verdict,
    tcp_verdict,
    tls_verdict,
)
from tests.certificates import write_certificate


@pytest.mark.parametrize(
    ("host", "code", "slug"),
    [
        ("a.test", socket.EAI_NONAME, "dns_not_found"),
        ("a.test", socket.EAI_NODATA, "dns_not_found"),
        ("a.test", socket.EAI_AGAIN, "dns_failed"),
        ("a.test", socket.EAI_FAIL, "dns_failed"),
        ("a.test", 0, "dns_failed"),
        ("a.invalid.", socket.EAI_AGAIN, "dns_not_found"),
    ],
)
def test_dns_tells_a_missing_name_from_a_missing_resolver(host: str, code: int, slug: str) -> None:
    """The one is the name's fault, the other the network's."""
    found = dns_verdict(host, code, "said the resolver")

    assert (found.slug, found.stage) == (slug, "dns")
    assert f"{host}: said the resolver." in found.cause


def test_dns_without_an_answer_is_the_resolvers_fault() -> None:
    """With the time that was waited."""
    assert dns_timeout("a.test", 1.44).slug == "dns_failed"
    assert "within 1.4 s" in dns_timeout("a.test", 1.44).cause


def tried(outcome: Outcome, address: str = "192.0.2.1", detail: str = "") -> Tried:
    """Return what came of an address."""
    return Tried(Address(family_of(address), (address, 443)), outcome, 2.0, detail)


@pytest.mark.parametrize(
    ("outcomes", "slug"),
    [
        (["refused"], "tcp_refused"),
        (["timeout"], "tcp_timeout"),
        (["unreachable"], "tcp_unreachable"),
        (["failed"], "tcp_unreachable"),
        (["unreachable", "refused"], "tcp_refused"),
        (["unreachable", "timeout"], "tcp_timeout"),
        (["refused", "timeout"], "tcp_timeout"),
        ([], "tcp_timeout"),
    ],
)
def test_tcp_names_what_most_says_of_the_server(outcomes: list[Outcome], slug: str) -> None:
    """An address family that this host lacks is no fault of the server."""
    assert tcp_verdict([tried(outcome) for outcome in outcomes]).slug == slug


def test_tcp_names_each_address_with_what_came_of_it() -> None:
    """Which of several is broken is half of the answer."""
    cause = tcp_verdict([tried("unreachable", "2001:db8::1", "No route to host"), tried("refused")]).cause

    assert "[2001:db8::1]:443: no route (No route to host); 192.0.2.1:443: refused." in cause


@pytest.fixture
def seen(tmp_path) -> Certificate:
    """Return a certificate that is valid now."""
    cert_file, _ = write_certificate(tmp_path)
    found = read_certificate(ssl.PEM_cert_to_DER_cert(cert_file.read_text()), time.time())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        (10, "tls_expired"),
        (9, "tls_not_yet_valid"),
        (62, "tls_wrong_name"),
        (64, "tls_wrong_name"),
        (18, "tls_self_signed"),
        (19, "tls_untrusted"),
        (20, "tls_untrusted"),
        (21, "tls_untrusted"),
        (68, "tls_untrusted"),
    ],
)
def test_openssls_number_is_the_cause(code: int, slug: str, seen: Certificate) -> None:
    """Whether the certificate could be looked at or not."""
    assert certificate_verdict(code, "message", "other.test", seen).slug == slug
    assert certificate_verdict(code, "message", "other.test", None).slug == slug


def test_wrong_name_tells_both_names(seen: Certificate) -> None:
    """The one that was asked for and those that it has."""
    assert "gateway.test, 127.0.0.1, and not for other.test" in certificate_verdict(62, "m", "other.test", seen).cause


def test_expired_link_of_the_chain_is_told_from_the_servers_own(seen: Certificate) -> None:
    """Renewing the wrong one would not help."""
    assert "one of its chain" in certificate_verdict(10, "m", "gateway.test", seen).cause


def test_plain_text_for_an_answer_is_no_tls() -> None:
    """Everything else is a handshake that failed, with OpenSSL's reason."""
    assert tls_verdict("wrong version number", True).slug == "tls_not_spoken"
    assert tls_verdict("no protocols available", False).slug == "tls_failed"
    assert "no protocols available." in tls_verdict("no protocols available", False).cause
