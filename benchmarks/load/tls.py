"""The load client over TLS, and the certificate that it trusts."""

from __future__ import annotations

import datetime
import select
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.load.client import READ_BYTES, Link
from benchmarks.load.websocket import WebSocketClient
from benchmarks.process import BenchmarkError


def make_certificate(cert_file: Path, key_file: Path) -> None:
    """Write a self-signed certificate for localhost (ECDSA P-256, as most sites have today)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class TlsWebSocketClient(WebSocketClient):
    """A `WebSocketClient` whose links and API connection are encrypted."""

    def __init__(self, port: int, cert_file: Path):
        """Speak to `port` of 127.0.0.1, whose certificate is in `cert_file`."""
        super().__init__(port)
        self._context = ssl.create_default_context(cafile=str(cert_file))

    def dial_api(self) -> socket.socket:
        """Return a new blocking connection for the server API."""
        return self._context.wrap_socket(super().dial_api(), server_hostname="localhost")

    def _is_secured(self, link: Link) -> bool:
        sock = link.sock
        if not isinstance(sock, ssl.SSLSocket):
            sock = link.sock = self._context.wrap_socket(
                sock, server_hostname="localhost", do_handshake_on_connect=False
            )
            self.epoll.modify(sock.fileno(), select.EPOLLIN)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def _read(self, link: Link) -> bytes:
        """Read all that OpenSSL has, since epoll does not see what it decrypted ahead."""
        parts = []
        try:
            while part := link.sock.recv(READ_BYTES):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts)
        except OSError as error:
            raise BenchmarkError(f"a link broke at stage {link.stage}: {error}") from error
        raise BenchmarkError(f"a link was cut by the server at stage {link.stage}")
