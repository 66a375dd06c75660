"""Tests of holdfast.diagnostics.probe.certificate."""

from __future__ import annotations

import ssl
import time

import pytest

from holdfast.diagnostics.probe.certificate import read_certificate
from tests.certificates import write_certificate


@pytest.fixture
def der(tmp_path) -> bytes:
    """Return a certificate of gateway.test that is valid for a day."""
    cert_file, _ = write_certificate(tmp_path)
    return ssl.PEM_cert_to_DER_cert(cert_file.read_text())


def test_certificate_says_for_whom_and_how_long(der: bytes) -> None:
    """What decides whether a client believes it."""
    found = read_certificate(der, time.time())

    assert found is not None
    assert found.names == ("gateway.test", "127.0.0.1")
    assert found.subject == found.issuer == "CN=gateway.test"
    assert not found.is_expired
    assert found.facts()["days_left"] == pytest.approx(1.0, abs=0.1)


def test_certificate_is_judged_by_the_readers_clock(der: bytes) -> None:
    """Two days later it has expired."""
    found = read_certificate(der, time.time() + 2 * 86400)

    assert found is not None
    assert found.is_expired
    assert found.left.total_seconds() < 0


@pytest.mark.parametrize("data", [None, b"", b"garbage", b"\x30\x82" + b"\x00" * 50])
def test_what_cannot_be_read_is_none(data: bytes | None) -> None:
    """A server may show what it likes."""
    assert read_certificate(data, 0.0) is None


def test_certificate_cut_anywhere_is_none(der: bytes) -> None:
    """Never an exception."""
    assert all(read_certificate(der[:size], 0.0) is None for size in range(0, len(der), 7))
