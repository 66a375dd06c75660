"""An instance that is a unit of systemd on another machine, reached by ssh."""

from __future__ import annotations

from typing import Final

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import Record
from holdfast.cli.ops.ssh import SshHost

_THERE: Final = frozenset({"active", "activating", "deactivating", "reloading", "refreshing"})


class SshTarget:
    """See `Target`; `systemctl` is told not to wait, for scripts watch by themselves how far it is."""

    def __init__(self, record: Record, host: SshHost) -> None:
        self._record = record
        self._host = host

    def check(self) -> None:
        """See `Target`: the machine is reached, sudo does not ask, and the unit is known there."""
        found = self._show("LoadState")
        if found != "loaded":
            raise CliError(
                f"{self._record.name}: {self._host.name} has no unit {self._record.unit} ({found}); see `unit`",
                Exit.USAGE,
            )

    def stop(self) -> None:
        """See `Target`."""
        self._systemctl("stop", "--no-block")

    def is_running(self) -> bool:
        """See `Target`; a machine that is not reached is an error, not a no."""
        return self._show("ActiveState") in _THERE

    def start(self) -> None:
        """See `Target`; a unit that failed too often before may be started again."""
        # Refused for a unit that systemd has let go of, not enabled and stopped, which has no failures to forget.
        self._host.run("systemctl", "reset-failed", "--", self._record.unit)
        self._systemctl("start", "--no-block")

    def failure(self) -> str:
        """See `Target`; systemd may be starting it again, which is no failure yet."""
        if self._show("ActiveState") != "failed":
            return ""
        unit = self._record.unit
        reason = self._show("Result")
        return f"{unit} failed ({reason}); see `ssh {self._host.name} sudo journalctl -u {unit} -n 50`"

    def reload(self) -> None:
        """See `Target`."""
        self._systemctl("reload")

    def _show(self, name: str) -> str:
        found = self._host.look("systemctl", "show", f"--property={name}", "--value", "--", self._record.unit)
        return found.decode(errors="replace").strip()

    def _systemctl(self, *words: str) -> None:
        self._host.do("systemctl", *words, "--", self._record.unit)
