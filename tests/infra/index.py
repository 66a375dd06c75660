"""An index of packages on the bridge, as PEP 503 has it, that asks for a login."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "deploy", "word-of-the-index-4711"


@dataclass
class Index:
    """An index that is being served, and the logins that it was given."""

    host: str
    wheels: dict[str, Path]
    port: int = 0
    logins: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Return its address, with the login."""
        return f"http://{USER}:{PASSWORD}@{self.host}:{self.port}/simple"

    def answer(self, path: str, login: str) -> tuple[int, bytes]:
        """Return status and body for a path."""
        if login:
            self.logins.add(login)
        if login != f"{USER}:{PASSWORD}":
            return 401, b""
        name = path.rstrip("/").rpartition("/")[2]
        if path.startswith("/files/") and name in self.wheels:
            return 200, self.wheels[name].read_bytes()
        found = [wheel for wheel in self.wheels if normal(wheel.partition("-")[0]) == normal(name)]
        page = "".join(f'<a href="/files/{wheel}">{wheel}</a>' for wheel in found)
        return (200, page.encode()) if found else (404, b"")


def normal(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@contextmanager
def served(host: str, *wheels: Path) -> Iterator[Index]:
    """Serve wheels on an address of this machine for the length of a block."""
    index = Index(host, {wheel.name: wheel for wheel in wheels})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            status, body = index.answer(self.path, base64.b64decode(given).decode())
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if not self.path.startswith("/files/") else "application/zip")
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
