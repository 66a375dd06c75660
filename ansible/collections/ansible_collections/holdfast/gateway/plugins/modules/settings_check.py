#!/usr/bin/python
"""Let a version of the gateway on this host judge settings and secrets before anything is started with them."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: settings_check
author: Holdfast contributors
version_added: 0.1.0
short_description: Check settings with C(holdfast config check)
description:
  - Runs the check of the version that is to be started, as the user that it runs as. Changes nothing.
options:
  program:
    description: Path of the version's C(holdfast).
    type: path
    required: true
  settings:
    description: Content of C(holdfast.yaml).
    type: str
    required: true
  environment:
    description: Variables with the secrets.
    type: dict
    default: {}
  user:
    description: User that the gateway runs as.
    type: str
    default: holdfast
"""

EXAMPLES = r"""
- name: Check the settings
  holdfast.gateway.settings_check:
    program: /opt/holdfast/versions/0.1.0-1a2b3c4d/bin/holdfast
    settings: "{{ gateway_settings_text }}"
"""

RETURN = r"""
warnings_text:
  description: What the gateway would start with and finds wrong all the same.
  returned: success
  type: str
"""

CHECK_SECONDS = 60
FINE, FOUND = 0, 1
# What a unit gives the process beside its secrets.
SURROUNDINGS = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def check(program: str, path: str, environment: dict[str, str], user: str) -> tuple[int, str]:
    """Return the exit code of the check and what it said."""
    account = pwd.getpwnam(user)
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    try:
        done = subprocess.run(
            [program, "config", "check", "--config", path],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_SECONDS,
            cwd="/",
            env=SURROUNDINGS | environment,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=groups,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stderr + done.stdout).strip().replace(path, "holdfast.yaml")


def main() -> None:
    """Run as a module."""
    given = {
        "program": {"type": "path", "required": True},
        "settings": {"type": "str", "required": True},
        "environment": {"type": "dict", "default": {}, "no_log": True},
        "user": {"type": "str", "default": "holdfast"},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    wanted = module.params
    variables = {str(name): str(value) for name, value in wanted["environment"].items()}
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="holdfast-") as file:
            file.write(wanted["settings"])
            file.flush()
            os.fchown(file.fileno(), pwd.getpwnam(wanted["user"]).pw_uid, -1)
            code, said = check(wanted["program"], file.name, variables, wanted["user"])
    except (OSError, KeyError) as error:
        module.fail_json(msg=f"the settings could not be checked: {error}")
    if code not in (FINE, FOUND):
        module.fail_json(msg=f"{wanted['program']} config check ended with {code}:\n{said}")
    module.exit_json(changed=False, warnings_text=said if code == FOUND else "")


if __name__ == "__main__":
    main()
