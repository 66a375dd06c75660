"""Options of client sockets, asked of a kernel that is pretended."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from holdfast.monitoring.socket_options import SocketOption
from holdfast.server import socket_options
from holdfast.server.socket_options import set_options, wishes
from holdfast.settings_sockets import SocketSettings


class Kernel:
    """A listening socket that keeps what it is told, unless it refuses that option."""

    def __init__(self, family: int = socket.AF_INET, *, refuses: int = -1, reads: bool = True) -> None:
        self.family = family
        self.refuses = refuses
        self.reads = reads
        self.set: dict[int, Any] = {}

    def setsockopt(self, level: int, number: int, value: int | bytes) -> None:
        """Take an option."""
        if number == self.refuses:
            raise OSError(errno.ENOENT, "No such file or directory")
        self.set[number] = value

    def getsockopt(self, level: int, number: int, size: int = 0) -> int | bytes:
        """Return it, 0 or a name where nobody set it."""
        if not self.reads:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        if size:
            return (self.set.get(number) or b"cubic").ljust(size, b"\0")
        return int(self.set.get(number, 0))


def options(kernel: Kernel, **settings: object) -> dict[str, SocketOption]:
    """Set the options of a kernel and return what came, by name."""
    found = set_options(kernel, SocketSettings.model_validate(settings))  # type: ignore[arg-type]  # as far as needed
    return {one.name: one for one in found}


def test_defaults_ask_for_the_numbers_of_the_profile() -> None:
    """In the units that setsockopt takes."""
    asked = {wish.name: wish.value for wish in wishes(SocketSettings())}

    assert asked == {
        "nodelay": 1,
        "keepalive": 1,
        "keepalive_idle_seconds": 300,
        "keepalive_interval_seconds": 10,
        "keepalive_probes": 5,
        "user_timeout_seconds": 30000,
        "notsent_lowat_bytes": 131072,
        "congestion": None,
    }


def test_nothing_asked_leaves_what_the_kernel_has() -> None:
    """0 and nothing are the way to a host's own numbers."""
    kernel = Kernel()
    found = options(kernel, keepalive_idle=0, user_timeout=0, notsent_lowat=0)

    assert kernel.set == {socket.TCP_NODELAY: 1, socket.SO_KEEPALIVE: 0}
    assert found["user_timeout_seconds"] == SocketOption("user_timeout_seconds", None, 0.0)
    assert found["congestion"].granted == "cubic"


def test_short_times_are_rounded_to_what_the_kernel_counts() -> None:
    """Keepalive in seconds, at least one; the user timeout in milliseconds."""
    found = options(Kernel(), keepalive_idle=0.2, user_timeout=1.5)

    assert found["keepalive_idle_seconds"].granted == 1
    assert found["user_timeout_seconds"] == SocketOption("user_timeout_seconds", 1.5, 1.5)


def test_refused_option_is_named_and_the_others_are_set() -> None:
    """A congestion control that is not allowed does not fail the start."""
    kernel = Kernel(refuses=socket.TCP_CONGESTION)
    found = options(kernel, congestion="bbr")

    assert found["congestion"] == SocketOption("congestion", "bbr", "cubic", "No such file or directory")
    assert kernel.set[socket.TCP_USER_TIMEOUT] == 30000


def test_congestion_control_is_given_by_name() -> None:
    """As bytes, as the kernel takes it."""
    assert options(Kernel(), congestion="reno")["congestion"].granted == "reno"


def test_system_without_an_option_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems than Linux have fewer."""
    monkeypatch.setattr(socket_options, "_NOTSENT_LOWAT", None)
    found = options(Kernel())

    assert found["notsent_lowat_bytes"] == SocketOption(
        "notsent_lowat_bytes", 131072, None, "this system has no such option"
    )


def test_kernel_that_tells_nothing_is_no_failure() -> None:
    """What cannot be read is not known."""
    assert options(Kernel(reads=False))["nodelay"] == SocketOption("nodelay", 1, None)


def test_unix_sockets_are_left_alone() -> None:
    """They have no such options."""
    kernel = Kernel(socket.AF_UNIX)

    assert not options(kernel)
    assert not kernel.set
