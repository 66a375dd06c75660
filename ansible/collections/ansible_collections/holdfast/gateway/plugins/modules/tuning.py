"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tuning
author: Holdfast contributors
version_added: 0.1.0
short_description: Set kernel values for good, never lowering what a host has
description:
  - Writes files, loads modules, writes one file of C(sysctl.d) or C(tmpfiles.d), and sets the running values behind it.
  - Fails before the first change, with every reason, where a key is missing or read-only, or where a file that is read
    after ours would win.
  - Keeps what was there before the first change in a snapshot, for M(holdfast.gateway.snapshot).
  - Values that somebody changed by hand are set again while the file is as it was, and count as changed.
  - Runs on the controller, where the Python package C(holdfast) has to be installed.
options:
  snapshot:
    description: Snapshot of values and files before the first change. One a role.
    type: path
    required: true
  files:
    description: Contents by path, written before anything else. Their folders have to be there.
    type: dict
    default: {}
  keep:
    description: Paths that something else writes, such as systemd when it enables a unit, for a rollback.
    type: list
    elements: str
    default: []
  modules:
    description:
      - By kernel module, the key or path that shows that it is there, loaded or built in.
      - C(KEY:WORD) takes a word in its value.
    type: dict
    default: {}
  settings:
    description: Expectations of the profile, with C(id), C(key), C(mode), C(value), C(why) and C(optional).
    type: list
    elements: dict
    default: []
  path:
    description: File of C(sysctl.d) or C(tmpfiles.d) for the settings; required with them.
    type: path
    default: ""
  form:
    description: Form of that file.
    type: str
    choices: [sysctl, tmpfiles]
    default: sysctl
  optional:
    description: Keys that this host may lack or keep read-only.
    type: list
    elements: str
    default: []
  appearing:
    description: Beginnings of keys that come with the modules, which check mode does not load.
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
  holdfast.gateway.tuning:
    snapshot: /var/lib/holdfast/snapshots/example.json
    path: /etc/sysctl.d/90-example.conf
    settings:
      - {id: own, key: net.core.somaxconn, mode: min, value: 16384, why: bursts of handshakes, optional: false}
"""

RETURN = r"""
notes:
  description: What was left alone and why.
  type: list
  returned: always
values:
  description: Values in force before this run, by key.
  type: dict
  returned: with settings
written:
  description: Values that were not as wanted, by key.
  type: dict
  returned: always
recorded:
  description: Names and paths that were added to the snapshot.
  type: list
  returned: always
"""
