from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.diagnostics.certificates import certificate_facts, certificate_findings

NOW = 1_700_000_000.0
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(begins_days: float = -1.0, ends_days: float = 90.0, names: tuple[str, ...] = ("gw.example",)) -> bytes:
    """Make a certificate, as days from now."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw.example")])
    now = datetime.fromtimestamp(NOW, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=begins_days))
        .not_valid_after(now + timedelta(days=ends_days))
    )
    if names:
        listed: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        listed.append(x509.IPAddress(IPv4Address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_good_certificate_is_fine() -> None:
    """Days and names are told."""
    [finding] = certificate_findings(certificate(), "", NOW)

    assert (finding.check, finding.severity) == ("tls", "ok")
    assert "90 days left, for gw.example, 127.0.0.1" in finding.evidence


@pytest.mark.parametrize(
    ("pem", "check", "severity"),
    [
        (certificate(-90, -1), "tls_expired", "critical"),
        (certificate(-90, 5), "tls_expired", "warning"),
        (certificate(1, 90), "tls_not_yet_valid", "critical"),
        (certificate(names=()), "tls_wrong_name", "critical"),
        (certificate() + certificate(-90, -1), "tls_expired", "critical"),
        (b"no certificate", "tls_unreadable", "unknown"),
    ],
)
def test_bad_certificate_is_named(pem: bytes, check: str, severity: str) -> None:
    """Each fault that a client would stumble over has its cause, and a remedy."""
    [finding] = certificate_findings(pem, "", NOW)

    assert (finding.check, finding.severity) == (check, severity)
    assert finding.remedy


def test_expired_chain_is_told_apart() -> None:
    """An intermediate that has expired is named."""
    [finding] = certificate_findings(certificate() + certificate(-90, -1), "", NOW)

    assert "in the chain: CN=gw.example" in finding.evidence


def test_no_certificate_is_no_finding() -> None:
    """Without TLS there is nothing to say; a file that cannot be read is told."""
    assert certificate_findings(None, "", NOW) == []
    assert certificate_findings(None, "cert.pem: Permission denied", NOW)[0].severity == "unknown"


def test_facts_are_names_and_dates() -> None:
    """For programs; None where there is nothing to read."""
    facts = certificate_facts(certificate())

    assert facts is not None
    assert (facts["names"], facts["not_after"], facts["chain"]) == (["gw.example", "127.0.0.1"], NOW + 90 * 86400, 0)
    assert certificate_facts(None) is None
    assert certificate_facts(b"x") is None
