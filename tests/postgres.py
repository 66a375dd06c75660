"""A PostgreSQL of one's own for tests, from the Debian package, on a free port of 127.0.0.1.

It refuses to run as root, so it runs as the package's user then, in a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import system_program
from tests.proxies import free_port

PASSWORD = "database-password"
START_SECONDS = 60.0
_OWNER = "postgres"


class Postgres:
    """A server process."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._user = _OWNER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._certificate: dict[str, Path] | None = None

    @property
    def pid(self) -> int:
        """Process id of the one that takes connections."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql://holdfast:{PASSWORD}@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        """Make an empty database."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        self._run("initdb", "--username=holdfast", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["listen_addresses=127.0.0.1", f"port={self._port}", "unix_socket_directories=", "fsync=off"]
        if self._certificate is not None:
            options += ["ssl=on", *(f"ssl_{kind}_file={path}" for kind, path in self._certificate.items())]
        command = [
            system_program("postgres"),
            "-D",
            str(self._data),
            *(part for one in options for part in ("-c", one)),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log, cwd=self._folder)
        deadline = time.monotonic() + START_SECONDS
        ready = [system_program("pg_isready"), "-h", "127.0.0.1", "-p", str(self._port)]
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.1)

    def use_tls(self, cert: Path, key: Path) -> None:
        """Offer TLS from the next start on."""
        self._certificate = {}
        for kind, path in (("cert", cert), ("key", key)):
            ours = self._folder / path.name
            ours.write_bytes(path.read_bytes())
            ours.chmod(0o600)
            if self._user is not None:
                shutil.chown(ours, self._user)
            self._certificate[kind] = ours

    def stop(self) -> None:
        """Stop it, as a crash of its host would: at once."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: an immediate shutdown
            self._process.wait(30)
            self._process = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [system_program(program), "-D", str(self._data), *arguments]
        done = subprocess.run(command, user=self._user, capture_output=True, text=True, cwd=self._folder, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
    server = Postgres(folder, free_port())
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
