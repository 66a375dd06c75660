"""Keep what a host was like before a role's first change, and bring it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
author: Holdfast contributors
version_added: 0.1.0
short_description: Record values and files before the first change, restore them byte for byte
description:
  - C(present) records what is not recorded yet. What is in a snapshot is never recorded again, so that later runs
    cannot take our own values for the host's.
  - C(restored) writes back every value and file that differs, and then removes the snapshot.
options:
  path:
    description: The snapshot, by custom C(/var/lib/holdfast/snapshots/ROLE.json).
    type: path
    required: true
  values:
    description: Sysctl keys, or paths below C(/sys).
    type: list
    elements: str
    default: []
  files:
    description: Paths of files that the role may write.
    type: list
    elements: str
    default: []
  state:
    description: Record or restore.
    type: str
    choices: [present, restored]
    default: present
attributes:
  check_mode:
    support: full
    description: Says what would be done.
  diff_mode:
    support: full
    description: C(restored) shows each value and file that differs.
"""

EXAMPLES = r"""
- name: Record what is there
  holdfast.gateway.snapshot:
    path: /var/lib/holdfast/snapshots/example.json
    values: [net.core.somaxconn]
    files: [/etc/sysctl.d/90-holdfast.conf]

- name: Bring it back
  holdfast.gateway.snapshot:
    path: /var/lib/holdfast/snapshots/example.json
    state: restored
"""

RETURN = r"""
values:
  description: Names of the values that were recorded or restored.
  type: list
  returned: always
files:
  description: Paths of the files that were recorded or restored.
  type: list
  returned: always
removed:
  description: Those of the files that were not there before.
  type: list
  returned: with restored
left:
  description: Values that this kernel no longer has, so that they could not be restored.
  type: list
  returned: with restored
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import kernel_values, snapshots


def record(module: AnsibleModule, path: str) -> dict:
    """Add what is not in the snapshot yet."""
    old = snapshots.load(path)
    new = snapshots.extended(old, module.params["values"], module.params["files"])
    known = old or snapshots.EMPTY
    if new != old and not module.check_mode:
        snapshots.store(path, new)
    return {
        "changed": new != old,
        "values": sorted(set(new["values"]) - set(known["values"])),
        "files": sorted(set(new["files"]) - set(known["files"])),
    }


def restore(module: AnsibleModule, path: str) -> dict:
    """Write back what differs; keep the snapshot where something could not be."""
    old = snapshots.load(path)
    if old is None:
        return {"changed": False, "values": [], "files": [], "removed": [], "left": []}
    values, files = snapshots.differing_values(old), snapshots.differing_files(old)
    left = [name for name, (now, _) in values.items() if now is None]
    back = {name: pair for name, pair in values.items() if name not in left}
    result = {"changed": True, "values": sorted(back), "files": sorted(files), "left": left}
    result["removed"] = [path for path in sorted(files) if old["files"][path] is None]
    result["diff"] = {
        "before": "".join(f"{name} = {now}\n" for name, (now, _) in sorted(back.items())),
        "after": "".join(f"{name} = {was}\n" for name, (_, was) in sorted(back.items())),
        "prepared": "".join(
            f"{'remove' if path in result['removed'] else 'restore'} {path}\n" for path in sorted(files)
        ),
    }
    if module.check_mode:
        return result
    for name in files:
        snapshots.restore_file(name, old["files"][name])
    faults = [fault for name, (_, was) in back.items() if (fault := kernel_values.write(name, was))]
    if faults:
        module.fail_json(msg=f"not restored, the snapshot stays: {'; '.join(faults)}", **result)
    snapshots.forget(path, old)
    return result


def main() -> None:
    """Record or restore."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "values": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "restored"], "default": "present"},
        },
        supports_check_mode=True,
    )
    act = record if module.params["state"] == "present" else restore
    try:
        result = act(module, module.params["path"])
    except (snapshots.SnapshotError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
