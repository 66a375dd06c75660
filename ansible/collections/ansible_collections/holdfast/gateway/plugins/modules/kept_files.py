#!/usr/bin/python
"""Keep files as they were before a role's first change, and put them back as they were, byte for byte."""

from __future__ import annotations

import base64
import json
import os

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: kept_files
author: Holdfast contributors
version_added: 0.1.0
short_description: Keep files before the first change, and put them back
description:
  - Writes C(/var/lib/holdfast/snapshots/ROLE.json) once; a later run never overwrites it.
options:
  state:
    description: C(kept) keeps what is there now, C(restored) puts it back and forgets it.
    type: str
    choices: [kept, restored]
    default: kept
  role:
    description: The role whose files they are.
    type: str
    required: true
  paths:
    description: Files to keep; one that is not there is removed again when they are put back.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Keep what was there
  holdfast.gateway.kept_files:
    role: load_balancer
    paths: [/etc/haproxy/haproxy.cfg]
"""

RETURN = r"""
restored:
  description: Files that were put back or removed.
  returned: for C(restored)
  type: list
"""

FOLDER = "/var/lib/holdfast/snapshots"


def kept(path: str) -> dict | None:
    """Return a file as it is; None where there is none."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            content = base64.b64encode(file.read()).decode()
    except FileNotFoundError:
        return None
    return {"content": content, "mode": found.st_mode & 0o7777, "uid": found.st_uid, "gid": found.st_gid}


def write(path: str, data: bytes, mode: int, uid: int = 0, gid: int = 0) -> None:
    """Put a file in place in one step."""
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def restore(files: dict[str, dict | None], is_dry: bool) -> list[str]:
    """Put back what differs from what was kept, and return the paths."""
    changed = [path for path, was in files.items() if kept(path) != was]
    for path in [] if is_dry else changed:
        was = files[path]
        if was is None:
            os.unlink(path)
        else:
            write(path, base64.b64decode(was["content"]), was["mode"], was["uid"], was["gid"])
    return changed


def work(module: AnsibleModule) -> dict:
    """Keep or restore, and return what the module answers."""
    snapshot = f"{FOLDER}/{module.params['role']}.json"
    is_there = os.path.exists(snapshot)
    if module.params["state"] == "kept":
        if not is_there and not module.check_mode:
            os.makedirs(FOLDER, mode=0o700, exist_ok=True)
            files = {path: kept(path) for path in module.params["paths"]}
            write(snapshot, json.dumps({"files": files}, indent=2).encode(), 0o600)
        after = "" if is_there else f"{len(module.params['paths'])} file(s) as they are\n"
        return {"changed": not is_there, "diff": {"before": "", "after": after, "after_header": snapshot}}
    if not is_there:
        return {"changed": False, "restored": []}
    with open(snapshot) as file:
        restored = restore(json.load(file)["files"], module.check_mode)
    if not module.check_mode:
        os.unlink(snapshot)
    return {"changed": True, "restored": restored, "diff": {"before": "\n".join(restored), "after": ""}}


def main() -> None:
    """Run as a module."""
    given = {
        "state": {"type": "str", "choices": ["kept", "restored"], "default": "kept"},
        "role": {"type": "str", "required": True},
        "paths": {"type": "list", "elements": "path", "default": []},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module))
    except (OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"what was there before cannot be kept or put back: {error}")


if __name__ == "__main__":
    main()
