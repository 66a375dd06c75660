"""Read what the roles have to know of a host's kernel before they change anything, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_values_info
author: Holdfast contributors
version_added: 0.1.0
short_description: Read sysctls, who sets them, and what they were before the first change
description:
  - Changes nothing.
options:
  names:
    description: Sysctl keys, or paths below C(/sys).
    type: list
    elements: str
    required: true
  dropin:
    description: File of C(sysctl.d) that is ours. Files that are read after it are searched for the same keys.
    type: path
    default: ""
  snapshot:
    description: Snapshot of the values before the first change, where one was taken.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
"""

EXAMPLES = r"""
- name: Read two keys
  holdfast.gateway.kernel_values_info:
    names: [net.core.somaxconn, fs.nr_open]
  register: found
"""

RETURN = r"""
values:
  description: Value in force by name; null where this kernel has no such key.
  type: dict
  returned: always
writable:
  description: Names that can be written.
  type: list
  returned: always
later:
  description: Where a file read after ours sets a key, its file, line and value.
  type: dict
  returned: always
own:
  description: What our file sets now.
  type: dict
  returned: always
before:
  description: Values before the first change, by name.
  type: dict
  returned: always
kernel:
  description: Release of the kernel.
  type: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import kernel_values, snapshots, sysctl_files


def main() -> None:
    """Read and answer."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "dropin": {"type": "path", "default": ""},
            "snapshot": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    names, dropin = module.params["names"], module.params["dropin"]
    try:
        before = snapshots.load(module.params["snapshot"]) if module.params["snapshot"] else None
    except snapshots.SnapshotError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        values={name: kernel_values.read(name) for name in names},
        writable=[name for name in names if kernel_values.is_writable(name)],
        later=sysctl_files.after(dropin, names) if dropin else {},
        own={key: value for key, value, _ in sysctl_files.settings(dropin)} if dropin else {},
        before=(before or snapshots.EMPTY)["values"],
        kernel=os.uname().release,
    )


if __name__ == "__main__":
    main()
