"""Certificates that change while the server runs."""

import os
import ssl

import pytest
from cryptography.hazmat.primitives import serialization

from holdfast.errors import ConfigError
from holdfast.server.tls import ReloadingContext
from holdfast.settings import TlsSettings
from tests.certificates import write_certificate
from tests.sockets import FakeLoop

PEM = serialization.Encoding.PEM


@pytest.fixture
def settings(tmp_path):
    """Settings with a certificate of `first.test`."""
    cert, key = write_certificate(tmp_path, "first.test")
    return TlsSettings(cert_file=cert, key_file=key, reload_interval=10)


def served_name(context):
    """Return the common name that a new connection is shown, by a handshake in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    pipes = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(*pipes), context.wrap_bio(*reversed(pipes), server_side=True)
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    der = ends[0].getpeercert(binary_form=True)
    return "first.test" if b"first.test" in der else "second.test"


def touch(settings, seconds):
    """Make sure that the files look changed, whatever the clock's resolution."""
    for path in (settings.cert_file, settings.key_file):
        os.utime(path, (seconds, seconds))


def test_context_serves_the_certificate(settings):
    """The files of the settings are in use at once."""
    context = ReloadingContext(settings)

    assert served_name(context.context) == "first.test"
    assert not context.reload()


def test_context_takes_a_changed_certificate(settings, tmp_path):
    """New connections are shown the new certificate, by the same context."""
    context = ReloadingContext(settings)
    write_certificate(tmp_path, "second.test")
    touch(settings, 2000)

    assert context.reload()
    assert served_name(context.context) == "second.test"


def test_context_keeps_the_old_certificate_when_the_new_is_broken(settings, tmp_path):
    """A broken pair is complained about once, and what worked goes on working."""
    context = ReloadingContext(settings)
    settings.key_file.write_text("nonsense")
    touch(settings, 2000)

    assert not context.reload()
    assert not context.reload()
    assert served_name(context.context) == "first.test"
    settings.cert_file.unlink()
    assert not context.reload()
    write_certificate(tmp_path, "second.test")
    assert context.reload()
    assert served_name(context.context) == "second.test"


def test_context_looks_at_the_interval(settings, tmp_path):
    """The files are looked at every `reload_interval` seconds until told to stop."""
    loop = FakeLoop()
    context = ReloadingContext(settings)
    context.stop()
    context.start(loop)
    write_certificate(tmp_path, "second.test")
    touch(settings, 2000)

    loop.advance(9)
    assert served_name(context.context) == "first.test"
    loop.advance(2)
    assert served_name(context.context) == "second.test"
    context.stop()
    assert loop.waiting == 0


@pytest.mark.parametrize("missing", ["cert_file", "key_file"])
def test_context_needs_both_files(settings, missing):
    """One without the other is a fault of the settings."""
    half = TlsSettings.model_construct(**{**settings.model_dump(), missing: None})

    with pytest.raises(ConfigError, match="expected both"):
        ReloadingContext(half)


def test_context_names_the_file_that_is_missing(settings):
    """Which of the two cannot be read is told."""
    settings.key_file.unlink()

    with pytest.raises(ConfigError, match=r"^tls\.key_file: cannot read .*key\.pem$"):
        ReloadingContext(settings)


def test_context_asks_nobody_for_a_passphrase(settings):
    """A locked key is a fault of the settings, not a question at a terminal."""
    key = serialization.load_pem_private_key(settings.key_file.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    settings.key_file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked))

    with pytest.raises(ConfigError, match="without a passphrase"):
        ReloadingContext(settings)


def test_context_refuses_files_it_cannot_use(settings):
    """At start a broken pair is a fault that names the files."""
    settings.key_file.write_text("nonsense")

    with pytest.raises(ConfigError, match=r"cert\.pem with .*key\.pem"):
        ReloadingContext(settings)
