"""Talk to Redis or Sentinel. Standard library alone; a password goes over the connection, never onto a command line."""

from __future__ import annotations

import socket

MOVED_ON = ("WRONGPASS", "NOAUTH")


class RedisError(Exception):
    """Redis refuses, or nobody answers."""


class NotThere(RedisError):
    """Nobody listens there."""


class Link:
    """A connection; commands go out as arrays, answers come back as plain values."""

    def __init__(self, address: str, port: int, timeout: float) -> None:
        try:
            self._socket = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise NotThere(f"expected Redis on {address}:{port}: {error}") from error
        self._file = self._socket.makefile("rb")

    def ask(self, *words: str) -> object:
        """Return the answer to a command.

        Raises:
            RedisError: it is an error; the text is Redis' own, which names no password.
        """
        parts = [word.encode() for word in words]
        data = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self._socket.sendall(data)
            return self._answer()
        except OSError as error:
            raise RedisError(f"no answer to {words[0]}: {error}") from error

    def _answer(self) -> object:
        line = self._file.readline()
        if not line:
            raise RedisError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"$":
            return self._file.read(int(rest) + 2)[:-2].decode(errors="replace") if int(rest) >= 0 else None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode(errors="replace")


def sign_in(link: Link, passwords: list[str], place: str) -> None:
    """Sign in as the default user with the first password that is taken: the new one, else that of before.

    Raises:
        RedisError: none is; `place` names where the one of before was looked for.
    """
    for password in filter(None, passwords):
        try:
            link.ask("AUTH", password)
            return
        except RedisError as error:
            if not str(error).startswith(MOVED_ON):
                raise
    raise RedisError(
        f"it takes neither the password of the inventory nor the one in {place}: somebody has given it another. Let it"
        " take that of the inventory too (runbook key-and-certificate-rotation), then run this again"
    )


def pairs(answer: object) -> dict[str, object]:
    """Return an answer of names and values, one after the other, by name."""
    found = answer if isinstance(answer, list) else []
    return {str(found[place]): found[place + 1] for place in range(0, len(found) - 1, 2)}
