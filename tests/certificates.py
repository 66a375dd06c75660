"""Certificates for tests: self-signed, or of an authority of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Who signs: trust `pem`, and what it signed is believed."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    pem: bytes


@dataclass(frozen=True)
class Contents:
    """What a certificate says: its name, with an address or alone, and from when until when, counted from now."""

    name: str = "gateway.test"
    has_address: bool = True
    starts: timedelta = -DAY
    ends: timedelta = DAY
    address: str = "127.0.0.1"

    def extension(self) -> x509.SubjectAlternativeName:
        """Return the names it is for."""
        address: list[x509.GeneralName] = [x509.IPAddress(IPv4Address(self.address))] if self.has_address else []
        return x509.SubjectAlternativeName([x509.DNSName(self.name), *address])


USUAL = Contents()


def make_authority(name: str) -> Authority:
    """Make an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(subject, subject, key, USUAL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(subject, key, certificate.public_bytes(serialization.Encoding.PEM))


def write_certificate(
    folder: Path, contents: Contents | str = USUAL, authority: Authority | None = None
) -> tuple[Path, Path]:
    """Write `cert.pem` and `key.pem` into `folder` and return their paths; without an authority it signs itself.

    A text for `contents` is the name.
    """
    contents = Contents(contents) if isinstance(contents, str) else contents
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(contents.name)
    signer = authority or Authority(subject, key, b"")
    builder = _builder(subject, signer.name, key, contents).add_extension(contents.extension(), critical=False)
    if authority is not None:
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
        builder = builder.add_extension(ours, critical=False)
    certificate = builder.sign(signer.key, hashes.SHA256())
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    return cert_file, key_file


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, contents: Contents
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + contents.starts)
        .not_valid_after(now + contents.ends)
    )
