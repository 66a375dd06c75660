"""What is sent to a service manager; the socket itself is in the integration tests."""

from __future__ import annotations

from typing import ClassVar

import pytest

from holdfast.server import notify
from holdfast.server.notify import Notifier, Wanted, encode, take_wanted


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, Wanted()),
        ({"NOTIFY_SOCKET": "/run/notify"}, Wanted("/run/notify")),
        ({"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "30000000"}, Wanted("@abstract", 30.0)),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "7"}, Wanted("/run/notify", 1e-6)),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "8"}, Wanted("/run/notify")),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "soon"}, Wanted("/run/notify")),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, Wanted()),
        ({"WATCHDOG_USEC": "1"}, Wanted()),
    ],
)
def test_wanted_is_taken_out_of_the_environment(environment: dict[str, str], wanted: Wanted) -> None:
    """Whatever it says, children inherit nothing of it."""
    given = {**environment, "PATH": "/bin"}

    assert take_wanted(given, 7) == wanted
    assert given == {"PATH": "/bin"}


def test_message_has_a_line_for_each_field() -> None:
    """A text cannot smuggle a field in."""
    assert encode({"READY": 1, "STATUS": "serving\nSTOPPING=1"}) == b"READY=1\nSTATUS=serving STOPPING=1"


class Service:
    """A datagram socket that goes nowhere."""

    sent: ClassVar[list[tuple[bytes, object]]] = []
    error: ClassVar[OSError | None] = None

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None: ...

    def setblocking(self, flag: bool) -> None:
        """Never wait."""
        assert not flag

    def sendto(self, data: bytes, address: object) -> None:
        """Remember, or fail."""
        if self.error is not None:
            raise self.error
        self.sent.append((data, address))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> type[Service]:
    """Stand in for sockets."""
    monkeypatch.setattr(Service, "sent", [])
    monkeypatch.setattr(Service, "error", None)
    monkeypatch.setattr(notify.socket, "socket", Service)
    return Service


def test_nobody_who_listens_is_sent_nothing(service: type[Service]) -> None:
    """Without a service manager there is no socket at all."""
    notifier = Notifier(Wanted())
    notifier.send(READY=1)

    assert not notifier.is_wanted
    assert not service.sent


def test_addresses_are_paths_or_abstract(service: type[Service]) -> None:
    """An @ stands for the byte zero of the abstract name space."""
    Notifier(Wanted("/run/notify")).send(READY=1)
    Notifier(Wanted("@notify")).send(READY=1)

    assert service.sent == [(b"READY=1", "/run/notify"), (b"READY=1", b"\0notify")]


def test_failure_is_said_once_and_harms_nobody(service: type[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager that went away costs one line, and one more if it goes away again."""
    lines: list[str] = []
    monkeypatch.setattr(notify._log, "warning", lambda event, **_: lines.append(event))
    notifier = Notifier(Wanted("/run/notify"))
    for error in (OSError("gone"), OSError("gone"), None, OSError("gone")):
        service.error = error
        notifier.send(WATCHDOG=1)

    assert lines == ["notify_failed", "notify_failed"]
    assert len(service.sent) == 1
