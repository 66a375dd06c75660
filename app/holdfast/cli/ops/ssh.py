"""Commands and files of another machine, by the `ssh` program: its configuration, keys and agent, never a password.

Words reach the other side quoted, so that nothing in them is taken for shell. What needs rights there runs under
`sudo -n`, which never asks either.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.tunnels import SOCKET, SocketTunnel

CONNECT_SECONDS: Final = 10
RUN_SECONDS: Final = 60.0
_SSH_FAILED: Final = 255  # ssh(1): an error of its own
# What ssh says where it never got as far as the command. All else may have come in its middle, and is taken for that.
_BEFORE: Final = re.compile(
    r"ssh: connect to host |ssh: Could not resolve hostname |kex_exchange_identification: |Host key verification failed"
    r"|Bad owner or permissions |Unable to negotiate with |stdio forwarding failed|\S+: Permission denied \("
    r"|Connection timed out during banner exchange|Bad configuration option: |Too many authentication failures"
)
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.5
_SHOWN: Final = 300
# Written beside the file, made its like, put in its place: whole or not at all. Standard input is the new content.
_REPLACE: Final = """\
set -eu; umask 077; new=$(mktemp -- "$1.XXXXXXXX"); trap 'rm -f -- "$new"' EXIT
cat > "$new"; chown --reference="$1" -- "$new"; chmod --reference="$1" -- "$new"; chmod o= -- "$new"
sync -- "$new"; mv -f -- "$new" "$1"; trap - EXIT"""


class SshHost:
    """One machine, as `ssh` knows it.

    Args:
        name: what `ssh` takes: a name of its configuration, a host, or user@host.
        config: another configuration file than the user's own, "" for that.
    """

    def __init__(self, name: str, config: str = "", *, sleep: Callable[[float], object] = time.sleep) -> None:
        self.name = name
        self._sleep = sleep
        # Never a question; and a machine that vanished is noticed.
        self._options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
        self._options += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
        if config:
            self._options = ["-F", config, *self._options]

    # Public methods

    def run(self, *words: str, given: bytes = b"", seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root and return how it ended.

        Raises:
            CliError: the machine was not reached, the connection was lost, sudo wants a password, or it took too long.
        """
        command = self.command("sudo", "-n", "--", *words)
        try:
            done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
        except FileNotFoundError:
            raise self.absent() from None
        except subprocess.TimeoutExpired:
            raise CliError(f"{self.name}: `{words[0]}` took longer than {seconds:g} s", Exit.UNKNOWN) from None
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode == _SSH_FAILED:
            raise _NoAnswer(self._without_answer(words, said), Exit.UNKNOWN)
        if done.returncode and said.startswith("sudo:"):
            raise CliError(
                f"{self.name}: {said[:_SHOWN]}\n  sudo must not ask: the user of ssh needs NOPASSWD there.",
                Exit.UNKNOWN,
            )
        return done

    def look(self, *words: str, given: bytes = b"") -> bytes:
        """Return what a command that changes nothing prints; a machine that does not answer is tried again.

        Raises:
            CliError: see `run`; or it failed.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                done = self.run(*words, given=given)
            except _NoAnswer:
                if attempt == _TRIES:
                    raise
                self._sleep(_PAUSE_SECONDS * attempt)
            else:
                return self._output(words, done)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def do(self, *words: str, given: bytes = b"", seconds: float = RUN_SECONDS) -> bytes:
        """Run a command that changes something, once, and return what it prints.

        Raises:
            CliError: see `run`; or it failed.
        """
        return self._output(words, self.run(*words, given=given, seconds=seconds))

    def read(self, path: str) -> bytes:
        """Return a file.

        Raises:
            CliError: it cannot be read.
        """
        return self.look("cat", "--", path)

    def replace(self, path: str, content: bytes) -> None:
        """Put a file in the place of one that is there, whole or not at all; owner and mode stay, nobody else reads it.

        Raises:
            CliError: it cannot be written; it is then as it was.
        """
        self.do("sh", "-c", _REPLACE, "sh", path, given=content)

    def command(self, *words: str) -> list[str]:
        """Return the command that runs words over there."""
        return ["ssh", "-T", *self._options, "--", self.name, shlex.join(words)]

    def tunnel(self, port: int) -> SocketTunnel:
        """Return a way to a port that listens there on its own loopback; it is open from the first use on."""
        # A port of this machine would let in all who are on it; what is in this folder only its owner reaches.
        folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
        forward = f"{folder / SOCKET}:127.0.0.1:{port}"
        # Without LogLevel it writes a line for each try at a port that is shut; nobody reads them, and a full pipe
        # would hold it up.
        options = [*self._options, "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes"]
        options += ["-o", "LogLevel=ERROR", "-L", forward]
        return SocketTunnel(self, ["ssh", "-N", "-T", *options, "--", self.name], folder)

    # Private methods

    def remedy(self) -> str:
        """Return what to try when it is not reached."""
        return f"Try `ssh {self.name} true`: it must work without a question (key in the agent, host in known_hosts)."

    def absent(self) -> CliError:
        """Return the error of a machine without `ssh`."""
        return CliError("there is no `ssh` here; apt-get install openssh-client", Exit.USAGE)

    def _without_answer(self, words: tuple[str, ...], said: str) -> str:
        """Say whether the command can have been done, and how to see."""
        if never_got_there(said):
            return f"{self.name}: ssh did not get there: {said[-_SHOWN:]}\n  {self.remedy()}"
        name = " ".join(words[:2])
        return (
            f"{self.name}: the connection was lost while `{name}` ran, and it may have been done:"
            f" {said[-_SHOWN:] or 'ssh ended with 255'}\n  Look with `ssh {self.name} {_look_for(words)}`."
        )

    def _output(self, words: tuple[str, ...], done: subprocess.CompletedProcess[bytes]) -> bytes:
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-_SHOWN:]
            name = " ".join(words[:2])
            raise CliError(f"{self.name}: `{name}` ended with {done.returncode}: {said}", Exit.REFUSED)
        return done.stdout


class _NoAnswer(CliError):
    """The machine was not reached, so nothing was done there; or the connection was lost, and something may be."""


def never_got_there(said: str) -> bool:
    """Tell by the words of ssh whether it failed before the command over there can have begun."""
    return _BEFORE.search(said) is not None


def _look_for(words: tuple[str, ...]) -> str:
    """Return the command that shows whether another one was done."""
    if words[0] == "systemctl":
        return f"systemctl status {shlex.quote(words[-1])}"
    if words[:3] == ("sh", "-c", _REPLACE):
        return f"sudo ls -l {shlex.quote(words[-1])}"
    return "sudo journalctl -n 20"
