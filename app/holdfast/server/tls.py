"""TLS from certificate files that are looked at again while the server runs."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

from holdfast.errors import ConfigError
from holdfast.settings import TlsSettings
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class ReloadingContext:
    """A server's `SSLContext` that takes new certificate files for new connections.

    Files that cannot be used leave the old certificate in place and one log line per change.
    """

    def __init__(self, settings: TlsSettings) -> None:
        """Load the files.

        Raises:
            ConfigError: they cannot be read or do not belong together.
        """
        if settings.cert_file is None or settings.key_file is None:
            raise ConfigError(["tls.cert_file and tls.key_file: expected both"])
        self._cert = settings.cert_file
        self._key = settings.key_file
        self._interval = settings.reload_interval
        self._timer: asyncio.TimerHandle | None = None
        self._stamp = self._look()
        self.context = _new_context()
        try:
            self.context.load_cert_chain(self._cert, self._key, _no_passphrase)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(_faults(settings, error)) from None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the files from now on, every `tls.reload_interval` seconds."""
        self._timer = loop.call_later(self._interval, self._tick, loop)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def reload(self) -> bool:
        """Take the files if they changed since the last look; return whether new ones are in use."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            # A context that failed half way would serve a certificate without its key: try it on another one.
            _new_context().load_cert_chain(self._cert, self._key, _no_passphrase)
            self.context.load_cert_chain(self._cert, self._key, _no_passphrase)
        except (OSError, ssl.SSLError) as error:
            _log.error("certificate_unusable", cert=str(self._cert), key=str(self._key), error=str(error))
            return False
        _log.info("certificate_reloaded", cert=str(self._cert))
        return True

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reload()
        self.start(loop)

    def _look(self) -> _Stamp:
        return tuple(_stamp_of(path) for path in (self._cert, self._key))


def _stamp_of(path: Path) -> tuple[int, int, int]:
    """Return what changes with the file; following links, for Kubernetes swaps a link to a directory."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _faults(settings: TlsSettings, error: OSError) -> list[str]:
    """Say what is wrong with the files; Python's own error does not tell which of the two is missing."""
    files = {"tls.cert_file": settings.cert_file, "tls.key_file": settings.key_file}
    unreadable = [f"{key}: cannot read {path}" for key, path in files.items() if path and not os.access(path, os.R_OK)]
    return unreadable or [
        f"tls: cannot use {settings.cert_file} with {settings.key_file}: {error}; expected a certificate chain and the"
        " private key that belongs to it, both in PEM, the key without a passphrase"
    ]


def _no_passphrase() -> str:
    """Give none, where OpenSSL would stop the start to ask for one at the terminal."""
    return ""


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
