"""Read what decides how many descriptors a service can get on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: descriptor_limits_info
author: Holdfast contributors
version_added: 0.1.0
short_description: Read what decides how many descriptors a service can get
description:
  - Changes nothing.
options:
  users:
    description: Users of services. Lines for them in C(limits.conf) are reported, since services do not read it.
    type: list
    elements: str
    default: []
  units:
    description: Unit files without C(.service) whose drop-ins are searched for C(LimitNOFILE).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
"""

EXAMPLES = r"""
- name: Read the limits
  holdfast.gateway.descriptor_limits_info:
    users: [holdfast]
    units: [holdfast@]
  register: found
"""

RETURN = r"""
hard:
  description: Hard limit of the first process.
  type: int
  returned: always
may_raise:
  description: Whether the first process may raise a hard limit up to C(fs.nr_open).
  type: bool
  returned: always
notes:
  description: Settings that people take for a limit of services, and which file and line has them.
  type: list
  returned: always
unit_limits:
  description: C(LimitNOFILE) in drop-ins, each with unit, file, line and value.
  type: list
  returned: always
"""

import glob

from ansible.module_utils.basic import AnsibleModule

CAP_SYS_RESOURCE = 24
PAM_FILES = ("/etc/security/limits.conf", "/etc/security/limits.d/*.conf")
MANAGER_FILES = ("/etc/systemd/system.conf", "/etc/systemd/system.conf.d/*.conf")


def numbered(patterns: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """Return file, number and text of each line that is no comment."""
    found = []
    for path in [path for pattern in patterns for path in sorted(glob.glob(pattern))]:
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                lines = handle.read().splitlines()
        except OSError:
            continue
        found += [(path, number, line.strip()) for number, line in enumerate(lines, start=1)]
    return [(path, number, line) for path, number, line in found if line and line[0] not in "#;["]


def hard_limit() -> int:
    """Return the hard limit of the first process, which services start from."""
    with open("/proc/1/limits", encoding="ascii") as handle:
        line = next(line for line in handle if line.startswith("Max open files"))
    return int(line.split()[4])


def may_raise() -> bool:
    """Tell whether the first process may raise hard limits."""
    with open("/proc/1/status", encoding="ascii") as handle:
        bits = next(line.split()[1] for line in handle if line.startswith("CapEff"))
    return bool(int(bits, 16) >> CAP_SYS_RESOURCE & 1)


def pam_notes(users: list[str]) -> list[str]:
    """Return lines of limits.conf about descriptors that concern these users, or everybody."""
    notes = []
    for path, number, line in numbered(PAM_FILES):
        words = line.split()
        if len(words) == 4 and words[2] == "nofile" and words[0] in {"*", *users}:
            notes.append(f"{path} line {number} sets nofile for {words[0]}: for logins only, services do not read it")
    return notes


def manager_notes() -> list[str]:
    """Return lines that change the default of every service."""
    return [
        f"{path} line {number}: {line} is for every service of this host; holdfast@.service has its own limit"
        for path, number, line in numbered(MANAGER_FILES)
        if line.startswith("DefaultLimitNOFILE")
    ]


def unit_limits(units: list[str]) -> list[dict]:
    """Return LimitNOFILE in the drop-ins of these units."""
    found = []
    for unit in units:
        folders = (f"/etc/systemd/system/{unit}.service.d/*.conf", f"/run/systemd/system/{unit}.service.d/*.conf")
        for path, number, line in numbered(folders):
            name, _, value = line.partition("=")
            if name.strip() == "LimitNOFILE":
                found.append({"unit": unit, "file": path, "line": number, "value": value.strip()})
    return found


def main() -> None:
    """Read and answer."""
    lists = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(argument_spec={"users": lists, "units": lists}, supports_check_mode=True)
    module.exit_json(
        changed=False,
        hard=hard_limit(),
        may_raise=may_raise(),
        notes=[*pam_notes(module.params["users"]), *manager_notes()],
        unit_limits=unit_limits(module.params["units"]),
    )


if __name__ == "__main__":
    main()
