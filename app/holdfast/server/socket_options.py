"""Options of client sockets, set once on the listening socket: on Linux what is accepted from it inherits them.

So they cost a connection nothing. The kernel copies the listener's keepalive, user timeout, low-water mark, nodelay
and congestion control when it makes the socket of a connection (inet_csk_clone_lock in net/ipv4); a test reads them
from accepted connections of both event loops.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.monitoring.socket_options import SocketOption
from holdfast.settings_sockets import SocketSettings

_MILLISECONDS: Final = 1000
_NAME_BYTES: Final = 16  # TCP_CA_NAME_MAX
# Python names it from 3.13 on; the number is the same on every architecture (include/uapi/linux/tcp.h).
_NOTSENT_LOWAT: Final = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if os.uname().sysname == "Linux" else None)


class Wish(NamedTuple):
    """One option as setsockopt(2) takes it; a number of `scale` units each, or a name. None asks for nothing.

    `number` is None where this system has no such option.
    """

    name: str
    level: int
    number: int | None
    value: int | str | None
    scale: int = 1


def wishes(settings: SocketSettings) -> list[Wish]:
    """Return what the settings ask for; the kernel counts keepalive in whole seconds."""
    idle, tcp = settings.keepalive_idle, socket.IPPROTO_TCP

    def seconds(value: float) -> int | None:
        return max(1, round(value)) if idle else None

    return [
        Wish("nodelay", tcp, socket.TCP_NODELAY, 1),
        Wish("keepalive", socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(idle > 0)),
        Wish("keepalive_idle_seconds", tcp, _number("TCP_KEEPIDLE"), seconds(idle)),
        Wish("keepalive_interval_seconds", tcp, _number("TCP_KEEPINTVL"), seconds(settings.keepalive_interval)),
        Wish("keepalive_probes", tcp, _number("TCP_KEEPCNT"), settings.keepalive_probes if idle else None),
        Wish(
            "user_timeout_seconds",
            tcp,
            _number("TCP_USER_TIMEOUT"),
            max(1, round(settings.user_timeout * _MILLISECONDS)) if settings.user_timeout else None,
            _MILLISECONDS,
        ),
        Wish("notsent_lowat_bytes", tcp, _NOTSENT_LOWAT, settings.notsent_lowat or None),
        Wish("congestion", tcp, _number("TCP_CONGESTION"), settings.congestion or None),
    ]


def set_options(listener: socket.socket, settings: SocketSettings) -> tuple[SocketOption, ...]:
    """Set all of them, and return what the kernel has then; nothing of a socket that is not TCP is touched.

    Never raises: what this kernel lacks or refuses is told in the answer.
    """
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return ()
    return tuple(_set(listener, wishes(settings)))


def _set(listener: socket.socket, wanted: list[Wish]) -> Iterator[SocketOption]:
    for wish in wanted:
        refusal = ""
        if wish.value is not None:
            refusal = "this system has no such option" if wish.number is None else _try(listener, wish, wish.number)
        asked = wish.value / wish.scale if wish.scale > 1 and isinstance(wish.value, int) else wish.value
        yield SocketOption(wish.name, asked, _read(listener, wish), refusal)


def _try(listener: socket.socket, wish: Wish, number: int) -> str:
    """Set one, and return why that failed."""
    value = wish.value.encode() if isinstance(wish.value, str) else wish.value
    try:
        listener.setsockopt(wish.level, number, value or 0)
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return ""


def _read(listener: socket.socket, wish: Wish) -> float | str | None:
    if wish.number is None:
        return None
    try:
        if wish.name == "congestion":
            return listener.getsockopt(wish.level, wish.number, _NAME_BYTES).rstrip(b"\0").decode()
        value = listener.getsockopt(wish.level, wish.number)
    except OSError:
        return None
    return value / wish.scale if wish.scale > 1 else value


def _number(name: str) -> int | None:
    return getattr(socket, name, None)
