#!/usr/bin/python
"""Keep the list of releases that served on a host, find the one before, and remove versions that nobody needs."""

from __future__ import annotations

import json
import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import releases as history
from ansible_collections.holdfast.gateway.plugins.module_utils.slot_files import replace

DOCUMENTATION = r"""
module: release
author: Holdfast contributors
version_added: 0.1.0
short_description: Record what serves, find what served before
description:
  - C(record) writes down the version and settings that serve now, and removes versions that neither a slot nor the last
    releases use.
  - C(serving) returns the release that serves, C(before) the one before it. They change nothing.
options:
  step:
    description: What to do.
    type: str
    choices: [record, serving, before]
    required: true
  version:
    description: Name of the folder of the version that serves.
    type: str
    default: ""
  settings:
    description: The settings that it serves with.
    type: str
    default: ""
  keep:
    description: How many versions stay installed.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Find what served before
  holdfast.gateway.release:
    step: before
"""

RETURN = r"""
version:
  description: Name of the version that serves, or served before.
  returned: for C(serving) and C(before)
  type: str
settings:
  description: Its settings.
  returned: for C(serving) and C(before)
  type: str
removed:
  description: Versions that were removed.
  returned: for C(record)
  type: list
"""

FILE = "/var/lib/holdfast/releases.json"
VERSIONS = "/opt/holdfast/versions"
SLOTS = "/opt/holdfast/slots"
INSTANCES = "/etc/holdfast/instances"


def stored() -> list[history.Release]:
    """Return the list; an unreadable file is an empty one, for it is only needed to go back."""
    try:
        with open(FILE) as file:
            return history.read(json.load(file))
    except (OSError, ValueError):
        return []


def folders(path: str) -> list[str]:
    """Return the names of the entries of a folder."""
    try:
        return sorted(name for name in os.listdir(path) if not name.endswith(".new"))
    except OSError:
        return []


def version_of(slot: str) -> str:
    """Return the version that a slot leads to."""
    try:
        return os.path.basename(os.readlink(f"{SLOTS}/{slot}"))
    except OSError:
        return ""


def serving() -> history.Release:
    """Return what the enabled slot of the lowest number has; empty where none is."""
    wants = "/etc/systemd/system/multi-user.target.wants"
    enabled = [name[len("holdfast@") : -len(".service")] for name in folders(wants) if name.startswith("holdfast@")]
    for slot in enabled:
        try:
            with open(f"{INSTANCES}/{slot}.yaml") as file:
                return history.Release(version_of(slot), file.read())
        except OSError:
            continue
    return history.Release("", "")


def wanted_release(step: str) -> history.Release:
    """Return the release that serves, or the one before it.

    Raises:
        NothingBeforeError: there is none.
    """
    now = serving()
    if not now.version:
        raise history.NothingBeforeError("no slot of this host is enabled: deploy first")
    return now if step == "serving" else history.before(stored(), now)


def record(wanted: dict, is_dry: bool) -> dict:
    """Write the list where it changes, and remove what is superfluous."""
    now = stored()
    after = history.recorded(now, history.Release(wanted["version"], wanted["settings"]), 2 * wanted["keep"])
    in_use = {version_of(slot) for slot in folders(SLOTS)} | {wanted["version"]}
    removed = history.superfluous(folders(VERSIONS), after, in_use, wanted["keep"])
    if not is_dry:
        if after != now:
            replace(FILE, json.dumps(history.rows_of(after), indent=2) + "\n", 0o640, 0)
        for name in removed:
            shutil.rmtree(f"{VERSIONS}/{name}")
    said = [f"release {release.version}\n" for release in now], [f"release {release.version}\n" for release in after]
    said[0].extend(f"installed {name}\n" for name in removed)
    changed = after != now or bool(removed)
    diff = {"before": "".join(said[0]), "after": "".join(said[1])} if changed else {}
    return {"changed": changed, "removed": removed, "diff": diff}


def main() -> None:
    """Run as a module."""
    given = {
        "step": {"type": "str", "required": True, "choices": ["record", "serving", "before"]},
        "version": {"type": "str", "default": ""},
        "settings": {"type": "str", "default": ""},
        "keep": {"type": "int", "default": 3},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        if module.params["step"] == "record":
            module.exit_json(**record(module.params, module.check_mode))
        found = wanted_release(module.params["step"])
    except (OSError, history.NothingBeforeError) as error:
        module.fail_json(msg=str(error))
    else:
        if found.version not in folders(VERSIONS):
            module.fail_json(msg=f"{found.version} is not installed any more")
        module.exit_json(changed=False, version=found.version, settings=found.settings)


if __name__ == "__main__":
    main()
