#!/usr/bin/python
"""Install what is missing of the distribution's packages; lists that are too old for that are fetched first."""

from __future__ import annotations

import os
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: packages
author: Holdfast contributors
version_added: 0.1.0
short_description: Install packages that are missing, on Debian and Ubuntu
description:
  - Where all packages are installed nothing is asked of the network, so a host without a way out does not fail.
  - Where one is missing the lists are fetched first if they are older than O(lists_valid_seconds), and once more if apt
    does not find what they name. Lists that cannot be fetched are a warning; that a package cannot be had is the fault.
  - Check mode needs no lists - what is missing would be installed.
options:
  names:
    description: The packages.
    type: list
    elements: str
    required: true
  lists_valid_seconds:
    description: Age up to which lists are good enough.
    type: int
    default: 86400
  lock_timeout:
    description: Seconds to wait for another apt.
    type: int
    default: 120
  recommends:
    description: Install what the packages recommend as well.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Install Redis
  holdfast.gateway.packages:
    names: [redis-server]
"""

RETURN = r"""
missing:
  description: Packages that were not installed before.
  returned: success
  type: list
"""

LISTS = "/var/lib/apt/lists"
STAMP = "/var/lib/apt/periodic/update-success-stamp"
# What apt says of lists that name files which the archive has no more, or of lists that are not there.
STALE = ("Unable to locate package", "has no installation candidate", "404  Not Found", "Hash Sum mismatch")
LOCKED = ("Could not get lock", "Unable to acquire", "is another process using it")
LOCK_SECONDS = 5.0
TELLING = ("E:", "W:", "Err:")


def missing(names: list[str], said: str) -> list[str]:
    """Return the packages that are not installed, by the lines `name[:architecture] state` of dpkg-query."""
    lines = [line.split() for line in said.splitlines()]
    there = {words[0].partition(":")[0] for words in lines if words[1:] == ["installed"]}
    return [name for name in names if name not in there]


def lists_age(now: float) -> float:
    """Return the age of apt's lists in seconds; infinite where there are none."""
    try:
        has_lists = any(name.endswith(("Packages", "Packages.lz4", "Release")) for name in os.listdir(LISTS))
        if not has_lists:
            return float("inf")
        place = STAMP if os.path.exists(STAMP) else LISTS
        return now - max(os.stat(LISTS).st_mtime, os.stat(place).st_mtime)
    except OSError:
        return float("inf")


def reason(said: str) -> str:
    """Return the lines of apt that say why."""
    lines = [line.strip() for line in said.splitlines() if line.startswith(TELLING)]
    return " / ".join(lines[-4:]) or " / ".join(said.strip().splitlines()[-3:])


def is_locked(said: str) -> bool:
    """Tell whether another program holds apt."""
    return any(word in said for word in LOCKED)


class Apt:
    """The programs of the distribution."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._patience = int(module.params["lock_timeout"])
        self._options = [
            "-q",
            "-y",
            "-o",
            f"DPkg::Lock::Timeout={self._patience}",
            "-o",
            "Dpkg::Options::=--force-confold",
        ]

    def states(self, names: list[str]) -> str:
        """Return what dpkg says of packages."""
        form = "${Package} ${db:Status-Status}\n"
        return str(self._module.run_command(["dpkg-query", "-W", "-f", form, *names])[1])

    def update(self) -> str:
        """Fetch the lists; return why they cannot be had, which is a warning as long as the packages can."""
        deadline = time.monotonic() + self._patience
        code, said, errors = self._run("update")
        # Apt waits for dpkg's lock by itself, but not for that of the lists.
        while code and is_locked(errors) and time.monotonic() < deadline:
            time.sleep(LOCK_SECONDS)
            code, said, errors = self._run("update")
        if not code and "Some index files failed" not in errors:
            return ""
        why = f"apt's lists could not be fetched: {reason(said + errors)}"
        self._module.warn(why)
        return why

    def install(self, names: list[str]) -> tuple[int, str]:
        """Install packages; return how apt ended and what it said."""
        recommends = [] if self._module.params["recommends"] else ["--no-install-recommends"]
        code, said, errors = self._run("install", *recommends, *names)
        return code, said + errors

    def _run(self, *words: str) -> tuple[int, str, str]:
        surroundings = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        found = self._module.run_command(["apt-get", *self._options, *words], environ_update=surroundings)
        return int(found[0]), str(found[1]), str(found[2])


def fault(names: list[str], said: str) -> str:
    """Return why packages were not installed, and what to do."""
    if is_locked(said):
        return f"{', '.join(names)}: apt is locked by another program ({reason(said)}). Let it end, then run this again"
    remedy = "Look at the host's sources (`apt-get update`), or install the packages with its image"
    return f"{', '.join(names)}: apt cannot install what is missing: {reason(said)}. {remedy}"


def work(module: AnsibleModule, apt: Apt, now: float) -> dict:
    """Install what is missing and return what the module answers."""
    wanted = missing(module.params["names"], apt.states(module.params["names"]))
    if wanted and not module.check_mode:
        is_fresh = lists_age(now) <= module.params["lists_valid_seconds"]
        why = "" if is_fresh else apt.update()
        code, said = apt.install(wanted)
        if code and is_fresh and any(word in said for word in STALE):
            why = apt.update()
            code, said = apt.install(wanted)
        if code:
            module.fail_json(msg=fault(wanted, f"{said}\nE: {why}" if why else said), missing=wanted)
    return {"changed": bool(wanted), "missing": wanted}


def main() -> None:
    """Run as a module."""
    given = {
        "names": {"type": "list", "elements": "str", "required": True},
        "lists_valid_seconds": {"type": "int", "default": 86400},
        "lock_timeout": {"type": "int", "default": 120},
        "recommends": {"type": "bool", "default": False},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    module.exit_json(**work(module, Apt(module), time.time()))


if __name__ == "__main__":
    main()
