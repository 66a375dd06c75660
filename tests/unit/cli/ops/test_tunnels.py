"""Tests of holdfast.cli.ops.tunnels, with a shell for the program that holds one open."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.tunnels import PortTunnel, free_port


@dataclass
class Place:
    """What a tunnel leads to."""

    name: str = "namespace chat"

    def remedy(self) -> str:
        """Return a word to look for."""
        return "Try that."

    def absent(self) -> CliError:
        """Return the error of the program that is missing."""
        return CliError("there is no `no-such-program` here; see `kubectl` of the instances file", Exit.USAGE)


def test_port_that_does_not_come_about_says_why():
    """With what the program said, where it leads to, and what to try."""
    tunnel = PortTunnel(Place(), ["sh", "-c", "echo no such pod >&2; exit 1"], free_port())

    with pytest.raises(CliError, match=r"namespace chat: no tunnel: no such pod\n  Try that\."):
        tunnel.open()
    tunnel.close()


def test_port_without_a_program_is_said():
    """With where it is named."""
    with pytest.raises(CliError, match="no `no-such-program` here; see `kubectl`"):
        PortTunnel(Place(), ["no-such-program"], free_port()).open()


def test_port_is_open_once_something_listens(monkeypatch: pytest.MonkeyPatch):
    """Its name is the host and port of a URL; opening it again does nothing; its end ends the program."""
    monkeypatch.setattr(PortTunnel, "_is_listening", lambda tunnel: True)
    tunnel = PortTunnel(Place(), ["sleep", "60"], 4711)
    tunnel.open()
    tunnel.open()
    tunnel.close()

    assert tunnel.name == "127.0.0.1:4711"
