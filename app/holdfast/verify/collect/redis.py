"""What Redis runs with, by CONFIG GET, and what its files say. A password is used and never told."""

from __future__ import annotations

import socket
from typing import Any

from holdfast.verify.collect import commands, declared, processes

_TIMEOUT_SECONDS = 5
_DOOR = ("port", "bind", "unixsocket", "requirepass")


def redis(keys: list[str], password_file: str = "") -> dict[str, Any]:
    """Return settings in force and what the files declare; `missing` says why there are none."""
    pids = processes.running("redis-server")
    if not pids:
        return {"missing": "no process redis-server runs here"}
    # Redis writes its address over its command line, so that the files have to be asked of systemd or be Debian's.
    files = declared.in_command(_started_as(pids[0])) or ["/etc/redis/redis.conf"]
    said = declared.in_redis(files, [*keys, *_DOOR])
    door = {name: str(said[name]["value"]) for name in _DOOR if name in said}
    try:
        with connected(door) as link:
            settings = Conversation(link).settings(keys, _password(password_file) or door.get("requirepass", ""))
    except (OSError, ValueError) as error:
        return {"missing": f"Redis did not answer: {error}"}
    return {"settings": settings, "declared": {name: said[name] for name in keys if name in said}}


def _started_as(pid: int) -> list[str]:
    line = processes.arguments(pid)
    if declared.in_command(line):
        return line
    unit, _ = commands.answer("systemctl", "show", "--property=ExecStart", "--value", "redis-server.service")
    return unit.replace(";", " ").split()


def _password(path: str) -> str:
    if not path:
        return ""
    with open(path, encoding="utf-8") as handle:
        return handle.read().strip()


def connected(door: dict[str, str]) -> socket.socket:
    """Return a connection to where the files say that it listens.

    Raises:
        OSError: nothing listens there.
    """
    port = int(door.get("port", "6379"))
    if port == 0:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(_TIMEOUT_SECONDS)
        try:
            link.connect(door.get("unixsocket", "/run/redis/redis-server.sock"))
        except OSError:
            link.close()
            raise
        return link
    addresses = [word.lstrip("-") for word in door.get("bind", "127.0.0.1").split()]
    address = next((one for one in addresses if one not in {"*", "0.0.0.0", "::", "::*"}), "127.0.0.1")  # noqa: S104  # compared with, and not listened on
    return socket.create_connection((address, port), _TIMEOUT_SECONDS)


class Conversation:
    """Asks one question after the other, in RESP2.

    Args:
        link: the connection.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._data = b""

    # Public methods.

    def settings(self, keys: list[str], password: str) -> dict[str, str]:
        """Return the settings with these names.

        Raises:
            ValueError: Redis refused; its words are in it.
        """
        if password:
            self._log_in(password)
        found: dict[str, str] = {}
        for key in keys:
            answer = self.ask("CONFIG", "GET", key)
            if isinstance(answer, list) and len(answer) == 2:
                found[str(answer[0])] = str(answer[1])
        return found

    def ask(self, *words: str) -> Any:
        """Return one answer.

        Raises:
            ValueError: it is an error, or none.
        """
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            raw = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
        self._link.sendall(b"".join(parts))
        return self._answer()

    # Private methods.

    def _log_in(self, password: str) -> None:
        try:
            self.ask("AUTH", password)
        except ValueError as error:
            # Of a command that it does not know Redis repeats the arguments.
            raise ValueError(str(error).replace(password, "(password)")) from None

    def _answer(self) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise ValueError(rest.decode("utf-8", "replace"))
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b"$":
            return self._bytes(int(rest)).decode("utf-8", "replace") if int(rest) >= 0 else None
        if kind in (b"+", b":"):
            return rest.decode("utf-8", "replace")
        raise ValueError("expected an answer of Redis, saw something else; is its port another program's?")

    def _line(self) -> bytes:
        while b"\r\n" not in self._data:
            self._more()
        line, _, self._data = self._data.partition(b"\r\n")
        return line

    def _bytes(self, size: int) -> bytes:
        while len(self._data) < size + 2:
            self._more()
        found, self._data = self._data[:size], self._data[size + 2 :]
        return found

    def _more(self) -> None:
        part = self._link.recv(65536)
        if not part:
            raise ValueError("it closed the connection")
        self._data += part
