#!/usr/bin/python
"""Keep the releases that served on a host and the deploys that brought them; remove versions that nobody needs."""

from __future__ import annotations

import json
import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import releases as record_of
from ansible_collections.holdfast.gateway.plugins.module_utils import units
from ansible_collections.holdfast.gateway.plugins.module_utils.releases import History, Release
from ansible_collections.holdfast.gateway.plugins.module_utils.slot_files import replace

DOCUMENTATION = r"""
module: release
author: Holdfast contributors
version_added: 0.1.0
short_description: Record what serves and which deploy brought it
description:
  - C(look) returns the record, what the slots serve, and the installed versions; C(serving) the release of the enabled
    slot of the lowest number. They change nothing.
  - C(begin) notes a deploy before it changes what serves, so that one that stops half-way is known.
  - C(record) notes that a release serves now, and removes versions that neither a slot nor the last releases use.
  - C(back) notes that a rollback leads to the release of the deploy I(to), and forgets what came behind it.
options:
  step:
    description: What to do.
    type: str
    choices: [look, serving, begin, record, back]
    required: true
  deploy:
    description: Name of the deploy, the same on all hosts; later ones sort behind earlier ones.
    type: str
    default: ""
  to:
    description: The deploy whose release a rollback leads to.
    type: str
    default: ""
  version:
    description: Name of the folder of the version that serves, or is to serve.
    type: str
    default: ""
  settings:
    description: The settings that it serves with.
    type: str
    default: ""
  is_new:
    description: Whether the deploy is noted with a release that is the last on record already; a restart is not.
    type: bool
    default: true
  keep:
    description: How many versions stay installed.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Look what served
  holdfast.gateway.release:
    step: look
"""

RETURN = r"""
history:
  description: The record.
  returned: for C(look)
  type: dict
serving:
  description: Version and settings of each slot that runs or is enabled.
  returned: for C(look)
  type: list
installed:
  description: The installed versions.
  returned: for C(look)
  type: list
version:
  description: Name of the version that serves.
  returned: for C(serving)
  type: str
settings:
  description: Its settings.
  returned: for C(serving)
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


class NothingServesError(Exception):
    """No slot of this host is enabled."""


def stored() -> History:
    """Return the record; an unreadable file is an empty one, for it is only needed to go back."""
    try:
        with open(FILE) as file:
            return record_of.read(json.load(file))
    except (OSError, ValueError):
        return History()


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


def release_of(slot: str) -> Release | None:
    """Return what a slot has; None where its files are gone."""
    try:
        with open(f"{INSTANCES}/{slot}.yaml") as file:
            return Release(version_of(slot), file.read())
    except OSError:
        return None


def serving() -> Release:
    """Return what the enabled slot of the lowest number has.

    Raises:
        NothingServesError: no slot is enabled.
    """
    found = [release for slot in units.enabled() if (release := release_of(slot)) and release.version]
    if not found:
        raise NothingServesError("no slot of this host is enabled: deploy first")
    if found[0].version not in folders(VERSIONS):
        raise NothingServesError(f"{found[0].version} is not installed any more")
    return found[0]


def look() -> dict:
    """Return the record, the releases of slots that run or come back, and the installed versions."""
    slots = sorted({*units.enabled(), *units.running()})
    found = [release for slot in slots if (release := release_of(slot))]
    return {
        "history": record_of.content_of(stored()),
        "serving": [{"version": release.version, "settings": release.settings} for release in found],
        "installed": folders(VERSIONS),
    }


def noted(now: History, wanted: dict) -> History:
    """Return the record after the step."""
    release = Release(wanted["version"], wanted["settings"])
    if wanted["step"] == "begin":
        return record_of.begun(now, wanted["deploy"], release)
    if wanted["step"] == "back":
        return record_of.taken_back(now, release, wanted["to"], wanted["deploy"])
    deploy = wanted["deploy"]
    if not wanted["is_new"]:
        if now.last.release == release:
            return now
        # By the deploy that was cut off before it wrote this down, where it was that one.
        deploy = record_of.deploy_name({"": now}, {"": release}, deploy)
    return record_of.recorded(now, release, deploy, 2 * wanted["keep"])


def write(wanted: dict, is_dry: bool) -> dict:
    """Write the record where it changes; once something serves, remove what is superfluous."""
    now = stored()
    after = noted(now, wanted)
    removed = []
    if wanted["step"] == "record":
        in_use = {version_of(slot) for slot in folders(SLOTS)} | {wanted["version"]}
        removed = record_of.superfluous(folders(VERSIONS), after, in_use, wanted["keep"])
    if not is_dry:
        if after != now:
            replace(FILE, json.dumps(record_of.content_of(after), indent=2) + "\n", 0o640, 0)
        for name in removed:
            shutil.rmtree(f"{VERSIONS}/{name}")
    changed = after != now or bool(removed)
    before = [*told(now), *(f"installed {name}\n" for name in removed)]
    diff = {"before": "".join(before), "after": "".join(told(after))} if changed else {}
    return {"changed": changed, "removed": removed, "diff": diff}


def told(history: History) -> list[str]:
    """Return the record as `--diff` shows it; names of deploys are other ones each time."""
    begun = ["deploy begun\n"] if history.begun else []
    return [*(f"release {row.release.version}\n" for row in history.rows), *begun]


def main() -> None:
    """Run as a module."""
    given = {
        "step": {"type": "str", "required": True, "choices": ["look", "serving", "begin", "record", "back"]},
        **{name: {"type": "str", "default": ""} for name in ("deploy", "to", "version", "settings")},
        "is_new": {"type": "bool", "default": True},
        "keep": {"type": "int", "default": 3},
    }
    naming = [("step", step, ("deploy", "version")) for step in ("begin", "record", "back")]
    module = AnsibleModule(argument_spec=given, supports_check_mode=True, required_if=naming)
    step = module.params["step"]
    try:
        if step == "look":
            module.exit_json(changed=False, **look())
        if step != "serving":
            module.exit_json(**write(module.params, module.check_mode))
        found = serving()
    except (OSError, NothingServesError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=False, version=found.version, settings=found.settings)


if __name__ == "__main__":
    main()
