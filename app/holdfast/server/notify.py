"""Tells a service manager how it goes: sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names.

Without that variable nothing is ever sent. What goes wrong with a message is said once and otherwise ignored: a service
manager that does not listen must not harm those who are served.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final, NamedTuple

from holdfast.telemetry.logs import get_logger

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_MICROSECONDS: Final = 1_000_000

_log = get_logger(__name__)


class Wanted(NamedTuple):
    """What a service manager asked for: where it listens, "" for nowhere; the watchdog's seconds, 0 for none."""

    address: str = ""
    watchdog_seconds: float = 0.0


def take_wanted(environment: MutableMapping[str, str], pid: int) -> Wanted:
    """Return what is asked for, and take the variables away, so that no child speaks in our name."""
    address, watchdog, whose = (environment.pop(name, "") for name in _VARIABLES)
    if address[:1] not in {"/", "@"}:  # a path, or the abstract name space; nothing else is a UNIX socket
        return Wanted()
    is_ours = not whose or whose == str(pid)
    seconds = int(watchdog) / _MICROSECONDS if watchdog.isascii() and watchdog.isdigit() and is_ours else 0.0
    return Wanted(address, seconds)


def encode(fields: dict[str, str | int]) -> bytes:
    """Return a message: a line for each field; a status keeps to one line."""
    return "\n".join(f"{name}={' '.join(str(value).split())}" for name, value in fields.items()).encode()


class Notifier:
    """Sends messages, if anybody wants them."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._has_failed = False

    @property
    def is_wanted(self) -> bool:
        """Whether a service manager listens."""
        return bool(self.wanted.address)

    def send(self, **fields: str | int) -> None:
        """Send fields by their names, READY=1 and so on; never waits and never raises."""
        if not self.is_wanted:
            return
        address = self.wanted.address
        place = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as service:
                service.setblocking(False)
                service.sendto(encode(fields), place)
        except OSError as error:
            if not self._has_failed:
                _log.warning("notify_failed", address=address, fields=sorted(fields), reason=str(error))
            self._has_failed = True
        else:
            self._has_failed = False
