"""Reaches hosts as pytest-testinfra does: SSH, Ansible's inventory, this machine. The only place that imports it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from holdfast.verify import kubectl
from holdfast.verify.fleet import FleetError, UnreachableError
from holdfast.verify.program import command

# Of testinfra's own, those that it makes hosts of.
_OPTIONS: Final = (
    "connection", "ssh_config", "ssh_identity_file", "ssh_extra_args", "sudo", "sudo_user", "ansible_inventory",
    "force_ansible",
)  # fmt: skip


def hosts(option: Callable[[str], Any]) -> list[TestinfraHost]:
    """Return the hosts that testinfra's options name, this one where they name none.

    Raises:
        FleetError: testinfra is not installed, or cannot make hosts of them.
    """
    try:
        import testinfra
    except ImportError:
        raise FleetError(
            "pytest-testinfra is missing, which reaches the hosts: pip install 'holdfast[infra]'"
        ) from None
    _find_ansible()
    named = option("hosts")
    settings = {name: option(name) for name in _OPTIONS}
    try:
        found = testinfra.get_hosts(named.split(",") if named else [None], **settings)
        return [TestinfraHost(one, settings["ansible_inventory"]) for one in found]
    except Exception as error:  # testinfra raises what its back ends raise: of parsing, of Ansible, of imports
        raise FleetError(f"expected --hosts such as ssh://gw1,ssh://gw2 or ansible://all: {_first(error)}") from None


def _find_ansible() -> None:
    """Let testinfra find the Ansible of this environment, also where nobody has activated it."""
    folder, path = os.path.dirname(sys.executable), os.environ.get("PATH", "")
    if folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{path}{os.pathsep}{folder}"


class TestinfraHost:
    """A host of testinfra's.

    Args:
        host: testinfra's object.
        inventory: Ansible's, which tells its groups.
    """

    __test__ = False  # for pytest, which would look for tests in a class with this name

    def __init__(self, host: Any, inventory: str | None) -> None:
        self._host = host
        place = getattr(host.backend, "host", None)
        # testinfra calls this machine `local`; waivers and roles know it by its name.
        is_here = getattr(host.backend, "NAME", "") == "local"
        self.name = platform.node() if is_here else str(getattr(place, "name", place) or host.backend.hostname)
        self.groups: Sequence[str] = _groups(self.name, inventory) if inventory else ()

    def facts(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what the collecting program found there.

        Raises:
            UnreachableError: it could not run.
        """
        try:
            code, stdout, stderr = self._run(request)
        except Exception as error:  # as above; a host that does not answer is a finding, and the others go on
            raise UnreachableError(_first(error)) from None
        if code != 0:
            said = " ".join(stderr.split())[-300:] or f"exit code {code}"
            how = "" if self._is_pod else ", as root or by sudo without a password"
            raise UnreachableError(f"expected facts from python3 there{how}: {said}")
        try:
            found = json.loads(stdout)
        except ValueError:
            raise UnreachableError(f"expected facts in JSON, saw {stdout[:100]!r}") from None
        return dict(found)

    @property
    def _is_pod(self) -> bool:
        return getattr(self._host.backend, "NAME", "") == "kubectl"

    def _run(self, request: dict[str, Any]) -> tuple[int, str, str]:
        if self._is_pod:
            return kubectl.ask(self._host.backend, request)
        done = self._host.run(command(request))
        return done.rc, done.stdout, done.stderr


def _groups(name: str, inventory: str) -> Sequence[str]:
    from testinfra.utils.ansible_runner import AnsibleRunner

    return list(AnsibleRunner.get_runner(inventory).get_variables(name)["group_names"])


def _first(error: Exception) -> str:
    """Return what an error says, in one line; of a command that failed, what it wrote."""
    stderr = getattr(error.args[0], "stderr", "") if error.args else ""
    return " ".join(str(stderr or error).split())[:300]
