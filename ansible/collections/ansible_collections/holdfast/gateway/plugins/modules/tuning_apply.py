"""The part of the action `tuning` that runs on the host: record, write, load, set, read back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tuning_apply
author: Holdfast contributors
version_added: 0.1.0
short_description: Record, write files, load modules, set values and read them back
description:
  - What M(holdfast.gateway.tuning) does on the host once it has decided. Use that one.
options:
  snapshot:
    description: Snapshot of values and files before the first change.
    type: path
    required: true
  files:
    description: Contents by path.
    type: dict
    default: {}
  keep:
    description: Paths that go into the snapshot and are not written here.
    type: list
    elements: str
    default: []
  modules:
    description: By kernel module, what shows that it is there, as M(holdfast.gateway.tuning) has it.
    type: dict
    default: {}
  record:
    description: Names of values that go into the snapshot.
    type: list
    elements: str
    default: []
  values:
    description: Wanted value by sysctl key or path.
    type: dict
    default: {}
  fresh:
    description: Names of values that were not there before a module of this run, shown as check mode shows them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Says what would change.
  diff_mode:
    support: full
    description: Shows each file and the values before and after.
"""

EXAMPLES = r"""
- name: Give listeners room
  holdfast.gateway.tuning_apply:
    snapshot: /var/lib/holdfast/snapshots/example.json
    record: [net.core.somaxconn]
    values:
      net.core.somaxconn: 16384
"""

RETURN = r"""
written:
  description: Values that were not as wanted.
  type: dict
  returned: always
loaded:
  description: Modules that were missing.
  type: list
  returned: always
recorded:
  description: Names and paths that were added to the snapshot.
  type: list
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import kernel_values, snapshots


def lines(values: dict) -> str:
    """Return values as the lines of a diff."""
    return "".join(f"{name} = {value}\n" for name, value in sorted(values.items()))


def record(module: AnsibleModule, result: dict) -> None:
    """Add what is not in the snapshot yet, before anything is changed."""
    path = module.params["snapshot"]
    old = snapshots.load(path)
    known = old or snapshots.EMPTY
    new = snapshots.extended(old, module.params["record"], [*module.params["files"], *module.params["keep"]])
    added = [name for part in ("values", "files") for name in new[part] if name not in known[part]]
    if added and not module.check_mode:
        snapshots.store(path, new)
    result["recorded"] = sorted(added)
    result["changed"] |= bool(added)


def write_files(module: AnsibleModule, result: dict) -> None:
    """Write what differs in content, mode or owner."""
    for path, content in module.params["files"].items():
        wanted = snapshots.plain_file(content)
        now = snapshots.photograph(path)
        if now == wanted:
            continue
        result["changed"] = True
        result["diff"].append({
            "before_header": path, "before": snapshots.text_of(now), "after_header": path, "after": content,
        })  # fmt: skip
        if not module.check_mode:
            snapshots.restore_file(path, wanted)


def is_there(name: str, sign: str) -> bool:
    """Tell whether a module is loaded or built in: what it brings is there."""
    key, _, word = sign.partition(":")
    value = kernel_values.read(key)
    shows = value is not None and (not word or word in value.split())
    return shows or os.path.isdir(f"/sys/module/{name}")


def load_modules(module: AnsibleModule, result: dict) -> None:
    """Load what is missing, by modprobe and therefore with the options in modprobe.d."""
    for name, sign in module.params["modules"].items():
        if is_there(name, str(sign)):
            continue
        result["loaded"].append(name)
        result["changed"] = True
        if module.check_mode:
            continue
        code, _, said = module.run_command([module.get_bin_path("modprobe", required=True), name])
        if code:
            module.fail_json(
                msg=f"kernel module {name}: modprobe answered {said.strip()};"
                f" kernel {os.uname().release} has to offer it, built in or as a module",
            )


def set_values(module: AnsibleModule, result: dict) -> None:
    """Set what differs, in the given order, and name everything that the kernel did not take."""
    wanted = {name: kernel_values.normal(str(value)) for name, value in module.params["values"].items()}
    current = {name: None if name in module.params["fresh"] else kernel_values.read(name) for name in wanted}
    differing = {name: value for name, value in wanted.items() if current[name] != value}
    if not differing:
        return
    result["changed"], result["written"] = True, differing
    result["diff"].append({
        "before_header": "running values", "before": lines({name: current[name] or "" for name in differing}),
        "after_header": "running values", "after": lines(differing),
    })  # fmt: skip
    if module.check_mode:
        return
    said = [fault for name, value in differing.items() if (fault := kernel_values.write(name, value))]
    if said:
        module.fail_json(msg="; ".join(said))


def main() -> None:
    """Take the steps in order."""
    dicts = {"type": "dict", "default": {}}
    module = AnsibleModule(
        argument_spec={
            "snapshot": {"type": "path", "required": True},
            "files": dicts,
            "keep": {"type": "list", "elements": "str", "default": []},
            "modules": dicts,
            "record": {"type": "list", "elements": "str", "default": []},
            "values": dicts,
            "fresh": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    result: dict = {"changed": False, "recorded": [], "loaded": [], "written": {}, "diff": []}
    try:
        for step in (record, write_files, load_modules, set_values):
            step(module, result)
    except (snapshots.SnapshotError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
