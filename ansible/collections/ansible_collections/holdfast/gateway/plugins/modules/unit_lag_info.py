#!/usr/bin/python
"""Tell whether a unit lags behind its files, since a run was cut off between writing them and applying them."""

from __future__ import annotations

import shlex

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import units

DOCUMENTATION = r"""
module: unit_lag_info
author: Holdfast contributors
version_added: 0.1.0
short_description: Tell whether a unit lags behind its files
description:
  - A handler is lost where a run is cut off before it. Asked before a run writes anything, this tells of one that was.
  - Changes nothing.
options:
  unit:
    description: The unit, with its ending.
    type: str
    required: true
  environment_file:
    description: File that the unit's process gets its arguments from.
    type: path
  variable:
    description: Variable in that file with the arguments.
    type: str
    default: ARGS
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
"""

EXAMPLES = r"""
- name: Look whether systemd knows the unit as it is written
  holdfast.gateway.unit_lag_info:
    unit: redis-server.service
  register: lag
"""

RETURN = r"""
lags:
  description: In what it lags behind, empty where it does not.
  type: list
  returned: always
"""

QUESTION = ("--property=NeedDaemonReload", "--property=MainPID")


def lags(found: dict[str, str], words: list[str] | None, wanted: list[str] | None) -> list[str]:
    """Return in what a unit lags, from its properties and the arguments of its process and of its file."""
    said = []
    if found.get("NeedDaemonReload") == "yes":
        said.append("systemd has not read its files yet")
    if words is not None and wanted is not None and words != wanted:
        said.append(f"its process runs with {shlex.join(words)}, its file says {shlex.join(wanted)}")
    return said


def words_of(pid: int) -> list[str] | None:
    """Return the arguments of a process; None where there is none."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return None
    return words[1:] if pid else None


def words_in(path: str, variable: str) -> list[str] | None:
    """Return the arguments in a file of variables; None where it has none."""
    try:
        with open(path) as file:
            lines = [line.strip().partition("=") for line in file]
    except OSError:
        return None
    values = [value for name, _, value in lines if name == variable]
    try:
        parts = shlex.split(values[-1]) if values else None
    except ValueError:
        return None
    return None if parts is None else [word for part in parts for word in part.split()]


def main() -> None:
    """Ask and answer."""
    given = {
        "unit": {"type": "str", "required": True},
        "environment_file": {"type": "path"},
        "variable": {"type": "str", "default": "ARGS"},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    asked = module.params
    _, said = units.run("systemctl", "show", asked["unit"], *QUESTION)
    found = dict(line.partition("=")[::2] for line in said.splitlines() if "=" in line)
    words = words_of(int(found.get("MainPID") or 0))
    wanted = words_in(asked["environment_file"], asked["variable"]) if asked["environment_file"] else None
    module.exit_json(changed=False, lags=lags(found, words, wanted))


if __name__ == "__main__":
    main()
