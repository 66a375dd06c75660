"""What HAProxy runs with, by its stats socket, and what its files say."""

from __future__ import annotations

import glob
import socket
from typing import Any

from holdfast.verify.collect import declared, processes

SOCKETS = ("/run/haproxy/admin.sock", "/run/haproxy/*.sock", "/var/run/haproxy.sock", "/var/lib/haproxy/stats")
_TIMEOUT_SECONDS = 5


def haproxy(path: str = "") -> dict[str, Any]:
    """Return the numbers of `show info` and what the files declare; `missing` says why there is none."""
    pids = processes.running("haproxy")
    if not pids:
        return {"missing": "no process haproxy runs here"}
    files = declared.in_command(processes.arguments(pids[0])) or ["/etc/haproxy/haproxy.cfg"]
    said = declared.in_haproxy(files, ["maxconn", "ulimit-n"])
    found = [path] if path else sorted({name for pattern in SOCKETS for name in glob.glob(pattern)})
    if not found:
        return {"missing": "HAProxy has no stats socket: add `stats socket /run/haproxy/admin.sock` to `global`"}
    try:
        return {"info": info(ask(found[0], "show info")), "declared": said, "socket": found[0]}
    except OSError as error:
        return {"missing": f"{found[0]}: {error.strerror or error}; run as root"}


def ask(path: str, question: str) -> str:
    """Return the answer to one question.

    Raises:
        OSError: nothing answers there.
    """
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_TIMEOUT_SECONDS)
        link.connect(path)
        link.sendall(question.encode() + b"\n")
        parts = []
        while part := link.recv(65536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def info(text: str) -> dict[str, str]:
    """Read lines of names and values."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}
